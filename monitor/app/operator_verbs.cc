#include "monitor/app/operator_verbs.h"

#include <iostream>

#include "dashboards/documents.h"
#include "dashboards/table.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/app/output.h"
#include "monitor/ledger.h"
#include "monitor/ledger_view.h"
#include "rules/engine.h"

namespace {

Error Usage(std::string message) { return {Error::Kind::kUsage, std::move(message)}; }

Document TextOrNull(const std::string& text) {
  return text.empty() ? Document(nullptr) : Document(text);
}

// Writes the entries to the inbox. Returns them with their ids.
Result<Document> WriteAll(const Config& config, const std::vector<OperatorEntry>& entries) {
  auto ids = WriteOperatorEntries(config.operator_db, entries);
  if (!ids) return tl::unexpected<Error>(ids.error());
  Document written = Document::array();
  for (size_t i = 0; i < entries.size(); ++i) {
    const OperatorEntry& entry = entries[i];
    written.push_back({{"id", (*ids)[i]},
                       {"kind", entry.kind},
                       {"server", TextOrNull(entry.server)},
                       {"project", TextOrNull(entry.project)},
                       {"day", TextOrNull(entry.day)},
                       {"format", TextOrNull(entry.format)}});
  }
  return written;
}

// Takes the inbox into the ledger where nobody watches it. Returns where the entries are now.
std::string TakeInbox(const Config& config, const std::string& server) {
  const SystemClock clock;
  const RuleEngine rules(config);
  auto ledger = Ledger::Open({config.ledger, server}, config, rules);
  if (!ledger && ledger.error().kind == Error::Kind::kLedgerHeld) {
    return "handed to the running watch";
  }
  auto taken = ledger ? TakeOperatorFacts(config.operator_db, **ledger, clock.Now())
                      : tl::unexpected<Error>(ledger.error());
  if (taken) return "in the ledger";
  return "in " + config.operator_db +
         ", which the next watch or ingest takes into the ledger; now it could not be written: " +
         taken.error().message;
}

int Deliver(const Config& config, const std::string& server,
            const std::vector<OperatorEntry>& entries, const std::string& format) {
  auto written = WriteAll(config, entries);
  if (!written) return Report(written.error());
  const std::string where = TakeInbox(config, server);
  PrintDocument(*written, *written, format, {"id", "kind", "server", "project", "day", "format"});
  (format == "table" ? std::cout : std::cerr) << Printable(where) << "\n";
  return kDone;
}

// Two entries: what should be here is expected there, what is missing here included, and nothing is
// expected here any more. Where nobody knows what was here, nobody knows what to expect there.
void Rehome(const PermitOptions& options, const BalanceRow& balance, OperatorEntry entry,
            std::vector<OperatorEntry>& entries) {
  Document detail{{"kind", "rehomed_away"}, {"reason", options.reason}, {"to", options.to_server}};
  entry.detail = Write(detail, -1);
  entries.push_back(entry);
  detail = {{"kind", "rehomed"},
            {"reason", options.reason},
            {"from", balance.server},
            {"events", balance.actual ? Document(*balance.actual + balance.missing) : Document()}};
  entry.server = options.to_server;
  entry.detail = Write(detail, -1);
  entries.push_back(entry);
}

// One entry for each partition that the words on the command line mean.
Result<std::vector<OperatorEntry>> Expand(const PermitOptions& options, LedgerView& view,
                                          OperatorEntry entry) {
  std::vector<OperatorEntry> entries;
  auto read = view.Balances(options.project, [&](const BalanceRow& balance) {
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
  const bool to_come = options.kind == "decrease" && !options.format.empty() &&
                       !options.day.empty() && !options.server.empty();
  if (entries.empty() && to_come) entries.push_back(entry);
  if (!entries.empty()) return entries;
  return tl::unexpected<Error>(
      Usage("the ledger has no such partition of " + options.project +
            "; for one that is to come give --day, --data-format and --server"));
}

// One entry for each output of the format that is known to have moved.
Result<std::vector<OperatorEntry>> Acknowledge(const PermitOptions& options, LedgerView& view,
                                               OperatorEntry entry) {
  auto alerts = view.Alerts("");
  if (!alerts) return tl::unexpected<Error>(alerts.error());
  std::vector<OperatorEntry> entries;
  for (const AlertRow& alert : *alerts) {
    if (alert.rule != "output_moved" || alert.state == "resolved") continue;
    if (alert.format != options.format) continue;
    if (!options.server.empty() && alert.server != options.server) continue;
    entry.server = alert.server;
    entries.push_back(entry);
  }
  if (!entries.empty()) return entries;
  return tl::unexpected<Error>(Usage("no output of format " + options.format +
                                     " is known to have moved; `rollcall alerts` lists those"));
}

// What is wrong with the words on the command line.
Result<void> CheckPermit(const PermitOptions& options) {
  const auto wrong = [](const std::string& message) { return Fail(Error::Kind::kUsage, message); };
  const bool decrease = options.kind == "decrease", rehomed = options.kind == "rehomed";
  if (options.kind == "move" && options.format.empty()) {
    return wrong("--kind move needs --data-format");
  }
  if (options.kind != "move" && options.project.empty()) return wrong("say which PROJECT");
  if (rehomed && (options.server.empty() || options.to_server.empty())) {
    return wrong("--kind rehomed needs --server FROM and --to SERVER");
  }
  if (rehomed && options.server == options.to_server) {
    return wrong("--to must be another server than --server");
  }
  constexpr int64_t kMostEvents = int64_t{1} << 53;
  if (decrease && (options.events <= 0 || options.events > kMostEvents)) {
    return wrong("--events says how many events may disappear, from 1 to 2^53");
  }
  if (!decrease && options.events != 0) return wrong("--events is for --kind decrease");
  if (!rehomed && !options.to_server.empty()) return wrong("--to is for --kind rehomed");
  if (!options.day.empty() && !ParseDay(options.day)) {
    return wrong(options.day + " is not a date; write 2016-02-22");
  }
  if (!options.expires.empty() && !ParseTime(options.expires)) {
    return wrong(options.expires + " is not a timestamp; write 2016-02-22T17:00:00Z");
  }
  if (!options.expires.empty() && *ParseTime(options.expires) <= SystemClock().Now()) {
    return wrong("--expires " + options.expires + " is over: nothing would be permitted");
  }
  if (options.reason.find_first_not_of(" \t\n") == std::string::npos) {
    return wrong("--reason says why, for whoever asks later");
  }
  return {};
}

std::string DetailOf(const PermitOptions& options) {
  Document detail{{"kind", options.kind}, {"reason", options.reason}};
  if (options.events > 0) detail["events"] = options.events;
  if (const auto expires = ParseTime(options.expires)) {
    detail["expires_at"] = FormatTime(*expires);
  }
  return Write(detail, -1);
}

}  // namespace

int Permit(const Settings& settings, const PermitOptions& options) {
  auto config = LoadConfig(settings);
  if (!config) return Report(config.error());
  if (auto ok = CheckPermit(options); !ok) return Report(ok.error());
  auto view = LedgerView::Open(config->ledger);
  if (!view) return Report(view.error());
  OperatorEntry entry;
  entry.kind = "permit";
  entry.at = SystemClock().Now();
  entry.server = options.server.empty() ? view->server() : options.server;
  entry.project = options.project;
  entry.day = options.day;
  entry.format = options.format;
  entry.detail = DetailOf(options);
  auto entries =
      options.kind == "move" ? Acknowledge(options, *view, entry) : Expand(options, *view, entry);
  if (!entries) return Report(entries.error());
  return Deliver(*config, view->server(), *entries, settings.format);
}

int Annotate(const Settings& settings, const AnnotateOptions& options) {
  auto config = LoadConfig(settings);
  if (!config) return Report(config.error());
  const auto at = options.at.empty() ? SystemClock().Now() : ParseTime(options.at);
  if (!at) return Report(Usage(options.at + " is not a timestamp; write 2016-02-22T17:00:00Z"));
  auto view = LedgerView::Open(config->ledger);
  if (!view) return Report(view.error());
  OperatorEntry entry;
  entry.kind = options.deploy_version.empty() ? "annotation" : "deploy";
  entry.at = *at;
  entry.server = options.server.empty() ? view->server() : options.server;
  entry.project = options.project;
  entry.version = options.deploy_version;
  entry.detail = Write(Document{{"text", options.text}}, -1);
  return Deliver(*config, view->server(), {entry}, settings.format);
}
