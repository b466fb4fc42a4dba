#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "collectors/joiner.h"
#include "collectors/line_parser.h"
#include "collectors/tail.h"
#include "monitor/batch.h"
#include "monitor/config.h"

// One configured source of compaction logs: bytes → complete lines → facts, quarantined ranges and
// blind intervals, with the read position they belong to. Collector thread only.
class CompactionLog {
 public:
  // `paths`: the source's own globs, or the files named to `ingest`. `known`: its positions in the
  // ledger. `next_log_id` is shared by all sources and outlives them.
  static Result<std::unique_ptr<CompactionLog>> Open(
      int16_t index, const CompactionLogConfig& config, const std::vector<std::string>& paths,
      std::vector<LogPosition> known, const TailOptions& options, uint32_t* next_log_id);

  // Appends what can be read, up to about `max_bytes` of log, and the positions; also to a batch
  // that holds some of this source already. False: that was all for now.
  bool Fill(Batch& batch, size_t max_bytes);
  // After Fill() said that this was all, where nobody reads on (one pass): appends what was left
  // unread, or waits for another line, as blind intervals. The same ones when said again.
  void End(Batch& batch);

  int wake_fd() const { return tail_.wake_fd(); }
  void Rescan() { tail_.Rescan(); }
  // Since the start.
  int64_t read_bytes() const { return read_bytes_; }
  int64_t lag_bytes() const { return tail_.LagBytes(); }
  int64_t pending_bytes() const { return tail_.PendingBytes(); }
  bool has_files() const { return tail_.HasFiles(); }
  std::vector<TailProblem> problems() const { return tail_.Problems(); }
  const std::string& name() const { return config_.name; }

 private:
  // What the joiner of a log knew that is not being read.
  struct Suspended {
    std::string state;
    bool finished = false;  // nothing more is to come, but its successor will need the state
    std::optional<Time> waiting_since = {};  // Joiner::WaitingSince()
  };

  CompactionLog(int16_t index, const CompactionLogConfig& config, const TailOptions& options,
                LineParser parser, Tail tail, MakeJoiner make_joiner,
                const std::vector<LogPosition>& known);
  // Empty: it is lines to be parsed.
  std::string_view WhyBad(const TailEvent& event) const;
  void Lines(const TailEvent& event, Batch& batch);
  void Line(std::string_view line, const LineOrigin& origin, Joiner* joiner, Batch& batch);
  void Quarantine(const LineOrigin& origin, int64_t length, std::string_view reason, Batch& batch);
  void Blind(const TailEvent& event, Batch& batch);
  void AddBlind(const TailEvent& event, Batch& batch) const;
  Joiner& JoinerOf(const TailEvent& event);
  void Missed(TailEvent event);
  Suspended Suspend(std::string state, bool finished) const;
  void ReportWaiting(std::chrono::milliseconds patience, Batch& batch);
  std::optional<Time> WaitingSince(uint32_t log) const;
  void KeepStates(std::vector<LogPosition>& positions);
  void AddPosition(LogPosition position, Batch& batch);
  LineCounts& Counts(Batch& batch) const;

  const int16_t index_;
  const CompactionLogConfig& config_;
  const Clock& clock_;
  LineParser parser_;
  Tail tail_;
  MakeJoiner make_joiner_;
  std::map<uint32_t, std::unique_ptr<Joiner>> joiners_;  // of logs being read
  std::map<uint32_t, Suspended> suspended_;
  std::map<std::string, uint32_t> newest_;  // log by the name that it had first
  std::map<uint32_t, Time> waits_told_;  // by log: Joiner::WaitingSince() that is a blind interval
  int64_t read_bytes_ = 0;
  size_t last_facts_ = 0;  // room that the next batch will need
  size_t last_text_ = 0;
};
