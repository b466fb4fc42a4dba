#include "monitor/segments.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;

bool Known(int64_t count) { return count != kUnknownCount; }

int64_t CountAt(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<int64_t>()
                                                             : kUnknownCount;
}

std::vector<std::string> NamesAt(const json& object, const char* key) {
  std::vector<std::string> names;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_array()) return names;
  for (const json& name : *found) {
    if (name.is_string()) names.push_back(name.get<std::string>());
  }
  return names;
}

// Takes the inputs out of the live set. Returns what they held, unknown if any of them was not seen
// being written (it opens with this run) or has no count.
int64_t ConsumeInputs(const SegmentRun& run, int32_t epoch, SegmentSet& segments,
                      Booking& booking) {
  int64_t held = 0;
  for (const std::string& name : run.inputs) {
    const Segment* segment = segments.Find(name);
    if (segment && !segment->live) ++booking.broken_segments;
    const int64_t records = segment ? segment->records : kUnknownCount;
    held = Known(held) && Known(records) ? Sum(held, records) : kUnknownCount;
    segments.Put(name, {records, false, epoch});
  }
  return held;
}

// What the files written hold; unknown when the log gives no counts for them.
int64_t ProduceOutputs(const SegmentRun& run, int32_t epoch, SegmentSet& segments) {
  int64_t held = 0;
  for (const SegmentRun::Output& output : run.outputs) {
    segments.Put(output.segment, {output.records, true, epoch});
    held = Known(held) && Known(output.records) ? Sum(held, output.records - output.range_deletions)
                                                : kUnknownCount;
  }
  return held;
}

// First seen with nothing to read is as good as empty only where nobody can have missed its begin.
Opening OpeningOf(const SegmentRun& run, int64_t held, const Surroundings& around) {
  if (!run.inputs.empty()) return Known(held) ? Opening::kKnown : Opening::kUnverified;
  return around.watched_since_day ? Opening::kKnown : Opening::kUnknown;
}

// Books what one identity lacks. More than it allows is surplus, and makes up for nothing that
// another one lacks.
void BookDifference(int64_t difference, int64_t& lacking, Booking& booking) {
  Increase(difference > 0 ? lacking : booking.surplus, std::abs(difference));
}

// A histogram says how many merged partitions there must be at most; fewer were purged.
void BookHistogram(const SegmentRun& run, const RunCounts& counts, Booking& booking) {
  int64_t total = 0, merged = 0;
  for (const auto& [inputs, partitions] : run.merge_counts) {
    int64_t read = 0;
    if (__builtin_mul_overflow(inputs, partitions, &read)) read = kLargestSum;
    Increase(total, read);
    Increase(merged, partitions);
  }
  if (!run.estimate && Known(counts.existing)) {
    BookDifference(counts.existing - total, booking.unread, booking);
  }
  if (!Known(counts.written)) return;
  const int64_t purged = merged - counts.written;
  if (!run.expires || purged < 0) BookDifference(purged, booking.dropped, booking);
}

// Inputs less outputs of a merge, judged as the source is configured.
void BookConservation(int64_t read, int64_t wrote, Conservation conservation, Booking& booking) {
  booking.emptied = read > 0 && wrote == 0 && conservation != Conservation::kOff;
  const int64_t difference = read - wrote;
  if (conservation == Conservation::kStrict || difference < 0) {
    if (conservation != Conservation::kOff) BookDifference(difference, booking.dropped, booking);
    return;
  }
  booking.merged_away = difference;
}

void Settle(Balance& balance, Booking& booking) {
  const int64_t lost = Sum(booking.unread, booking.dropped);
  booking.permitted = std::min(lost, balance.permitted);
  balance.permitted -= booking.permitted;
  booking.lost = lost - booking.permitted;
  Increase(balance.missing, booking.lost);
  Increase(balance.surplus, booking.surplus);
  if (booking.broken_segments > 0 || booking.unread > 0) {
    booking.cause = Cause::kExistingNotRead;
  } else if (booking.lost > 0) {
    booking.cause = Cause::kDroppedInMerge;
  } else if (booking.surplus > 0) {
    booking.cause = Cause::kDuplicated;
  }
}

}  // namespace

std::optional<SegmentRun> ParseSegmentRun(std::string_view detail) try {
  const json object = json::parse(detail);
  SegmentRun run;
  run.kind = object.value("kind", "");
  run.inputs = NamesAt(object, "inputs");
  run.input_records = CountAt(object, "input_records");
  run.output_records = CountAt(object, "output_records");
  run.expires = object.value("expires", false);
  run.estimate = object.value("estimate", false);
  const json outputs = object.value("outputs", json::array());
  for (const json& output : outputs) {
    SegmentRun::Output segment;
    segment.segment = output.value("segment", "");
    segment.records = CountAt(output, "records");
    segment.range_deletions = std::max<int64_t>(0, CountAt(output, "range_deletions"));
    run.outputs.push_back(std::move(segment));
  }
  const json histogram = object.value("merge_counts", json::object());
  for (const auto& [inputs, partitions] : histogram.items()) {
    run.merge_counts[std::stoll(inputs)] = partitions.get<int64_t>();
  }
  return run;
} catch (const std::exception&) {  // json's and stoll's: a detail of another form
  return std::nullopt;
}

std::optional<SegmentDeletion> ParseSegmentDeletion(std::string_view detail) try {
  const json object = json::parse(detail);
  const std::string reason = object.value("reason", "obsolete");
  return SegmentDeletion{NamesAt(object, "segments"), reason != "obsolete" && reason != "unmerged",
                         object.value("uncertain", false)};
} catch (const std::exception&) {
  return std::nullopt;
}

const Segment* SegmentSet::Find(const std::string& name) {
  const auto known = known_.find(name);
  if (known != known_.end()) return &known->second;
  const auto recalled = recall_ ? recall_(name) : std::nullopt;
  return recalled ? &(known_[name] = *recalled) : nullptr;
}

void SegmentSet::Put(const std::string& name, const Segment& segment) {
  known_[name] = segment;
  changed_.insert(name);
}

int64_t SegmentSet::LiveRecords() const {
  int64_t sum = 0;
  for (const auto& [name, segment] : known_) {
    if (!segment.live) continue;
    if (!Known(segment.records)) return kUnknownCount;
    Increase(sum, segment.records);
  }
  return sum;
}

void SegmentSet::Saved(Recall recall) {
  recall_ = std::move(recall);
  changed_.clear();
  std::erase_if(known_, [](const auto& entry) { return !entry.second.live; });
}

Booking BookSegmentRun(const SegmentRun& run, const RunCounts& counts, Conservation conservation,
                       const Surroundings& around, SegmentSet& segments, Balance& balance) {
  Booking booking;
  booking.opened = balance.opening == Opening::kUnopened;
  booking.before = segments.LiveRecords();
  if (run.kind == "trivial_move") return booking;
  const int64_t held = ConsumeInputs(run, around.epoch, segments, booking);
  const int64_t wrote = ProduceOutputs(run, around.epoch, segments);
  if (booking.opened) balance.opening = OpeningOf(run, held, around);
  // A flush says nothing of the files that were there before.
  if (booking.opened || !run.inputs.empty()) balance.epoch = around.epoch;

  if (!run.inputs.empty() && Known(held) && Known(run.input_records)) {
    BookDifference(held - run.input_records, booking.unread, booking);
  }
  if (Known(wrote) && Known(run.output_records)) {
    BookDifference(run.output_records - wrote, booking.dropped, booking);
  }
  if (!run.merge_counts.empty()) BookHistogram(run, counts, booking);
  if (run.merge_counts.empty() && !run.inputs.empty() && Known(run.input_records) &&
      Known(run.output_records)) {
    BookConservation(run.input_records, run.output_records, conservation, booking);
  }
  if (booking.broken_segments > 0)
    balance.opening = Opening::kUnknown;  // what was lost, no count says
  if (!run.inputs.empty()) balance.doubtful = booking.emptied;
  Settle(balance, booking);
  balance.actual = segments.LiveRecords();
  return booking;
}

Booking BookSegmentDeletion(const SegmentDeletion& deletion, const Surroundings& around,
                            SegmentSet& segments, Balance& balance) {
  Booking booking;
  booking.before = segments.LiveRecords();
  if (deletion.uncertain) balance.opening = Opening::kUnknown;
  bool in_gap = false;
  for (const std::string& name : deletion.segments) {
    const Segment* segment = segments.Find(name);
    if (!segment) continue;  // of before the log began: nothing is known of it
    const Segment was = *segment;
    segments.Put(name, {was.records, false, around.epoch});
    if (!was.live || deletion.explained) continue;
    // Who merged it may have said so while nobody was watching.
    const bool unseen = was.epoch < around.blind_epoch;
    in_gap = in_gap || unseen;
    if (!unseen) ++booking.broken_segments;
    if (Known(was.records)) Increase(booking.lost, was.records);
    if (!Known(was.records) && !unseen) balance.opening = Opening::kUnknown;
  }
  booking.permitted = std::min(booking.lost, balance.permitted);
  balance.permitted -= booking.permitted;
  booking.lost -= booking.permitted;
  Increase(balance.missing, booking.lost);
  if (in_gap && booking.lost > 0) booking.cause = Cause::kLostInGap;
  if (booking.broken_segments > 0) booking.cause = Cause::kDeletedUnmerged;
  balance.actual = segments.LiveRecords();
  return booking;
}
