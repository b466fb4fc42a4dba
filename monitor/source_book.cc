#include "monitor/source_book.h"

#include <algorithm>

namespace {

constexpr const char* kUpsertSource =
    "INSERT INTO source(name, shape, conservation, unit) VALUES (?1,?2,?3,?4) "
    "ON CONFLICT(name) DO UPDATE SET shape = ?2, conservation = ?3, unit = ?4 RETURNING id";
constexpr const char* kGaps =
    "SELECT epoch, blind, began, ended FROM gap WHERE source = ? ORDER BY epoch";
constexpr const char* kInsertGap =
    "INSERT INTO gap(source, epoch, blind, reason, began, ended, log, position, length, seq) "
    "VALUES (?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kEndGap = "UPDATE gap SET ended = ? WHERE source = ? AND ended IS NULL";
// The newest logged time of a source, from where its newest facts are.
constexpr const char* kLoggedUntil =
    "SELECT max(logged_at) FROM (SELECT logged_at, source FROM fact ORDER BY seq DESC LIMIT 10000) "
    "WHERE source = ?";

std::string_view ShapeName(Shape shape) {
  return shape == Shape::kRewrite ? "rewrite" : "segments";
}
std::string_view ConservationName(Conservation conservation) {
  if (conservation == Conservation::kStrict) return "strict";
  return conservation == Conservation::kBounded ? "bounded" : "off";
}

}  // namespace

SourceBook::SourceBook(Database& database, const Config& config)
    : database_(database),
      config_(config),
      insert_gap_(database.Prepare(kInsertGap)),
      end_gap_(database.Prepare(kEndGap)) {}

void SourceBook::Open() {
  sources_.clear();
  Statement upsert = database_.Prepare(kUpsertSource);
  Statement gaps = database_.Prepare(kGaps);
  Statement until = database_.Prepare(kLoggedUntil);
  for (const CompactionLogConfig& log : config_.compaction_logs) {
    Source source;
    source.name = log.name;
    source.shape = log.shape;
    source.conservation = log.conservation;
    source.unit = log.unit;
    upsert.Bind({Cell::Of(log.name), Cell::Of(ShapeName(log.shape)),
                 Cell::Of(ConservationName(log.conservation)), Cell::Of(log.unit)});
    if (upsert.Step()) source.id = static_cast<int32_t>(upsert.Integer(0));
    while (upsert.Step()) {
    }
    gaps.Bind({Cell::Of(int64_t{source.id})});
    while (gaps.Step()) {
      source.epoch = static_cast<int32_t>(gaps.Integer(0));
      if (gaps.Integer(1)) source.blind_epochs.push_back(source.epoch);
      source.gap_open = gaps.IsNull(3);
      source.last_gap_at = std::max(source.last_gap_at, gaps.Integer(source.gap_open ? 2 : 3));
    }
    if (until.Bind({Cell::Of(int64_t{source.id})}).Step()) source.logged_until = until.Integer(0);
    sources_.push_back(std::move(source));
  }
}

Source* SourceBook::ById(int32_t id) {
  const auto found = std::find_if(sources_.begin(), sources_.end(),
                                  [&](const Source& source) { return source.id == id; });
  return found == sources_.end() ? nullptr : &*found;
}

void SourceBook::Add(Source& source, const Gap& gap) {
  ++source.epoch;
  if (gap.blind) source.blind_epochs.push_back(source.epoch);
  const int64_t began = gap.began ? gap.began : source.logged_until;
  source.gap_open = gap.ended == 0;
  source.last_gap_at = std::max({source.last_gap_at, began, gap.ended});
  const Cell log = gap.log ? Cell::Of(gap.log) : Cell::Null();
  insert_gap_.Run({Cell::Of(int64_t{source.id}), Cell::Of(int64_t{source.epoch}),
                   Cell::Of(int64_t{gap.blind}), Cell::Of(gap.reason), Cell::Of(began),
                   gap.ended ? Cell::Of(gap.ended) : Cell::Null(), log,
                   gap.log ? Cell::Of(gap.position) : Cell::Null(),
                   gap.length ? Cell::Of(gap.length) : Cell::Null(), Cell::Of(gap.seq)});
}

void SourceBook::Observed(Source& source, int64_t logged_at) {
  source.logged_until = std::max(source.logged_until, logged_at);
  if (!source.gap_open) return;
  source.gap_open = false;
  source.last_gap_at = std::max(source.last_gap_at, logged_at);
  end_gap_.Run({Cell::Of(logged_at), Cell::Of(int64_t{source.id})});
}

RunContext::Gap SourceBook::Between(const Source& source, int32_t then, int32_t now) {
  if (now <= then) return RunContext::Gap::kNone;
  const auto first = std::upper_bound(source.blind_epochs.begin(), source.blind_epochs.end(), then);
  const bool blind = first != source.blind_epochs.end() && *first <= now;
  return blind ? RunContext::Gap::kBlind : RunContext::Gap::kQuarantined;
}
