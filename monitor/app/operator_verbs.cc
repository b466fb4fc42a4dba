#include "monitor/app/operator_verbs.h"

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "monitor/app/operator_inbox.h"
#include "monitor/ledger.h"
#include "monitor/ledger_view.h"
#include "rules/engine.h"

namespace {

Error Usage(std::string message) { return {Error::Kind::kUsage, std::move(message)}; }

// Writes the entries to the inbox and, where nobody watches, at once into the ledger.
int Deliver(const Config& config, const std::vector<OperatorEntry>& entries,
            const std::string& format) {
  nlohmann::ordered_json written = nlohmann::ordered_json::array();
  for (const OperatorEntry& entry : entries) {
    auto id = WriteOperatorEntry(config.operator_db, entry);
    if (!id) return Report(id.error());
    written.push_back({{"id", *id},
                       {"kind", entry.kind},
                       {"server", entry.server},
                       {"project", entry.project},
                       {"day", entry.day},
                       {"format", entry.format}});
  }
  const SystemClock clock;
  const RuleEngine rules(config);
  auto ledger = Ledger::Open({config.ledger, config.server}, config, rules);
  const bool taken = ledger && TakeOperatorFacts(config.operator_db, **ledger, clock.Now());
  if (format == "json") {
    std::cout << written.dump() << "\n";
    return kDone;
  }
  for (const auto& entry : written) {
    std::printf(
        "%s %s %s %s %s\n", entry["id"].get<std::string>().c_str(),
        entry["server"].get<std::string>().c_str(), entry["project"].get<std::string>().c_str(),
        entry["day"].get<std::string>().c_str(), entry["format"].get<std::string>().c_str());
  }
  std::printf("%s\n", taken ? "in the ledger" : "handed to the running watch");
  return kDone;
}

// Two entries: what was here is expected there, and nothing is expected here any more.
void Rehome(const PermitOptions& options, const BalanceRow& balance, OperatorEntry entry,
            std::vector<OperatorEntry>& entries) {
  nlohmann::json detail{
      {"kind", "rehomed_away"}, {"reason", options.reason}, {"to", options.to_server}};
  entry.detail = detail.dump();
  entries.push_back(entry);
  detail = {{"kind", "rehomed"},
            {"reason", options.reason},
            {"from", balance.server},
            {"events", balance.actual.value_or(0)}};
  entry.server = options.to_server;
  entry.detail = detail.dump();
  entries.push_back(entry);
}

// One entry for each partition that the words on the command line mean.
Result<std::vector<OperatorEntry>> Expand(const PermitOptions& options, const Config& config,
                                          OperatorEntry entry) {
  auto view = LedgerView::Open(config.ledger);
  if (!view) return tl::unexpected<Error>(view.error());
  std::vector<OperatorEntry> entries;
  auto read = view->Balances(options.project, [&](const BalanceRow& balance) {
    if (!options.day.empty() && balance.day != options.day) return;
    if (!options.format.empty() && balance.format != options.format) return;
    if (!options.server.empty() && balance.server != options.server) return;
    entry.server = balance.server;
    entry.day = balance.day;
    entry.format = balance.format;
    if (options.kind == "rehomed") return Rehome(options, balance, entry, entries);
    entries.push_back(entry);
  });
  if (!read) return tl::unexpected<Error>(read.error());
  if (entries.empty() && !options.format.empty() && !options.day.empty()) entries.push_back(entry);
  if (entries.empty()) {
    return tl::unexpected<Error>(
        Usage("the ledger has no such partition; for one that is to come "
              "give --day, --data-format and --on"));
  }
  return entries;
}

}  // namespace

int Permit(const Settings& settings, const PermitOptions& options) {
  auto config = LoadConfig(settings);
  if (!config) return Report(Usage(config.error().message));
  const bool move = options.kind == "move";
  const bool rehomed = options.kind == "rehomed";
  if (rehomed && (options.server.empty() || options.to_server.empty())) {
    return Report(Usage("--kind rehomed needs --on FROM and --to SERVER"));
  }
  if (options.kind == "decrease" && options.events <= 0) {
    return Report(Usage("--events says how many events may disappear, at least 1"));
  }
  if (!options.day.empty() && !ParseDay(options.day)) {
    return Report(Usage(options.day + " is no date; write 2016-02-22"));
  }
  nlohmann::json detail{{"kind", options.kind}, {"reason", options.reason}};
  if (options.events > 0) detail["events"] = options.events;
  if (!options.to_server.empty()) detail["to_server"] = options.to_server;
  if (!options.expires.empty()) {
    const auto expires = ParseTime(options.expires);
    if (!expires) return Report(Usage(options.expires + " is no time; write 2016-02-22T17:00:00Z"));
    detail["expires_at"] = FormatTime(*expires);
  }
  OperatorEntry entry{
      "permit", SystemClock().Now(), options.server, options.project, options.day, options.format,
      "",       detail.dump()};
  if (entry.server.empty()) entry.server = config->server;
  if (move) {
    if (options.format.empty()) return Report(Usage("--kind move needs --data-format"));
    return Deliver(*config, {entry}, settings.format);
  }
  if (options.project.empty()) return Report(Usage("say which PROJECT"));
  auto entries = Expand(options, *config, entry);
  if (!entries) return Report(entries.error());
  return Deliver(*config, *entries, settings.format);
}

int Annotate(const Settings& settings, const AnnotateOptions& options) {
  auto config = LoadConfig(settings);
  if (!config) return Report(Usage(config.error().message));
  const auto at = options.at.empty() ? SystemClock().Now() : ParseTime(options.at);
  if (!at) return Report(Usage(options.at + " is no time; write 2016-02-22T17:00:00Z"));
  const bool deploy = !options.deploy_version.empty();
  const OperatorEntry entry{deploy ? "deploy" : "annotation",
                            *at,
                            options.server.empty() ? config->server : options.server,
                            options.project,
                            "",
                            "",
                            options.deploy_version,
                            nlohmann::json{{"text", options.text}}.dump()};
  return Deliver(*config, {entry}, settings.format);
}
