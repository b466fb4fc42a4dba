#include "dashboards/fleet_documents.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "monitor/counts.h"
#include "rules/alert_text.h"
#include "rules/impact_day.h"
#include "rules/incident.h"

namespace {

Document Counts(const std::map<std::string, std::pair<int64_t, int64_t>>& alerts,
                const std::string& severity) {
  const auto found = alerts.find(severity);
  const auto [pending, firing] =
      found == alerts.end() ? std::pair<int64_t, int64_t>() : found->second;
  return {{"pending", pending}, {"firing", firing}};
}

std::string VerdictOf(const Overview& overview) {
  bool missing = overview.impact.totals.events.missing > 0;
  for (const ImpactTotals& unit : overview.impact.other_units) {
    missing = missing || unit.events.missing > 0;
  }
  const auto critical = overview.alerts.find("critical");
  if (missing || (critical != overview.alerts.end() && critical->second.second > 0))
    return "firing";
  return overview.reasons.empty() ? "clear" : "unknown";
}

std::string StateOf(const SourceRow& source, const LedgerStatus& ledger) {
  if (source.blind) return "blind";
  if (!source.read_at) return "never_read";
  return ledger.writer_running == true ? "watched" : "unknown";
}

// What a project-day comes to, from the copies of which nobody says that they are gone rightly.
Document DayDocument(const std::string& day, const std::vector<const PlacedBalance*>& copies,
                     const std::vector<FormatRow>& formats) {
  DayCase day_case;
  int64_t unknown = 0, surplus = 0, retired = 0;
  for (const PlacedBalance* copy : copies) {
    if (copy->retired) {
      ++retired;
      continue;
    }
    const bool doubtful = copy->balance.verdict == "unknown" || copy->balance.uncertain;
    unknown += doubtful ? 1 : 0;
    surplus = std::max(surplus, copy->balance.surplus);
    day_case.copies.push_back({&copy->balance, {}});
  }
  const auto count = static_cast<int64_t>(copies.size());
  if (day_case.copies.empty()) {
    return {{"day", day},
            {"verdict", "unknown"},
            {"retired", true},
            {"format", nullptr},
            {"unit", copies.front()->balance.unit},
            {"events_expected", nullptr},
            {"events_actual", nullptr},
            {"events_missing", nullptr},
            {"surplus", 0},
            {"deviation", nullptr},
            {"certain", true},
            {"copies", count},
            {"unknown_copies", 0}};
  }
  const DayVerdict verdict = JudgeDay(day_case, formats);
  const int64_t missing = verdict.events.missing, expected = verdict.events.expected;
  const bool certain = verdict.events.certain && unknown == 0;
  // A copy that lost what another still holds is wrong all the same.
  const bool lossy = std::any_of(day_case.copies.begin(), day_case.copies.end(),
                                 [](const LostCopy& copy) { return copy.balance->missing > 0; });
  const bool counted =
      std::any_of(day_case.copies.begin(), day_case.copies.end(), [&](const LostCopy& copy) {
        return copy.balance->format == verdict.format && copy.balance->unit == verdict.unit &&
               copy.balance->expected.has_value();
      });
  const bool known = counted && (certain || missing > 0);
  Document deviation = nullptr;
  if (known && expected > 0) {
    deviation =
        static_cast<double>(missing > 0 ? -missing : surplus) / static_cast<double>(expected);
  } else if (known && expected == 0 && surplus == 0) {
    deviation = 0.0;
  }
  return {{"day", day},
          {"verdict", missing > 0 || lossy ? "firing"
                      : certain && counted ? "clear"
                                           : "unknown"},
          {"retired", false},
          {"format", TextOrNull(verdict.format)},
          {"unit", verdict.unit},
          {"events_expected", counted ? Document(expected) : Document(nullptr)},
          {"events_actual", known ? Document(expected - missing) : Document(nullptr)},
          {"events_missing", known ? Document(missing) : Document(nullptr)},
          {"surplus", surplus},
          {"deviation", std::move(deviation)},
          {"certain", certain},
          {"copies", count},
          {"unknown_copies", unknown}};
}

}  // namespace

Document SummaryDocument(const Overview& overview) {
  std::optional<Time> first, last;
  for (const ProjectState& project : overview.projects) {
    if (project.first_loss_at)
      first = std::min(*project.first_loss_at, first.value_or(*project.first_loss_at));
    if (project.last_loss_at)
      last = std::max(*project.last_loss_at, last.value_or(*project.last_loss_at));
  }
  const auto firing =
      std::count_if(overview.incidents.begin(), overview.incidents.end(),
                    [](const IncidentState& incident) { return incident.state == "firing"; });
  return {{"verdict", VerdictOf(overview)},
          {"reasons", overview.reasons},
          {"totals", ImpactDocument(overview.impact)["totals"]},
          {"incidents", firing},
          {"alerts",
           {{"critical", Counts(overview.alerts, "critical")},
            {"warning", Counts(overview.alerts, "warning")}}},
          {"servers", overview.ledgers.size()},
          {"projects", overview.known_projects},
          {"first_loss_at", TimeOrNull(first)},
          {"last_loss_at", TimeOrNull(last)}};
}

Document IncidentDocument(const IncidentState& incident, Document acknowledgements) {
  AlertText text;
  if (incident.first) text = TextOf(*incident.first);
  return {{"id", incident.id},
          {"state", incident.state},
          {"severity", incident.severity},
          {"rules", incident.rules},
          {"cause", TextOrNull(incident.cause)},
          {"version", TextOrNull(incident.version)},
          {"previous_version", TextOrNull(incident.previous_version)},
          {"summary", text.summary},
          {"runbook", text.runbook},
          {"servers", incident.servers},
          {"projects", incident.projects},
          {"project_days", incident.project_days},
          {"events_missing", CountOrNull(incident.events_missing)},
          {"unit", TextOrNull(incident.unit)},
          {"starts_at", TimeOrNull(incident.starts_at)},
          {"last_at", TimeOrNull(incident.last_at)},
          {"ends_at", TimeOrNull(incident.ends_at)},
          {"alerts",
           {{"pending", incident.pending},
            {"firing", incident.firing},
            {"resolved", incident.resolved}}},
          {"acknowledgements", std::move(acknowledgements)}};
}

Document ProjectDocument(const ProjectState& project) {
  return {{"project", project.project},
          {"verdict", project.verdict},
          {"events_missing", CountOrNull(project.events_missing)},
          {"events_expected", CountOrNull(project.events_expected)},
          {"certain", project.certain},
          {"unit", TextOrNull(project.unit)},
          {"days_missing", project.lossy_days},
          {"unknown_copies", project.unknown_copies},
          {"first_loss_at", TimeOrNull(project.first_loss_at)},
          {"last_loss_at", TimeOrNull(project.last_loss_at)},
          {"alerts", {{"pending", project.pending}, {"firing", project.firing}}}};
}

Document LedgerDocument(const LedgerStatus& ledger) {
  return {{"id", TextOrNull(ledger.id)},
          {"server", TextOrNull(ledger.server)},
          {"path", ledger.path},
          {"readable", ledger.readable},
          {"problem", TextOrNull(ledger.problem)},
          {"written_at", TimeOrNull(ledger.written_at)},
          {"head_seq", CountOrNull(ledger.head_seq)},
          {"writer_running",
           ledger.writer_running ? Document(*ledger.writer_running) : Document(nullptr)}};
}

Document PartitionDocument(const PlacedBalance& partition) {
  const BalanceRow& balance = partition.balance;
  Document document = BalanceDocument(balance);
  document.update({{"opening", balance.opening},
                   {"verdict", balance.verdict},
                   {"uncertain", balance.uncertain},
                   {"retired", partition.retired},
                   {"observed_until", TimeOrNull(balance.observed_until)}});
  return document;
}

Document ServerDocument(const ServerInput& server) {
  constexpr size_t kMostBlind = 100;
  Document sources = Document::array();
  for (const SourceRow& source : server.sources) {
    sources.push_back({{"source", source.source},
                       {"shape", source.shape},
                       {"unit", source.unit},
                       {"state", StateOf(source, server.ledger)},
                       {"reason", TextOrNull(source.reason)},
                       {"read_at", TimeOrNull(source.read_at)},
                       {"watched_since", TimeOrNull(source.watched_since)},
                       {"blind_since", TimeOrNull(source.blind_since)},
                       {"lines", source.lines},
                       {"ignored_lines", source.ignored_lines},
                       {"quarantined_lines", source.quarantined_lines},
                       {"blind_seconds", (source.blind_milliseconds + 999) / 1000}});
  }
  std::vector<BlindRow> newest = server.blind;
  std::stable_sort(newest.begin(), newest.end(), [](const BlindRow& a, const BlindRow& b) {
    return std::tuple(!a.to.has_value(), a.from) > std::tuple(!b.to.has_value(), b.from);
  });
  newest.resize(std::min(newest.size(), kMostBlind));
  Document blind = Document::array();
  for (const BlindRow& row : newest) blind.push_back(BlindDocument(row));
  return {{"server", TextOrNull(server.ledger.server)},
          {"ledger", LedgerDocument(server.ledger)},
          {"sources", std::move(sources)},
          {"blind", std::move(blind)},
          {"blind_spans", server.blind.size()}};
}

Document FormatsDocument(const std::vector<FormatRow>& formats,
                         const std::vector<FormatTally>& tallies) {
  struct Sum {
    FormatRow format;
    FormatTally tally;
  };
  std::map<std::string, Sum> sums;
  for (const FormatRow& format : formats) sums[format.format].format = format;
  for (const FormatTally& tally : tallies) {
    FormatTally& sum = sums[tally.format].tally;
    Increase(sum.runs, tally.runs);
    Increase(sum.failed_runs, tally.failed_runs);
    Increase(sum.events_written, tally.events_written);
    Increase(sum.events_missing, tally.events_missing);
    sum.dead = sum.dead || tally.dead;
    // Every server is watched from then on.
    if (tally.dead_watched_since) {
      sum.dead_watched_since =
          std::max(*tally.dead_watched_since, sum.dead_watched_since.value_or(Time{}));
    }
  }
  Document list = Document::array();
  for (const auto& [name, sum] : sums) {
    Document retention = nullptr;
    if (sum.format.retention) {
      retention = std::chrono::duration_cast<std::chrono::seconds>(*sum.format.retention).count();
    }
    list.push_back({{"format", name},
                    {"reads", TextOrNull(sum.format.reads)},
                    {"serving", sum.format.serving},
                    {"retention_seconds", std::move(retention)},
                    {"dead", sum.tally.dead},
                    {"dead_watched_since", TimeOrNull(sum.tally.dead_watched_since)},
                    {"runs", sum.tally.runs},
                    {"failed_runs", sum.tally.failed_runs},
                    {"events_written", sum.tally.events_written},
                    {"events_missing", sum.tally.events_missing}});
  }
  return list;
}

Document CalendarDocument(const std::string& project, const std::vector<PlacedBalance>& copies,
                          const std::vector<FormatRow>& formats, const std::string& since,
                          const std::string& until) {
  std::map<std::string, std::map<std::pair<std::string, std::string>, const PlacedBalance*>> days;
  for (const PlacedBalance& copy : copies) {
    const std::string& day = copy.balance.day;
    if ((!since.empty() && day < since) || (!until.empty() && day >= until)) continue;
    // Two ledgers may know one partition: the one that saw more of it, or last, is believed.
    const PlacedBalance*& known = days[day][{copy.balance.format, copy.balance.server}];
    const auto rank = [](const BalanceRow& row) {
      return std::tuple(row.actual.has_value(), row.observed_until);
    };
    if (!known || rank(copy.balance) > rank(known->balance)) known = &copy;
  }
  Document list = Document::array();
  for (const auto& [day, known] : days) {
    std::vector<const PlacedBalance*> of_day;
    for (const auto& [key, copy] : known) of_day.push_back(copy);
    list.push_back(DayDocument(day, of_day, formats));
  }
  return {{"project", project}, {"days", std::move(list)}};
}
