#include "dashboards/rollcall_metrics.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

namespace {

constexpr MetricKind kCounter = MetricKind::kCounter;
constexpr MetricKind kGauge = MetricKind::kGauge;

MetricFamily Family(MetricKind kind, const char* name, const char* help) {
  return MetricFamily{name, help, kind, {}};
}

MetricFamily Single(MetricKind kind, const char* name, const char* help, double value) {
  return MetricFamily{name, help, kind, {{{}, value}}};
}

// One sample for each entry of a map, labelled with its key.
template <class Map, class Value>
MetricFamily ByKey(MetricKind kind, const char* name, const char* help, const char* label,
                   const Map& map, Value value) {
  MetricFamily family = Family(kind, name, help);
  for (const auto& [key, entry] : map) {
    family.samples.push_back({{{label, key}}, static_cast<double>(value(entry))});
  }
  return family;
}

void AddRuns(const RollcallStatus& status, std::vector<MetricFamily>& families) {
  const auto by_format = [&](MetricKind kind, const char* name, const char* help, auto value) {
    families.push_back(ByKey(kind, name, help, "format", status.formats, value));
  };
  by_format(kCounter, "rollcall_runs_total", "Finished compaction runs seen.",
            [](const FormatStatus& format) { return format.runs; });
  if (status.ledger_read) {
    families.push_back(Single(kCounter, "rollcall_failed_runs_total",
                              "Failed compaction runs seen.",
                              static_cast<double>(status.failed_runs)));
  }
  by_format(kCounter, "rollcall_events_written_total", "Events that finished runs wrote.",
            [](const FormatStatus& format) { return format.events_written; });
  by_format(kGauge, "rollcall_events_missing", "Events lost and not yet put back.",
            [](const FormatStatus& format) { return format.events_missing; });
  MetricFamily lossy = Family(kCounter, "rollcall_lossy_runs_total",
                              "Runs after which events were missing, by cause and compactor.");
  for (const LossyRuns& runs : status.lossy_runs) {
    lossy.samples.push_back(
        {{{"format", runs.format}, {"cause", runs.cause}, {"version", runs.version}},
         static_cast<double>(runs.runs)});
  }
  families.push_back(std::move(lossy));
}

void AddIncidents(const RollcallStatus& status, std::vector<MetricFamily>& families) {
  MetricFamily active = Family(kGauge, "rollcall_incident_active",
                               "1 while the incident has firing alerts, 0 once resolved.");
  MetricFamily projects =
      Family(kGauge, "rollcall_incident_projects", "Projects that the incident touches.");
  MetricFamily missing = Family(kGauge, "rollcall_incident_events_missing",
                                "Events that the incident lost and that are not yet put back.");
  for (const IncidentStatus& incident : status.incidents) {
    const MetricLabels labels = {{"incident", incident.incident},
                                 {"cause", incident.cause},
                                 {"version", incident.version},
                                 {"severity", incident.severity}};
    active.samples.push_back({labels, incident.active ? 1.0 : 0.0});
    projects.samples.push_back({labels, static_cast<double>(incident.projects)});
    missing.samples.push_back({labels, static_cast<double>(incident.events_missing)});
  }
  families.push_back(std::move(active));
  families.push_back(std::move(projects));
  families.push_back(std::move(missing));
}

// Alerts of one rule, server and project are several where they are of several days or formats; the
// series is 1 when any of them fires.
MetricFamily CappedAlerts(const RollcallStatus& status, int64_t& overflow) {
  MetricFamily family = Family(kGauge, "rollcall_alert_active",
                               "1 while the rule fires for the project, 0 once resolved; capped.");
  std::map<MetricLabels, size_t> places;
  for (const ActiveAlert& alert : status.alerts) {
    MetricLabels labels = {{"rule", alert.rule},
                           {"severity", alert.severity},
                           {"server", alert.server},
                           {"project", alert.project}};
    const double value = alert.active ? 1.0 : 0.0;
    const auto [place, added] = places.emplace(labels, family.samples.size());
    if (!added) {
      if (place->second < family.samples.size()) {
        double& known = family.samples[place->second].value;
        known = std::max(known, value);
      }
      continue;
    }
    if (family.samples.size() < status.alerts_cap) {
      family.samples.push_back({std::move(labels), value});
      continue;
    }
    place->second = status.alerts_cap;  // counted once, shown never
    ++overflow;
  }
  return family;
}

void AddAlerts(const RollcallStatus& status, std::vector<MetricFamily>& families) {
  int64_t overflow = status.alerts_overflow;
  families.push_back(CappedAlerts(status, overflow));
  if (status.ledger_read) {
    families.push_back(Single(kGauge, "rollcall_alerts_overflow",
                              "Series of rollcall_alert_active that the cap leaves out.",
                              static_cast<double>(overflow)));
  }
  MetricFamily counts = Family(kGauge, "rollcall_alerts", "Alerts of each known rule, by state.");
  for (const RuleStatus& rule : status.rules) {
    const auto add = [&](const char* state, int64_t count) {
      counts.samples.push_back(
          {{{"rule", rule.rule}, {"severity", rule.severity}, {"state", state}},
           static_cast<double>(count)});
    };
    add("pending", rule.pending);
    add("firing", rule.firing);
  }
  families.push_back(std::move(counts));
}

void AddSources(const RollcallStatus& status, std::vector<MetricFamily>& families) {
  const auto by_source = [&](MetricKind kind, const char* name, const char* help, auto value) {
    families.push_back(ByKey(kind, name, help, "source", status.sources, value));
  };
  by_source(kGauge, "rollcall_source_up", "1 while the source is being read.",
            [](const SourceStatus& source) { return source.up ? 1 : 0; });
  by_source(kGauge, "rollcall_source_lag_bytes", "Bytes written to the source and not yet read.",
            [](const SourceStatus& source) { return source.lag_bytes; });
  by_source(kGauge, "rollcall_coverage_ratio",
            "Share of the time since its first start in which the source was watched and nothing "
            "of it lost.",
            [](const SourceStatus& source) { return source.coverage_ratio; });
  by_source(kCounter, "rollcall_lines_total", "Lines read from the source.",
            [](const SourceStatus& source) { return source.lines; });
  by_source(kCounter, "rollcall_quarantined_lines_total", "Lines that could not be understood.",
            [](const SourceStatus& source) { return source.quarantined_lines; });
  MetricFamily blind = Family(kCounter, "rollcall_blind_seconds_total",
                              "Time in which the source was not watched, by reason.");
  for (const auto& [name, source] : status.sources) {
    for (const auto& [reason, seconds] : source.blind_seconds) {
      blind.samples.push_back({{{"source", name}, {"reason", reason}}, seconds});
    }
  }
  families.push_back(std::move(blind));
}

// Of table file_tally: what its words are called here.
void AddFileCounts(const FilesStatistics& files, std::vector<MetricFamily>& families) {
  MetricFamily present = Family(kGauge, "rollcall_files", "Canonical files that are there.");
  MetricFamily changes = Family(kCounter, "rollcall_file_generations_total",
                                "What canonical files went through, by change.");
  MetricFamily reads = Family(kCounter, "rollcall_dead_file_reads_total",
                              "Reads of canonical files that are declared dead, by kind.");
  MetricFamily counted =
      Family(kCounter, "rollcall_recounts_total", "Partitions whose files were counted.");
  for (const auto& [format, counts] : files.counts) {
    for (const auto& [what, count] : counts) {
      const auto value = static_cast<double>(count);
      if (what == "present") {
        present.samples.push_back({{{"format", format}}, value});
      } else if (what == "kept" || what == "kept_bytes") {
        continue;
      } else if (what == "recount") {
        counted.samples.push_back({{{"format", format}}, value});
      } else if (what == "read" || what == "opened" || what == "excepted_read") {
        reads.samples.push_back({{{"format", format}, {"kind", what}}, value});
      } else {
        changes.samples.push_back({{{"format", format}, {"change", what}}, value});
      }
    }
  }
  for (MetricFamily* family : {&present, &changes, &reads, &counted}) {
    families.push_back(std::move(*family));
  }
}

void AddKept(const FilesStatistics& files, std::vector<MetricFamily>& families) {
  if (!files.kept) return;
  MetricFamily copies = Family(kGauge, "rollcall_kept_files", "Generations that are kept.");
  MetricFamily bytes =
      Family(kGauge, "rollcall_kept_bytes", "Size of kept generations that were replaced.");
  for (const std::string& format : files.kept->formats) {
    const auto known = files.counts.find(format);
    const auto count = [&](const char* what) {
      if (known == files.counts.end() || !known->second.contains(what)) return 0.0;
      return static_cast<double>(known->second.at(what));
    };
    copies.samples.push_back({{{"format", format}}, count("kept")});
    bytes.samples.push_back({{{"format", format}}, count("kept_bytes")});
  }
  MetricFamily method = Family(kGauge, "rollcall_keep_method",
                               "Always 1; says how generations are kept: reflink, link, none.");
  method.samples.push_back(
      {{{"method", files.kept->method.empty() ? "none" : files.kept->method}}, 1});
  for (MetricFamily* family : {&copies, &bytes, &method}) families.push_back(std::move(*family));
  families.push_back(Single(kCounter, "rollcall_kept_generations_total",
                            "Generations of which a copy was made.",
                            static_cast<double>(files.kept->made)));
  families.push_back(Single(kCounter, "rollcall_keep_failures_total",
                            "Generations of which no copy could be made.",
                            static_cast<double>(files.kept->failed)));
}

void AddFiles(const FilesStatistics& files, std::vector<MetricFamily>& families) {
  if (files.level.empty()) return;
  AddFileCounts(files, families);
  AddKept(files, families);
  families.push_back(ByKey(kGauge, "rollcall_files_scanned",
                           "Whether all canonical files have been looked at, and none in vain.",
                           "format", files.scanned, [](bool scanned) { return scanned ? 1 : 0; }));
  MetricFamily level =
      Family(kGauge, "rollcall_file_events_level", "Always 1; says how well file events are seen.");
  level.samples.push_back({{{"level", files.level}}, 1});
  families.push_back(std::move(level));
  families.push_back(Single(kCounter, "rollcall_file_events_total", "File events seen.",
                            static_cast<double>(files.events)));
  families.push_back(Single(kCounter, "rollcall_file_event_overflows_total",
                            "Times that the kernel's queue of file events was full.",
                            static_cast<double>(files.overflows)));
  families.push_back(Single(kCounter, "rollcall_own_file_events_total",
                            "File events that rollcall itself caused, left out.",
                            static_cast<double>(files.own_events)));
}

void AddSelf(const RollcallStatus& status, std::vector<MetricFamily>& families) {
  if (status.ledger_read) {
    families.push_back(Single(kGauge, "rollcall_ledger_head_sequence",
                              "Sequence of the last fact committed.",
                              static_cast<double>(status.ledger_head_sequence)));
  }
  families.push_back(Single(kGauge, "rollcall_ledger_writable",
                            "Whether facts are being committed; 0 stops reading.",
                            status.ledger_writable ? 1 : 0));
  families.push_back(Single(kGauge, "rollcall_ledger_bytes", "Size of the ledger on disk.",
                            static_cast<double>(status.ledger_bytes)));
  families.push_back(ByKey(kGauge, "rollcall_heartbeat_timestamp_seconds",
                           "When the component last finished a piece of work.", "component",
                           status.heartbeats, [](double seconds) { return seconds; }));
  families.push_back(Single(kGauge, "rollcall_config_last_reload_successful",
                            "0 while the configuration file is wrong and the old one in force.",
                            status.config_last_reload_successful ? 1 : 0));
  MetricFamily build = Family(kGauge, "rollcall_build_info", "Always 1; says which version runs.");
  build.samples.push_back({{{"version", status.version}}, 1});
  families.push_back(std::move(build));
}

void AddProcess(const ProcessUsage& usage, std::vector<MetricFamily>& families) {
  families.push_back(Single(kCounter, "process_cpu_seconds_total", "User and system time spent.",
                            usage.cpu_seconds));
  families.push_back(Single(kGauge, "process_resident_memory_bytes", "Resident memory.",
                            static_cast<double>(usage.resident_bytes)));
  families.push_back(Single(kGauge, "process_open_fds", "Open file descriptors.",
                            static_cast<double>(usage.open_descriptors)));
  families.push_back(Single(kGauge, "process_start_time_seconds",
                            "When the process started, since 1970.", usage.start_time_seconds));
}

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The numbers of /proc/self/stat, at the positions that proc(5) gives them. The second field is the
// program's name in brackets, which may hold brackets and blanks itself.
std::vector<double> StatFields() {
  const std::string stat = ReadAll("/proc/self/stat");
  const size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return {};
  std::istringstream rest(stat.substr(bracket + 1));
  std::string state;
  rest >> state;
  std::vector<double> fields(4);  // proc(5) counts from 1; the first three are no numbers
  for (double value = 0; rest >> value;) fields.push_back(value);
  return fields;
}

// Seconds since 1970 at which the machine booted; 0: unknown.
double BootTime() {
  std::istringstream stat(ReadAll("/proc/stat"));
  for (std::string word; stat >> word;) {
    double seconds = 0;
    if (word == "btime" && stat >> seconds) return seconds;
  }
  return 0;
}

int64_t OpenDescriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"), closedir);
  if (!directory) return 0;
  int64_t count = -1;  // the directory's own
  while (const dirent* entry = readdir(directory.get())) count += entry->d_name[0] != '.';
  return count;
}

}  // namespace

std::optional<ProcessUsage> ReadProcessUsage() {
  constexpr size_t kUserTime = 14, kSystemTime = 15, kStartTime = 22, kResidentPages = 24;
  const std::vector<double> fields = StatFields();
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double boot = BootTime();
  if (fields.size() <= kResidentPages || ticks <= 0 || boot == 0) return std::nullopt;
  ProcessUsage usage;
  usage.cpu_seconds = (fields[kUserTime] + fields[kSystemTime]) / ticks;
  usage.start_time_seconds = boot + fields[kStartTime] / ticks;
  usage.resident_bytes = static_cast<int64_t>(fields[kResidentPages]) * sysconf(_SC_PAGESIZE);
  usage.open_descriptors = OpenDescriptors();
  return usage;
}

MetricsSnapshot RollcallMetrics(const RollcallStatus& status) {
  MetricsSnapshot snapshot;
  AddRuns(status, snapshot.families);
  AddIncidents(status, snapshot.families);
  AddAlerts(status, snapshot.families);
  AddSources(status, snapshot.families);
  AddFiles(status.files, snapshot.families);
  AddSelf(status, snapshot.families);
  if (status.process) AddProcess(*status.process, snapshot.families);
  return snapshot;
}
