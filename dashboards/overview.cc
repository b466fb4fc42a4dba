#include "dashboards/overview.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "monitor/grouped.h"
#include "rules/impact_input.h"
#include "rules/incident.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

template <class Key, class Row>
using Named = std::map<Key, Row>;

// What all ledgers say of alerts, by what it is about.
struct AlertSums {
  Named<std::string, std::vector<IncidentPart>> parts;
  Named<std::string, IncidentSize> sizes;
  Named<std::string, AlertRow> first;
  Named<std::string, std::pair<int64_t, int64_t>> of_project;  // pending, firing
  std::set<std::string> critical;  // projects with a critical one firing
  std::map<std::string, std::pair<int64_t, int64_t>> by_severity;
};

Result<void> AddAlerts(LedgerView& ledger, AlertSums& sums) {
  auto parts = ledger.IncidentParts();
  if (!parts) return tl::unexpected<Error>(parts.error());
  for (IncidentPart& part : *parts) sums.parts[part.incident].push_back(std::move(part));
  const auto sizes = ledger.IncidentSizes();
  if (!sizes) return tl::unexpected<Error>(sizes.error());
  for (const IncidentSize& size : *sizes) {
    // Servers may hold the same projects: the largest is what is known for certain.
    IncidentSize& most = sums.sizes[size.incident];
    most.projects = std::max(most.projects, size.projects);
    most.project_days = std::max(most.project_days, size.project_days);
  }
  auto first = ledger.FirstAlerts();
  if (!first) return tl::unexpected<Error>(first.error());
  for (AlertRow& alert : *first) {
    const auto [known, added] = sums.first.try_emplace(alert.incident, alert);
    if (!added && alert.began_at < known->second.began_at) known->second = std::move(alert);
  }
  const auto open = ledger.OpenAlertsByProject();
  if (!open) return tl::unexpected<Error>(open.error());
  for (const OpenAlerts& alerts : *open) {
    auto& severity = sums.by_severity[alerts.severity];
    severity.first += alerts.pending;
    severity.second += alerts.firing;
    auto& project = sums.of_project[alerts.project];
    project.first += alerts.pending;
    project.second += alerts.firing;
    if (alerts.severity == "critical" && alerts.firing > 0) sums.critical.insert(alerts.project);
  }
  return {};
}

IncidentState StateOf(const std::string& id, const AlertSums& sums) {
  IncidentState incident;
  incident.id = id;
  const auto parts = sums.parts.find(id);
  if (parts == sums.parts.end()) return incident;
  std::set<std::string> rules, servers;
  incident.severity = "warning";
  for (const IncidentPart& part : parts->second) {
    rules.insert(part.rule);
    if (!part.server.empty()) servers.insert(part.server);
    if (part.severity == "critical") incident.severity = part.severity;
    (part.state == "firing"    ? incident.firing
     : part.state == "pending" ? incident.pending
                               : incident.resolved) += part.alerts;
    incident.starts_at = std::min(part.first_at, incident.starts_at.value_or(part.first_at));
    incident.last_at = std::max(part.last_at, incident.last_at.value_or(part.last_at));
    if (part.ends_at) incident.ends_at = std::max(*part.ends_at, incident.ends_at.value_or(Time{}));
  }
  incident.rules.assign(rules.begin(), rules.end());
  incident.servers.assign(servers.begin(), servers.end());
  incident.state = incident.firing > 0 ? "firing" : incident.pending > 0 ? "pending" : "resolved";
  if (incident.state != "resolved") incident.ends_at.reset();
  if (const auto size = sums.sizes.find(id); size != sums.sizes.end()) {
    incident.projects = size->second.projects;
    incident.project_days = size->second.project_days;
  }
  const auto first = sums.first.find(id);
  if (first == sums.first.end()) return incident;
  incident.first = first->second;
  incident.cause = first->second.cause;
  incident.version = first->second.version;
  incident.previous_version = first->second.previous_version;
  return incident;
}

// Counts of losses that still stand.
void AddLosses(const ImpactIncident& losses, IncidentState& incident) {
  incident.events_missing = losses.events_missing;
  incident.unit = losses.unit;
  incident.projects = losses.projects;
  incident.project_days = losses.project_days;
  if (!incident.state.empty()) return;
  // No alert tells of it: it is below a threshold, or the rule is off.
  incident.state = losses.events_missing > 0 ? "firing" : "resolved";
  incident.severity = "warning";
  incident.cause = losses.cause;
  incident.version = losses.version;
  incident.previous_version = losses.previous_version;
  incident.rules = {std::string(RuleOfLoss(losses.cause))};
  incident.starts_at = losses.first_at;
  incident.last_at = losses.last_at;
}

std::vector<IncidentState> Incidents(const AlertSums& sums, const Impact& impact) {
  std::map<std::string, IncidentState> found;
  for (const auto& [id, parts] : sums.parts) found.try_emplace(id, StateOf(id, sums));
  for (const ImpactIncident& losses : impact.incidents) {
    const auto known = found.try_emplace(losses.id, StateOf(losses.id, sums)).first;
    AddLosses(losses, known->second);
  }
  std::vector<IncidentState> incidents;
  for (auto& [id, incident] : found) {
    // A loss that was put back is none; where nobody ever lost anything, nothing was counted.
    const bool counts =
        std::any_of(incident.rules.begin(), incident.rules.end(), [](const auto& rule) {
          return rule == "count_drop" || rule == "lost_in_gap" || rule == "file_disagrees";
        });
    if (counts && !incident.events_missing) incident.events_missing = 0;
    incidents.push_back(std::move(incident));
  }
  const auto rank = [](const IncidentState& incident) {
    const int state = incident.state == "firing" ? 0 : incident.state == "pending" ? 1 : 2;
    return std::tuple(state, -incident.events_missing.value_or(0),
                      -incident.last_at.value_or(Time{}).time_since_epoch().count(), incident.id);
  };
  std::sort(incidents.begin(), incidents.end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return incidents;
}

bool BlindNow(const BlindRow& row) { return !row.to && !row.quarantined; }

// A sentence for each cause of ignorance.
std::vector<std::string> Reasons(const Overview& overview) {
  constexpr size_t kMost = 20;
  std::vector<std::string> reasons;
  if (overview.ledgers.empty()) reasons.push_back("there is no ledger");
  for (const LedgerStatus& ledger : overview.ledgers) {
    if (!ledger.problem.empty()) reasons.push_back(ledger.problem);
    if (!ledger.readable || ledger.writer_running == true) continue;
    reasons.push_back("nobody is known to write the ledger of " + ledger.server +
                      (ledger.written_at ? ", last written at " + FormatTime(*ledger.written_at)
                                         : std::string(", which is empty")));
  }
  if (overview.impact.nothing_known) reasons.push_back("no run is in any ledger");
  if (overview.impact.unknown_copies > 0) {
    reasons.push_back("nobody can vouch for " + Grouped(overview.impact.unknown_copies) +
                      " partitions");
  }
  for (const BlindRow& row : overview.impact.unknown) {
    if (row.projects == 0 && !BlindNow(row)) continue;  // observed since
    if (reasons.size() == kMost) {
      reasons.push_back("and more was not watched");
      break;
    }
    reasons.push_back("source " + row.source + " on " + row.server + ": " + row.reason);
  }
  return reasons;
}

void Judge(bool all_seen, const AlertSums& sums, ProjectState& project) {
  const auto alerts = sums.of_project.find(project.project);
  if (alerts != sums.of_project.end()) {
    project.pending = alerts->second.first;
    project.firing = alerts->second.second;
  }
  const bool missing = project.events_missing.value_or(0) > 0;
  const bool doubtful = project.unknown_copies > 0 || !project.certain || !all_seen;
  if (missing || sums.critical.contains(project.project)) {
    project.verdict = "firing";
  } else {
    project.verdict = doubtful ? "unknown" : "clear";
  }
  if (doubtful) project.certain = false;
  if (doubtful && !missing) project.events_missing.reset();
}

std::vector<ProjectState> Projects(const std::set<std::string>& known,
                                   const std::map<std::string, int64_t>& unknown_copies,
                                   const AlertSums& sums, const Overview& overview) {
  const bool all_seen = overview.complete && std::none_of(overview.impact.unknown.begin(),
                                                          overview.impact.unknown.end(), BlindNow);
  std::vector<ProjectState> projects;
  std::set<std::string> rest = known;
  const auto add = [&](ProjectState project) {
    const auto unknown = unknown_copies.find(project.project);
    if (unknown != unknown_copies.end()) project.unknown_copies = unknown->second;
    Judge(all_seen, sums, project);
    projects.push_back(std::move(project));
  };
  for (const ImpactProject& lossy : overview.impact.projects) {
    ProjectState project;
    project.project = lossy.project;
    project.unit = lossy.unit;
    project.events_missing = lossy.events.missing;
    project.events_expected = lossy.events.expected;
    project.certain = lossy.events.certain;
    project.lossy_days = lossy.lossy_days;
    project.first_loss_at = lossy.first_loss_at;
    project.last_loss_at = lossy.last_loss_at;
    rest.erase(lossy.project);
    add(std::move(project));
  }
  for (const std::string& name : rest) {
    ProjectState project;
    project.project = name;
    project.events_missing = 0;
    add(std::move(project));
  }
  const auto rank = [](const ProjectState& project) {
    const int verdict = project.verdict == "firing" ? 0 : project.verdict == "unknown" ? 1 : 2;
    return std::tuple(verdict, -project.events_missing.value_or(0), -project.firing,
                      std::string_view(project.project), std::string_view(project.unit));
  };
  std::sort(projects.begin(), projects.end(),
            [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return projects;
}

Result<Impact> SumImpact(std::vector<LedgerView>& ledgers, const ImpactInput& rest,
                         const std::vector<FormatRow>& formats) {
  ImpactSum sum({}, false);
  const auto projects = ReadLossyProjects(ledgers);
  if (!projects) return tl::unexpected<Error>(projects.error());
  for (const std::string& project : *projects) {
    const auto part = ReadLossesOf(ledgers, project, formats);
    if (!part) return tl::unexpected<Error>(part.error());
    sum.Add(*part);
  }
  return sum.Finish(rest);
}

}  // namespace

Result<std::vector<FormatRow>> FormatsOf(std::vector<LedgerView>& ledgers,
                                         const std::vector<FormatRow>& configured) {
  if (!configured.empty()) return configured;
  std::vector<FormatRow> formats;
  for (LedgerView& ledger : ledgers) {
    auto named = ledger.Formats();
    if (!named) return tl::unexpected<Error>(named.error());
    formats.insert(formats.end(), named->begin(), named->end());
  }
  return formats;
}

Result<Overview> ReadOverview(LedgerSet::Loan& ledgers, const std::vector<FormatRow>& configured) {
  Overview overview;
  overview.ledgers = ledgers.statuses;
  overview.complete = ledgers.complete();
  overview.as_of = ledgers.as_of();
  const auto formats = FormatsOf(ledgers.views, configured);
  if (!formats) return tl::unexpected<Error>(formats.error());
  const auto rest = ReadImpactRest(ledgers.views, {});
  if (!rest) return tl::unexpected<Error>(rest.error());
  auto impact = SumImpact(ledgers.views, *rest, *formats);
  if (!impact) return tl::unexpected<Error>(impact.error());
  overview.impact = std::move(*impact);
  AlertSums sums;
  std::set<std::string> known;
  for (LedgerView& ledger : ledgers.views) {
    if (auto ok = AddAlerts(ledger, sums); !ok) return tl::unexpected<Error>(ok.error());
    auto names = ledger.Projects();
    if (!names) return tl::unexpected<Error>(names.error());
    known.insert(names->begin(), names->end());
  }
  overview.known_projects = static_cast<int64_t>(known.size());
  overview.incidents = Incidents(sums, overview.impact);
  overview.projects = Projects(known, rest->unknown_copies, sums, overview);
  overview.alerts = std::move(sums.by_severity);
  overview.reasons = Reasons(overview);
  return overview;
}

OverviewKeeper::OverviewKeeper(LedgerSet::ListFiles list_files, std::vector<FormatRow> formats)
    : ledgers_(std::move(list_files)), formats_(std::move(formats)), thread_([this] { Run(); }) {}

OverviewKeeper::~OverviewKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// Looks four times a second whether anybody wrote; on a large ledger that is written all the time,
// it is made anew for a fifth of a core's time at most.
void OverviewKeeper::Run() {
  constexpr milliseconds kInterval{250};
  constexpr int kRest = 4;  // times as long as making it took
  for (;;) {
    const auto began = steady_clock::now();
    {
      LedgerSet::Loan loan = ledgers_.Borrow(began + std::chrono::minutes(1));
      Make(loan);
    }
    const auto took = steady_clock::now() - began;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::max<steady_clock::duration>(kInterval, took * kRest),
                      [this] { return stopping_; });
    if (stopping_) return;
  }
}

void OverviewKeeper::Make(LedgerSet::Loan& loan) {
  const auto same = [](const LedgerStatus& a, const LedgerStatus& b) {
    return a.path == b.path && a.id == b.id && a.problem == b.problem && a.head_seq == b.head_seq &&
           a.writer_running == b.writer_running;
  };
  {
    const std::lock_guard lock(mutex_);
    if (overview_ && !loan.changed && problem_.empty() &&
        std::equal(loan.statuses.begin(), loan.statuses.end(), overview_->ledgers.begin(),
                   overview_->ledgers.end(), same)) {
      return;
    }
  }
  auto overview = ReadOverview(loan, formats_);
  auto made = overview ? std::make_unique<const Overview>(std::move(*overview)) : nullptr;
  const std::lock_guard lock(mutex_);
  problem_ = made ? "" : overview.error().message;
  overview_ = std::move(made);  // an old one that cannot be renewed is no answer
  ++version_;
  changed_.notify_all();
}

bool OverviewKeeper::Read(milliseconds patience, std::string& why,
                          const std::function<void(const Overview&)>& read) const {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [this] { return overview_ != nullptr; })) {
    why = problem_;
    return false;
  }
  read(*overview_);
  return true;
}
