#include "monitor/app/ingest.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "collectors/compaction_log.h"
#include "collectors/log_listing.h"
#include "dashboards/table.h"
#include "monitor/app/log_sizes.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/app/output.h"
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

// In a single-quoted YAML text.
std::string Quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char byte : text) quoted += byte == '\'' ? "''" : std::string(1, byte);
  return quoted + "'";
}

// A configuration made of one preset, for `--preset`.
Result<Config> PresetConfig(Config config, const IngestOptions& options) {
  std::string yaml = "compaction_logs:\n  - name: preset\n    preset: " + Quoted(options.preset) +
                     "\n    paths: ['/dev/null']\n";
  if (!options.partition.empty()) yaml += "    partition: " + Quoted(options.partition) + "\n";
  auto parsed = CheckedConfig(yaml, "");
  if (parsed) {
    config.compaction_logs = parsed->compaction_logs;
    config.compaction_logs[0].name = std::filesystem::path(options.preset).stem();
    return config;
  }
  // ":3: compaction_logs[0].preset: what" is about --preset.
  std::string message = parsed.error().message;
  const std::string source = "compaction_logs[0].";
  if (const size_t at = message.find(source); at != std::string::npos) {
    message = "--" + message.substr(at + source.size());
  }
  return Fail(Error::Kind::kUsage, message);
}

bool Matches(const CompactionLogConfig& source, const std::string& path) {
  return std::any_of(source.paths.begin(), source.paths.end(), [&](const std::string& glob) {
    const auto pattern = ParseLogPattern(std::filesystem::absolute(glob));
    return pattern && Lists(*pattern, path);
  });
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

// Why a log named on the command line cannot be read; empty: it can. A misspelt name is said before
// anything begins, instead of leaving a blind interval.
std::string WhyUnreadable(const std::string& log) {
  struct stat status {};
  if (log == "-") return {};
  if (stat(log.c_str(), &status) != 0) return std::strerror(errno);
  if (S_ISDIR(status.st_mode)) return "is a directory; name the files in it";
  if (!S_ISREG(status.st_mode)) return "is not a regular file; pipe its content to -";
  return access(log.c_str(), R_OK) == 0 ? "" : std::strerror(errno);
}

Result<void> CheckLogs(const Config& config, const IngestOptions& options) {
  if (!options.preset.empty() && options.logs.empty()) {
    return Fail(Error::Kind::kUsage, "--preset needs a LOG to read, or - for standard input");
  }
  std::string unreadable;
  for (const std::string& log : options.logs) {
    if (auto source = SourceOf(config, log, options.source); !source) {
      return tl::unexpected<Error>(source.error());
    }
    const std::string why = WhyUnreadable(log);
    if (!why.empty()) unreadable += (unreadable.empty() ? "" : "\n") + log + ": " + why;
  }
  if (!unreadable.empty()) return Fail(Error::Kind::kInput, unreadable);
  if (!config.compaction_logs.empty()) return {};
  return Fail(Error::Kind::kUsage, "nothing to read: give --config FILE or --preset NAME");
}

// Bytes that are there to be read, for the progress bar; 0: nobody can tell.
int64_t ExpectedBytes(const Config& config, Ledger& ledger, const IngestOptions& options) {
  std::vector<std::string> files = options.logs;
  int64_t read = 0;  // earlier
  for (size_t i = 0; options.logs.empty() && i < config.compaction_logs.size(); ++i) {
    const CompactionLogConfig& source = config.compaction_logs[i];
    if (!options.source.empty() && source.name != options.source) continue;
    for (std::string& file : LogFilesOf(source)) files.push_back(std::move(file));
    for (const LogPosition& position : ledger.Positions(static_cast<int16_t>(i))) {
      read += position.to;
    }
  }
  const int64_t bytes = LogBytes(files);
  return bytes > read ? bytes - read : 0;
}

void Print(const Totals& totals, const std::string& format) {
  const Document document{{"files", totals.files},
                          {"bytes", totals.bytes},
                          {"lines", totals.lines},
                          {"facts", totals.facts},
                          {"duplicate_facts", totals.duplicate_facts},
                          {"ignored_lines", totals.ignored_lines},
                          {"quarantined_lines", totals.quarantined_lines},
                          {"blind_intervals", totals.blind_intervals}};
  if (format != "table") {
    return PrintDocument(document, Document::array({document}), format,
                         {"files", "bytes", "lines", "facts", "duplicate_facts", "ignored_lines",
                          "quarantined_lines", "blind_intervals"});
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
        if (!more) source->End(batch);
        batch.observed_at = clock_.Now();
        if (!batch.empty() && !queue_.Push(std::move(batch))) return;
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
  std::set<uint32_t> logs;
  while (auto batch = pipeline.Next()) {
    for (const LogPosition& position : batch->positions) {
      totals.bytes += position.to - position.from;
      logs.insert(position.log);
    }
    totals.files = static_cast<int64_t>(logs.size());
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
  if (!config) return Report(config.error());
  if (auto ok = CheckLogs(*config, options); !ok) return Report(ok.error());
  const RuleEngine rules(*config);
  auto ledger = Ledger::Open({config->ledger, config->server, true}, *config, rules);
  if (!ledger) return Report(ledger.error());
  uint32_t next_log_id = (*ledger)->next_log_id();
  auto sources = OpenSources(*config, **ledger, options, clock, &next_log_id);
  if (!sources) return Report(sources.error());

  Progress progress(clock, ExpectedBytes(*config, **ledger, options), options.quiet);
  Pipeline pipeline(std::move(*sources), clock);
  auto totals = ReadAll(**ledger, pipeline, progress);
  progress.Finish();
  if (!totals) return Report(totals.error());
  auto taken = TakeOperatorFacts(config->operator_db, **ledger, clock.Now());
  if (taken) taken = (*ledger)->Tick((*ledger)->logged_until());
  if (taken) taken = (*ledger)->FinishBulk();
  if (!taken) return Report(taken.error());

  Print(*totals, settings.format);
  int code = totals->quarantined_lines > 0 || totals->pending_bytes > 0 ? kFound : kDone;
  for (const TailProblem& problem : pipeline.problems()) {
    if (!problem.expected) code = kUnusable;
    std::fprintf(stderr, "rollcall: %s: %s\n", Printable(problem.path).c_str(),
                 std::string(problem.reason).c_str());
  }
  if (totals->pending_bytes > 0) {
    std::fprintf(stderr,
                 "rollcall: %lld bytes after the last newline wait for the rest of their line\n",
                 static_cast<long long>(totals->pending_bytes));
  }
  return code;
}
