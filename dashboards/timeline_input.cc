#include "dashboards/timeline_input.h"

#include <set>

namespace {

// Alerts of a whole output (server and format) or of a source concern every project they carry.
bool Concerns(const AlertRow& alert, const std::string& project, const std::string& day,
              const std::string& server) {
  if (!server.empty() && !alert.server.empty() && alert.server != server) return false;
  if (alert.project.empty()) return true;
  return alert.project == project && (day.empty() || alert.day == day);
}

Result<void> AddLedger(LedgerView& ledger, const std::string& project, const std::string& day,
                       const std::string& server, int64_t row_limit, TimelineInput& input) {
  std::set<std::string> formats;
  bool known = false;
  auto ok = ledger.Timeline(project, day, server, [&](FactEntry fact) {
    known = known || fact.project == project;
    if (fact.project == project) formats.insert(fact.format);
    input.facts.push_back(std::move(fact));
    if (static_cast<int64_t>(input.facts.size()) <= row_limit) return;
    ledger.Stop("more than " + std::to_string(row_limit) + " facts tell of " + project +
                "; ask for a day, or a server");
  });
  if (!ok || !known) return ok;
  auto alerts = ledger.AlertsConcerning(project);
  if (!alerts) return tl::unexpected<Error>(alerts.error());
  for (AlertRow& alert : *alerts) {
    const bool carried = alert.format.empty() || formats.count(alert.format) > 0;
    if (carried && Concerns(alert, project, day, server)) input.alerts.push_back(std::move(alert));
  }
  auto blind = ledger.Blind(project);
  if (!blind) return tl::unexpected<Error>(blind.error());
  for (BlindRow& row : *blind) {
    if (row.touches) input.blind.push_back(std::move(row));
  }
  return {};
}

}  // namespace

Result<TimelineInput> ReadTimelineInput(std::vector<LedgerView>& ledgers,
                                        const std::string& project, const std::string& day,
                                        const std::string& server, int64_t row_limit) {
  TimelineInput input;
  for (LedgerView& ledger : ledgers) {
    if (auto ok = AddLedger(ledger, project, day, server, row_limit, input); !ok) {
      return tl::unexpected<Error>(ok.error());
    }
  }
  return input;
}
