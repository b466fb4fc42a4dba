#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/log_stream.h"
#include "monitor/batch.h"

// Cuts one log into runs of whole lines and ranges of bad bytes that tile it without gap or
// overlap. Owned by a Tail, collector thread only; the one buffer serves all logs in turn, so that
// memory does not grow with their number or with the length of a line.
//
// The buffer holds, in this order: history (up to 4 KiB already consumed, for the anchor and to
// prove that the file was not rewritten), whole lines, the beginning of a line.

inline constexpr int64_t kMaxLine = 64 * 1024;  // bytes, newline excluded

class LineBlocks {
 public:
  enum class Kind { kLines, kQuarantined, kStopped };
  struct Piece {
    Kind kind = Kind::kStopped;
    std::string_view text = {};  // kLines; valid until the next call
    int64_t offset = 0;
    int64_t length = 0;
    std::string_view reason = {};              // kQuarantined
    bool unterminated = false;                 // the last line of a log that has ended
    StreamStatus status = StreamStatus::kEnd;  // kStopped
    int error = 0;                             // kStopped with kFailed: errno
  };

  LineBlocks();
  // Reads on from tail.end. `head`: the log's first bytes as far as known. `scanned`: no newline
  // lies between tail.end and it (a long line begun earlier).
  void Start(LogInput& input, const LogAnchor& tail, std::string head, int64_t scanned);
  Piece Next();
  // After kStopped: what follows the last newline, as a line that will not grow any more.
  Piece Rest();

  int64_t consumed() const;  // byte after the last piece
  int64_t read_to() const { return base_ + static_cast<int64_t>(end_); }
  int64_t scanned() const;  // for Start()
  const std::string& head() const { return head_; }
  LogAnchor Tail() const;

 private:
  std::optional<Piece> Prove(const LogAnchor& tail);
  std::optional<Piece> Fill();
  std::optional<Piece> EndLongLine(size_t fresh);
  void BeginLongLine();
  Piece Carve();
  Piece CarveCarefully();
  Piece Take(size_t size, std::string_view reason);
  std::string_view View(size_t begin, size_t end) const { return {&buffer_[begin], end - begin}; }

  std::optional<LogStream> stream_;
  std::vector<char> buffer_;
  int64_t base_ = 0;        // offset in the log of buffer_[0]
  size_t begin_ = 0;        // first byte not consumed
  size_t lines_end_ = 0;    // behind the last newline
  size_t end_ = 0;          // behind the last byte read
  size_t careful_end_ = 0;  // up to here a line is known to be bad: line by line
  std::string head_;
  LogAnchor proof_;  // of Start(), not yet checked
  bool proven_ = false;
  int64_t resume_scan_ = 0;           // of Start()
  std::optional<int64_t> long_line_;  // where the line over 64 KiB begins that is being skipped
  LogAnchor long_line_tail_;          // Tail() at its beginning
  int64_t last_non_nul_ = 0;          // behind the last byte of it that is not NUL
};

// Why a line cannot be passed on, a constant; empty for a good one.
std::string_view WhyBadLine(std::string_view line);
