#include "collectors/decompress.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <vector>

namespace {

// RFC 1952. isal_inflate checks each member's CRC and length and stops behind its trailer.
class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() : state_(std::make_unique<inflate_state>()) { Begin(); }

  Step Decode(std::string_view in, std::span<char> out) override {
    Step step;
    if (complete_) {
      // Tapes and some writers pad archives with zeros; anything else starts the next member.
      step.taken = std::min(in.find_first_not_of('\0'), in.size());
      in.remove_prefix(step.taken);
      if (in.empty()) return step;
      Begin();
    }
    // isal_inflate does not write through next_in.
    state_->next_in = reinterpret_cast<uint8_t*>(const_cast<char*>(in.data()));
    state_->avail_in = static_cast<uint32_t>(in.size());
    state_->next_out = reinterpret_cast<uint8_t*>(out.data());
    state_->avail_out = static_cast<uint32_t>(out.size());
    const int code = isal_inflate(state_.get());
    step.damaged = code < 0 || code == ISAL_NEED_DICT;
    step.taken += in.size() - state_->avail_in;
    step.made = out.size() - state_->avail_out;
    complete_ = !step.damaged && state_->block_state == ISAL_BLOCK_FINISH;
    return step;
  }
  bool Complete() const override { return complete_; }

 private:
  void Begin() {
    isal_inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
    complete_ = false;
  }
  std::unique_ptr<inflate_state> state_;
  bool complete_ = false;
};

// RFC 8878. A frame without a checksum is complete when its last block is.
class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream(), ZSTD_freeDStream) {
    // A frame may ask for 2 GiB of window. 32 MiB covers all levels of `zstd` but `--long` and
    // `--ultra`, and fits the memory this process may use.
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 25);
  }

  Step Decode(std::string_view in, std::span<char> out) override {
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const size_t code = ZSTD_decompressStream(stream_.get(), &output, &input);
    if (input.pos > 0 || output.pos > 0) complete_ = code == 0;
    const bool too_large = ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge;
    return {input.pos, output.pos, ZSTD_isError(code) != 0 && !too_large, too_large};
  }
  bool Complete() const override { return complete_; }

 private:
  std::unique_ptr<ZSTD_DStream, size_t (*)(ZSTD_DStream*)> stream_;
  bool complete_ = false;
};

// A frame, or one to be skipped, with which pzstd begins its archives.
bool IsZstd(std::string_view magic) {
  if (magic == "\x28\xb5\x2f\xfd") return true;
  return magic.size() == 4 && (magic[0] & 0xf0) == 0x50 && magic.substr(1) == "\x2a\x4d\x18";
}

}  // namespace

std::unique_ptr<Decoder> MakeDecoder(std::string_view first_bytes) {
  if (first_bytes.substr(0, 2) == "\x1f\x8b") return std::make_unique<GzipDecoder>();
  if (IsZstd(first_bytes.substr(0, 4))) return std::make_unique<ZstdDecoder>();
  return nullptr;
}
