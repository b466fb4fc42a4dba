#include "monitor/source_book.h"

#include <algorithm>

namespace {

constexpr const char* kUpsertSource =
    "INSERT INTO source(name, shape, conservation, unit) VALUES (?1,?2,?3,?4) "
    "ON CONFLICT(name) DO UPDATE SET shape = ?2, conservation = ?3, unit = ?4";
constexpr const char* kSources =
    "SELECT id, name, shape, conservation, unit FROM source ORDER BY id";
constexpr const char* kGaps =
    "SELECT blind, began, ended, log, logged_until FROM gap WHERE source = ? ORDER BY epoch";
constexpr const char* kInsertGap =
    "INSERT INTO gap(source, epoch, blind, reason, began, ended, log, position, length, seq, "
    "logged_until) VALUES (?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kEndGap =
    "UPDATE gap SET ended = max(began, ?) WHERE source = ? AND ended IS NULL";
constexpr const char* kWatchedSince =
    "SELECT watched_since FROM source WHERE id = ? AND watched_since IS NOT NULL";
constexpr const char* kUnwatched = "SELECT reason, milliseconds FROM unwatched WHERE source = ?";
constexpr const char* kFilesWatched = "UPDATE source SET read_at = ?2 WHERE shape = ?1";
constexpr const char* kKeepSince = "UPDATE source SET watched_since = ?2 WHERE id = ?1";
constexpr const char* kKeepUnwatched = "INSERT OR REPLACE INTO unwatched VALUES (?,?,?)";
// The newest logged time of a source, from where its newest facts are. When a blind interval was
// told is no logged time.
constexpr const char* kLoggedUntil =
    "SELECT max(logged_at) FROM (SELECT logged_at, source, kind FROM fact ORDER BY seq DESC LIMIT "
    "10000) WHERE source = ? AND (kind IS NULL OR kind NOT IN ('blind', 'quarantined'))";

// Of a source that is no compaction log.
constexpr std::string_view kFilesShape = "files";

std::string_view ShapeName(Shape shape) {
  return shape == Shape::kRewrite ? "rewrite" : "segments";
}
std::string_view ConservationName(Conservation conservation) {
  if (conservation == Conservation::kStrict) return "strict";
  return conservation == Conservation::kBounded ? "bounded" : "off";
}
Conservation ConservationNamed(std::string_view name) {
  if (name == "strict") return Conservation::kStrict;
  return name == "bounded" ? Conservation::kBounded : Conservation::kOff;
}

// Marks the newest gap with what it means together with those before it.
void Mark(Source& source, Source::GapMark gap) {
  if (!source.gaps.empty()) {
    gap.logged_until = std::max(gap.logged_until, source.gaps.back().logged_until);
    gap.ended = std::max(gap.ended, source.gaps.back().ended);
    gap.passed_from = std::max(gap.passed_from, source.gaps.back().passed_from);
  }
  source.gaps.push_back(gap);
}

}  // namespace

SourceBook::SourceBook(Database& database, const Config& config, bool watches_files)
    : database_(database),
      config_(config),
      watches_files_(watches_files),
      insert_gap_(database.Prepare(kInsertGap)),
      end_gap_(database.Prepare(kEndGap)) {}

void SourceBook::Open() {
  Statement upsert = database_.Prepare(kUpsertSource);
  for (const CompactionLogConfig& log : config_.compaction_logs) {
    upsert.Run({Cell::Of(log.name), Cell::Of(ShapeName(log.shape)),
                Cell::Of(ConservationName(log.conservation)), Cell::Of(log.unit)});
  }
  std::vector<std::string_view> configured;
  for (const CompactionLogConfig& log : config_.compaction_logs) configured.push_back(log.name);
  for (const std::string_view name :
       watches_files_ ? FileSources(config_) : std::vector<std::string_view>()) {
    configured.push_back(name);
    upsert.Run({Cell::Of(name), Cell::Of(kFilesShape),
                Cell::Of(ConservationName(Conservation::kOff)),
                Cell::Of(std::string_view("files"))});
  }
  sources_.assign(configured.size(), {});
  Statement rows = database_.Prepare(kSources);
  rows.Bind({});
  while (rows.Step()) {
    Source source;
    source.id = static_cast<int32_t>(rows.Integer(0));
    source.name = std::string(rows.Text(1));
    source.shape = rows.Text(2) == ShapeName(Shape::kSegments) ? Shape::kSegments : Shape::kRewrite;
    source.conservation = ConservationNamed(rows.Text(3));
    source.unit = std::string(rows.Text(4));
    LoadGaps(source);
    const auto found = std::find(configured.begin(), configured.end(), source.name);
    if (found == configured.end()) {
      sources_.push_back(std::move(source));
    } else {
      sources_[static_cast<size_t>(found - configured.begin())] = std::move(source);
    }
  }
}

void SourceBook::LoadGaps(Source& source) {
  Statement gaps = database_.Prepare(kGaps);
  gaps.Bind({Cell::Of(int64_t{source.id})});
  while (gaps.Step()) {
    const bool blind = gaps.Integer(0) != 0;
    const int64_t logged_until = gaps.Integer(4), ended = gaps.Integer(2);
    source.gap_open = gaps.IsNull(2);
    Mark(source, {gaps.Integer(3), logged_until, std::max(gaps.Integer(1), ended),
                  blind ? logged_until : std::max(logged_until, ended)});
    if (blind) source.blind_epochs.push_back(source.epoch());
  }
  Statement until = database_.Prepare(kLoggedUntil);
  if (until.Bind({Cell::Of(int64_t{source.id})}).Step()) source.logged_until = until.Integer(0);
}

Source* SourceBook::ById(int32_t id) {
  if (id == 0) return nullptr;
  const auto found = std::find_if(sources_.begin(), sources_.end(),
                                  [&](const Source& source) { return source.id == id; });
  return found == sources_.end() ? nullptr : &*found;
}

void SourceBook::Add(Source& source, const NewGap& gap) {
  // Where the log itself has said nothing yet, no fact of the source can be called later.
  const int64_t logged_until =
      gap.log && gap.log == source.log ? source.log_until : source.logged_until;
  const int64_t began = gap.began ? gap.began : logged_until;
  source.gap_open = gap.ended == 0;
  Mark(source, {gap.log, logged_until, std::max(began, gap.ended), logged_until});
  if (gap.blind) source.blind_epochs.push_back(source.epoch());
  const Cell log = gap.log ? Cell::Of(gap.log) : Cell::Null();
  insert_gap_.Run({Cell::Of(int64_t{source.id}), Cell::Of(int64_t{source.epoch()}),
                   Cell::Of(int64_t{gap.blind}), Cell::Of(gap.reason), Cell::Of(began),
                   gap.ended ? Cell::Of(gap.ended) : Cell::Null(), log,
                   gap.log ? Cell::Of(gap.position) : Cell::Null(),
                   gap.length ? Cell::Of(gap.length) : Cell::Null(), Cell::Of(gap.seq),
                   Cell::Of(logged_until)});
}

void SourceBook::Observed(Source& source, int64_t log, int64_t logged_at) {
  const bool beyond = source.gap_open && EpochOf(source, log, logged_at) == source.epoch();
  source.logged_until = std::max(source.logged_until, logged_at);
  source.log_until = source.log == log ? std::max(source.log_until, logged_at) : logged_at;
  source.log = log;
  if (!beyond) return;
  source.gap_open = false;
  Source::GapMark& gap = source.gaps.back();
  gap.ended = std::max(gap.ended, logged_at);
  const bool blind = !source.blind_epochs.empty() && source.blind_epochs.back() == source.epoch();
  if (!blind) gap.passed_from = std::max(gap.passed_from, logged_at);
  end_gap_.Run({Cell::Of(logged_at), Cell::Of(int64_t{source.id})});
}

SourceCoverage SourceBook::Coverage(const Source& source) {
  using std::chrono::milliseconds;
  SourceCoverage coverage;
  Statement since = database_.Prepare(kWatchedSince), spans = database_.Prepare(kUnwatched);
  if (since.Bind({Cell::Of(int64_t{source.id})}).Step()) {
    coverage.since = Time(milliseconds(since.Integer(0)));
  }
  spans.Bind({Cell::Of(int64_t{source.id})});
  while (spans.Step()) {
    coverage.unwatched[std::string(spans.Text(0))] = milliseconds(spans.Integer(1));
  }
  return coverage;
}

void SourceBook::Keep(const Source& source, const SourceCoverage& coverage) {
  if (coverage.since == Time{}) return;
  Statement since = database_.Prepare(kKeepSince), span = database_.Prepare(kKeepUnwatched);
  since.Run(
      {Cell::Of(int64_t{source.id}), Cell::Of(int64_t{coverage.since.time_since_epoch().count()})});
  for (const auto& [reason, lasted] : coverage.unwatched) {
    span.Run({Cell::Of(int64_t{source.id}), Cell::Of(reason), Cell::Of(int64_t{lasted.count()})});
  }
}

void SourceBook::FilesWatched(int64_t now) {
  constexpr int64_t kOnceIn = 10'000;  // ms
  if (!watches_files_ || now < files_watched_ + kOnceIn) return;
  files_watched_ = now;
  Statement watched = database_.Prepare(kFilesWatched);
  watched.Run({Cell::Of(kFilesShape), Cell::Of(now)});
}

int32_t SourceBook::EpochOf(const Source& source, int64_t log, int64_t logged_at) {
  const auto& gaps = source.gaps;
  if (gaps.empty() || logged_at >= gaps.back().passed_from) return source.epoch();
  auto after = std::upper_bound(
      gaps.begin(), gaps.end(), logged_at,
      [](int64_t time, const Source::GapMark& gap) { return time < gap.passed_from; });
  // Within one log what is read later stands later, whatever its clock says.
  while (after != gaps.end() && log != 0 && after->log == log) ++after;
  return static_cast<int32_t>(after - gaps.begin());
}

Gap SourceBook::Between(const Source& source, int32_t then, int32_t now) {
  if (now <= then) return Gap::kNone;
  return BlindEpoch(source, now) > then ? Gap::kBlind : Gap::kQuarantined;
}

int32_t SourceBook::BlindEpoch(const Source& source, int32_t now) {
  const auto& blind = source.blind_epochs;
  const auto after = std::upper_bound(blind.begin(), blind.end(), now);
  return after == blind.begin() ? 0 : *(after - 1);
}

bool SourceBook::WatchedSince(const Source& source, int64_t since, int32_t now) {
  return now == 0 || source.gaps[static_cast<size_t>(now) - 1].ended < since;
}
