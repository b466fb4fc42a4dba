#include "monitor/balance.h"

#include <algorithm>
#include <array>

namespace {

constexpr std::array<std::string_view, 8> kCauseNames = {"",
                                                         "existing_not_read",
                                                         "dropped_in_merge",
                                                         "lost_in_gap",
                                                         "file_disagrees",
                                                         "unexplained",
                                                         "deleted_unmerged",
                                                         "duplicated"};

bool Known(int64_t count) { return count != kUnknownCount; }
int64_t OrZero(int64_t count) { return Known(count) ? count : 0; }

// Opens a partition at its first run: `before` is what the run says it found. Where something that
// nobody counted was re-homed to, finding nothing proves nothing.
void Open(const RunCounts& run, const Surroundings& around, Balance& balance) {
  const bool awaited = balance.opening == Opening::kExpected;
  balance.actual = OrZero(run.existing);
  if (run.existing > 0) {
    balance.opening = Opening::kUnverified;
  } else if (run.existing == 0 && around.watched_since_day && !awaited) {
    balance.opening = Opening::kKnown;
  } else {
    balance.opening = Opening::kUnknown;
  }
}

// More than before after a gap arrived unseen: no alarm, and no sign that anything was put back.
int64_t BookUnseen(int64_t found, Balance& balance) {
  const int64_t unseen = std::max<int64_t>(0, found - balance.actual);
  balance.actual += unseen;
  return unseen;
}

// A permit given in advance explains part of a loss.
int64_t UsePermit(int64_t loss, Balance& balance, Booking& booking) {
  booking.permitted = std::min(loss, balance.permitted);
  balance.permitted -= booking.permitted;
  return loss - booking.permitted;
}

void BookLoss(int64_t loss, Balance& balance, Booking& booking) {
  booking.lost = UsePermit(loss, balance, booking);
  Increase(balance.missing, booking.lost);
}

// More events than the arithmetic expects: first what was missing and shows again as more existing
// than before, then what was deleted and came back; all that is not missing put back is surplus.
void BookGain(int64_t gain, Balance& balance, Booking& booking) {
  const int64_t read_more = std::max<int64_t>(0, -booking.unread);
  const int64_t returned = std::min({gain, read_more, balance.missing});
  balance.missing -= returned;
  booking.returned += returned;
  booking.surplus = gain - returned;
  Increase(balance.surplus, booking.surplus);
  if (balance.deleted_before) booking.came_back = std::min(booking.surplus, read_more);
}

// What is less than before after a blind interval was lost in it, unless the merge itself dropped
// some: that is certain, and worse.
Cause CauseOf(const RunCounts& run, Gap gap, const Booking& booking) {
  if (gap == Gap::kBlind && !booking.opened) {
    const bool dropped = Known(run.existing) && booking.dropped > 0;
    return dropped ? Cause::kDroppedInMerge : Cause::kLostInGap;
  }
  if (!Known(run.existing)) return Cause::kUnexplained;
  return booking.unread > 0 ? Cause::kExistingNotRead : Cause::kDroppedInMerge;
}

// Of each event one is kept, so where any existed not all in hand can be duplicates. Believed, such
// a claim would call a lost partition clear.
bool ImpossibleDuplicates(const RunCounts& run, int64_t existing, int64_t in_hand) {
  return run.duplicates > (existing > 0 ? in_hand - 1 : in_hand);
}

bool LargeShare(const RunCounts& run, const ExplainedShare& suspicious) {
  const int64_t explained = run.duplicates + run.deleted;
  const auto input = static_cast<double>(OrZero(run.existing) + OrZero(run.fresh));
  return explained > suspicious.events && static_cast<double>(explained) > suspicious.ratio * input;
}

}  // namespace

std::string_view NameOf(Cause cause) { return kCauseNames[static_cast<size_t>(cause)]; }

Cause CauseNamed(std::string_view name) {
  const auto* found = std::find(kCauseNames.begin(), kCauseNames.end(), name);
  return found == kCauseNames.end() ? Cause::kNone
                                    : static_cast<Cause>(found - kCauseNames.begin());
}

Booking BookRun(const RunCounts& run, const Surroundings& around, Balance& balance) {
  Booking booking;
  if (balance.opening == Opening::kUnopened || !Known(balance.actual)) {
    booking.opened = true;
    Open(run, around, balance);
  } else if (around.gap != Gap::kNone) {
    booking.unseen = BookUnseen(run.existing, balance);
  }
  if (balance.opening == Opening::kExpected) balance.opening = Opening::kKnown;
  balance.epoch = around.epoch;
  booking.before = booking.opened ? run.existing : balance.actual;

  const bool complete = Known(run.existing) && Known(run.fresh);
  if (!complete) balance.doubtful = true;

  const int64_t existing = Known(run.existing) ? run.existing : balance.actual;
  const int64_t in_hand = Known(run.fresh) ? existing + run.fresh : INT64_MAX;
  booking.impossible_duplicates = ImpossibleDuplicates(run, existing, in_hand);
  const int64_t duplicates = booking.impossible_duplicates ? 0 : run.duplicates;
  const int64_t deleted = std::min(run.deleted, in_hand - duplicates);
  booking.overstated = run.duplicates - duplicates + run.deleted - deleted;
  booking.large_share = LargeShare(run, around.suspicious);

  booking.unread = balance.actual - existing;
  booking.dropped =
      existing + OrZero(run.fresh) + run.recovered - duplicates - deleted - run.written;
  // Unknown fresh events may have made up for drops, but not for what was never read.
  if (!Known(run.fresh)) booking.dropped = std::max<int64_t>(0, booking.dropped);
  const int64_t net = booking.unread + booking.dropped;

  const int64_t recovered = std::min(run.recovered, balance.missing);
  balance.missing -= recovered;
  booking.returned = recovered;
  if (net > 0) BookLoss(net, balance, booking);
  if (net < 0 && complete) BookGain(-net, balance, booking);
  booking.cause = booking.lost > 0 ? CauseOf(run, around.gap, booking) : Cause::kNone;
  balance.deleted_before = balance.deleted_before || run.deleted > 0;
  balance.actual = run.written;
  return booking;
}

Booking BookRecount(int64_t counted, const Surroundings& around, Balance& balance) {
  Booking booking;
  booking.opened = balance.opening == Opening::kUnopened || !Known(balance.actual);
  if (booking.opened) balance.actual = counted;
  if (around.gap != Gap::kNone) booking.unseen = BookUnseen(counted, balance);
  booking.before = balance.actual;
  const int64_t difference = counted - balance.actual;
  if (difference > 0) {
    booking.returned = std::min(difference, balance.missing);
    balance.missing -= booking.returned;
    booking.unseen = difference - booking.returned;
  }
  if (difference < 0) BookLoss(-difference, balance, booking);
  if (booking.lost > 0) {
    booking.cause = around.gap == Gap::kBlind ? Cause::kLostInGap : Cause::kFileDisagrees;
  }
  balance.actual = counted;
  balance.opening = Opening::kKnown;
  balance.epoch = around.epoch;
  return booking;
}

Booking BookPermit(int64_t events, Balance& balance) {
  Booking booking;
  booking.before = balance.actual;
  booking.returned = std::min(events, balance.missing);
  balance.missing -= booking.returned;
  Increase(balance.permitted, events - booking.returned);
  return booking;
}

// What the other server held is what must be found here: by the first run, or by those that ran.
Booking BookRehomedHere(int64_t events, Balance& balance) {
  Booking booking;
  booking.before = balance.actual;
  if (balance.opening == Opening::kUnopened) {
    booking.opened = true;
    booking.before = events;
    balance.actual = events;
    balance.opening = Opening::kExpected;
  } else if (balance.actual < events) {
    BookLoss(events - balance.actual, balance, booking);
    if (booking.lost > 0) booking.cause = Cause::kExistingNotRead;
  }
  return booking;
}

// Nothing can go missing any more where the data no longer lives.
Booking BookRehomedAway(Balance& balance) {
  Booking booking;
  booking.before = balance.actual;
  booking.returned = balance.missing;
  balance.missing = 0;
  balance.actual = 0;
  balance.surplus = 0;
  balance.permitted = 0;
  balance.retired = true;
  return booking;
}

std::string_view NameOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kClear:
      return "clear";
    case Verdict::kFiring:
      return "firing";
    case Verdict::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Verdict VerdictOf(const Balance& balance, int32_t source_epoch) {
  if (balance.missing > 0) return Verdict::kFiring;
  if (balance.retired) return Verdict::kClear;
  const bool opened = balance.opening == Opening::kUnverified || balance.opening == Opening::kKnown;
  const bool known = opened && !balance.doubtful && balance.epoch == source_epoch;
  return known ? Verdict::kClear : Verdict::kUnknown;
}
