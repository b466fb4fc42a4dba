#include "rules/impact.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "rules/impact_day.h"
#include "rules/incident.h"

namespace {

bool InSpan(const LossRow& loss, const ImpactFilter& filter) {
  if (filter.since && loss.at < *filter.since) return false;
  if (filter.until && loss.at >= *filter.until) return false;
  if (!filter.version.empty() && loss.version != filter.version) return false;
  return filter.project.empty() || loss.project == filter.project;
}

// Groups copies and losses by project-day; keeps what the filter selects.
std::vector<DayCase> Cases(const ImpactInput& input, const ImpactFilter& filter) {
  std::map<std::pair<std::string, std::string>, DayCase> days;
  for (const BalanceRow& copy : input.copies) {
    if (!filter.project.empty() && copy.project != filter.project) continue;
    days[{copy.project, copy.day}].copies.push_back({&copy, {}});
  }
  std::map<std::tuple<std::string, std::string, std::string, std::string>,
           std::vector<const LossRow*>>
      losses;
  for (const LossRow& loss : input.losses) {
    losses[{loss.server, loss.project, loss.day, loss.format}].push_back(&loss);
  }
  std::vector<DayCase> selected;
  for (auto& [key, day] : days) {
    bool any = false;
    for (LostCopy& copy : day.copies) {
      const BalanceRow& row = *copy.balance;
      const auto found = losses.find({row.server, row.project, row.day, row.format});
      if (row.missing <= 0 || found == losses.end()) continue;
      copy.losses = StandingLosses(found->second);
      std::erase_if(copy.losses, [&](const LossRow* loss) { return !InSpan(*loss, filter); });
      any = any || !copy.losses.empty();
    }
    if (any) selected.push_back(std::move(day));
  }
  return selected;
}

void Add(const ImpactCount& more, ImpactCount& sum) {
  sum.missing += more.missing;
  sum.expected += more.expected;
  sum.certain = sum.certain && more.certain;
}

// One line per partition that lost.
void AddPartitions(const DayCase& day, Impact& impact) {
  for (const LostCopy& copy : day.copies) {
    if (copy.losses.empty()) continue;
    ImpactPartition partition;
    partition.balance = *copy.balance;
    const LossRow& first = *copy.losses.front();
    partition.cause = first.cause;
    partition.version = first.version;
    partition.previous_version = first.previous_version;
    partition.first_loss_at = first.at;
    partition.last_loss_at = copy.losses.back()->at;
    partition.runs = static_cast<int64_t>(copy.losses.size());
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

std::vector<ImpactIncident> Finish(std::map<std::string, IncidentCase>& cases,
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

// A project's days of one unit; a day that is neither lossy for customers nor uncertain is left
// out.
using ProjectKey = std::pair<std::string, std::string>;  // project, unit

void AddDay(const DayVerdict& verdict, const DayCase& day,
            std::map<ProjectKey, ImpactProject>& projects) {
  const BalanceRow& any = *day.copies.front().balance;
  ImpactProject& project = projects[{any.project, verdict.unit}];
  project.project = any.project;
  project.unit = verdict.unit;
  project.days.push_back({any.day, verdict.format, verdict.events});
  Add(verdict.events, project.events);
}

std::vector<ImpactTotals> TotalsByUnit(const std::map<ProjectKey, ImpactProject>& projects) {
  std::map<std::string, ImpactTotals> units;
  for (const auto& [key, project] : projects) {
    ImpactTotals& totals = units[project.unit];
    totals.unit = project.unit;
    ++totals.projects;
    totals.project_days += static_cast<int64_t>(project.days.size());
    Add(project.events, totals.events);
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

Impact ComputeImpact(const ImpactInput& input, const ImpactFilter& filter) {
  Impact impact;
  impact.window = filter;
  impact.unknown_copies = input.unknown_copies;
  std::map<ProjectKey, ImpactProject> projects;
  std::map<std::string, IncidentCase> incidents;
  for (const DayCase& day : Cases(input, filter)) {
    AddPartitions(day, impact);
    for (const LostCopy& copy : day.copies) {
      for (const LossRow* loss : copy.losses) AddLoss(*loss, incidents[IncidentOf(*loss)]);
    }
    const DayVerdict verdict = JudgeDay(day, input.formats);
    if (verdict.events.missing == 0 && verdict.events.certain) continue;
    AddDay(verdict, day, projects);
    incidents[IncidentOf(*verdict.onset)].missing[verdict.unit] += verdict.events.missing;
  }
  std::vector<ImpactTotals> totals = TotalsByUnit(projects);
  if (!totals.empty()) {
    impact.totals = totals.front();
    impact.other_units.assign(totals.begin() + 1, totals.end());
  }
  impact.incidents = Finish(incidents, impact.totals.unit);
  SortProjects(projects, impact);
  impact.unknown = Unknown(input, filter);
  const bool blind = std::any_of(impact.unknown.begin(), impact.unknown.end(),
                                 [](const BlindRow& row) { return row.projects != 0; });
  impact.nothing_known = input.nothing_known;
  if (blind || impact.unknown_copies > 0 || impact.nothing_known) {
    impact.totals.events.certain = false;
  }
  return impact;
}
