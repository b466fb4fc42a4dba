#include "rules/audit.h"

#include <algorithm>

namespace {

// What stands between what one server saw and a proof.
std::vector<std::string> Doubts(const AuditRow& server) {
  std::vector<std::string> doubts;
  const auto say = [&](const std::string& what) {
    doubts.push_back("on " + server.server + " " + what);
  };
  if (!server.since) {
    say("reads were never watched");
    return doubts;
  }
  if (!server.dead) say("only reads of formats that are declared dead are watched");
  if (!server.not_watched.empty()) say("reads are not being watched: " + server.not_watched);
  if (server.blind_seconds > 0) {
    say("nobody watched for " + std::to_string(server.blind_seconds) +
        (server.blind_seconds == 1 ? " second" : " seconds"));
  }
  if (!server.scanned) say("not all files have been looked at");
  if (server.files == 0) say("no such file is known");
  if (server.late_reruns == 0) say("no run with late data has been seen since");
  return doubts;
}

}  // namespace

std::string_view NameOf(Audit::Verdict verdict) {
  switch (verdict) {
    case Audit::Verdict::kUnread:
      return "unread";
    case Audit::Verdict::kRead:
      return "read";
    case Audit::Verdict::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Audit JudgeAudit(const std::vector<AuditRow>& servers) {
  Audit audit;
  bool first = true;
  for (const AuditRow& server : servers) {
    for (std::string& doubt : Doubts(server)) audit.reasons.push_back(std::move(doubt));
    if (server.since) audit.since = std::max(*server.since, audit.since.value_or(*server.since));
    audit.covered_seconds =
        first ? server.covered_seconds : std::min(audit.covered_seconds, server.covered_seconds);
    audit.blind_seconds = std::max(audit.blind_seconds, server.blind_seconds);
    audit.files += server.files;
    audit.runs += server.runs;
    audit.late_reruns += server.late_reruns;
    audit.replaced_after_read += server.replaced_after_read;
    audit.access_time_evidence_void += server.access_time_evidence_void;
    audit.readers.insert(audit.readers.end(), server.readers.begin(), server.readers.end());
    first = false;
  }
  if (!audit.readers.empty()) {
    audit.verdict = Audit::Verdict::kRead;
  } else if (audit.reasons.empty() && !servers.empty()) {
    audit.verdict = Audit::Verdict::kUnread;
  }
  return audit;
}
