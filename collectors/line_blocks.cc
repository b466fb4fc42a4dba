#include "collectors/line_blocks.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "collectors/log_anchor.h"

namespace {

constexpr size_t kBlock = 256 * 1024;  // stays in L2; larger blocks are slower
constexpr size_t kHistory = kTailBytes;
constexpr size_t kLine = kMaxLine;
constexpr size_t kHead = kHeadBytes;

const char* LastNewline(std::string_view text) {
  return static_cast<const char*>(memrchr(text.data(), '\n', text.size()));
}

bool HasLongLine(std::string_view lines) {
  while (lines.size() > kLine + 1) {
    const char* newline = LastNewline(lines.substr(0, kLine + 1));
    if (newline == nullptr) return true;
    lines.remove_prefix(static_cast<size_t>(newline - lines.data()) + 1);
  }
  return false;
}

std::string_view WhyBadBytes(std::string_view text) {
  if (memchr(text.data(), '\0', text.size()) != nullptr) return "NUL byte";
  if (!simdjson::validate_utf8(text.data(), text.size())) return "invalid UTF-8";
  return {};
}

}  // namespace

std::string_view WhyBadLine(std::string_view line) {
  return line.size() > kLine ? "line over 64 KiB" : WhyBadBytes(line);
}

LineBlocks::LineBlocks() : buffer_(kHistory + kLine + 1 + kBlock) {}

void LineBlocks::Start(LogInput& input, const LogAnchor& tail, std::string head, int64_t scanned) {
  stream_.emplace(input);
  base_ = tail.begin;
  begin_ = lines_end_ = end_ = careful_end_ = 0;
  head_ = std::move(head);
  proof_ = tail;
  proven_ = false;
  resume_scan_ = scanned;
  long_line_.reset();
}

int64_t LineBlocks::consumed() const {
  if (!proven_) return proof_.end;
  return long_line_.value_or(base_ + static_cast<int64_t>(begin_));
}

int64_t LineBlocks::scanned() const { return long_line_ ? last_non_nul_ : consumed(); }

LogAnchor LineBlocks::Tail() const {
  if (!proven_) return proof_;
  if (long_line_) return long_line_tail_;
  const size_t history = std::min(begin_, kHistory);
  return AnchorOf(View(begin_ - history, begin_), consumed() - static_cast<int64_t>(history));
}

LineBlocks::Piece LineBlocks::Next() {
  if (!proven_) {
    if (auto stopped = Prove(proof_)) return *stopped;
  }
  for (;;) {
    if (lines_end_ > begin_) return Carve();
    if (!long_line_ && end_ - begin_ > kLine) BeginLongLine();
    const size_t before = end_;
    const int64_t base = base_;
    if (auto stopped = Fill()) return *stopped;
    const size_t fresh = before - static_cast<size_t>(base_ - base);
    if (long_line_) {
      if (auto piece = EndLongLine(fresh)) return *piece;
      continue;
    }
    if (const char* newline = LastNewline(View(fresh, end_))) {
      lines_end_ = static_cast<size_t>(newline - buffer_.data()) + 1;
    }
  }
}

// Reads the history again and compares it with the anchor, then leaps into a long line begun
// earlier.
std::optional<LineBlocks::Piece> LineBlocks::Prove(const LogAnchor& tail) {
  const auto length = static_cast<size_t>(tail.end - tail.begin);
  LogStream::Chunk chunk = stream_->SkipTo(tail.begin);
  while (chunk.status == StreamStatus::kBytes && end_ < length) {
    chunk = stream_->Read(std::span(buffer_).subspan(end_, length - end_), {});
    end_ += chunk.size;
  }
  if (end_ < length && chunk.status != StreamStatus::kEnd)
    return Piece{.status = chunk.status, .error = chunk.error};
  if (length > 0 && !Proves(tail, View(0, end_))) return Piece{.status = StreamStatus::kChanged};
  begin_ = lines_end_ = end_;
  proven_ = true;
  if (resume_scan_ - tail.end <= kMaxLine || stream_->compressed()) return std::nullopt;
  long_line_tail_ = Tail();
  long_line_ = tail.end;
  last_non_nul_ = resume_scan_;
  base_ = resume_scan_ - static_cast<int64_t>(kHistory);
  begin_ = lines_end_ = end_ = 0;
  chunk = stream_->SkipTo(base_);
  if (chunk.status == StreamStatus::kBytes) return std::nullopt;
  return Piece{.status = chunk.status, .error = chunk.error};
}

std::optional<LineBlocks::Piece> LineBlocks::Fill() {
  const size_t drop = begin_ > kHistory ? begin_ - kHistory : 0;
  memmove(buffer_.data(), &buffer_[drop], end_ - drop);
  base_ += static_cast<int64_t>(drop);
  begin_ -= drop;
  end_ -= drop;
  lines_end_ = begin_;
  careful_end_ = 0;
  const auto space = std::span(buffer_).subspan(end_, std::min(kBlock, buffer_.size() - end_));
  const LogStream::Chunk chunk = stream_->Read(space, View(end_ - std::min(end_, kHistory), end_));
  if (chunk.status != StreamStatus::kBytes)
    return Piece{.status = chunk.status, .error = chunk.error};
  const int64_t ahead = static_cast<int64_t>(head_.size()) - read_to();
  if (head_.size() < kHead && ahead >= 0 && ahead < static_cast<int64_t>(chunk.size)) {
    const std::string_view read(space.data(), chunk.size);
    head_.append(read.substr(static_cast<size_t>(ahead), kHead - head_.size()));
  }
  end_ += chunk.size;
  return std::nullopt;
}

void LineBlocks::BeginLongLine() {
  long_line_tail_ = Tail();
  long_line_ = consumed();
  const size_t last = View(begin_, end_).find_last_not_of('\0');
  last_non_nul_ =
      *long_line_ + (last == std::string_view::npos ? 0 : static_cast<int64_t>(last) + 1);
  begin_ = lines_end_ = end_;
}

std::optional<LineBlocks::Piece> LineBlocks::EndLongLine(size_t fresh) {
  const std::string_view bytes = View(fresh, end_);
  const void* newline = memchr(bytes.data(), '\n', bytes.size());
  if (newline == nullptr) {
    begin_ = lines_end_ = end_;
    // A preallocated or half-written file ends in NULs that may yet become text: look there again.
    const size_t last = bytes.find_last_not_of('\0');
    if (last != bytes.npos) {
      last_non_nul_ = base_ + static_cast<int64_t>(fresh + last) + 1;
    }
    return std::nullopt;
  }
  begin_ = static_cast<size_t>(static_cast<const char*>(newline) - buffer_.data()) + 1;
  lines_end_ = begin_;
  if (const char* last = LastNewline(View(begin_, end_))) {
    lines_end_ = static_cast<size_t>(last - buffer_.data()) + 1;
  }
  Piece piece{.kind = Kind::kQuarantined, .offset = *long_line_, .reason = "line over 64 KiB"};
  long_line_.reset();
  piece.length = consumed() - piece.offset;
  return piece;
}

LineBlocks::Piece LineBlocks::Carve() {
  if (begin_ < careful_end_) return CarveCarefully();
  const std::string_view lines = View(begin_, lines_end_);
  if (!HasLongLine(lines) && WhyBadBytes(lines).empty()) return Take(lines.size(), {});
  careful_end_ = lines_end_;
  return CarveCarefully();
}

// The longest run of good lines, or one bad line.
LineBlocks::Piece LineBlocks::CarveCarefully() {
  const std::string_view lines = View(begin_, lines_end_);
  size_t good = 0;
  while (good < lines.size()) {
    const size_t length = lines.find('\n', good) - good;
    const std::string_view reason = WhyBadLine(lines.substr(good, length));
    if (!reason.empty() && good == 0) return Take(length + 1, reason);
    if (!reason.empty()) break;
    good += length + 1;
  }
  return Take(good, {});
}

LineBlocks::Piece LineBlocks::Take(size_t size, std::string_view reason) {
  Piece piece{.kind = reason.empty() ? Kind::kLines : Kind::kQuarantined,
              .text = View(begin_, begin_ + size),
              .offset = consumed(),
              .length = static_cast<int64_t>(size),
              .reason = reason};
  begin_ += size;
  return piece;
}

LineBlocks::Piece LineBlocks::Rest() {
  if (long_line_) {
    Piece piece{.kind = Kind::kQuarantined, .offset = *long_line_, .reason = "line over 64 KiB"};
    long_line_.reset();
    begin_ = lines_end_ = end_;
    piece.length = consumed() - piece.offset;
    return piece;
  }
  if (begin_ == end_) return {};
  const std::string_view line = View(begin_, end_);
  Piece piece = Take(line.size(), WhyBadLine(line));
  piece.unterminated = true;
  lines_end_ = begin_;
  return piece;
}
