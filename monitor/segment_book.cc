#include "monitor/segment_book.h"

namespace {

// Only recently touched partitions are worth keeping.
constexpr size_t kMaxCached = 50'000;

constexpr const char* kUpsert = "INSERT OR REPLACE INTO segment VALUES (?,?,?,?,?,?,?,?)";
constexpr const char* kSelect =
    "SELECT name, records, live, seq FROM segment WHERE project = ? AND day = ? AND format = ? AND "
    "server = ?";

}  // namespace

SegmentBook::SegmentBook(Database& database)
    : upsert_(database.Prepare(kUpsert)), select_(database.Prepare(kSelect)) {}

SegmentSet& SegmentBook::Of(const PartitionKey& key) {
  const auto known = sets_.find(key);
  if (known != sets_.end()) return known->second;
  if (cached_ > kMaxCached) Forget();
  SegmentSet& set = sets_[key];
  select_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  while (select_.Step()) {
    const auto records = select_.MaybeInteger(1);
    set[std::string(select_.Text(0))] = {records.value_or(kUnknownCount), select_.Integer(2) != 0,
                                         select_.Integer(3)};
  }
  cached_ += set.size();
  return set;
}

void SegmentBook::Save(const PartitionKey& key, int64_t since_seq) {
  for (const auto& [name, segment] : sets_[key]) {
    if (segment.seq < since_seq) continue;
    upsert_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                 Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(name),
                 segment.records == kUnknownCount ? Cell::Null() : Cell::Of(segment.records),
                 Cell::Of(int64_t{segment.live}), Cell::Of(segment.seq)});
  }
}

void SegmentBook::Forget() {
  sets_.clear();
  cached_ = 0;
}
