#include "monitor/app/ingest.h"

#include <fnmatch.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <thread>

#include "collectors/compaction_log.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/app/progress.h"
#include "monitor/grouped.h"
#include "monitor/ledger.h"
#include "monitor/queue.h"
#include "rules/engine.h"

namespace {

constexpr size_t kBatchBytes = 1 << 20;

struct Totals {
  int64_t files = 0, bytes = 0, lines = 0, facts = 0, duplicate_facts = 0, ignored_lines = 0,
          quarantined_lines = 0, blind_intervals = 0, pending_bytes = 0;
};

// A configuration made of one preset, for `--preset`.
Result<Config> PresetConfig(Config config, const IngestOptions& options) {
  std::string yaml = "compaction_logs:\n  - name: " + options.preset +
                     "\n    preset: " + options.preset + "\n    paths: ['/dev/null']\n";
  if (!options.partition.empty()) yaml += "    partition: '" + options.partition + "'\n";
  auto parsed = ParseConfig(yaml, "--preset", KnownPresets());
  if (!parsed) return Fail(Error::Kind::kUsage, parsed.error().message);
  config.compaction_logs = parsed->compaction_logs;
  return config;
}

bool Matches(const CompactionLogConfig& source, const std::string& path) {
  for (const std::string& glob : source.paths) {
    if (fnmatch(glob.c_str(), path.c_str(), FNM_PATHNAME) == 0) return true;
    if (fnmatch((glob + ".*").c_str(), path.c_str(), FNM_PATHNAME) == 0) return true;
  }
  return false;
}

// Which source reads a log named on the command line: --source, else the first whose paths match,
// else the only one.
Result<size_t> SourceOf(const Config& config, const std::string& log, const std::string& wanted) {
  const auto& sources = config.compaction_logs;
  const std::string path =
      log == "-" ? log : std::filesystem::absolute(log).lexically_normal().string();
  for (size_t i = 0; i < sources.size(); ++i) {
    if (wanted.empty() ? Matches(sources[i], path) : sources[i].name == wanted) return i;
  }
  if (wanted.empty() && sources.size() == 1) return 0;
  std::string names;
  for (const auto& source : sources) names += (names.empty() ? "" : ", ") + source.name;
  if (sources.empty()) {
    return Fail(Error::Kind::kUsage,
                "no source says how to read " + log + ": give --config FILE, or --preset NAME");
  }
  return Fail(Error::Kind::kUsage,
              wanted.empty()
                  ? log + " matches the paths of no source (" + names + "): say which with --source"
                  : "no source is called " + wanted + " (there are: " + names + ")");
}

bool Compressed(const std::string& path) {
  return path.ends_with(".gz") || path.ends_with(".zst") || path == "-";
}

// Bytes to be read; 0 when that cannot be known.
int64_t TotalBytes(const std::vector<std::string>& logs) {
  int64_t total = 0;
  for (const std::string& log : logs) {
    struct stat status {};
    if (Compressed(log) || stat(log.c_str(), &status) != 0) return 0;
    total += status.st_size;
  }
  return total;
}

void Print(const Totals& totals, const std::string& format) {
  const nlohmann::ordered_json document{{"files", totals.files},
                                        {"bytes", totals.bytes},
                                        {"lines", totals.lines},
                                        {"facts", totals.facts},
                                        {"duplicate_facts", totals.duplicate_facts},
                                        {"ignored_lines", totals.ignored_lines},
                                        {"quarantined_lines", totals.quarantined_lines},
                                        {"blind_intervals", totals.blind_intervals}};
  if (format == "json") {
    std::cout << document.dump() << "\n";
    return;
  }
  if (format == "csv") {
    std::string keys, values;
    for (const auto& [key, value] : document.items()) {
      keys += (keys.empty() ? "" : ",") + key;
      values += (values.empty() ? "" : ",") + value.dump();
    }
    std::cout << keys << "\r\n" << values << "\r\n";
    return;
  }
  for (const auto& [key, value] : document.items()) {
    std::printf("%-18s %15s\n", key.c_str(), Grouped(value.get<int64_t>()).c_str());
  }
}

// Reads everything on a thread of its own while the caller's thread commits.
class Pipeline {
 public:
  Pipeline(std::vector<std::unique_ptr<CompactionLog>> sources, const Clock& clock)
      : sources_(std::move(sources)), clock_(clock), reader_([this] { Read(); }) {}
  ~Pipeline() {
    queue_.Close();
    reader_.join();
  }
  std::optional<Batch> Next() { return queue_.Pop(); }
  int64_t pending_bytes() const {
    int64_t pending = 0;
    for (const auto& source : sources_) pending += source->pending_bytes();
    return pending;
  }
  // After Next() gave nothing: what could not be read at all.
  std::vector<TailProblem> problems() const {
    std::vector<TailProblem> problems;
    for (const auto& source : sources_) {
      for (TailProblem& problem : source->problems()) problems.push_back(std::move(problem));
    }
    return problems;
  }

 private:
  void Read() {
    for (auto& source : sources_) {
      for (bool more = true; more;) {
        Batch batch;
        more = source->Fill(batch, kBatchBytes);
        batch.observed_at = clock_.Now();
        if (more && !queue_.Push(std::move(batch))) return;
      }
    }
    queue_.Close();
  }

  std::vector<std::unique_ptr<CompactionLog>> sources_;
  const Clock& clock_;
  Queue<Batch> queue_{2};
  std::thread reader_;
};

Result<std::vector<std::unique_ptr<CompactionLog>>> OpenSources(const Config& config,
                                                                Ledger& ledger,
                                                                const IngestOptions& options,
                                                                const Clock& clock,
                                                                uint32_t* next_log_id) {
  std::vector<std::vector<std::string>> paths(config.compaction_logs.size());
  for (const std::string& log : options.logs) {
    auto source = SourceOf(config, log, options.source);
    if (!source) return tl::unexpected<Error>(source.error());
    paths[*source].push_back(log);
  }
  std::vector<std::unique_ptr<CompactionLog>> sources;
  for (size_t i = 0; i < paths.size(); ++i) {
    const CompactionLogConfig& source = config.compaction_logs[i];
    if (!options.logs.empty() && paths[i].empty()) continue;
    if (options.logs.empty() && !options.source.empty() && source.name != options.source) continue;
    TailOptions tail;
    tail.follow = options.logs.empty();  // with the configured globs and their rotated siblings
    tail.quiet_period = {};              // what is there is all there will be
    tail.clock = &clock;
    const auto index = static_cast<int16_t>(i);
    auto opened = CompactionLog::Open(index, source, tail.follow ? source.paths : paths[i],
                                      ledger.Positions(index), tail, next_log_id);
    if (!opened) return Fail(Error::Kind::kUsage, opened.error().message);
    sources.push_back(std::move(*opened));
  }
  return sources;
}

Result<Totals> ReadAll(Ledger& ledger, Pipeline& pipeline, Progress& progress) {
  Totals totals;
  while (auto batch = pipeline.Next()) {
    for (const LogPosition& position : batch->positions) {
      totals.bytes += position.to - position.from;
      totals.files += position.finished || position.from == 0;
    }
    for (const LineCounts& lines : batch->lines) {
      totals.lines += lines.lines;
      totals.ignored_lines += lines.ignored;
      totals.quarantined_lines += lines.quarantined;
    }
    for (const Fact& fact : batch->facts) totals.blind_intervals += fact.kind == FactKind::kBlind;
    auto done = ledger.CommitBeside(std::move(*batch));
    if (!done) return tl::unexpected<Error>(done.error());
    totals.facts += done->facts;
    totals.duplicate_facts += done->duplicate_facts;
    progress.Update(totals.bytes, totals.lines);
  }
  totals.pending_bytes = pipeline.pending_bytes();
  return totals;
}

}  // namespace

int Ingest(const Settings& settings, const IngestOptions& options) {
  const SystemClock clock;
  auto config = LoadConfig(settings);
  if (config && !options.preset.empty()) config = PresetConfig(std::move(*config), options);
  if (!config) return Report({Error::Kind::kUsage, config.error().message});
  for (const std::string& log : options.logs) {
    if (auto source = SourceOf(*config, log, options.source); !source)
      return Report(source.error());
  }
  if (config->compaction_logs.empty()) {
    return Report({Error::Kind::kUsage, "nothing to read: give --config FILE or --preset NAME"});
  }
  const RuleEngine rules(*config);
  auto ledger = Ledger::Open({config->ledger, config->server, true}, *config, rules);
  if (!ledger) return Report(ledger.error());
  uint32_t next_log_id = (*ledger)->next_log_id();
  auto sources = OpenSources(*config, **ledger, options, clock, &next_log_id);
  if (!sources) return Report(sources.error());

  Progress progress(clock, TotalBytes(options.logs), options.quiet);
  Pipeline pipeline(std::move(*sources), clock);
  auto totals = ReadAll(**ledger, pipeline, progress);
  progress.Finish();
  if (!totals) return Report(totals.error());
  auto taken = TakeOperatorFacts(config->operator_db, **ledger, clock.Now());
  if (taken) taken = (*ledger)->Tick((*ledger)->logged_until());
  if (taken) taken = (*ledger)->FinishBulk();
  if (!taken) return Report(taken.error());

  Print(*totals, settings.format);
  int code = totals->quarantined_lines > 0 ? kFound : kDone;
  for (const TailProblem& problem : pipeline.problems()) {
    std::fprintf(stderr, "rollcall: %s: %s\n", problem.path.c_str(),
                 std::string(problem.reason).c_str());
    if (!options.logs.empty()) code = kUnusable;
  }
  if (totals->pending_bytes > 0) {
    std::fprintf(stderr,
                 "rollcall: %lld bytes after the last newline wait for the rest of their line\n",
                 static_cast<long long>(totals->pending_bytes));
  }
  return code;
}
