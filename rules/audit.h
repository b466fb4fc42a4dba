#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/file_rows.h"

// Whether a format that is thought dead is (`rollcall audit`): a verdict from what all servers saw.
// Pure.
//
// A read by anybody is `read`. `unread` takes proof on every server: files that are known, watched
// without a gap, through runs that included late data. Everything else is `unknown`.
struct Audit {
  enum class Verdict { kUnread, kRead, kUnknown };
  Verdict verdict = Verdict::kUnknown;
  std::vector<std::string> reasons;  // why it is unknown, a sentence each
  std::optional<Time> since;         // every server was watched from then on
  int64_t covered_seconds = 0;       // of the server that was watched least
  int64_t blind_seconds = 0;         // of the one that was blind longest
  int64_t files = 0, runs = 0, late_reruns = 0;
  int64_t replaced_after_read = 0, access_time_evidence_void = 0;
  std::vector<ReaderRow> readers;
};
std::string_view NameOf(Audit::Verdict verdict);

Audit JudgeAudit(const std::vector<AuditRow>& servers);
