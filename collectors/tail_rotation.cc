// The part of Tail that decides which log a file holds and what became of one.
#include "collectors/tail.h"

#include <algorithm>

#include "collectors/log_anchor.h"

bool Tail::OpenFile(TailedFile& file) {
  if (file.input.is_pipe()) return !file.finished;
  if (!file.input) {
    auto opened = OpenLog(file.name.base, file.name.below);
    if (!opened) {
      // Deleted since it was listed: the next listing knows what that means.
      if (opened.error().error != ENOENT || !options_.follow) Problem(file, opened.error().reason);
      return false;
    }
    const bool same = opened->state.device == file.name.state.device &&
                      opened->state.inode == file.name.state.inode;
    if (!same && options_.follow) return false;  // another file took the name: as above
    file.input = LogInput::File(std::move(opened->fd));
  }
  if (const auto state = StateOf(file.input.fd())) file.name.state = *state;
  problems_.erase(file.name.Path());
  return true;
}

// True when `file.log` is known and may be read.
bool Tail::Identify(TailedFile& file) {
  file.copy_of = nullptr;
  const LogContent content = logs_.Examine(file.input, file.name.state);
  file.archive = content.archive;
  if (!CanBeRead(file, content)) return false;
  if (Continues(file, content)) return file.log != nullptr && !file.finished;
  if (IsCopy(file, content)) return false;
  if (!content.longer.empty() && content.head.size() == kHeadBytes && Undecided(file)) {
    return false;
  }
  Bind(file, logs_.Add(file.name.Path()), content);
  NoticeTruncationWhileDown(file);
  return true;
}

bool Tail::CanBeRead(TailedFile& file, const LogContent& content) {
  const StreamStatus status = content.status;
  const bool waited = std::exchange(file.incomplete, status == StreamStatus::kIncomplete);
  if (status == StreamStatus::kIncomplete && options_.follow && !waited) {
    StillBeingWritten(file);
    return false;
  }
  // Of an archive whose checksum does not hold nobody knows which bytes are right.
  const bool read_what_is_there = status == StreamStatus::kIncomplete && !options_.follow;
  const bool whole = status == StreamStatus::kEnd;
  if (!whole && (!read_what_is_there || content.head.empty())) {
    Problem(file, WhyNotRead(status, content.error));
    if (status == StreamStatus::kFailed) file.input.Close();
    return false;
  }
  if (!content.head.empty()) return true;
  file.at_end = true;
  if (file.name.rotated || !options_.follow) file.input.Close();
  return false;
}

// True when it holds a log that was read before: in `file.log`, or waiting for what becomes of the
// file that this log is read from.
bool Tail::Continues(TailedFile& file, const LogContent& content) {
  for (KnownLog* log : content.proven) {
    if (log->file != nullptr) LookAtOriginal(file, *log);
    if (file.copy_of != nullptr) return true;
    if (log->file != nullptr) continue;
    Bind(file, *log, content);
    const bool read_before = content.archive && content.size == log->position.to;
    if (read_before) {
      file.at_end = true;
      Finish(file);
    }
    return true;
  }
  return false;
}

// A log is seen in its copy before it is known that its own file was truncated.
void Tail::LookAtOriginal(TailedFile& file, const KnownLog& log) {
  TailedFile& original = *log.file;
  if (!original.input || original.archive || Holds(original.input, log)) return;
  if (OpenFile(original)) ContentChanged(original);
  if (log.file != nullptr) file.copy_of = &log;
}

// Of a log that is read from another file: that holds at least as much, or did at this length.
bool Tail::IsCopy(TailedFile& file, const LogContent& content) {
  for (const KnownLog* log : content.proven) {
    const TailedFile& original = *log->file;
    const auto state = original.input ? StateOf(original.input.fd()) : std::nullopt;
    const int64_t size = state ? state->size : original.name.state.size;
    const bool holds_more = !original.archive && size >= content.size;
    if (holds_more || log->position.to >= content.size) file.copy_of = log;
  }
  for (const KnownLog* log : content.longer) {
    if (IsPrefixOf(*log, file.input, content.size)) file.copy_of = log;
  }
  if (file.copy_of != nullptr) file.at_end = true;
  return file.copy_of != nullptr;
}

// A file with the head of a log that was read further may be a copy being written, or a stale view
// of it: more evidence may come. After the quiet period it is a log of its own.
bool Tail::Undecided(TailedFile& file) {
  if (!options_.follow) return false;
  if (std::exchange(file.waited, false)) return false;
  if (!file.decide_at) file.decide_at = options_.clock->SinceBoot() + options_.quiet_period;
  return true;
}

void Tail::Bind(TailedFile& file, KnownLog& log, const LogContent& content) {
  logs_.Revive(log);
  file.log = &log;
  file.input.StopKeeping();
  file.decide_at.reset();
  file.waited = false;
  const LogPosition& position = log.position;
  const FileState& state = file.name.state;
  if (log.from_ledger && !content.archive && position.inode != state.inode) {
    log.left.device = position.device;
    log.left.inode = position.inode;
  }
  log.file = &file;
  log.from_ledger = false;
  log.head = content.head;
  NotePlace(file);
}

void Tail::NotePlace(const TailedFile& file) {
  LogPosition& position = file.log->position;
  const FileState& state = file.name.state;
  const std::string path = file.name.Path();
  file.log->changed |= position.path != path || position.inode != state.inode;
  position.path = path;
  position.device = state.device;
  position.inode = state.inode;
}

// A new log in the very file that a log of the ledger was read from, which now is in another plain
// file: it was copied and truncated while nobody watched.
void Tail::NoticeTruncationWhileDown(const TailedFile& file) {
  const FileState& state = file.name.state;
  for (const auto& log : logs_.active()) {
    if (log->left.inode == 0 || log->left.inode != state.inode) continue;
    if (log->left.device != state.device) continue;
    log->left = {};
    Blind(file.name.Path(), file.log, file.seen_at,
          "truncated after a copy: lines written in between are lost");
  }
}

void Tail::Release(TailedFile& file) {
  KnownLog* log = std::exchange(file.log, nullptr);
  if (log == nullptr) return;
  log->file = nullptr;
  file.at_end = file.finished = file.finishing = false;
  file.scanned = file.partial = 0;
  for (const auto& other : files_.all()) {
    if (other->copy_of == log) other->pending = true;
  }
}

// What was read from `file` is not in it any more. A shorter file that begins alike may be a stale
// view of it on a network file system: the size alone proves nothing.
void Tail::ContentChanged(TailedFile& file) {
  const std::string& known = file.log->head;
  std::string head(known.size(), '\0');
  const ssize_t got = file.archive ? 0 : file.input.ReadAt(0, head);
  if (got < 0) return Problem(file, "cannot be read");
  head.resize(static_cast<size_t>(got));
  const bool alike = got > 0 && known.compare(0, head.size(), head) == 0;
  const bool shorter = file.name.state.size < file.log->position.to;
  if (alike && shorter && Undecided(file)) return;
  Truncated(file);
}

// It is read from its start again, after its rotated siblings: one may be the copy that was made of
// it, with more in it than was read.
void Tail::Truncated(TailedFile& file) {
  KnownLog& log = *file.log;
  const bool inode_was_reused = file.finished;
  Release(file);
  file.pending = must_list_ = true;
  file.decide_at.reset();
  file.waited = true;  // nothing more is to be learnt about its head
  file.changed_at = options_.clock->SinceBoot();
  if (!inode_was_reused) file.truncated = &log;
}

void Tail::ReportTruncation(TailedFile& file) {
  KnownLog& log = *std::exchange(file.truncated, nullptr);
  const auto holds_it = [&](const auto& other) {
    return other.get() != &file && (other->log == &log || other->copy_of == &log);
  };
  const bool copied = std::any_of(files_.all().begin(), files_.all().end(), holds_it);
  if (log.file == nullptr) log.position.finished = log.changed = true;
  Blind(file.name.Path(), &log, file.seen_at,
        copied ? "truncated after a copy: lines written in between are lost"
               : "truncated: lines written before that may be lost");
}

// Rotated away, read to its end, its name taken by a new file, and nothing written since. A deleted
// file without successor is let go after ten quiet periods, since keeping it open keeps its disk
// space.
void Tail::FinishQuietFiles() {
  const auto now = options_.clock->SinceBoot();
  for (const auto& file : files_.all()) {
    if (file->decide_at && now >= *file->decide_at) {
      file->decide_at.reset();
      file->waited = file->pending = true;
    }
    // One that is finishing but could not be opened is tried again when something changes.
    if (!options_.follow || file->pending || file->finishing || file->finished) continue;
    const bool away = file->name.rotated || !file->listed;
    if (!away || !file->at_end) continue;
    const bool succeeded = files_.SuccessorOf(*file) != nullptr;
    // Whoever wrote may still hold the end of its last line.
    if (std::exchange(file->succeeded, succeeded) != succeeded) file->changed_at = now;
    const auto patience = succeeded ? options_.quiet_period : 10 * options_.quiet_period;
    if ((!succeeded && file->listed) || now - file->changed_at < patience) continue;
    file->finishing = file->pending = true;
  }
}

void Tail::Finish(TailedFile& file) {
  file.finished = true;
  file.finishing = false;
  file.partial = 0;
  files_.LetGo(file);
  if (file.input.is_pipe() || file.log->position.finished) return;
  file.log->position.finished = file.log->changed = true;
}

void Tail::MournGoneFiles() {
  for (const auto& file : files_.TakeGone()) {
    problems_.erase(file->name.Path());
    if (file->truncated != nullptr) ReportTruncation(*file);
    KnownLog* log = file->log;
    const int64_t read = log == nullptr ? 0 : log->position.to;
    const bool whole = file->finished || file->copy_of != nullptr || file->name.state.size == 0 ||
                       (file->at_end && !file->pending && file->partial == 0);
    if (!whole) {
      Blind(file->name.Path(), log, file->seen_at, "log vanished before it was read",
            file->archive ? -1 : std::max<int64_t>(file->name.state.size - read, 0));
    }
    if (log != nullptr && !log->position.finished) log->position.finished = log->changed = true;
    Release(*file);
  }
}

// Logs of the ledger that no file holds any more. Not while some file is still unidentified, or
// their directory cannot be listed.
void Tail::MournLostLogs() {
  if (!options_.follow) return;
  const auto is_open_question = [](const auto& file) {
    return file->log == nullptr && file->copy_of == nullptr && !file->at_end &&
           file->name.state.size > 0;
  };
  if (std::any_of(files_.all().begin(), files_.all().end(), is_open_question)) return;
  for (const auto& log : logs_.active()) {
    if (!std::exchange(log->from_ledger, false) || log->position.finished) continue;
    const std::string& path = log->position.path;
    if (!files_.WasListed(path.substr(0, path.rfind('/')))) {
      log->from_ledger = true;
      continue;
    }
    Blind(path, log.get(), Time{}, "log vanished before it was read");
    log->position.finished = log->changed = true;
  }
}

void Tail::ReportListing() {
  std::map<std::string, std::string_view> now;
  for (const ListingProblem& problem : files_.listing().problems) {
    if (problem.expected && options_.follow) continue;
    now[problem.path] = problem.reason;
    const auto before = listing_reported_.find(problem.path);
    if (before != listing_reported_.end() && before->second == problem.reason) continue;
    Blind(problem.path, nullptr, Time{}, problem.reason);
  }
  listing_reported_ = std::move(now);
  ReportUnreadableArchives();
}

// Of a source that is new, nothing of them was read under an earlier name. Later ones most likely
// were: they are what a rotation makes of a log that is followed.
void Tail::ReportUnreadableArchives() {
  if (!std::exchange(is_new_, false)) return;
  for (const ListedLog& log : files_.listing().logs) {
    if (log.unreadable_archive) Blind(log.Path(), nullptr, Time{}, kUnreadableArchive);
  }
}
