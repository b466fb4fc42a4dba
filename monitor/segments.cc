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

// What is live now; unknown as soon as one live segment's count is.
int64_t LiveRecords(const SegmentSet& segments) {
  int64_t sum = 0;
  for (const auto& [name, segment] : segments) {
    if (!segment.live) continue;
    if (!Known(segment.records)) return kUnknownCount;
    sum += segment.records;
  }
  return sum;
}

// Takes the inputs out of the live set. Returns what they held, unknown if any of them was not seen
// being written (it opens with this run) or has no count.
int64_t ConsumeInputs(const SegmentRun& run, int64_t seq, SegmentSet& segments, Booking& booking) {
  int64_t held = 0;
  for (const std::string& name : run.inputs) {
    const auto found = segments.find(name);
    if (found == segments.end()) {
      held = kUnknownCount;
      segments[name] = {kUnknownCount, false, seq};
      continue;
    }
    if (!found->second.live) ++booking.broken_segments;
    const int64_t records = found->second.records;
    held = Known(held) && Known(records) ? held + records : kUnknownCount;
    found->second = {records, false, seq};
  }
  return held;
}

// What the files written hold; unknown when the log gives no counts for them.
int64_t ProduceOutputs(const SegmentRun& run, int64_t seq, SegmentSet& segments) {
  int64_t held = 0;
  for (const SegmentRun::Output& output : run.outputs) {
    segments[output.segment] = {output.records, true, seq};
    held = Known(held) && Known(output.records) ? held + output.records - output.range_deletions
                                                : kUnknownCount;
  }
  return held;
}

// Books what one identity lacks. More than it allows is surplus, and makes up for nothing that
// another one lacks.
void BookDifference(int64_t difference, int64_t& lacking, Booking& booking) {
  (difference > 0 ? lacking : booking.surplus) += std::abs(difference);
}

// A histogram says how many merged partitions there must be at most; fewer were purged.
void BookHistogram(const SegmentRun& run, const RunCounts& counts, Booking& booking) {
  int64_t total = 0, merged = 0;
  for (const auto& [inputs, partitions] : run.merge_counts) {
    total += inputs * partitions;
    merged += partitions;
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
  const int64_t lost = booking.unread + booking.dropped;
  booking.permitted = std::min(lost, balance.permitted);
  balance.permitted -= booking.permitted;
  booking.lost = lost - booking.permitted;
  balance.missing += booking.lost;
  balance.surplus += booking.surplus;
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

Booking BookSegmentRun(const SegmentRun& run, const RunCounts& counts, Conservation conservation,
                       int64_t seq, SegmentSet& segments, Balance& balance) {
  Booking booking;
  booking.opened = balance.opening == Opening::kUnopened;
  booking.before = LiveRecords(segments);
  if (run.kind == "trivial_move") return booking;
  const int64_t held = ConsumeInputs(run, seq, segments, booking);
  const int64_t wrote = ProduceOutputs(run, seq, segments);
  if (booking.opened) balance.opening = Known(held) ? Opening::kKnown : Opening::kUnverified;

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
  Settle(balance, booking);
  balance.actual = LiveRecords(segments);
  return booking;
}

Booking BookSegmentDeletion(const SegmentDeletion& deletion, int64_t seq, SegmentSet& segments,
                            Balance& balance) {
  Booking booking;
  booking.before = LiveRecords(segments);
  if (deletion.uncertain) balance.opening = Opening::kUnknown;
  for (const std::string& name : deletion.segments) {
    const auto found = segments.find(name);
    if (found == segments.end()) continue;  // of before the log began: nothing is known of it
    const bool live = found->second.live;
    found->second.live = false;
    found->second.seq = seq;
    if (!live || deletion.explained) continue;
    ++booking.broken_segments;
    if (Known(found->second.records)) booking.lost += found->second.records;
  }
  booking.permitted = std::min(booking.lost, balance.permitted);
  balance.permitted -= booking.permitted;
  booking.lost -= booking.permitted;
  balance.missing += booking.lost;
  if (booking.broken_segments > 0) booking.cause = Cause::kDeletedUnmerged;
  balance.actual = LiveRecords(segments);
  return booking;
}
