// LedgerView, fourth part: what nobody was watching of the compaction logs. That files were not is
// another matter: counts come from the logs.

#include <algorithm>
#include <map>

#include "monitor/hash_chain.h"
#include "monitor/ledger_view.h"
#include "monitor/ledger_view_cells.h"

namespace {

constexpr const char* kGaps =
    "SELECT source.name, gap.source, gap.reason, gap.blind, gap.began, gap.ended, gap.epoch, 1 "
    "FROM gap JOIN source ON source.id = gap.source WHERE gap.blind AND source.shape <> 'files' "
    "UNION ALL SELECT source.name, gap.source, gap.reason, 0, min(gap.began), "
    "max(coalesce(gap.ended, "
    "gap.began)), max(gap.epoch), count(*) FROM gap JOIN source ON source.id = gap.source WHERE "
    "NOT gap.blind AND source.shape <> 'files' GROUP BY gap.source, gap.reason ORDER BY 5";
// When each project of each source was last observed throughout.
constexpr const char* kObserved =
    "SELECT source, project, min(epoch) FROM balance GROUP BY source, project";
constexpr const char* kObservedOf =
    "SELECT source, min(epoch) FROM balance WHERE project = ? GROUP BY source";
// Sources that some partition has; one of which no log was read has none.
constexpr const char* kObservedAtAll =
    "SELECT id FROM source WHERE EXISTS (SELECT 1 FROM log WHERE log.source = source.id) AND "
    "EXISTS (SELECT 1 FROM balance WHERE source = "
    "source.id)";

constexpr const char* kBlindAlerts =
    "SELECT source.name, a.evidence ->> '$.reason', coalesce(a.began_at, 0) FROM alert a "
    "INDEXED BY alert_open JOIN source ON source.id = a.source WHERE a.rule = 'blind' AND a.state "
    "<> 'resolved' AND source.shape <> "
    "'files'";
constexpr const char* kNeverRead =
    "SELECT name FROM source WHERE shape <> 'files' AND read_at IS NULL AND NOT EXISTS (SELECT 1 "
    "FROM log WHERE "
    "log.source = source.id) AND NOT EXISTS (SELECT 1 FROM gap WHERE gap.source = source.id) ORDER "
    "BY id";

}  // namespace

Result<std::vector<BlindRow>> LedgerView::Blind(std::string_view project) {
  std::vector<BlindRow> rows;
  const auto lost = LostCommits();
  if (!lost) return tl::unexpected<Error>(lost.error());
  if (!lost->empty()) {
    BlindRow row;
    row.server = server_;
    row.source = path_;
    row.reason = *lost;
    rows.push_back(std::move(row));
  }
  auto ok = Read([&] {
    AddGaps(ReadObserved(project), rows);
    AddBlindAlerts(rows);
    AddSourcesNeverRead(rows);
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return rows;
}

Result<std::string> LedgerView::LostCommits() {
  // In this order: a writer commits first.
  const auto outside = ReadHead(path_ + ".head");
  if (!outside) return outside.error().message;
  const auto ends = HeadSeq();
  if (!ends) return tl::unexpected<Error>(ends.error());
  if (outside->ledger_id != ledger_id_ || outside->seq <= *ends) return std::string();
  return "the ledger ends at fact " + std::to_string(*ends) + ", but " +
         std::to_string(outside->seq) + " had been committed: what came after it is lost here";
}

Result<std::vector<BlindRow>> LedgerView::BlindSpans() {
  std::vector<BlindRow> rows;
  auto ok = Read([&] {
    AddGaps({}, rows);
    AddBlindAlerts(rows);
    AddSourcesNeverRead(rows);
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return rows;
}

LedgerView::Observed LedgerView::ReadObserved(std::string_view project) {
  Observed observed;
  if (project.empty()) {
    Statement balances = database_.Prepare(kObserved);
    balances.Bind({});
    while (balances.Step()) {
      const int64_t source = balances.Integer(0);
      observed.epochs[source].push_back(balances.Integer(2));
      observed.touches[source] = true;
    }
    return observed;
  }
  Statement own = database_.Prepare(kObservedOf), any = database_.Prepare(kObservedAtAll);
  own.Bind({Cell::Of(NameId(project))});
  while (own.Step()) {
    observed.epochs[own.Integer(0)].push_back(own.Integer(1));
    observed.touches[own.Integer(0)] = true;
  }
  any.Bind({});
  while (any.Step()) observed.epochs[any.Integer(0)];  // others' projects only: none of this one
  return observed;
}

void LedgerView::AddGaps(const Observed& observed, std::vector<BlindRow>& rows) {
  Statement gaps = database_.Prepare(kGaps);
  gaps.Bind({});
  while (gaps.Step()) {
    BlindRow row;
    row.server = server_;
    row.source = TextAt(gaps, 0);
    row.reason = TextAt(gaps, 2);
    row.quarantined = gaps.Integer(3) == 0;
    row.lines = row.quarantined ? gaps.Integer(7) : 0;
    row.from = TimeAt(gaps, 4).value_or(Time{});
    row.to = TimeAt(gaps, 5);
    const auto known = observed.epochs.find(gaps.Integer(1));
    if (known != observed.epochs.end()) {
      row.touches = observed.touches.contains(known->first);
      row.projects = std::count_if(known->second.begin(), known->second.end(),
                                   [&](int64_t epoch) { return epoch < gaps.Integer(6); });
    }
    rows.push_back(std::move(row));
  }
}

// What is not watched now: lagging, or unreadable since a moment that no fact tells of.
void LedgerView::AddBlindAlerts(std::vector<BlindRow>& rows) {
  Statement alerts = database_.Prepare(kBlindAlerts);
  alerts.Bind({});
  while (alerts.Step()) {
    BlindRow row;
    row.server = server_;
    row.source = TextAt(alerts, 0);
    row.reason = TextAt(alerts, 1);
    row.from = TimeAt(alerts, 2).value_or(Time{});
    // The reason names the file, where that of a gap does not.
    const auto gap = std::find_if(rows.begin(), rows.end(), [&](const BlindRow& known) {
      return known.source == row.source && !known.quarantined && row.reason.ends_with(known.reason);
    });
    if (gap == rows.end()) {
      rows.push_back(std::move(row));
    } else {
      gap->to.reset();
    }
  }
}

void LedgerView::AddSourcesNeverRead(std::vector<BlindRow>& rows) {
  Statement sources = database_.Prepare(kNeverRead);
  sources.Bind({});
  while (sources.Step()) {
    BlindRow row;
    row.server = server_;
    row.source = TextAt(sources, 0);
    row.reason = "nothing of it has been read yet";
    rows.push_back(std::move(row));
  }
}
