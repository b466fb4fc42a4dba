#include "monitor/segment_book.h"

#include <utility>

namespace {

// Live segments; only recently touched partitions are worth keeping.
constexpr size_t kMaxCached = 50'000;

constexpr const char* kUpsert = "INSERT OR REPLACE INTO segment VALUES (?,?,?,?,?,?,?,?)";
constexpr const char* kSelectLive =
    "SELECT name, records, live, epoch FROM segment WHERE project = ? AND day = ? AND format = ? "
    "AND server = ? AND live";
constexpr const char* kSelectOne =
    "SELECT name, records, live, epoch FROM segment WHERE project = ? AND day = ? AND format = ? "
    "AND server = ? AND name = ?";
constexpr const char* kDelete =
    "DELETE FROM segment WHERE project = ? AND day = ? AND format = ? AND server = ?";

Segment SegmentAt(const Statement& row) {
  return {row.MaybeInteger(1).value_or(kUnknownCount), row.Integer(2) != 0,
          static_cast<int32_t>(row.Integer(3))};
}

}  // namespace

SegmentBook::SegmentBook(Database& database)
    : upsert_(database.Prepare(kUpsert)),
      select_live_(database.Prepare(kSelectLive)),
      select_one_(database.Prepare(kSelectOne)),
      delete_(database.Prepare(kDelete)) {}

SegmentSet::Recall SegmentBook::RecallOf(const PartitionKey& key) {
  return [this, key](const std::string& name) -> std::optional<Segment> {
    select_one_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                      Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}),
                      Cell::Of(name)});
    if (!select_one_.Step()) return std::nullopt;
    return SegmentAt(select_one_);
  };
}

SegmentSet& SegmentBook::Of(const PartitionKey& key) {
  const auto known = sets_.find(key);
  if (known != sets_.end()) return known->second;
  if (cached_ > kMaxCached) Forget();
  SegmentSet set;
  select_live_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                     Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  while (select_live_.Step()) {
    set.Put(std::string(select_live_.Text(0)), SegmentAt(select_live_));
    ++cached_;
  }
  set.Saved(RecallOf(key));
  return sets_.emplace(key, std::move(set)).first->second;
}

void SegmentBook::Save(const PartitionKey& key) {
  SegmentSet& set = Of(key);
  for (const std::string& name : set.changed()) {
    const Segment& segment = set.known().at(name);
    upsert_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                 Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(name),
                 segment.records == kUnknownCount ? Cell::Null() : Cell::Of(segment.records),
                 Cell::Of(int64_t{segment.live}), Cell::Of(int64_t{segment.epoch})});
  }
  set.Saved(RecallOf(key));
}

void SegmentBook::Replace(const PartitionKey& key, SegmentSet segments) {
  delete_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
               Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  Of(key) = std::move(segments);
  Save(key);
}

void SegmentBook::Forget() {
  sets_.clear();
  cached_ = 0;
}
