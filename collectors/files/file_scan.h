#pragma once

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "collectors/files/format_scan.h"
#include "monitor/batch.h"
#include "monitor/time.h"

// How fast files and directories are looked at; 0: as fast as can be.
struct ScanRates {
  int pass_per_s = 50'000;     // the first scan, and after a gap
  int rotation_per_s = 2'000;  // all files in turn
  // From the beginning of one turn to that of the next: all is looked at again within a day.
  std::chrono::hours rotation_every{20};
};

// How far the scan of one format is.
struct ScanProgress {
  bool scanning = false;  // a pass (not the rotation) is under way
  bool complete = false;  // a pass has ended and nothing was unreadable in the last one
  int64_t directories = 0, files = 0;                    // in this pass, else in the last one
  int64_t expected_directories = 0, expected_files = 0;  // known from before; 0: unknown
  std::string problem;                                   // of the last pass: ScanEnd::reason
};

// Work that is paid for by the piece, so many a second, a second's worth at once.
class WorkRate {
 public:
  explicit WorkRate(int per_second) : per_second_(per_second), left_(per_second) {}
  void Earn(std::chrono::milliseconds since_boot);
  void Spend(int64_t pieces) { left_ -= per_second_ == 0 ? 0 : static_cast<double>(pieces); }
  // Until there is something left to spend.
  std::chrono::milliseconds wait() const;

 private:
  int per_second_;
  double left_;
  std::chrono::milliseconds earned_at_{-1};
};

// Finds the canonical files of all configured formats. A pass visits all directories and lists
// those whose time moved since they were listed (at first: all that the ledger does not know); the
// rotation, slowly, lists all of them, for a file that is written anew in place moves no time. A
// ScanEnd tells the end of each for each format. What is beneath a root may be mounts; symbolic
// links are not followed. Owned by the collector thread, which alone calls it. Memory: see
// FormatScan; one listing is held in a batch at a time, however many files the directory has.
class FileScan {
 public:
  // `patterns` in the order of the configuration's canonical_files; `known` from the ledger.
  FileScan(std::vector<FilePattern> patterns, const std::vector<KnownDirectory>& known,
           const Clock& clock, ScanRates rates = {});

  // Looks at about `budget` files and directories (at whole directories) and appends to `batch`
  // what it saw. False: there is nothing to do for wait().
  bool Step(Batch& batch, int budget);
  // A pass once more, from the beginning; when one is under way, after it.
  void LookAgain() { again_ = true; }
  // All directories are listed once more, slowly, also those that did not change.
  void RotateSoon() { rotation_due_ = std::chrono::milliseconds(0); }
  // This directory at once, of any format, with what is new or missing beneath it.
  void Look(const std::string& directory);

  std::chrono::milliseconds wait() const;
  // By format.
  const std::vector<ScanProgress>& progress() const { return progress_; }

 private:
  struct Pass {
    FormatScan::How how;
    bool active = false;
    size_t format = 0;
    std::string last{};  // visited; empty: the format is still to be begun
    Time began_at{};
    int64_t directories = 0, files = 0;
    int64_t unreadable = 0;
    std::string reason{};
  };

  int64_t Work(Batch& batch);
  int64_t LookAtHint(Batch& batch);
  void BeginPasses();
  int64_t Advance(Pass& pass, Batch& batch);
  void End(Pass& pass, Batch& batch);
  void Begin(Pass& pass);
  void Report(const Pass& pass, bool ended);

  std::vector<FormatScan> formats_;
  const Clock& clock_;
  ScanRates rates_;
  WorkRate pass_rate_, rotation_rate_;
  Pass pass_{FormatScan::How::kIfMoved};
  Pass rotation_{FormatScan::How::kAnyway};
  bool again_ = true;
  std::chrono::milliseconds rotation_due_{0};
  std::set<std::string> hints_;
  std::vector<ScanProgress> progress_;
};
