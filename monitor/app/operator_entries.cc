#include "monitor/app/operator_entries.h"

#include <set>
#include <tuple>
#include <utility>

namespace {

Error Usage(std::string message) { return {Error::Kind::kUsage, std::move(message)}; }

// Whether an entry of the same kind for the same partition is there already: two ledgers may know
// it.
class Once {
 public:
  bool IsNew(const OperatorEntry& entry) {
    return known_.insert({entry.server, entry.project, entry.day, entry.format, entry.detail})
        .second;
  }

 private:
  std::set<std::tuple<std::string, std::string, std::string, std::string, std::string>> known_;
};

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

// One entry for each partition that the words mean.
Result<std::vector<OperatorEntry>> Expand(const PermitOptions& options,
                                          std::vector<LedgerView>& ledgers, OperatorEntry entry) {
  std::vector<OperatorEntry> all;
  const OperatorEntry asked = entry;
  for (LedgerView& ledger : ledgers) {
    auto read = ledger.Balances(options.project, [&](const BalanceRow& balance) {
      if (!options.day.empty() && balance.day != options.day) return;
      if (!options.format.empty() && balance.format != options.format) return;
      if (!options.server.empty() && balance.server != options.server) return;
      entry.server = balance.server;
      entry.day = balance.day;
      entry.format = balance.format;
      if (options.kind == "rehomed") return Rehome(options, balance, entry, all);
      all.push_back(entry);
    });
    if (!read) return tl::unexpected<Error>(read.error());
  }
  const bool to_come = options.kind == "decrease" && !options.format.empty() &&
                       !options.day.empty() && !options.server.empty();
  if (all.empty() && to_come) all.push_back(asked);
  std::vector<OperatorEntry> entries;
  Once once;
  for (OperatorEntry& one : all) {
    if (once.IsNew(one)) entries.push_back(std::move(one));
  }
  if (!entries.empty()) return entries;
  return tl::unexpected<Error>(
      Usage("the ledger has no such partition of " + options.project +
            "; for one that is to come give --day, --data-format and --server"));
}

// One entry for each output of the format that is known to have moved.
Result<std::vector<OperatorEntry>> Acknowledge(const PermitOptions& options,
                                               std::vector<LedgerView>& ledgers,
                                               OperatorEntry entry) {
  std::vector<OperatorEntry> entries;
  Once once;
  for (LedgerView& ledger : ledgers) {
    auto alerts = ledger.Alerts("");
    if (!alerts) return tl::unexpected<Error>(alerts.error());
    for (const AlertRow& alert : *alerts) {
      if (alert.rule != "output_moved" || alert.state == "resolved") continue;
      if (alert.format != options.format) continue;
      if (!options.server.empty() && alert.server != options.server) continue;
      entry.server = alert.server;
      if (once.IsNew(entry)) entries.push_back(entry);
    }
  }
  if (!entries.empty()) return entries;
  return tl::unexpected<Error>(Usage("no output of format " + options.format +
                                     " is known to have moved; `rollcall alerts` lists those"));
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

Result<void> CheckPermit(const PermitOptions& options, Time now) {
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
  if (!options.expires.empty() && *ParseTime(options.expires) <= now) {
    return wrong("--expires " + options.expires + " is over: nothing would be permitted");
  }
  if (options.reason.find_first_not_of(" \t\n") == std::string::npos) {
    return wrong("--reason says why, for whoever asks later");
  }
  return {};
}

Result<std::vector<OperatorEntry>> PermitEntries(const PermitOptions& options,
                                                 std::vector<LedgerView>& ledgers, Time now) {
  OperatorEntry entry;
  entry.kind = "permit";
  entry.at = now;
  entry.server = options.server;
  if (entry.server.empty() && !ledgers.empty()) entry.server = ledgers.front().server();
  entry.project = options.project;
  entry.day = options.day;
  entry.format = options.format;
  entry.detail = DetailOf(options);
  return options.kind == "move" ? Acknowledge(options, ledgers, std::move(entry))
                                : Expand(options, ledgers, std::move(entry));
}

Result<OperatorEntry> AnnotationEntry(const AnnotateOptions& options, const std::string& server,
                                      Time now) {
  const auto at = options.at.empty() ? now : ParseTime(options.at);
  if (!at) {
    return tl::unexpected<Error>(
        Usage(options.at + " is not a timestamp; write 2016-02-22T17:00:00Z"));
  }
  OperatorEntry entry;
  entry.kind = options.deploy_version.empty() ? "annotation" : "deploy";
  entry.at = *at;
  entry.server = options.server.empty() ? server : options.server;
  entry.project = options.project;
  entry.version = options.deploy_version;
  entry.detail = Write(Document{{"text", options.text}}, -1);
  return entry;
}

Document EntriesDocument(const std::vector<OperatorEntry>& entries,
                         const std::vector<std::string>& ids) {
  Document written = Document::array();
  for (size_t i = 0; i < entries.size(); ++i) {
    const OperatorEntry& entry = entries[i];
    written.push_back({{"id", ids[i]},
                       {"kind", entry.kind},
                       {"server", TextOrNull(entry.server)},
                       {"project", TextOrNull(entry.project)},
                       {"day", TextOrNull(entry.day)},
                       {"format", TextOrNull(entry.format)}});
  }
  return written;
}
