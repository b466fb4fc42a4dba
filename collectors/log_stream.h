#pragma once

#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collectors/decompress.h"
#include "monitor/unique_fd.h"

// The bytes of an open log, plain or compressed, from any offset of the decompressed stream. Both
// classes are used by the collector thread only.

// An open descriptor. A regular file is read at any offset; a pipe is kept in an unlinked temporary
// file while `keeping`, that is until it is known which log it holds.
class LogInput {
 public:
  LogInput() = default;
  static LogInput File(UniqueFd fd);
  static LogInput Pipe(int fd);  // not owned
  explicit operator bool() const { return fd() >= 0; }
  int fd() const { return pipe_ >= 0 ? pipe_ : file_.get(); }
  bool is_pipe() const { return pipe_ >= 0; }
  void StopKeeping() { keeping_ = false; }
  void Close() { file_.Close(); }
  // Bytes read, 0 at the end, -1 and errno. A pipe that is not kept any more goes only forward.
  // `check` receives the bytes just before `offset`, in the same system call.
  ssize_t ReadAt(int64_t offset, std::span<char> into, std::span<char> check = {});

 private:
  ssize_t ReadPipe(int64_t offset, std::span<char> into);
  UniqueFd file_;
  int pipe_ = -1;
  bool keeping_ = false;
  int64_t pipe_offset_ = 0;  // bytes taken from the pipe
  int64_t kept_ = 0;         // bytes of them in kept_file_
  std::unique_ptr<FILE, int (*)(FILE*)> kept_file_{nullptr, std::fclose};
};

enum class StreamStatus {
  kBytes,
  kEnd,
  kIncomplete,  // an archive that stops before its trailer
  kDamaged,     // an archive whose bytes or checksum are wrong
  kTooLarge,    // an archive that takes more memory than a monitor may use
  kChanged,     // what was read before is not there any more
  kFailed,      // errno
};

// What people are told of a status that ends the reading; a constant. `error`: of kFailed.
std::string_view WhyNotRead(StreamStatus status, int error);

class LogStream {
 public:
  struct Chunk {
    StreamStatus status = StreamStatus::kEnd;
    size_t size = 0;
    int error = 0;
  };
  // `input` outlives the stream.
  explicit LogStream(LogInput& input);
  bool compressed() const { return decoder_ != nullptr; }
  int64_t offset() const { return offset_; }
  // The next bytes. `before` is what the caller read just before them: a plain file that does not
  // hold it any more was rewritten, even when it has grown past the offset since.
  Chunk Read(std::span<char> into, std::string_view before);
  // kBytes when the offset was reached.
  Chunk SkipTo(int64_t offset);

 private:
  Chunk ReadPlain(std::span<char> into, std::string_view before);
  Chunk ReadDecoded(std::span<char> into);
  LogInput& input_;
  std::unique_ptr<Decoder> decoder_;
  int64_t offset_ = 0;        // of the next byte, decompressed
  int64_t input_offset_ = 0;  // of the next byte, compressed
  std::vector<char> compressed_;
  std::string_view undecoded_;                // within compressed_
  StreamStatus broken_ = StreamStatus::kEnd;  // kDamaged, kTooLarge: for good
  std::string check_;
};
