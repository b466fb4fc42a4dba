#pragma once

#include <cstdint>
#include <string_view>

#include "monitor/counts.h"
#include "monitor/fact.h"

// The arithmetic of DESIGN section 3 for the `rewrite` shape: pure functions over counts. The
// ledger calls them once per fact in the order of the partition's chain; rebuilding a chain calls
// them again.

// Why a decrease is booked. Stored by name.
enum class Cause : uint8_t {
  kNone,
  kExistingNotRead,  // the run did not read what the previous one wrote: the incident
  kDroppedInMerge,   // read, and not written
  kLostInGap,        // less than before after a blind interval: a lower bound
  kFileDisagrees,    // rows counted in the file are fewer than booked
  kUnexplained,      // the log carries too little to tell the two first apart
  kDeletedUnmerged,  // segments: a live file was deleted that no finished run consumed
  kDuplicated,       // segments: more came out than went in
};
std::string_view NameOf(Cause cause);
Cause CauseNamed(std::string_view name);

// How much is known of a partition's history before its first fact.
enum class Opening : uint8_t {
  kUnopened,    // no fact yet
  kUnknown,     // first seen empty while its source had not been watched all the time
  kUnverified,  // opened from what the first run says it read
  kKnown,       // watched since the day began, or recounted
  kExpected,    // re-homed to here: what the other server held, not yet seen here
};

// What the ledger knows of one partition after its latest fact.
struct Balance {
  int64_t actual = kUnknownCount;  // events in the canonical data now; unknown: never observed
  int64_t missing = 0;             // lost and not put back
  int64_t surplus = 0;             // more than expected: a ticket, never credit
  int64_t last = 0;                // sequence of the latest fact, 0: none
  int64_t logged_until = 0;        // newest logged time of its facts, Unix ms
  int64_t permitted = 0;           // events that permits may still explain
  int32_t epoch = 0;               // of its source when last observed (SourceBook::EpochOf)
  Opening opening = Opening::kUnopened;
  bool deleted_before = false;  // a deletion has been booked: what comes back is suspect
  // Never better than unknown: the log lacks existing or fresh, or the latest merge of segments
  // wrote nothing, and no count says whether it should have.
  bool doubtful = false;
  bool disordered = false;  // logged times of its chain do not only rise
  bool retired = false;     // re-homed away
  bool alerting = false;    // some alert on it is open
  uint8_t batch_tag = 0;    // of its latest run's batch, which a retry shares; 0: it had none

  int64_t expected() const { return Sum(Sum(actual, missing), -surplus); }
};

struct RunCounts {
  int64_t existing = kUnknownCount;
  int64_t fresh = kUnknownCount;
  int64_t recovered = 0;
  int64_t duplicates = 0;
  int64_t deleted = 0;
  int64_t written = kUnknownCount;
};

// What happened to the source of a partition since it was last observed.
enum class Gap : uint8_t { kNone, kQuarantined, kBlind };

// An explained share of a run's input above both is suspicious: a loss can be mislabelled as
// duplicates.
struct ExplainedShare {
  double ratio = 0.5;
  int64_t events = 1000;
};

// What surrounds an observation and decides how it is judged.
struct Surroundings {
  Gap gap = Gap::kNone;
  bool watched_since_day = true;  // the source had no gap since the day began
  int32_t epoch = 0;              // of the source
  int32_t blind_epoch = 0;        // of its newest blind interval so far, 0: there is none
  ExplainedShare suspicious;
};

// What one run did to the balance; everything an alert or a timeline needs to say.
struct Booking {
  int64_t before = kUnknownCount;
  int64_t unread = 0;
  int64_t dropped = 0;
  int64_t lost = 0;                    // added to missing
  int64_t returned = 0;                // taken off missing
  int64_t surplus = 0;                 // added to surplus
  int64_t overstated = 0;              // of duplicates and deletions: what the run cannot have had
  bool impossible_duplicates = false;  // they cannot all be, so none of them is believed
  int64_t came_back = 0;               // deleted events read again
  int64_t unseen = 0;                  // booked after a gap without alarm
  int64_t permitted = 0;               // decrease that a permit explained
  bool large_share = false;            // explained decreases are suspiciously large
  int64_t merged_away = 0;             // segments, bounded conservation: inputs less outputs
  int64_t broken_segments = 0;  // segments: inputs that were gone, or deleted without a merge
  bool emptied = false;         // segments: a merge of something wrote nothing
  bool opened = false;          // the partition's first run
  bool reopened = false;        // and it had another life before, of which nothing counts any more
  Cause cause = Cause::kNone;

  bool remarkable() const {
    return lost || returned || surplus || overstated || came_back || unseen || large_share ||
           broken_segments || emptied;
  }
};

// Books a finished run. `balance` is that of the partition before it and becomes that after it;
// `last`, `logged_until` and `alerting` are the caller's.
Booking BookRun(const RunCounts& run, const Surroundings& around, Balance& balance);

// Books rows counted in the canonical file itself.
Booking BookRecount(int64_t counted, const Surroundings& around, Balance& balance);

// A permit explains what is already missing, at most `events`; what is left of it explains later
// decreases until it ends (the caller takes it out of `permitted` then).
Booking BookPermit(int64_t events, Balance& balance);

// The partition was re-homed: to here, with `events` of the other server's copy, or away from here.
Booking BookRehomedHere(int64_t events, Balance& balance);
Booking BookRehomedAway(Balance& balance);

enum class Verdict : uint8_t { kClear, kFiring, kUnknown };
std::string_view NameOf(Verdict verdict);
// `source_epoch`: the current one of the partition's source. Firing outranks unknown.
Verdict VerdictOf(const Balance& balance, int32_t source_epoch);
