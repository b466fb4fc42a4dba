#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "dashboards/rollcall_metrics.h"
#include "monitor/rule_book.h"
#include "monitor/time.h"
#include "rules/engine.h"

// How well one source is being watched: since when it is not and why, and how far behind. One
// caller at a time; Session locks.
class SourceWatch {
 public:
  // Beyond `bounds` the source is blind. `known`: of before the start, which is as good as now.
  SourceWatch(std::string name, Time started, const LagBounds& bounds, SourceCoverage known = {});

  // What the collector sees of it now.
  struct Seen {
    std::string reason = {};  // why it cannot be read, a constant; empty: it can
    std::string path = {};    // of the log in question
    int64_t lag_bytes = 0;
    int64_t pending_bytes = 0;  // of these, the begin of a line whose end is not written yet
    int64_t read_bytes = 0;     // since the start
  };
  void Note(const Seen& seen, Time now);
  // Why it is not watched, empty: it is; and of which log.
  const std::string& reason() const { return reason_; }
  const std::string& path() const { return path_; }

  // What the rules are to be told: what was seen first (an alert may be left from before the
  // start), a change, or that it is still not watched.
  std::optional<SourceObservation> TakeObservation();
  // `status` knows already what of its logs was lost.
  void Describe(SourceStatus& status, Time now) const;

 private:
  std::string Lagging(const Seen& seen, Time now);

  const std::string name_;
  const LagBounds bounds_;
  std::string reason_, path_;  // empty: watched
  Time since_, noted_;
  bool seen_ = false;
  bool changed_ = false;
  int64_t lag_bytes_ = 0;
  // What was unread at `since` has been read once `through` bytes are. The age of the oldest unread
  // byte is at least that of this mark, however fast the log grows.
  struct Backlog {
    Time since{};
    int64_t through = 0;
  };
  std::optional<Backlog> backlog_;
  SourceCoverage coverage_;
};
