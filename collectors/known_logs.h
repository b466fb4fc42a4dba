#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "collectors/log_file.h"
#include "collectors/log_stream.h"
#include "monitor/batch.h"

// Which log a file holds, decided by content alone: device and inode only choose between logs whose
// content is equal so far. Owned by a Tail, collector thread only.

struct TailedFile;

// One log of a source: a sequence of bytes that several names and archives may hold in turn.
struct KnownLog {
  LogPosition position;         // `to` and the anchors are where reading stands
  int64_t reported = 0;         // `to` of the position last handed out
  bool changed = false;         // since then
  bool from_ledger = false;     // and not found in any file yet
  bool retired = false;         // finished, and no file holds it
  std::string head;             // its first bytes, up to 1 KiB, once read
  std::deque<LogAnchor> trail;  // earlier tail anchors, to recognise a copy that ends before `to`
  TailedFile* file = nullptr;   // that it is read from
  FileState left;               // the file of the ledger's position, when another one holds it now
  // Moves the position; `tail` is the new tail anchor.
  void Advance(const LogAnchor& tail);
};

inline constexpr std::string_view kUnreadableArchive = "compressed in a way that cannot be read";

// What a file's content is, as far as the question which log it holds needs.
struct LogContent {
  std::string head;  // its first bytes, up to 1 KiB
  int64_t size = 0;  // decompressed
  bool archive = false;
  StreamStatus status = StreamStatus::kEnd;  // of an archive when it was read; else kFailed
  int error = 0;                             // of kFailed
  std::vector<KnownLog*> proven;             // logs that it continues, the longest first
  std::vector<KnownLog*> longer;             // logs that begin alike and go on where it ends
};

class KnownLogs {
 public:
  KnownLogs(int16_t source, std::vector<LogPosition> positions);
  KnownLog& Add(const std::string& path);
  // Years of rotation leave many logs that nothing happens to any more: they keep their place and
  // their anchors only, and are not gone through at each wake.
  void RetireFinished();
  void Revive(KnownLog& log);
  // Reads the head, and what the anchors of logs with this head cover. Archives are read to their
  // end.
  LogContent Examine(LogInput& input, const FileState& state) const;
  bool empty() const { return active_.empty() && retired_.empty(); }
  // Without those that are retired.
  const std::vector<std::unique_ptr<KnownLog>>& active() const { return active_; }

 private:
  void ExaminePlain(LogInput& input, LogContent& content) const;
  void ExamineStream(LogInput& input, LogContent& content) const;
  std::vector<KnownLog*> WithHead(const std::string& head) const;
  int16_t source_;
  std::vector<std::unique_ptr<KnownLog>> active_;
  std::vector<std::unique_ptr<KnownLog>> retired_;
};

// Whether the file still holds what was read of the log.
bool Holds(LogInput& input, const KnownLog& log);
// Whether a file of `size` bytes, which ends before log.position.to, ends like the log did there.
bool IsPrefixOf(const KnownLog& log, LogInput& input, int64_t size);
