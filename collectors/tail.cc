#include "collectors/tail.h"

#include <cerrno>

#include "collectors/log_anchor.h"

namespace {

constexpr size_t kMaxOpenFiles = 256;  // of one source; more are reopened when they change
// Hints can be missing (mapped files, bugs): nothing is trusted for longer.
constexpr std::chrono::seconds kListInterval(10);

}  // namespace

Result<Tail> Tail::Open(int16_t source, const std::vector<std::string>& globs,
                        std::vector<LogPosition> known, const TailOptions& options,
                        uint32_t* next_log_id) {
  std::vector<LogPattern> patterns;
  bool standard_input = false;
  for (const std::string& glob : globs) {
    if (!options.follow && glob == "-") {
      standard_input = true;
      continue;
    }
    auto pattern = options.follow ? ParseLogPattern(glob) : LiteralLogPattern(glob);
    if (!pattern) return tl::unexpected(pattern.error());
    patterns.push_back(std::move(*pattern));
  }
  Tail tail(source, std::move(patterns), std::move(known), options, next_log_id);
  if (standard_input) tail.files_.AddPipe(options.standard_input);
  return tail;
}

Tail::Tail(int16_t source, std::vector<LogPattern> patterns, std::vector<LogPosition> known,
           const TailOptions& options, uint32_t* next_log_id)
    : options_(options),
      logs_(source, std::move(known)),
      files_(std::move(patterns), options.follow, options.clock),
      next_log_id_(next_log_id),
      is_new_(logs_.empty()) {}

std::optional<TailEvent> Tail::Next() {
  for (;;) {
    if (!blind_.empty()) {
      TailEvent event = std::move(blind_.front());
      blind_.pop_front();
      return event;
    }
    if (reading_ != nullptr) {
      if (auto event = ReadOn()) return event;
    } else if (TailedFile* file = must_list_ ? nullptr : files_.Pending()) {
      Begin(*file);
    } else if (!Refresh()) {
      idle_ = true;
      return std::nullopt;
    }
  }
}

bool Tail::Refresh() {
  if (files_.Refresh(MustList())) {
    MournGoneFiles();
    ReportListing();
    HoldNewFiles();
  }
  for (const FollowedFiles::Lost& lost : files_.TakeLost()) {
    Blind(lost.path, nullptr, Time{}, lost.reason);
  }
  FinishQuietFiles();
  if (files_.Pending() == nullptr) MournLostLogs();
  return files_.Pending() != nullptr || !blind_.empty();
}

bool Tail::MustList() {
  const bool look = std::exchange(must_look_, false);
  const bool hintless = options_.follow && wake_fd() < 0;
  const bool was_idle = std::exchange(idle_, false);
  bool must_list = std::exchange(must_list_, false) || (hintless && was_idle);
  if (!look) return must_list;
  files_.LookAtUnlisted();
  const auto unexpected = [](const ListingProblem& problem) { return !problem.expected; };
  const auto& listed = files_.listing().problems;
  must_list |= hintless || files_.watch().remote() || !problems_.empty();
  must_list |= std::any_of(listed.begin(), listed.end(), unexpected);
  return must_list || options_.clock->SinceBoot() - files_.listed_at() >= kListInterval;
}

// A file whose turn comes later may be compressed and deleted before it: an open one stays
// readable.
void Tail::HoldNewFiles() {
  if (!options_.follow) return;
  size_t open = files_.open_count();
  for (const auto& file : files_.all()) {
    if (open >= kMaxOpenFiles) return;
    if (file->pending && file->log == nullptr && !file->input) open += OpenFile(*file);
  }
}

void Tail::Begin(TailedFile& file) {
  file.pending = file.at_end = false;
  if (file.truncated != nullptr) ReportTruncation(file);
  if (StillBeingWritten(file) || !OpenFile(file)) return;
  if (file.log == nullptr && !Identify(file)) return;
  NotePlace(file);
  if (file.scanned > file.name.state.size) file.scanned = 0;
  blocks_.Start(file.input, file.log->position.tail, file.log->head, file.scanned);
  reading_ = &file;
}

// An archive without its end is looked at again once nobody has written to it for the quiet period:
// each look reads it from its beginning.
bool Tail::StillBeingWritten(TailedFile& file) {
  if (!file.incomplete || std::exchange(file.waited, false)) return false;
  file.decide_at = options_.clock->SinceBoot() + options_.quiet_period;
  return true;
}

std::optional<TailEvent> Tail::ReadOn() {
  const LineBlocks::Piece piece = blocks_.Next();
  if (piece.kind != LineBlocks::Kind::kStopped) return Consume(piece);
  const bool final = reading_->archive || reading_->finishing || reading_->input.is_pipe();
  if (piece.status == StreamStatus::kEnd && final) {
    const LineBlocks::Piece rest = blocks_.Rest();
    if (rest.kind != LineBlocks::Kind::kStopped) return Consume(rest);
  }
  Stop(piece);
  return std::nullopt;
}

TailEvent Tail::Consume(const LineBlocks::Piece& piece) {
  KnownLog& log = *reading_->log;
  log.changed = true;
  log.position.finished = false;
  reading_->finished = false;
  reading_->changed_at = options_.clock->SinceBoot();
  // Whoever still writes is not done: the quiet period begins again.
  if (!piece.unterminated) reading_->finishing = false;
  TailEvent event;
  event.kind = piece.kind == LineBlocks::Kind::kLines ? TailEvent::Kind::kLines
                                                      : TailEvent::Kind::kQuarantined;
  event.log = IdOf(log);
  event.offset = piece.offset;
  event.length = piece.length;
  if (event.kind == TailEvent::Kind::kLines) event.lines = piece.text;
  event.unterminated = piece.unterminated;
  event.reason = piece.reason;
  event.path = reading_->name.Path();
  return event;
}

uint32_t Tail::IdOf(KnownLog& log) {
  if (log.position.log == 0) log.position.log = (*next_log_id_)++;
  return log.position.log;
}

void Tail::KeepPosition() {
  KnownLog& log = *reading_->log;
  log.head = blocks_.head();
  if (blocks_.consumed() != log.position.tail.end) log.Advance(blocks_.Tail());
}

// The reader leaves a file: at its end, or because it cannot go on.
void Tail::Stop(const LineBlocks::Piece& piece) {
  TailedFile& file = *reading_;
  KeepPosition();
  reading_ = nullptr;
  file.scanned = blocks_.scanned();
  file.partial = blocks_.read_to() - blocks_.consumed();
  if (piece.status == StreamStatus::kChanged) return ContentChanged(file);
  file.decide_at.reset();
  file.waited = false;
  file.at_end = piece.status == StreamStatus::kEnd;
  if (!file.at_end) {
    const bool failed = piece.status == StreamStatus::kFailed;
    if (failed && file.listed) file.input.Close();
    if (failed && piece.error == ESTALE && !std::exchange(file.reopened, true)) {
      must_list_ = file.pending = true;  // the file behind the name is still there, or another one
      return;
    }
    return Problem(file, WhyNotRead(piece.status, piece.error));
  }
  problems_.erase(file.name.Path());
  file.reported_blind = file.reopened = false;
  file.seen_at = options_.clock->Now();
  const bool final = file.archive || file.finishing || file.input.is_pipe();
  if (final || file.finished) return Finish(file);
  if (files_.open_count() > kMaxOpenFiles && file.listed) file.input.Close();
  if (!options_.follow) file.input.Close();
}

// `log`: that is not read any further there; `from`: when it was last seen whole.
void Tail::Blind(const std::string& path, const KnownLog* log, Time from, std::string_view reason,
                 int64_t length) {
  TailEvent event;
  event.kind = TailEvent::Kind::kBlind;
  event.reason = reason;
  event.length = length;
  event.path = path;
  event.from = from;
  event.to = options_.clock->Now();
  if (log != nullptr) {
    event.log = log->position.log;
    event.offset = log->position.to;
  }
  blind_.push_back(std::move(event));
}

void Tail::Problem(TailedFile& file, std::string_view reason) {
  problems_[file.name.Path()] = reason;
  if (std::exchange(file.reported_blind, true)) return;
  Blind(file.name.Path(), file.log, file.seen_at, reason);
}

std::vector<LogPosition> Tail::TakePositions() {
  if (reading_ != nullptr) KeepPosition();
  std::vector<LogPosition> positions;
  for (const auto& log : logs_.active()) {
    if (!log->changed || log->position.log == 0) continue;
    log->changed = false;
    log->position.from = log->reported;
    log->reported = log->position.to;
    positions.push_back(log->position);
  }
  logs_.RetireFinished();
  return positions;
}

bool Tail::Found(uint32_t log) const {
  // Retired logs were read to their end.
  return std::none_of(logs_.active().begin(), logs_.active().end(), [log](const auto& known) {
    return known->position.log == log && known->file == nullptr && !known->position.finished;
  });
}

bool Tail::HasFiles() const {
  return std::any_of(files_.all().begin(), files_.all().end(),
                     [](const auto& file) { return file->listed; });
}

int64_t Tail::LagBytes() const {
  int64_t lag = 0;
  for (const auto& file : files_.all()) {
    if (file->finished || file->copy_of != nullptr || file->input.is_pipe()) continue;
    if (file->incomplete) continue;  // mostly of a log that was read: nobody can know yet
    if (file->at_end && !file->pending && (file->archive || file->name.rotated)) continue;
    const auto state = file->input ? StateOf(file->input.fd()) : std::nullopt;
    const int64_t size = state ? state->size : file->name.state.size;
    // How much an archive holds is known only once it is read; its own size is the least.
    const int64_t done = file->log == nullptr || file->archive ? 0 : file->log->position.to;
    lag += std::max<int64_t>(size - done, 0);
  }
  return lag;
}

int64_t Tail::PendingBytes() const {
  int64_t bytes = 0;
  for (const auto& file : files_.all()) bytes += file->partial;
  return bytes;
}

// Not consumed: a writer may be in the middle of the line, and a position behind its begin would
// make its rest a line of its own. Whatever reads on later begins where it begins.
std::vector<TailEvent> Tail::UnendedLines() const {
  std::vector<TailEvent> events;
  for (const auto& file : files_.all()) {
    if (file->partial == 0) continue;
    TailEvent event;
    event.kind = TailEvent::Kind::kBlind;
    event.reason = "no newline yet: the last line may still be written";
    event.length = file->partial;
    event.path = file->name.Path();
    if (file->log != nullptr) {
      event.log = file->log->position.log;
      event.offset = file->log->position.to;
    }
    events.push_back(std::move(event));
  }
  return events;
}

std::vector<TailProblem> Tail::Problems() const {
  std::vector<TailProblem> problems;
  for (const auto& [path, reason] : problems_) problems.push_back({path, reason, false});
  for (const ListingProblem& problem : files_.listing().problems) {
    problems.push_back({problem.path, problem.reason, problem.expected});
  }
  for (const ListedLog& log : files_.listing().logs) {
    if (log.unreadable_archive) {
      problems.push_back({log.Path(), kUnreadableArchive, options_.follow});
    }
  }
  if (options_.follow && !files_.watch().problem().empty()) {
    problems.push_back({"", files_.watch().problem(), true});
  }
  return problems;
}
