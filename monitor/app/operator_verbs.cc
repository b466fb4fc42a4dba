#include "monitor/app/operator_verbs.h"

#include <iostream>

#include "dashboards/documents.h"
#include "dashboards/table.h"
#include "monitor/app/operator_entries.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/app/output.h"
#include "monitor/ledger.h"
#include "monitor/ledger_view.h"
#include "rules/engine.h"

namespace {

// Writes the entries to the inbox. Returns them with their ids.
Result<Document> WriteAll(const Config& config, const std::vector<OperatorEntry>& entries) {
  auto ids = WriteOperatorEntries(config.operator_db, entries);
  if (!ids) return tl::unexpected<Error>(ids.error());
  return EntriesDocument(entries, *ids);
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

}  // namespace

int Permit(const Settings& settings, const PermitOptions& options) {
  auto config = LoadConfig(settings);
  if (!config) return Report(config.error());
  const Time now = SystemClock().Now();
  if (auto ok = CheckPermit(options, now); !ok) return Report(ok.error());
  auto views = OpenLedgers({config->ledger});
  if (!views) return Report(views.error());
  const auto entries = PermitEntries(options, *views, now);
  if (!entries) return Report(entries.error());
  return Deliver(*config, views->front().server(), *entries, settings.format);
}

int Annotate(const Settings& settings, const AnnotateOptions& options) {
  auto config = LoadConfig(settings);
  if (!config) return Report(config.error());
  auto view = LedgerView::Open(config->ledger);
  if (!view) return Report(view.error());
  const auto entry = AnnotationEntry(options, view->server(), SystemClock().Now());
  if (!entry) return Report(entry.error());
  return Deliver(*config, view->server(), {*entry}, settings.format);
}
