#include "monitor/app/reports.h"

#include <algorithm>
#include <cstdio>

#include "dashboards/table.h"
#include "dashboards/timeline_input.h"
#include "monitor/app/open_ledgers.h"
#include "monitor/app/output.h"
#include "rules/impact_input.h"

namespace {

Error Usage(std::string message) { return {Error::Kind::kUsage, std::move(message)}; }

Result<std::optional<Time>> MaybeTime(const std::string& text) {
  if (text.empty()) return std::optional<Time>();
  if (const auto time = ParseTime(text)) return time;
  if (const auto day = ParseDay(text); day && day->days != Day::kNone) {
    return std::optional<Time>(StartOf(*day));
  }
  return Fail(Error::Kind::kUsage,
              text + " is not a timestamp; write 2016-02-22 or 2016-02-22T17:00:00Z");
}

Result<ImpactFilter> FilterOf(const ImpactOptions& options) {
  const auto since = MaybeTime(options.since), until = MaybeTime(options.until);
  if (!since) return tl::unexpected<Error>(since.error());
  if (!until) return tl::unexpected<Error>(until.error());
  if (*since && *until && **since >= **until) {
    return Fail(Error::Kind::kUsage, "--since " + options.since + " is not before --until " +
                                         options.until + ": no time is between them");
  }
  return ImpactFilter{*since, *until, options.version, options.project};
}

// "replaced by /usr/bin/compactd, 8,890 to 126 bytes"
std::string NoteOfFile(const std::string& kind, const Document& detail) {
  const auto text = [](const Document& of, const char* key) {
    return of.contains(key) && of[key].is_string() ? of[key].get<std::string>() : std::string();
  };
  const auto bytes = [&](const char* key) {
    return detail.contains(key) && detail[key].is_number_integer()
               ? Grouped(detail[key].get<int64_t>())
               : std::string();
  };
  std::string who = "an unknown process";
  if (detail.contains("by")) {
    const std::string executable = text(detail["by"], "executable");
    const std::string process = text(detail["by"], "process");
    if (!executable.empty() || !process.empty()) who = executable.empty() ? process : executable;
  }
  const bool known = detail.contains("by");
  if (kind == "read") return "read by " + who;
  if (kind == "misplaced") return text(detail, "path") + (known ? " by " + who : "");
  std::string note = text(detail, "change") + (known ? " by " + who : "");
  const std::string before = bytes("previous_size_bytes"), after = bytes("size_bytes");
  if (!after.empty()) note += ", " + (before.empty() ? "" : before + " to ") + after + " bytes";
  if (const std::string to = text(detail, "renamed_to"); !to.empty()) note += " to " + to;
  if (const std::string why = text(detail, "problem"); !why.empty()) note += ": " + why;
  return note;
}

// What an entry has to say in words, for the one column that they share.
std::string NoteOf(const Document& entry) {
  const auto text = [&](const Document& of, const char* key) {
    return of.contains(key) && of[key].is_string() ? of[key].get<std::string>() : std::string();
  };
  const std::string kind = text(entry, "kind");
  if (kind == "run" && entry["lost"] > 0 && !entry["existing"].is_null() &&
      !entry["before"].is_null()) {
    return "read " + Grouped(entry["existing"].get<int64_t>()) + " of " +
           Grouped(entry["before"].get<int64_t>());
  }
  if (kind == "alert") {
    const std::string state = text(entry, "state"), summary = text(entry, "summary");
    return summary.starts_with(state + ": ") ? summary : state + ": " + summary;
  }
  if (kind == "blind") return text(entry, "reason");
  if (!entry.contains("detail")) return {};
  const Document& detail = entry["detail"];
  const std::string reason = text(detail, "reason");
  if (kind == "kept") return "what was there then: `rollcall kept` says until when";
  if (kind == "released") return "the kept copy: " + text(detail, "reason");
  if (kind == "file" || kind == "read" || kind == "misplaced") return NoteOfFile(kind, detail);
  if (kind != "permit") return kind == "quarantined" ? reason : text(detail, "text");
  std::string note = text(detail, "kind");
  if (detail.contains("events") && detail["events"].is_number_integer())
    note += " of " + Grouped(detail["events"].get<int64_t>());
  return note + (reason.empty() ? "" : ": " + reason);
}

// The sentence that a person on call wants first.
void PrintTotals(const ImpactTotals& totals) {
  std::printf("%s %s missing of %s, in %s of %s%s\n", Grouped(totals.events.missing).c_str(),
              Printable(totals.unit).c_str(), Grouped(totals.events.expected).c_str(),
              CountOf(totals.project_days, "project-day").c_str(),
              CountOf(totals.projects, "project").c_str(),
              totals.events.certain ? "" : " (at least: some copies are unknown)");
  if (totals.recoverable == 0) return;
  std::printf("%s of them can be put back: `rollcall restore PROJECT DAY` says from where\n",
              Grouped(totals.recoverable).c_str());
}

std::string VersionsOf(const ImpactIncident& incident) {
  if (incident.version.empty()) return "an unknown version";
  if (incident.previous_version.empty() || incident.previous_version == incident.version) {
    return "version " + incident.version;
  }
  return "version " + incident.version + ", after " + incident.previous_version;
}

bool CustomersMissNone(const Impact& impact) {
  return impact.totals.project_days == 0 && impact.other_units.empty();
}

void PrintIncident(const Impact& impact, const ImpactIncident& incident) {
  // A project-day is counted where its loss began, so that a later incident may add none.
  std::string lost = Grouped(incident.events_missing) + " " + incident.unit;
  if (incident.events_missing == 0) {
    lost = CustomersMissNone(impact) ? "nothing that no other copy holds"
                                     : "no more than is counted above";
  }
  std::printf("  %s by %s, since %s\n    %s, on %s, of %s; incident %s\n", incident.cause.c_str(),
              Printable(VersionsOf(incident)).c_str(), FormatTime(incident.first_at).c_str(),
              Printable(lost).c_str(), CountOf(incident.servers, "server").c_str(),
              CountOf(incident.projects, "project").c_str(), incident.id.c_str());
}

void PrintUnknown(const Impact& impact) {
  constexpr size_t kMost = 10;
  if (impact.unknown_copies > 0) {
    std::printf("\nunknown: %s\n", CountOf(impact.unknown_copies, "partition").c_str());
  }
  if (!impact.unknown.empty()) std::printf("\nnot seen or not understood:\n");
  for (size_t i = 0; i < std::min(kMost, impact.unknown.size()); ++i) {
    const BlindRow& row = impact.unknown[i];
    std::string text = "source " + row.source + " on " + row.server + ": " + row.reason;
    if (row.lines > 0) text += ", " + CountOf(row.lines, "line");
    if (row.from != Time{}) text += ", from " + FormatTime(row.from);
    if (row.to && *row.to != Time{}) text += ", to " + FormatTime(*row.to);
    if (!row.to) text += ", until now";
    if (row.projects) text += "; not observed since: " + CountOf(*row.projects, "project");
    std::printf("  %s\n", Printable(text).c_str());
  }
  if (impact.unknown.size() > kMost) {
    std::printf("  and %s more; --format json lists them\n",
                Grouped(static_cast<int64_t>(impact.unknown.size() - kMost)).c_str());
  }
}

// A ledger that knows of no run says nothing about missing events.
std::string Ignorance(const ImpactFilter& filter) {
  if (!filter.version.empty()) {
    return "nothing is known of version " + filter.version + ": no run of it is in the ledger";
  }
  if (filter.project.empty()) return "nothing is known: no run is in the ledger";
  return "nothing is known of " + filter.project + ": no run of it is in the ledger";
}

void PrintLosses(const Impact& impact, const Document& document) {
  const bool none = CustomersMissNone(impact);
  if (none) {
    std::printf("no customer misses events, since another copy holds what these lack: %s%s\n",
                CountOf(static_cast<int64_t>(impact.partitions.size()), "partition").c_str(),
                impact.totals.events.certain ? "" : ", as far as the ledger can tell");
  }
  if (impact.totals.project_days != 0) PrintTotals(impact.totals);
  for (const ImpactTotals& other : impact.other_units) PrintTotals(other);
  for (const ImpactIncident& incident : impact.incidents) PrintIncident(impact, incident);
  std::printf("\n");
  if (none) {
    return PrintDocument(document, document["partitions"], "table",
                         {"server", "project", "day", "format", "missing", "expected", "cause"});
  }
  PrintDocument(document, document["projects"], "table",
                {"project", "events_missing", "events_recoverable", "events_expected", "certain"});
}

void PrintImpact(const Impact& impact, const Document& document) {
  const ImpactFilter& filter = impact.window;
  const bool narrowed = filter.since || filter.until || !filter.version.empty();
  if (impact.nothing_known) {
    std::printf("%s\n", Printable(Ignorance(filter)).c_str());
  } else if (impact.partitions.empty()) {
    std::printf("%s%s\n", narrowed ? "no loss was found there" : "no events are missing",
                impact.totals.events.certain ? "" : ", as far as the ledger can tell");
  } else {
    PrintLosses(impact, document);
  }
  PrintUnknown(impact);
  if (impact.as_of) {
    std::printf("\nas of %s, when the ledger was last written\n",
                FormatTime(*impact.as_of).c_str());
  }
}

}  // namespace

int Alerts(const Settings& settings, const AlertsOptions& options) {
  auto ledgers = OpenLedgersOf(settings);
  if (!ledgers) return Report(ledgers.error());
  std::vector<AlertRow> alerts;
  bool firing = false;
  for (LedgerView& view : ledgers->views) {
    auto rows = view.Alerts(options.state == "all" ? "" : options.state);
    auto open = options.fail ? view.Alerts("firing") : Result<std::vector<AlertRow>>();
    if (!rows) return Report(rows.error());
    if (!open) return Report(open.error());
    firing = firing || !open->empty();
    alerts.insert(alerts.end(), rows->begin(), rows->end());
  }
  const Document document = AlertsDocument(alerts);
  if (alerts.empty() && settings.format == "table") {
    std::printf("no %salerts%s\n", options.state == "all" ? "" : (options.state + " ").c_str(),
                ledgers->cut ? ", as far as the ledger can tell" : "");
  } else {
    PrintDocument(document, document, settings.format,
                  {"starts_at", "severity", "rule", "version", "summary", "state", "ends_at",
                   "cause", "labels.server", "labels.project", "labels.day", "labels.format",
                   "labels.source", "incident"});
  }
  if (!options.fail) return kDone;
  if (firing) return kFound;
  return ledgers->cut ? kCannotTell : kDone;
}

int Timeline(const Settings& settings, const TimelineOptions& options) {
  if (!options.day.empty() && !ParseDay(options.day)) {
    return Report(Usage(options.day + " is not a date; write 2016-02-22"));
  }
  auto ledgers = OpenLedgersOf(settings);
  if (!ledgers) return Report(ledgers.error());
  auto input = ReadTimelineInput(ledgers->views, options.project, options.day, options.server);
  if (!input) return Report(input.error());
  const Document document = TimelineDocument(*input);
  if (document.empty() && settings.format == "table") {
    std::printf("nothing is known of %s\n", Printable(options.project).c_str());
    return kCannotTell;
  }
  Document rows = document;
  for (Document& row : rows) {
    if (const std::string note = NoteOf(row); !note.empty()) row["note"] = note;
  }
  PrintDocument(document, rows, settings.format,
                {"at",         "kind",    "server",    "day",      "format",  "lost",    "missing",
                 "cause",      "note",    "before",    "existing", "fresh",   "written", "version",
                 "duplicates", "deleted", "recovered", "run",      "verdict", "unit"});
  return document.empty() ? kCannotTell : kDone;
}

int ReportImpact(const Settings& settings, const ImpactOptions& options) {
  const auto filter = FilterOf(options);
  if (!filter) return Report(filter.error());
  auto ledgers = OpenLedgersOf(settings);
  if (!ledgers) return Report(ledgers.error());
  auto input = ReadImpactInput(ledgers->views, *filter, ConfiguredFormats(ledgers->config));
  if (!input) return Report(input.error());
  const Impact impact = ComputeImpact(*input, *filter);
  const Document document = ImpactDocument(impact);
  if (settings.format == "table") {
    PrintImpact(impact, document);
  } else {
    PrintDocument(document, document["partitions"], settings.format,
                  {"server", "project", "day", "format", "unit", "expected", "actual", "missing",
                   "surplus", "cause", "version", "previous_version", "first_loss_at",
                   "last_loss_at", "runs", "verdict"});
  }
  return impact.nothing_known ? kCannotTell : kDone;
}
