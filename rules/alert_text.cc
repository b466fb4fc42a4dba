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

std::string Since(const AlertRow& alert) { return "since " + FormatTime(alert.began_at); }

bool Known(const std::string& version) { return !version.empty() && version != "unknown"; }

// "run r57 of version 2.7.0"
std::string Who(const AlertRow& alert, const Evidence& evidence) {
  const std::string run = evidence.Text("run");
  return (run.empty() ? "a run" : "run " + run) +
         (Known(alert.version) ? " of version " + alert.version : " of an unknown version");
}

std::string LeftBy(const AlertRow& alert) {
  if (!Known(alert.previous_version)) return " had been left";
  const bool same = alert.previous_version == alert.version;
  return " had been left by " + (same ? "the same version" : "version " + alert.previous_version);
}

std::string CauseInWords(const AlertRow& alert, const Evidence& evidence) {
  const std::string& cause = alert.cause;
  if (cause == "deleted_unmerged") return "a live file was deleted that no finished run had merged";
  if (cause == "file_disagrees") return "the file itself holds fewer than was logged as written";
  const std::string who = Who(alert, evidence);
  if (cause == "existing_not_read") {
    return who + " read " + evidence.Count("existing") + " existing " + evidence.Unit() +
           " where " + evidence.Count("before") + LeftBy(alert);
  }
  if (cause == "dropped_in_merge") {
    return who + " read " + evidence.Count("dropped") + " " + evidence.Unit() +
           " that it neither wrote nor explained";
  }
  if (cause == "duplicated") return who + " wrote more than it read";
  if (cause == "emptied") return who + " merged something into nothing";
  if (cause == "lost_in_gap") return who + " found fewer after a span that nobody watched";
  return who + " left fewer than it found, and the log does not say why";
}

// A run that does not find what another version wrote may look in the wrong place, or the other one
// wrote to it: no count can tell.
std::string WhatToStop(const AlertRow& alert) {
  const bool two = alert.cause == "existing_not_read" && Known(alert.version) &&
                   Known(alert.previous_version) && alert.version != alert.previous_version;
  if (two) {
    return "; one of the two versions uses the wrong place: stop compaction on " + alert.server +
           " until it is known which, and keep what is on disk.";
  }
  const std::string culprit =
      Known(alert.version) ? "version " + alert.version : "the compactor on " + alert.server;
  return "; stop " + culprit + " before the next run, and keep what is on disk.";
}

AlertText Missing(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  const std::string missing = evidence.Count("missing") + " " + evidence.Unit();
  const bool counted = evidence.Number("missing") > 0;
  text.summary = (counted ? missing + " missing: " : "a merge broke its rules: ") + Where(alert);
  text.description = "Expected " + evidence.Count("expected") + " " + evidence.Unit() +
                     ", there are " + evidence.Count("actual") + ", " + Since(alert) + ": " +
                     CauseInWords(alert, evidence);
  if (alert.rule == "lost_in_gap") {
    text.description +=
        ", so this is a lower bound; read the missing logs with `rollcall ingest LOG`.";
  } else {
    text.description += WhatToStop(alert);
  }
  return text;
}

AlertText OutputMoved(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary =
      "output moved: " + Where(alert) + " is now written to " + evidence.Text("directory");
  const std::string earlier = evidence.Text("previous_directory");
  const bool moved = alert.cause == "moved" && !earlier.empty();
  std::string before;
  if (moved && Known(alert.previous_version)) before = " of version " + alert.previous_version;
  text.description =
      "Expected format " + alert.format + " in " +
      (moved ? earlier + before : std::string("the configured place")) + ", but " +
      Who(alert, evidence) + " wrote it for project " + evidence.Text("project") + ", day " +
      evidence.Text("day") + " to " + evidence.Text("directory") + ", " + Since(alert) +
      ": no loss yet; the next re-run may lose " + evidence.Count("written") +
      " events of that day alone, so stop the release, or confirm the move with `rollcall permit "
      "--kind move --data-format " +
      alert.format + " --server " + alert.server + " --reason …`.";
  return text;
}

AlertText Surplus(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  const std::string unit = evidence.Unit();
  text.summary = evidence.Count("surplus") + " " + unit + " too many: " + Where(alert);
  text.description = Who(alert, evidence) + " left " + evidence.Count("after") + " " + unit +
                     " where " + evidence.Count("expected") + " are expected, " + Since(alert) +
                     "; look for a batch that was merged twice.";
  return text;
}

AlertText CameBack(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  const std::string unit = evidence.Unit();
  text.summary = evidence.Count("came_back") + " deleted " + unit + " came back: " + Where(alert);
  text.description = Who(alert, evidence) + " read " + evidence.Count("existing") + " " + unit +
                     " where " + evidence.Count("before") + " were left after a deletion, " +
                     Since(alert) + "; an erasure was undone, so run it again.";
  return text;
}

AlertText Overstated(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  const std::string unit = evidence.Unit();
  if (alert.cause == "large_explained_share") {
    text.summary = "a large share explained away: " + Where(alert);
    text.description = Who(alert, evidence) + " calls " + evidence.Count("duplicates") + " " +
                       unit + " duplicates and " + evidence.Count("deleted") + " deleted, " +
                       Since(alert) + "; check some of them, since a loss can be mislabelled.";
    return text;
  }
  if (alert.cause == "impossible_duplicates") {
    text.summary = "more duplicates than there can be: " + Where(alert);
    text.description = Who(alert, evidence) + " calls " + evidence.Count("duplicates") + " " +
                       unit + " duplicates, although one of each is kept, " + Since(alert) +
                       "; none of them is believed, and what is gone counts as missing.";
    return text;
  }
  text.summary = "more explained away than there was: " + Where(alert);
  text.description = Who(alert, evidence) + " calls " + evidence.Count("duplicates") + " " + unit +
                     " duplicates and " + evidence.Count("deleted") + " deleted, " +
                     evidence.Count("overstated") + " more than it had, " + Since(alert) +
                     "; check what was deleted, and what the deletion request meant.";
  return text;
}

AlertText Blind(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary = "not watching " + alert.source + " on " + alert.server;
  text.description = "Source " + alert.source + " on " + alert.server +
                     " has not been watched since " + evidence.Text("from") + " (" +
                     evidence.Text("reason") +
                     "): losses in this time cannot be seen; make the log readable again, then see "
                     "with `rollcall impact` what stays unknown.";
  return text;
}

AlertText Waiting(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary = "fresh data waits: " + Where(alert);
  const std::string run = evidence.Text("first_run");
  const int64_t hours = evidence.Number("waiting_after_seconds") / 3600;
  text.description = "No run of " + Where(alert) + " has finished since " +
                     (run.empty() ? "one" : "run " + run) +
                     " failed or was left without an end at " + evidence.Text("waiting_since") +
                     (hours > 0 ? ", more than " + Grouped(hours) + " hours ago" : std::string()) +
                     ": its fresh data is not in the canonical files; see why the compactor on " +
                     alert.server + " fails there.";
  return text;
}

AlertText Overdue(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary = "compaction overdue: " + Where(alert);
  const int64_t hours = evidence.Number("after_seconds") / 3600;
  text.description = Who(alert, evidence) + " started at " + evidence.Text("started_at") +
                     " and has not ended" +
                     (hours > 0 ? " within " + Grouped(hours) + " hours" : std::string()) +
                     "; see whether the compactor on " + alert.server + " hangs or has died.";
  return text;
}

AlertText MissingFile(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary = "no canonical file: " + Where(alert);
  const std::string found = evidence.Text("found_at");
  text.description = "There is no file at " + evidence.Text("expected_path") +
                     ", which should hold " + evidence.Count("events") + " events, since " +
                     evidence.Text("since");
  if (!found.empty()) {
    text.description += ": " + Who(alert, evidence) + " wrote it to " + found +
                        "; the next run will not find it, so stop the release, or put it back.";
    return text;
  }
  text.description += "; see `rollcall files " + alert.project + " " + alert.day +
                      "` for what happened to it, and restore it before the next run.";
  return text;
}

std::string By(const Evidence& evidence) {
  const std::string by = evidence.Text("by");
  return by.empty() ? "an unknown process" : by;
}

AlertText WithoutRun(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  const bool in_place = alert.rule == "file_rewritten_in_place";
  text.summary =
      (in_place ? "a file was rewritten in place: " : "a file was replaced without a run: ") +
      Where(alert);
  text.description = evidence.Text("path") + " went from " + evidence.Count("previous_size_bytes") +
                     " to " + evidence.Count("size_bytes") + " bytes at " + evidence.Text("at") +
                     (in_place ? ", overwritten by " : ", replaced by ") + By(evidence) +
                     ", and no run of the compactor accounts for it; find out what it was.";
  return text;
}

AlertText DeadRead(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  const std::string executable = evidence.Text("executable");
  const std::string program = executable.empty() ? evidence.Text("process") : executable;
  const std::string who = program.empty() ? "an unknown process" : program;
  const std::string does = alert.cause == "read" ? " reads " : " opens ";
  text.summary =
      who + does + "format " + alert.format + ", which is declared dead, on " + alert.server;
  const std::string unit = evidence.Text("unit");
  text.description =
      who + (unit.empty() ? "" : " (" + unit + ")") + does + evidence.Count("files") +
      " files of format " + alert.format + ", first at " + evidence.Text("first_at") +
      ", last at " + evidence.Text("last_at") +
      ": the format is in use, so do not remove or move its files; `rollcall audit " +
      alert.format + "` shows who reads them.";
  return text;
}

AlertText Misplaced(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary = "files of " + Where(alert) + " are also written to " + evidence.Text("place");
  text.description = evidence.Text("path") + " is called like a file of format " + alert.format +
                     " and is not where those are; it was written by " + By(evidence) + ", " +
                     Since(alert) + "; see whether the place has moved.";
  return text;
}

AlertText FormatsDiffer(const AlertRow& alert, const Evidence& evidence) {
  AlertText text;
  text.summary = "formats of one run differ: " + Where(alert);
  text.description = Who(alert, evidence) + " wrote " + evidence.Count("written") +
                     " events in format " + alert.format + " and " +
                     evidence.Count("other_written") + " in format " +
                     evidence.Text("other_format") + ", " + Since(alert) +
                     ": one of them lacks events; see `rollcall timeline " + alert.project + " " +
                     alert.day + "`.";
  return text;
}

AlertText Other(const AlertRow& alert) {
  AlertText text;
  text.summary = alert.rule + ": " + Where(alert);
  text.description = alert.rule + " fires for " + Where(alert) + ", " + Since(alert) +
                     (alert.cause.empty() ? "" : " (" + alert.cause + ")") +
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
  if (rule == "surplus") return Surplus(alert, evidence);
  if (rule == "overstated") return Overstated(alert, evidence);
  if (rule == "deleted_came_back") return CameBack(alert, evidence);
  if (rule == "blind") return Blind(alert, evidence);
  if (rule == "missing_canonical_file") return MissingFile(alert, evidence);
  if (rule == "file_replaced_without_run" || rule == "file_rewritten_in_place") {
    return WithoutRun(alert, evidence);
  }
  if (rule == "dead_file_read") return DeadRead(alert, evidence);
  if (rule == "misplaced_file") return Misplaced(alert, evidence);
  if (rule == "formats_differ") return FormatsDiffer(alert, evidence);
  if (alert.cause == "fresh_data_waits") return Waiting(alert, evidence);
  if (rule == "compaction_overdue") return Overdue(alert, evidence);
  return Other(alert);
}

}  // namespace

AlertText TextOf(const AlertRow& alert) {
  AlertText text = ByRule(alert);
  if (!text.description.empty() && text.description[0] >= 'a' && text.description[0] <= 'z') {
    text.description[0] = static_cast<char>(text.description[0] - 'a' + 'A');
  }
  // What follows is how it was.
  if (alert.state == "resolved") text.summary = "resolved: " + text.summary;
  text.runbook = "runbooks/" + alert.rule + ".md";
  return text;
}
