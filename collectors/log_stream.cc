#include "collectors/log_stream.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace {

constexpr size_t kInputBlock = 128 * 1024;

template <class Call>
ssize_t Retry(Call call) {
  for (;;) {
    const ssize_t result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace

LogInput LogInput::File(UniqueFd fd) {
  LogInput input;
  input.file_ = std::move(fd);
  return input;
}

LogInput LogInput::Pipe(int fd) {
  LogInput input;
  input.pipe_ = fd;
  input.keeping_ = true;
  return input;
}

ssize_t LogInput::ReadAt(int64_t offset, std::span<char> into, std::span<char> check) {
  if (is_pipe()) return ReadPipe(offset, into);
  if (check.empty()) {
    return Retry([&] { return pread(file_.get(), into.data(), into.size(), offset); });
  }
  const std::array<iovec, 2> parts{{{check.data(), check.size()}, {into.data(), into.size()}}};
  return Retry([&] {
    return preadv(file_.get(), parts.data(), parts.size(),
                  offset - static_cast<int64_t>(check.size()));
  });
}

ssize_t LogInput::ReadPipe(int64_t offset, std::span<char> into) {
  if (keeping_ && !kept_file_) {
    kept_file_.reset(std::tmpfile());
    if (!kept_file_) return -1;
  }
  while (keeping_ && kept_ < offset + static_cast<int64_t>(into.size())) {
    std::array<char, 64 * 1024> block;
    const ssize_t got = Retry([&] { return read(pipe_, block.data(), block.size()); });
    if (got < 0) return got;
    if (got == 0) break;
    if (pwrite(fileno(kept_file_.get()), block.data(), static_cast<size_t>(got), kept_) != got) {
      return -1;
    }
    kept_ = pipe_offset_ += got;
  }
  if (offset < kept_) {
    return Retry([&] { return pread(fileno(kept_file_.get()), into.data(), into.size(), offset); });
  }
  if (keeping_) return 0;
  if (offset != pipe_offset_) return errno = ESPIPE, -1;
  const ssize_t got = Retry([&] { return read(pipe_, into.data(), into.size()); });
  if (got > 0) pipe_offset_ += got;
  return got;
}

std::string_view WhyNotRead(StreamStatus status, int error) {
  switch (status) {
    case StreamStatus::kIncomplete:
      return "archive is incomplete";
    case StreamStatus::kDamaged:
      return "archive is damaged";
    case StreamStatus::kTooLarge:
      return "archive needs more than 32 MiB to be unpacked";
    default:
      return error == EIO ? "cannot be read: input/output error" : "cannot be read";
  }
}

LogStream::LogStream(LogInput& input) : input_(input) {
  std::array<char, kMagicBytes> magic;
  const ssize_t got = input_.ReadAt(0, magic);
  if (got > 0) decoder_ = MakeDecoder({magic.data(), static_cast<size_t>(got)});
}

LogStream::Chunk LogStream::Read(std::span<char> into, std::string_view before) {
  Chunk chunk = decoder_ ? ReadDecoded(into) : ReadPlain(into, before);
  offset_ += static_cast<int64_t>(chunk.size);
  return chunk;
}

LogStream::Chunk LogStream::ReadPlain(std::span<char> into, std::string_view before) {
  if (input_.is_pipe()) before = {};
  check_.resize(before.size());
  const ssize_t got = input_.ReadAt(offset_, into, check_);
  if (got < 0) return {StreamStatus::kFailed, 0, errno};
  const auto size = static_cast<size_t>(got);
  if (size < before.size() || check_ != before) return {StreamStatus::kChanged};
  if (size == before.size()) return {StreamStatus::kEnd};
  return {StreamStatus::kBytes, size - before.size()};
}

LogStream::Chunk LogStream::ReadDecoded(std::span<char> into) {
  for (;;) {
    if (broken_ != StreamStatus::kEnd) return {broken_};
    const Decoder::Step step = decoder_->Decode(undecoded_, into);
    undecoded_.remove_prefix(step.taken);
    if (step.damaged) broken_ = StreamStatus::kDamaged;
    if (step.too_large) broken_ = StreamStatus::kTooLarge;
    if (step.made > 0) return {StreamStatus::kBytes, step.made};
    if (broken_ != StreamStatus::kEnd) continue;
    if (!undecoded_.empty()) {
      if (step.taken == 0) broken_ = StreamStatus::kDamaged;  // it takes nothing, makes nothing
      continue;
    }
    compressed_.resize(kInputBlock);
    const ssize_t got = input_.ReadAt(input_offset_, compressed_);
    if (got < 0) return {StreamStatus::kFailed, 0, errno};
    if (got == 0) {
      return {decoder_->Complete() ? StreamStatus::kEnd : StreamStatus::kIncomplete};
    }
    input_offset_ += got;
    undecoded_ = {compressed_.data(), static_cast<size_t>(got)};
  }
}

LogStream::Chunk LogStream::SkipTo(int64_t offset) {
  if (!decoder_ && !input_.is_pipe()) {
    offset_ = offset;
    return {StreamStatus::kBytes};
  }
  std::vector<char> discarded(kInputBlock);
  while (offset_ < offset) {
    const auto wanted = std::min<int64_t>(kInputBlock, offset - offset_);
    const Chunk chunk = Read(std::span(discarded).first(static_cast<size_t>(wanted)), {});
    if (chunk.status != StreamStatus::kBytes) return chunk;
  }
  return {StreamStatus::kBytes};
}
