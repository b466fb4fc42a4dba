#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/followed_files.h"
#include "collectors/known_logs.h"
#include "collectors/line_blocks.h"
#include "monitor/batch.h"
#include "monitor/error.h"
#include "monitor/time.h"

// What a Tail has to say. Lines and quarantined ranges of one log tile it: each begins where the
// one before ended.
struct TailEvent {
  enum class Kind { kLines, kQuarantined, kBlind };
  Kind kind = Kind::kLines;
  uint32_t log = 0;    // kBlind: 0 when nothing of it was ever read
  int64_t offset = 0;  // of the first byte, in the decompressed log
  int64_t length = 0;  // bytes covered; kBlind: bytes known to be unread, -1 where nobody can know
  // kLines: each ended by '\n', valid UTF-8, without NUL, at most 64 KiB; valid until the next
  // call.
  std::string_view lines = {};
  bool unterminated = false;     // the last line has no newline and will not get one
  std::string_view reason = {};  // kQuarantined, kBlind: a constant
  std::string path = {};         // of the file
  Time from{};                   // kBlind: when the file was last seen whole; the epoch: unknown
  Time to{};                     // kBlind: when it was noticed
};

struct TailOptions {
  // true: watch, with rotated siblings, for ever. false: one pass over exactly the given paths, "-"
  // being standard input.
  bool follow = true;
  // A rotated file is finished when it was read to its end and did not change for so long while a
  // new file has its name. Evidence that may still arrive (a copy being written) is awaited as
  // long.
  std::chrono::milliseconds quiet_period = std::chrono::seconds(5);
  const Clock* clock = nullptr;  // required; outlives the tail
  int standard_input = 0;
};

// Why a path is not being read now.
struct TailProblem {
  std::string path;
  std::string_view reason;  // a constant
  bool expected = false;    // not there yet: the source is not down for that
};

// Reads the logs of one configured source, each byte once: through renames, copies, truncation,
// compression and restarts. Owned and called by the collector thread only. Pull: nothing is read
// ahead of Next(), so that a full queue stops reading and the file is the buffer.
//
// A log is a sequence of bytes, not a file. Which log a file holds is proven by the hash of its
// first min(1 KiB, offset) bytes and of the last min(4 KiB, offset) bytes before the offset,
// whenever reading (re)starts; a file that proves nothing is a new log, read from 0. A rotation
// that copies and truncates always yields a blind event, since no reader can know what was written
// in between.
//
// The part of a path before its first wildcard is trusted and may lead through symbolic links. What
// is below it may not: a symbolic link, pipe, device or directory there is not read but reported
// (blind "is a symbolic link" …) and tried again whenever something changes.
class Tail {
 public:
  // `known`: every position of this source in the ledger. `next_log_id` outlives the tail and is
  // shared by all tails.
  static Result<Tail> Open(int16_t source, const std::vector<std::string>& globs,
                           std::vector<LogPosition> known, const TailOptions& options,
                           uint32_t* next_log_id);
  // Nothing: caught up for now (one pass: done).
  std::optional<TailEvent> Next();
  // Readable when Next() may have something again; -1: there are no hints (one pass, or a limit).
  int wake_fd() const { return files_.watch().problem().empty() ? files_.watch().fd() : -1; }
  // Makes the next Next() look at what sends no hints. To be called about once a second: quiet
  // periods end, files that cannot be read are tried again, network file systems are listed.
  void Rescan() { must_look_ = true; }
  // What Next() returned since the last call, exactly: [from, to) of a log joins its last [from,
  // to).
  std::vector<LogPosition> TakePositions();
  // Whether a log was read to its end, or some file still holds it. False: what followed is lost.
  bool Found(uint32_t log) const;
  // Whether any file has one of the configured names now, or had and was rotated.
  bool HasFiles() const;
  int64_t LagBytes() const;
  // Bytes after the last newline of files, which wait for theirs.
  int64_t PendingBytes() const;
  // The same as blind events without times, for a reader that stops here.
  std::vector<TailEvent> UnendedLines() const;
  std::vector<TailProblem> Problems() const;

 private:
  Tail(int16_t source, std::vector<LogPattern> patterns, std::vector<LogPosition> known,
       const TailOptions& options, uint32_t* next_log_id);

  // Reading (tail.cc)
  bool Refresh();
  bool MustList();
  void HoldNewFiles();
  void Begin(TailedFile& file);
  bool StillBeingWritten(TailedFile& file);
  std::optional<TailEvent> ReadOn();
  TailEvent Consume(const LineBlocks::Piece& piece);
  void Stop(const LineBlocks::Piece& piece);
  void KeepPosition();
  uint32_t IdOf(KnownLog& log);
  void Blind(const std::string& path, const KnownLog* log, Time from, std::string_view reason,
             int64_t length = -1);
  void Problem(TailedFile& file, std::string_view reason);

  // Which log is it, and what became of it (tail_rotation.cc)
  bool OpenFile(TailedFile& file);
  bool Identify(TailedFile& file);
  bool CanBeRead(TailedFile& file, const LogContent& content);
  bool Continues(TailedFile& file, const LogContent& content);
  void LookAtOriginal(TailedFile& file, const KnownLog& log);
  bool IsCopy(TailedFile& file, const LogContent& content);
  bool Undecided(TailedFile& file);
  void Bind(TailedFile& file, KnownLog& log, const LogContent& content);
  void NotePlace(const TailedFile& file);
  void NoticeTruncationWhileDown(const TailedFile& file);
  void Release(TailedFile& file);
  void ContentChanged(TailedFile& file);
  void Truncated(TailedFile& file);
  void ReportTruncation(TailedFile& file);
  void FinishQuietFiles();
  void Finish(TailedFile& file);
  void MournGoneFiles();
  void MournLostLogs();
  void ReportListing();
  void ReportUnreadableArchives();

  TailOptions options_;
  KnownLogs logs_;
  FollowedFiles files_;
  uint32_t* next_log_id_;
  LineBlocks blocks_;
  TailedFile* reading_ = nullptr;
  std::deque<TailEvent> blind_;
  std::map<std::string, std::string_view> problems_;          // of files, by path
  std::map<std::string, std::string_view> listing_reported_;  // blind events of the listing
  bool must_list_ = true;
  bool must_look_ = false;
  bool idle_ = false;  // Next() had nothing
  bool is_new_;        // nothing of the source was read before, and it was not yet listed
};
