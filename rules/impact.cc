#include "rules/impact.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "monitor/counts.h"
#include "rules/impact_day.h"
#include "rules/incident.h"
#include "rules/recoverable.h"

namespace {

bool Selected(const LossRow& loss, const ImpactFilter& filter) {
  if (filter.since && loss.at < *filter.since) return false;
  if (filter.until && loss.at >= *filter.until) return false;
  return filter.version.empty() || loss.version == filter.version ||
         loss.previous_version == filter.version;
}

using Partition = std::tuple<std::string, std::string, std::string, std::string>;

// Two ledgers may know one partition: the one that saw more of it, or last, is believed.
bool Better(const BalanceRow& a, const BalanceRow& b) {
  return std::tuple(a.actual.has_value(), a.observed_until) >
         std::tuple(b.actual.has_value(), b.observed_until);
}

std::map<Partition, const BalanceRow*> Copies(const ImpactInput& input,
                                              const ImpactFilter& filter) {
  std::map<Partition, const BalanceRow*> copies;
  for (const BalanceRow& row : input.copies) {
    if (!filter.project.empty() && row.project != filter.project) continue;
    const BalanceRow*& copy = copies[{row.project, row.day, row.format, row.server}];
    if (!copy || Better(row, *copy)) copy = &row;
  }
  return copies;
}

// The project-days in which the filter selects a loss, with all their copies.
std::vector<DayCase> Cases(const ImpactInput& input, const ImpactFilter& filter) {
  std::map<std::pair<Partition, std::string>, std::vector<const LossRow*>> losses;  // and ledger
  for (const LossRow& loss : input.losses) {
    losses[{{loss.project, loss.day, loss.format, loss.server}, loss.ledger}].push_back(&loss);
  }
  std::map<std::pair<std::string, std::string>, DayCase> days;
  std::set<std::pair<std::string, std::string>> selected;
  for (const auto& [partition, balance] : Copies(input, filter)) {
    const std::pair day{balance->project, balance->day};
    LostCopy copy{balance, {}};
    const auto found = losses.find({partition, balance->ledger});
    if (balance->missing > 0 && found != losses.end()) {
      for (const LossRow* loss : StandingLosses(found->second)) {
        copy.losses.push_back({loss, Selected(*loss, filter)});
        if (copy.losses.back().selected) selected.insert(day);
      }
    }
    days[day].copies.push_back(std::move(copy));
  }
  std::vector<DayCase> cases;
  for (const auto& day : selected) cases.push_back(std::move(days[day]));
  return cases;
}

void Add(const ImpactCount& more, ImpactCount& sum) {
  Increase(sum.missing, more.missing);
  Increase(sum.expected, more.expected);
  sum.certain = sum.certain && more.certain;
}

// One line per partition with a selected loss.
void AddPartitions(const DayCase& day, Impact& impact) {
  for (const LostCopy& copy : day.copies) {
    const LossRow* first = nullptr;
    ImpactPartition partition;
    for (const StandingLoss& loss : copy.losses) {
      if (!loss.selected) continue;
      if (!first) first = loss.row;
      partition.last_loss_at = loss.row->at;
      ++partition.runs;
    }
    if (!first) continue;
    partition.balance = *copy.balance;
    partition.cause = first->cause;
    partition.version = first->version;
    partition.previous_version = first->previous_version;
    partition.first_loss_at = first->at;
    impact.partitions.push_back(std::move(partition));
  }
}

// Incidents while they are being collected.
struct IncidentCase {
  ImpactIncident incident;
  std::set<std::string> servers, projects;
  std::set<std::pair<std::string, std::string>> days;
  std::map<std::string, int64_t> missing;  // by unit
};

std::string IncidentOf(const LossRow& loss) {
  return IncidentId(RuleOfLoss(loss.cause), loss.server, loss.version);
}

void AddLoss(const LossRow& loss, IncidentCase& incident) {
  ImpactIncident& row = incident.incident;
  if (row.id.empty() || loss.at < row.first_at) {
    row.cause = loss.cause;
    row.version = loss.version;
    row.previous_version = loss.previous_version;
    row.first_at = loss.at;
  }
  if (row.id.empty() || loss.at > row.last_at) row.last_at = loss.at;
  row.id = IncidentOf(loss);
  incident.servers.insert(loss.server);
  incident.projects.insert(loss.project);
  incident.days.insert({loss.project, loss.day});
}

std::vector<ImpactIncident> FinishIncidents(std::map<std::string, IncidentCase>& cases,
                                            const std::string& main_unit) {
  std::vector<ImpactIncident> incidents;
  for (auto& [id, entry] : cases) {
    ImpactIncident& incident = entry.incident;
    incident.servers = static_cast<int64_t>(entry.servers.size());
    incident.projects = static_cast<int64_t>(entry.projects.size());
    incident.project_days = static_cast<int64_t>(entry.days.size());
    incident.unit = main_unit;
    if (!entry.missing.empty() && !entry.missing.count(main_unit)) {
      incident.unit = entry.missing.begin()->first;
    }
    incident.events_missing = entry.missing[incident.unit];
    incidents.push_back(std::move(incident));
  }
  std::sort(incidents.begin(), incidents.end(), [](const auto& a, const auto& b) {
    return std::tie(b.events_missing, a.first_at, a.id) <
           std::tie(a.events_missing, b.first_at, b.id);
  });
  return incidents;
}

// Adds a day's losses to their incidents. Returns what the selected ones took from the customer.
int64_t AddLosses(const DayCase& day, const DayVerdict& verdict,
                  std::map<std::string, IncidentCase>& incidents) {
  for (const LostCopy& copy : day.copies) {
    for (const StandingLoss& loss : copy.losses) {
      if (loss.selected) AddLoss(*loss.row, incidents[IncidentOf(*loss.row)]);
    }
  }
  int64_t missing = 0;
  for (const DayVerdict::Share& share : verdict.shares) {
    if (!share.loss.selected) continue;
    Increase(incidents[IncidentOf(*share.loss.row)].missing[verdict.unit], share.events);
    Increase(missing, share.events);
  }
  return missing;
}

using KeptByDay = std::map<std::pair<std::string, std::string>, std::vector<KeptRow>>;

KeptByDay ByDay(const std::vector<KeptRow>& rows) {
  KeptByDay kept;
  for (const KeptRow& row : rows) kept[{row.project, row.day}].push_back(row);
  return kept;
}

const std::vector<KeptRow>& KeptOf(const DayCase& day, const KeptByDay& kept) {
  static const std::vector<KeptRow> kNone;
  const BalanceRow& any = *day.copies.front().balance;
  const auto found = kept.find({any.project, any.day});
  return found == kept.end() ? kNone : found->second;
}

using ProjectKey = std::pair<std::string, std::string>;  // project, unit

// A project's days of one unit; a day that is neither lossy for customers nor uncertain is left
// out.
void AddDay(const DayVerdict& verdict, const DayCase& day, const std::vector<KeptRow>& kept,
            bool details, std::map<ProjectKey, ImpactProject>& projects) {
  const BalanceRow& any = *day.copies.front().balance;
  ImpactProject& project = projects[{any.project, verdict.unit}];
  project.project = any.project;
  project.unit = verdict.unit;
  ++project.lossy_days;
  for (const LostCopy& copy : day.copies) {
    for (const StandingLoss& loss : copy.losses) {
      if (!loss.selected) continue;
      const Time at = loss.row->at;
      project.first_loss_at = std::min(at, project.first_loss_at.value_or(at));
      project.last_loss_at = std::max(at, project.last_loss_at.value_or(at));
    }
  }
  ImpactRecovery recoverable = RecoverableOf(day, verdict, kept);
  Increase(project.recoverable, recoverable.events.value_or(0));
  if (details) {
    project.days.push_back({any.day, verdict.format, verdict.events, std::move(recoverable)});
  }
  Add(verdict.events, project.events);
}

std::vector<ImpactTotals> TotalsByUnit(const std::map<ProjectKey, ImpactProject>& projects) {
  std::map<std::string, ImpactTotals> units;
  for (const auto& [key, project] : projects) {
    ImpactTotals& totals = units[project.unit];
    totals.unit = project.unit;
    ++totals.projects;
    totals.project_days += project.lossy_days;
    Add(project.events, totals.events);
    Increase(totals.recoverable, project.recoverable);
  }
  std::vector<ImpactTotals> all;
  for (auto& [unit, totals] : units) all.push_back(std::move(totals));
  // The unit that the totals speak of: events, else that of most days.
  std::stable_sort(all.begin(), all.end(), [](const ImpactTotals& a, const ImpactTotals& b) {
    const bool a_events = a.unit == "events", b_events = b.unit == "events";
    if (a_events != b_events) return a_events;
    return a.project_days > b.project_days;
  });
  return all;
}

// Blind intervals that overlap the span, and quarantined lines that still leave something unknown.
std::vector<BlindRow> Unknown(const ImpactInput& input, const ImpactFilter& filter) {
  std::vector<BlindRow> unknown;
  for (const BlindRow& blind : input.blind) {
    if (filter.since && blind.to && *blind.to < *filter.since) continue;
    if (filter.until && blind.from >= *filter.until) continue;
    if (!filter.project.empty() && !blind.touches) continue;
    if (blind.quarantined && blind.projects == 0) continue;
    unknown.push_back(blind);
  }
  std::sort(unknown.begin(), unknown.end(), [](const BlindRow& a, const BlindRow& b) {
    return std::tie(a.from, a.server, a.source) < std::tie(b.from, b.server, b.source);
  });
  return unknown;
}

void SortProjects(std::map<ProjectKey, ImpactProject>& projects, Impact& impact) {
  for (auto& [key, project] : projects) impact.projects.push_back(std::move(project));
  std::stable_sort(impact.projects.begin(), impact.projects.end(),
                   [](const ImpactProject& a, const ImpactProject& b) {
                     return a.events.missing > b.events.missing;
                   });
}

}  // namespace

struct ImpactSum::State {
  Impact impact;
  std::map<ProjectKey, ImpactProject> projects;
  std::map<std::string, IncidentCase> incidents;
};

ImpactSum::ImpactSum(const ImpactFilter& filter, bool details)
    : filter_(filter), details_(details), state_(std::make_unique<State>()) {}
ImpactSum::~ImpactSum() = default;

void ImpactSum::Add(const ImpactInput& part) {
  const KeptByDay kept = ByDay(part.kept);
  for (const DayCase& day : Cases(part, filter_)) {
    if (details_) AddPartitions(day, state_->impact);
    DayVerdict verdict = JudgeDay(day, part.formats);
    verdict.events.missing = AddLosses(day, verdict, state_->incidents);
    if (verdict.events.missing == 0 && verdict.events.certain) continue;
    AddDay(verdict, day, KeptOf(day, kept), details_, state_->projects);
  }
}

Impact ImpactSum::Finish(const ImpactInput& rest) {
  Impact impact = std::move(state_->impact);
  impact.window = filter_;
  impact.as_of = rest.written_at;
  for (auto& [key, project] : state_->projects) {
    if (rest.unknown_copies.contains(project.project)) project.events.certain = false;
  }
  std::vector<ImpactTotals> totals = TotalsByUnit(state_->projects);
  if (!totals.empty()) {
    impact.totals = totals.front();
    impact.other_units.assign(totals.begin() + 1, totals.end());
  }
  impact.incidents = FinishIncidents(state_->incidents, impact.totals.unit);
  SortProjects(state_->projects, impact);
  impact.unknown = Unknown(rest, filter_);
  for (const auto& [project, copies] : rest.unknown_copies) impact.unknown_copies += copies;
  const bool blind = std::any_of(impact.unknown.begin(), impact.unknown.end(),
                                 [](const BlindRow& row) { return row.projects != 0; });
  impact.nothing_known = rest.nothing_known;
  if (!blind && impact.unknown_copies == 0 && !impact.nothing_known) return impact;
  impact.totals.events.certain = false;
  for (ImpactTotals& other : impact.other_units) other.events.certain = false;
  return impact;
}

Impact ComputeImpact(const ImpactInput& input, const ImpactFilter& filter) {
  ImpactSum sum(filter, true);
  sum.Add(input);
  return sum.Finish(input);
}
