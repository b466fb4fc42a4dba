#include "monitor/app/reports.h"

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "dashboards/documents.h"
#include "dashboards/table.h"
#include "dashboards/timeline_input.h"
#include "monitor/grouped.h"
#include "monitor/ledger_view.h"
#include "rules/impact_input.h"

namespace {

Error Usage(std::string message) { return {Error::Kind::kUsage, std::move(message)}; }

// The ledgers that --ledger names; a directory stands for every *.db file in it.
std::vector<std::string> LedgerFiles(const Settings& settings, const Config& config) {
  std::vector<std::string> files;
  for (const std::string& path : LedgersOf(settings, config)) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".db") files.push_back(entry.path().string());
    }
  }
  return files;
}

struct Ledgers {
  Config config;
  std::vector<LedgerView> views;
};

Result<Ledgers> Open(const Settings& settings) {
  auto config = LoadConfig(settings);
  if (!config) return Fail(Error::Kind::kUsage, config.error().message);
  const std::vector<std::string> files = LedgerFiles(settings, *config);
  if (files.empty()) return Fail(Error::Kind::kUsage, "no ledger in the directories given");
  auto views = OpenLedgers(files);
  if (!views) return tl::unexpected<Error>(views.error());
  return Ledgers{std::move(*config), std::move(*views)};
}

void Print(const Document& document, const Document& rows, const std::string& format,
           const std::vector<std::string_view>& keys) {
  if (format == "json") {
    std::cout << Write(document) << "\n";
  } else if (format == "csv") {
    std::cout << TableOf(rows, keys).Csv();
  } else {
    std::cout << TableOf(rows, keys).Text();
  }
}

Result<std::optional<Time>> MaybeTime(const std::string& text) {
  if (text.empty()) return std::optional<Time>();
  if (const auto time = ParseTime(text)) return time;
  if (const auto day = ParseDay(text); day && day->days != Day::kNone) {
    return std::optional<Time>(StartOf(*day));
  }
  return Fail(Error::Kind::kUsage, text + " is no time; write 2016-02-22 or 2016-02-22T17:00:00Z");
}

std::vector<FormatRow> Formats(const Config& config) {
  std::vector<FormatRow> formats;
  for (const CanonicalFilesConfig& files : config.canonical_files) {
    FormatRow row;
    row.format = files.format;
    row.reads = files.reads;
    row.serving = files.serving;
    formats.push_back(std::move(row));
  }
  return formats;
}

std::string Count(const Document& value) {
  return value.is_number_integer() ? Grouped(value.get<int64_t>()) : "unknown";
}

std::string Words(const Document& value) {
  return value.is_string() ? value.get<std::string>() : "unknown";
}

void PrintTotals(const Document& totals) {
  std::printf("%s %s missing of %s, in %s project-days of %s projects%s\n",
              Count(totals["events_missing"]).c_str(), Words(totals["unit"]).c_str(),
              Count(totals["events_expected"]).c_str(), Count(totals["project_days"]).c_str(),
              Count(totals["projects"]).c_str(),
              totals["certain"].get<bool>() ? "" : " (at least: some copies are unknown)");
}

// The sentence that a person on call wants first.
void PrintImpactSummary(const Document& impact) {
  const Document& totals = impact["totals"];
  if (impact["partitions"].empty()) {
    std::printf("no events are missing%s\n\n",
                totals["certain"].get<bool>() ? "" : ", as far as the ledger can tell");
    return;
  }
  if (totals["project_days"] != 0) PrintTotals(totals);
  for (const Document& other : totals["other_units"]) PrintTotals(other);
  for (const Document& incident : impact["incidents"]) {
    std::printf("  %s: %s by version %s, since %s, %s servers, %s projects, %s %s\n",
                Words(incident["id"]).c_str(), Words(incident["cause"]).c_str(),
                Words(incident["version"]).c_str(), Words(incident["first_at"]).c_str(),
                Count(incident["servers"]).c_str(), Count(incident["projects"]).c_str(),
                Count(incident["events_missing"]).c_str(), Words(incident["unit"]).c_str());
  }
  std::printf("\n");
}

}  // namespace

int Alerts(const Settings& settings, const AlertsOptions& options) {
  auto ledgers = Open(settings);
  if (!ledgers) return Report(ledgers.error());
  std::vector<AlertRow> alerts;
  for (LedgerView& view : ledgers->views) {
    auto rows = view.Alerts(options.state == "all" ? "" : options.state);
    if (!rows) return Report(rows.error());
    alerts.insert(alerts.end(), rows->begin(), rows->end());
  }
  const Document document = AlertsDocument(alerts);
  Print(document, document, settings.format,
        {"state", "severity", "rule", "starts_at", "labels.server", "labels.project", "labels.day",
         "labels.format", "cause", "version", "summary"});
  if (alerts.empty() && settings.format == "table") {
    std::printf("no %s alerts\n", options.state == "all" ? "" : options.state.c_str());
  }
  const bool firing = std::any_of(alerts.begin(), alerts.end(),
                                  [](const AlertRow& alert) { return alert.state == "firing"; });
  return options.fail && firing ? kFound : kDone;
}

int Timeline(const Settings& settings, const TimelineOptions& options) {
  if (!options.day.empty() && !ParseDay(options.day)) {
    return Report(Usage(options.day + " is no date; write 2016-02-22"));
  }
  auto ledgers = Open(settings);
  if (!ledgers) return Report(ledgers.error());
  auto input = ReadTimelineInput(ledgers->views, options.project, options.day, options.server);
  if (!input) return Report(input.error());
  const Document document = TimelineDocument(*input);
  Print(document, document, settings.format,
        {"at", "kind", "server", "day", "format", "run", "version", "before", "existing", "fresh",
         "duplicates", "deleted", "written", "lost", "missing", "cause", "verdict"});
  if (document.empty() && settings.format == "table") std::printf("nothing is known of it\n");
  return kDone;
}

int ReportImpact(const Settings& settings, const ImpactOptions& options) {
  ImpactFilter filter;
  auto since = MaybeTime(options.since), until = MaybeTime(options.until);
  if (!since) return Report(since.error());
  if (!until) return Report(until.error());
  filter.since = *since;
  filter.until = *until;
  filter.version = options.version;
  filter.project = options.project;
  auto ledgers = Open(settings);
  if (!ledgers) return Report(ledgers.error());
  auto input = ReadImpactInput(ledgers->views, filter, Formats(ledgers->config));
  if (!input) return Report(input.error());
  const Document document = ImpactDocument(ComputeImpact(*input, filter));
  if (settings.format == "table") PrintImpactSummary(document);
  const bool csv = settings.format == "csv";
  Print(document, document[csv ? "partitions" : "projects"], settings.format,
        csv ? std::vector<std::string_view>{"server", "project", "day", "format", "unit",
                                            "expected", "actual", "missing", "surplus", "cause",
                                            "version", "previous_version", "first_loss_at",
                                            "last_loss_at", "runs", "verdict"}
            : std::vector<std::string_view>{"project", "events_missing", "events_expected",
                                            "certain"});
  return kDone;
}
