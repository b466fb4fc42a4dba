#include "monitor/app/restore.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <utility>

#include "collectors/files/file_look.h"
#include "collectors/files/file_pattern.h"
#include "collectors/files/put_back.h"
#include "collectors/files/recount.h"
#include "dashboards/kept_documents.h"
#include "dashboards/table.h"
#include "monitor/app/open_ledgers.h"
#include "monitor/app/output.h"
#include "rules/impact.h"
#include "rules/impact_input.h"

namespace {

using Source = std::pair<std::string, int64_t>;  // server, KeptRow::id

Result<std::vector<KeptRow>> ReadKept(std::vector<LedgerView>& ledgers, const std::string& project,
                                      const std::string& day) {
  std::vector<KeptRow> kept;
  for (LedgerView& ledger : ledgers) {
    auto ok = ledger.Kept(project, day, [&](KeptRow row) { kept.push_back(std::move(row)); });
    if (!ok) return tl::unexpected<Error>(ok.error());
  }
  return kept;
}

// How many of the events that the day's customer misses each generation holds.
Result<std::map<Source, std::optional<int64_t>>> HoldersOf(Ledgers& ledgers,
                                                           const RestoreOptions& options,
                                                           ImpactDay& missed) {
  ImpactFilter filter;
  filter.project = options.project;
  std::vector<FormatRow> formats;
  auto input = ReadImpactInput(ledgers.views, filter, {});
  if (!input) return tl::unexpected<Error>(input.error());
  std::map<Source, std::optional<int64_t>> holders;
  for (const ImpactProject& project : ComputeImpact(*input, filter).projects) {
    for (const ImpactDay& day : project.days) {
      if (day.day != options.day) continue;
      missed = day;
      for (const RecoverySource& source : day.recoverable.sources) {
        if (source.kept != 0) holders[{source.server, source.kept}] = source.events;
      }
    }
  }
  return holders;
}

const CanonicalFilesConfig* FormatOf(const Config& config, const std::string& format) {
  const auto found =
      std::find_if(config.canonical_files.begin(), config.canonical_files.end(),
                   [&](const CanonicalFilesConfig& files) { return files.format == format; });
  return found == config.canonical_files.end() ? nullptr : &*found;
}

// Beside the canonical file, under a name that is no canonical one: what is read as one would be
// counted twice.
Result<std::string> DestinationOf(const KeptRow& kept, const std::string& to,
                                  const Config& config) {
  const size_t slash = kept.path.rfind('/');
  const std::string directory = to.empty() ? kept.path.substr(0, slash) : to;
  const std::string name = kept.path.substr(slash + 1) + ".restored-" + std::to_string(kept.id);
  for (const CanonicalFilesConfig& files : config.canonical_files) {
    const auto pattern = FilePattern::Parse(files.path);
    if (!pattern || !pattern->MatchFile(directory, name)) continue;
    return Fail(Error::Kind::kUsage, directory + "/" + name + " would itself be a canonical file " +
                                         "of format " + files.format +
                                         "; choose another directory with --to");
  }
  return directory + "/" + name;
}

RowCount CountIn(const std::string& path, const CanonicalFilesConfig* files) {
  if (!files || files->recount.front() == "none") {
    return {.problem = "the configuration does not say how to count its rows"};
  }
  const size_t slash = path.rfind('/');
  FileToCount file;
  file.directory = path.substr(0, slash);
  file.name = path.substr(slash + 1);
  const auto look = FileLook::Open(file.directory);
  FileStatus status;
  if (!look || look->Look(file.directory, file.name, status) != 0) {
    return {.problem = "it cannot be opened"};
  }
  file.handle = status.handle;
  file.inode = status.inode;
  file.born_ns = status.born_ns;
  file.modified_ns = status.modified_ns;
  file.size_bytes = status.size_bytes;
  auto commands = CommandRunner::Start();
  if (!commands) return {.problem = commands.error().message};
  const SystemClock clock;
  ReadPace pace(clock);
  return CountRows(file, {file.directory, files->recount}, pace, &*commands, clock).count;
}

RestoredFile RestoreOne(const KeptRow& kept, const RestoreOptions& options, const Config& config) {
  RestoredFile restored{kept, {}, {}, {}, false};
  auto to = DestinationOf(kept, options.to, config);
  if (to) restored.path = *to;
  const auto written = to ? PutBack(kept.copy, *to) : tl::unexpected<Error>(to.error());
  if (!written) {
    restored.problem = written.error().message;
    return restored;
  }
  restored.written = true;
  RowCount count = CountIn(*to, FormatOf(config, kept.format));
  restored.problem = std::move(count.problem);
  if (restored.problem.empty()) restored.rows = count.rows;
  return restored;
}

Result<std::vector<KeptRow>> Chosen(const std::vector<KeptRow>& kept,
                                    const std::map<Source, std::optional<int64_t>>& holders,
                                    const RestoreOptions& options) {
  std::vector<KeptRow> chosen;
  std::set<int64_t> found;
  for (const KeptRow& row : kept) {
    const bool asked = std::find(options.generations.begin(), options.generations.end(), row.id) !=
                       options.generations.end();
    if (!asked && !(options.missing && holders.contains({row.server, row.id}))) continue;
    if (!found.insert(row.id).second) {
      return Fail(Error::Kind::kUsage, "generation " + std::to_string(row.id) +
                                           " is on several servers; say which with --server");
    }
    chosen.push_back(row);
  }
  for (const int64_t id : options.generations) {
    if (found.contains(id)) continue;
    return Fail(Error::Kind::kUsage,
                "no generation " + std::to_string(id) + " of that project-day is kept");
  }
  return chosen;
}

// What could be restored, and what for.
void ListChoices(const std::vector<KeptRow>& kept,
                 const std::map<Source, std::optional<int64_t>>& holders, const ImpactDay& missed,
                 const RestoreOptions& options) {
  if (missed.events.missing == 0) {
    std::printf("no events of %s on %s are known to be missing\n\n",
                Printable(options.project).c_str(), options.day.c_str());
  } else {
    const auto& events = missed.recoverable.events;
    std::printf("%s events of %s on %s are missing; %s of them can be put back\n\n",
                Grouped(missed.events.missing).c_str(), Printable(options.project).c_str(),
                options.day.c_str(), events ? Grouped(*events).c_str() : "nobody knows how many");
  }
  Document rows = KeptDocument(kept);
  for (Document& row : rows) {
    const auto holder =
        holders.find({row["server"].get<std::string>(), row["generation"].get<int64_t>()});
    row["holds_missing"] = holder == holders.end() ? Document(0) : CountOrNull(holder->second);
  }
  PrintDocument(rows, rows, "table",
                {"generation", "holds_missing", "rows", "replaced_at", "expires_at", "format",
                 "server", "path"});
  std::printf(
      "\nto write one beside its canonical file: restore %s %s --generation N; all that "
      "hold missing events: --missing\n",
      Printable(options.project).c_str(), options.day.c_str());
}

int ExitCodeOf(const std::vector<RestoredFile>& restored) {
  const auto any = [&](const char* verdict) {
    return std::any_of(restored.begin(), restored.end(),
                       [&](const RestoredFile& file) { return VerdictOf(file) == verdict; });
  };
  if (any("not_written")) return kUnusable;
  if (any("differs")) return kFound;
  return any("not_counted") ? kCannotTell : kDone;
}

void WarnOfDeleted(const std::vector<RestoredFile>& restored) {
  for (const RestoredFile& file : restored) {
    if (!file.kept.erased || !file.written) continue;
    std::fprintf(stderr,
                 "rollcall: %s holds events that were deleted since it was kept; leave those out "
                 "before you use it\n",
                 Printable(file.path).c_str());
  }
}

}  // namespace

int ReportKept(const Settings& settings, const KeptOptions& options) {
  if (!options.day.empty() && !ParseDay(options.day)) {
    return Report({Error::Kind::kUsage, options.day + " is not a date; write 2016-02-22"});
  }
  auto ledgers = OpenLedgersOf(settings);
  if (!ledgers) return Report(ledgers.error());
  const auto kept = ReadKept(ledgers->views, options.project, options.day);
  if (!kept) return Report(kept.error());
  const Document document = KeptDocument(*kept);
  if (kept->empty() && settings.format == "table") {
    std::printf("no generation is kept\n");
    return kDone;
  }
  PrintDocument(document, document, settings.format,
                {"generation", "project", "day", "format", "rows", "size_bytes", "replaced_at",
                 "expires_at", "needed", "deleted_since", "method", "server", "path"});
  return kDone;
}

int Restore(const Settings& settings, const RestoreOptions& options) {
  if (!ParseDay(options.day)) {
    return Report({Error::Kind::kUsage, options.day + " is not a date; write 2016-02-22"});
  }
  auto ledgers = OpenLedgersOf(settings);
  if (!ledgers) return Report(ledgers.error());
  auto kept = ReadKept(ledgers->views, options.project, options.day);
  if (!kept) return Report(kept.error());
  std::erase_if(*kept, [&](const KeptRow& row) {
    return !options.server.empty() && row.server != options.server;
  });
  if (kept->empty()) {
    return Report({Error::Kind::kInput,
                   "no generation of " + options.project + " on " + options.day + " is kept"});
  }
  ImpactDay missed;
  const auto holders = HoldersOf(*ledgers, options, missed);
  if (!holders) return Report(holders.error());
  if (options.generations.empty() && !options.missing) {
    if (settings.format != "table") {
      const Document document = KeptDocument(*kept);
      PrintDocument(
          document, document, settings.format,
          {"generation", "rows", "replaced_at", "expires_at", "format", "server", "path"});
    } else {
      ListChoices(*kept, *holders, missed, options);
    }
    return kDone;
  }
  const auto chosen = Chosen(*kept, *holders, options);
  if (!chosen) return Report(chosen.error());
  if (chosen->empty()) {
    return Report({Error::Kind::kInput, "no kept generation holds events that are missing"});
  }
  std::vector<RestoredFile> restored;
  for (const KeptRow& row : *chosen) {
    restored.push_back(RestoreOne(row, options, ledgers->config));
  }
  const Document document = RestoredDocument(restored);
  PrintDocument(
      document, document, settings.format,
      {"verdict", "rows", "expected_rows", "path", "problem", "generation", "format", "server"});
  WarnOfDeleted(restored);
  return ExitCodeOf(restored);
}
