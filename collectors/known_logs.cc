#include "collectors/known_logs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <map>

#include "collectors/log_anchor.h"

namespace {

constexpr size_t kTrail = 128;

std::string ReadPlain(LogInput& input, int64_t begin, int64_t end) {
  std::string bytes(static_cast<size_t>(end - begin), '\0');
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got =
        input.ReadAt(begin + static_cast<int64_t>(filled), std::span(bytes).subspan(filled));
    if (got <= 0) break;
    filled += static_cast<size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

}  // namespace

void KnownLog::Advance(const LogAnchor& tail) {
  if (tail.end != position.tail.end) {
    trail.push_back(tail);
    // Halve the older part, so that the trail reaches far back and is dense near the end.
    if (trail.size() > kTrail) {
      for (size_t i = 0; i < kTrail / 4; ++i)
        trail.erase(trail.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  position.to = tail.end;
  position.tail = tail;
  position.head = HeadAnchor(head, tail.end);
  changed = true;
}

KnownLogs::KnownLogs(int16_t source, std::vector<LogPosition> positions) : source_(source) {
  for (LogPosition& position : positions) {
    if (position.to <= 0) continue;
    auto log = std::make_unique<KnownLog>();
    log->reported = position.to;
    log->from_ledger = true;
    log->trail.push_back(position.tail);
    log->position = std::move(position);
    active_.push_back(std::move(log));
  }
  RetireFinished();
}

KnownLog& KnownLogs::Add(const std::string& path) {
  active_.push_back(std::make_unique<KnownLog>());
  active_.back()->position.source = source_;
  active_.back()->position.path = path;
  return *active_.back();
}

void KnownLogs::RetireFinished() {
  for (auto& log : active_) {
    if (log->file != nullptr || !log->position.finished || log->changed) continue;
    log->retired = true;
    log->head = {};
    log->trail = {};
    retired_.push_back(std::move(log));
  }
  std::erase(active_, nullptr);
}

void KnownLogs::Revive(KnownLog& log) {
  if (!std::exchange(log.retired, false)) return;
  const auto found = std::find_if(retired_.begin(), retired_.end(),
                                  [&](const auto& retired) { return retired.get() == &log; });
  active_.push_back(std::move(*found));
  retired_.erase(found);
}

std::vector<KnownLog*> KnownLogs::WithHead(const std::string& head) const {
  std::map<int64_t, uint64_t> hashes;  // most logs share one length
  std::vector<KnownLog*> found;
  const auto consider = [&](KnownLog& log) {
    const LogAnchor& anchor = log.position.head;
    if (anchor.end <= 0 || anchor.end > static_cast<int64_t>(head.size())) return;
    const auto [hash, added] = hashes.try_emplace(anchor.end, 0);
    if (added) hash->second = AnchorOf(head.substr(0, static_cast<size_t>(anchor.end)), 0).hash;
    if (hash->second == anchor.hash) found.push_back(&log);
  };
  for (const auto& log : active_) consider(*log);
  for (const auto& log : retired_) consider(*log);
  return found;
}

LogContent KnownLogs::Examine(LogInput& input, const FileState& state) const {
  LogContent content;
  const LogStream stream(input);
  content.archive = stream.compressed();
  content.size = input.is_pipe() ? std::numeric_limits<int64_t>::max() : state.size;
  if (content.archive) {
    ExamineStream(input, content);
  } else {
    ExaminePlain(input, content);
  }
  const auto order = [&](const KnownLog* a, const KnownLog* b) {
    if (a->position.to != b->position.to) return a->position.to > b->position.to;
    const auto is_inode = [&](const KnownLog* log) {
      return log->position.inode == state.inode && log->position.device == state.device;
    };
    return is_inode(a) > is_inode(b);
  };
  std::stable_sort(content.proven.begin(), content.proven.end(), order);
  return content;
}

void KnownLogs::ExaminePlain(LogInput& input, LogContent& content) const {
  content.head = ReadPlain(input, 0, kHeadBytes);
  if (content.head.empty() && content.size > 0) {
    std::array<char, 1> probe;
    if (input.ReadAt(0, probe) < 0) {
      content.status = StreamStatus::kFailed;
      content.error = errno;
    }
  }
  for (KnownLog* log : WithHead(content.head)) {
    const LogAnchor& tail = log->position.tail;
    if (tail.end > content.size) {
      content.longer.push_back(log);
    } else if (Proves(tail, ReadPlain(input, tail.begin, tail.end))) {
      content.proven.push_back(log);
    }
  }
  if (content.head.size() >= kHeadBytes) return;
  for (const auto& log : active_) {
    const auto known = static_cast<size_t>(log->position.head.end);
    if (known > content.head.size() && log->head.starts_with(content.head)) {
      content.longer.push_back(log.get());
    }
  }
}

// One pass: decides every candidate on the way and, for a file, verifies the archive's trailer.
void KnownLogs::ExamineStream(LogInput& input, LogContent& content) const {
  LogStream stream(input);
  std::vector<char> block(128 * 1024);
  std::string window;  // the last bytes before stream.offset()
  std::vector<KnownLog*> candidates;
  bool have_head = false;
  size_t next = 0;
  LogStream::Chunk chunk;
  for (;;) {
    chunk = stream.Read(block, {});
    if (!have_head) content.head.append(block.data(), std::min<size_t>(chunk.size, kHeadBytes));
    window.append(block.data(), chunk.size);
    const bool more = chunk.status == StreamStatus::kBytes;
    if (!have_head && (content.head.size() >= kHeadBytes || !more)) {
      have_head = true;
      content.head.resize(std::min<size_t>(content.head.size(), kHeadBytes));
      candidates = WithHead(content.head);
      std::sort(candidates.begin(), candidates.end(), [](const KnownLog* a, const KnownLog* b) {
        return a->position.to < b->position.to;
      });
    }
    const int64_t window_begin = stream.offset() - static_cast<int64_t>(window.size());
    for (; have_head && next < candidates.size(); ++next) {
      const LogAnchor& tail = candidates[next]->position.tail;
      if (tail.end > stream.offset()) break;
      const auto at = static_cast<size_t>(tail.begin - window_begin);
      if (Proves(tail, std::string_view(window).substr(at))) {
        content.proven.push_back(candidates[next]);
      }
    }
    if (!more || (input.is_pipe() && have_head && next == candidates.size())) break;
    if (have_head && window.size() > kTailBytes) window.erase(0, window.size() - kTailBytes);
  }
  if (!input.is_pipe()) content.size = stream.offset();
  content.longer.assign(candidates.begin() + static_cast<ptrdiff_t>(next), candidates.end());
  content.status = chunk.status == StreamStatus::kBytes ? StreamStatus::kEnd : chunk.status;
  content.error = chunk.error;
}

bool Holds(LogInput& input, const KnownLog& log) {
  const LogAnchor& tail = log.position.tail;
  return Proves(tail, ReadPlain(input, tail.begin, tail.end));
}

bool IsPrefixOf(const KnownLog& log, LogInput& input, int64_t size) {
  if (size <= static_cast<int64_t>(log.head.size())) {
    return log.head.starts_with(ReadPlain(input, 0, size));
  }
  const LogAnchor* last = nullptr;
  for (const LogAnchor& anchor : log.trail) {
    if (anchor.end <= size && (last == nullptr || anchor.end > last->end)) last = &anchor;
  }
  LogStream stream(input);
  if (stream.compressed()) return false;
  return last != nullptr && Proves(*last, ReadPlain(input, last->begin, last->end));
}
