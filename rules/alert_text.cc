#include "rules/alert_text.h"

#include <nlohmann/json.hpp>

#include "monitor/grouped.h"

namespace {

using nlohmann::json;

// The evidence of one alert, as words.
class Evidence {
 public:
  explicit Evidence(const AlertRow& alert) : object_(json::parse(alert.evidence, nullptr, false)) {
    if (!object_.is_object()) object_ = json::object();
  }
  int64_t Number(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
  }
  std::string Text(const char* key) const {
    const auto found = object_.find(key);
    return found != object_.end() && found->is_string() ? found->get<std::string>() : std::string();
  }
  // "1,234"; "an unknown number of" where the log did not say.
  std::string Count(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end() || !found->is_number_integer()) return "an unknown number of";
    return Grouped(found->get<int64_t>());
  }
  std::string Unit() const {
    const std::string unit = Text("unit");
    return unit.empty() ? "events" : unit;
  }

 private:
  json object_;
};

// "project acme, day 2016-02-22, format row on data-1"
std::string Where(const AlertRow& alert) {
  std::string where;
  if (!alert.project.empty()) where += "project " + alert.project;
  if (!alert.day.empty() && alert.day != "-") where += ", day " + alert.day;
  if (!alert.format.empty()) where += (where.empty() ? "format " : ", format ") + alert.format;
  if (!alert.server.empty()) where += (where.empty() ? "" : " on ") + alert.server;
  return where;
}

std::string Since(const AlertRow& alert) {
  return "since " + FormatTime(alert.starts_at.value_or(alert.began_at));
}

std::string Release(const AlertRow& alert) {
  if (alert.version.empty() || alert.version == "unknown") return "by an unknown release";
  std::string text = "by release " + alert.version;
  if (!alert.previous_version.empty() && alert.previous_version != alert.version) {
    text += " (before it: " + alert.previous_version + ")";
  }
  return text;
}

std::string CauseInWords(std::string_view cause, const Evidence& evidence) {
  const std::string run = evidence.Text("run");
  const std::string who = run.empty() ? "a run" : "run " + run;
  if (cause == "existing_not_read") {
    return who + " read " + evidence.Count("existing") + " existing " + evidence.Unit() +
           " where the previous run had left " + evidence.Count("before");
  }
  if (cause == "dropped_in_merge") {
    return who + " read " + evidence.Count("dropped") + " " + evidence.Unit() +
           " that it neither wrote nor explained";
  }
  if (cause == "deleted_unmerged")
    return who + " deleted a live file that no finished run consumed";
  if (cause == "duplicated") return who + " wrote more than it read";
  if (cause == "emptied") return who + " merged something into nothing";
  if (cause == "lost_in_gap") return who + " found fewer after a span that nobody watched";
  if (cause == "file_disagrees") return "the file itself holds fewer than was logged as written";
  return who + " left fewer than it found, and the log does not say why";
}

AlertText Missing(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  const std::string missing = evidence.Count("missing") + " " + evidence.Unit();
  const bool counted = evidence.Number("missing") > 0;
  text.summary = (counted ? missing + " missing: " : "a merge broke its rules: ") + Where(alert);
  text.description = "Expected " + evidence.Count("expected") + " " + evidence.Unit() +
                     ", there are " + evidence.Count("actual") + ", " + Since(alert) + ": " +
                     CauseInWords(alert.cause, evidence) + ", " + Release(alert) +
                     "; stop that release before the next run and keep what is on disk.";
  if (alert.rule == "lost_in_gap") {
    text.description = "Expected " + evidence.Count("expected") + " " + evidence.Unit() +
                       ", there are " + evidence.Count("actual") + ", " + Since(alert) + ": " +
                       CauseInWords(alert.cause, evidence) +
                       ", so this is a lower bound; read the missing logs with `rollcall ingest`.";
  }
  return text;
}

AlertText OutputMoved(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary =
      "output moved: " + Where(alert) + " is now written to " + evidence.Text("directory");
  const std::string earlier = evidence.Text("previous_directory");
  const bool moved = alert.cause == "moved" && !earlier.empty();
  text.description =
      "Expected format " + alert.format + " in " +
      (moved ? earlier : std::string("the configured place")) + ", but run " +
      evidence.Text("run") + " wrote it to " + evidence.Text("directory") + ", " + Since(alert) +
      ", " + Release(alert) + ": no loss yet; the next re-run may lose " +
      evidence.Count("written") +
      " events, so stop the release, or confirm the move with `rollcall permit --kind "
      "move`.";
  return text;
}

AlertText Explained(const AlertRow& alert, const Evidence& evidence) {
  const std::string run = "run " + evidence.Text("run");
  const std::string unit = evidence.Unit();
  AlertText text;
  if (alert.rule == "surplus") {
    text.summary = evidence.Count("surplus") + " " + unit + " too many: " + Where(alert);
    text.description = run + " left " + evidence.Count("after") + " " + unit + " where " +
                       evidence.Count("expected") + " are expected, " + Since(alert) + ", " +
                       Release(alert) + "; look for a batch that was merged twice.";
  } else if (alert.rule == "deleted_came_back") {
    text.summary = evidence.Count("came_back") + " deleted " + unit + " came back: " + Where(alert);
    text.description = run + " read " + evidence.Count("existing") + " " + unit + " where " +
                       evidence.Count("before") + " were left after a deletion, " + Since(alert) +
                       ", " + Release(alert) + "; an erasure was undone, so run it again.";
  } else if (alert.cause == "large_explained_share") {
    text.summary = "a large share explained away: " + Where(alert);
    text.description = run + " calls " + evidence.Count("duplicates") + " " + unit +
                       " duplicates and " + evidence.Count("deleted") + " deleted, " +
                       Since(alert) + ", " + Release(alert) +
                       "; check some of them, since a loss can be mislabelled.";
  } else {
    text.summary = "more deleted than there was: " + Where(alert);
    text.description = run + " claims to have deleted " + evidence.Count("deleted") + " " + unit +
                       ", " + evidence.Count("overstated") + " more than it had, " + Since(alert) +
                       ", " + Release(alert) + "; check what the deletion request meant.";
  }
  return text;
}

AlertText Watching(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  if (alert.rule == "blind") {
    text.summary = "not watching " + alert.source + " on " + alert.server;
    text.description = "Source " + alert.source + " has not been watched since " +
                       evidence.Text("from") + " (" + evidence.Text("reason") +
                       "): losses in this time cannot be seen; make the log readable again.";
    return text;
  }
  text.summary = "compaction overdue: " + Where(alert);
  text.description = "Run " + evidence.Text("run") + " started at " + evidence.Text("started_at") +
                     " and has not ended, " + Release(alert) +
                     "; see whether the compactor hangs or has died.";
  return text;
}

AlertText Other(const AlertRow& alert) {
  AlertText text;
  text.summary = alert.rule + ": " + Where(alert);
  text.description = alert.rule + " fires for " + Where(alert) + ", " + Since(alert) +
                     (alert.cause.empty() ? "" : " (" + alert.cause + ")") + ", " + Release(alert) +
                     "; the evidence says what was seen.";
  return text;
}

AlertText ByRule(const AlertRow& alert) {
  const Evidence evidence(alert);
  const std::string& rule = alert.rule;
  if (rule == "count_drop" || rule == "lost_in_gap" || rule == "file_disagrees") {
    return Missing(alert, evidence);
  }
  if (rule == "output_moved") return OutputMoved(alert, evidence);
  if (rule == "surplus" || rule == "overstated" || rule == "deleted_came_back") {
    return Explained(alert, evidence);
  }
  if (rule == "blind" || rule == "compaction_overdue") return Watching(alert, evidence);
  return Other(alert);
}

}  // namespace

AlertText TextOf(const AlertRow& alert) {
  AlertText text = ByRule(alert);
  if (!text.description.empty() && text.description[0] >= 'a' && text.description[0] <= 'z') {
    text.description[0] = static_cast<char>(text.description[0] - 'a' + 'A');
  }
  text.runbook = "runbooks/" + alert.rule + ".md";
  return text;
}
