#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "monitor/error.h"
#include "monitor/ledger_view.h"

// How fresh one ledger is, and whether it can be read at all.
struct LedgerStatus {
  std::string path, id, server;
  std::string problem;  // why it cannot be read, or cannot be all that was written; empty: it can
  bool readable = false;
  std::optional<Time> written_at;  // when it last took facts
  std::optional<int64_t> head_seq;
  // Whether a process of this machine holds its write lock; none: it cannot be told.
  std::optional<bool> writer_running;
};

// The ledgers that `serve` reads, and open connections to them. They may be replaced, come later or
// go at any time. Any thread.
class LedgerSet {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  // Which files there are now.
  using ListFiles = std::function<Result<std::vector<std::string>>()>;
  explicit LedgerSet(ListFiles list_files) : list_files_(std::move(list_files)) {}

  // What one file was when it was opened.
  struct Stamp {
    uint64_t device = 0, inode = 0, size = 0;
    int64_t modified_ns = 0;
    bool wal = false;
    bool operator==(const Stamp&) const = default;
  };

  // All ledgers, for one reader; of copies of one ledger the one that goes furthest. Goes back by
  // itself. One thread at a time.
  class Loan {
   public:
    Loan(Loan&&) noexcept;
    Loan& operator=(Loan&&) = delete;
    ~Loan();

    std::vector<LedgerView> views;       // in the order of their ids
    std::vector<LedgerStatus> statuses;  // also of those that cannot be read
    // Whether anybody wrote one of them since its connection was lent the last time.
    bool changed = false;
    // Another number whenever that is so for any loan: what was read before may be wrong.
    int64_t generation = 0;
    // Every ledger could be read, and is whole as far as anybody knows.
    bool complete() const;
    // When the one that was written longest ago was last written.
    std::optional<Time> as_of() const;

   private:
    friend class LedgerSet;
    explicit Loan(LedgerSet* lender) : lender_(lender) {}
    LedgerSet* lender_;
    struct Opened {
      Stamp stamp;
      int64_t data_version = 0;
    };
    std::vector<Opened> opened_;  // of each view
  };

  // What is read after `deadline` fails.
  Loan Borrow(Moment deadline);

 private:
  struct Idle {
    LedgerView view;
    Loan::Opened opened;
  };
  struct Failure {
    Stamp stamp;
    Moment until;
    std::string problem;
  };
  Result<Idle> Take(const std::string& path);
  Result<Idle> OpenAnew(const std::string& path, const Stamp& stamp);
  static Result<LedgerStatus> Examine(Idle& ledger, bool& changed);
  void Add(Loan& loan, const std::string& path, Moment deadline);
  static void DropCopies(Loan& loan);
  void GiveBack(Loan& loan);

  const ListFiles list_files_;
  std::atomic<int64_t> generation_ = 0;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, std::vector<Idle>> idle_;
  std::map<std::string, Failure> failures_;  // not tried again at once
};
