#pragma once

#include <memory>
#include <span>
#include <string_view>

// Streaming decompression of rotated logs. Used by the thread that reads them; memory is bounded by
// the format's window, whatever the expansion.
class Decoder {
 public:
  virtual ~Decoder() = default;
  struct Step {
    size_t taken = 0;  // bytes of `in`
    size_t made = 0;   // bytes of `out`
    bool damaged = false;
    bool too_large = false;  // it takes more memory than a monitor may use
  };
  // Takes what it can of `in`. A checksum that does not hold is damage.
  virtual Step Decode(std::string_view in, std::span<char> out) = 0;
  // Whether the archive may end here: after a verified trailer. Archives may be concatenated.
  virtual bool Complete() const = 0;
};

// By the first bytes of the file, not its name; null: not compressed in a known way.
std::unique_ptr<Decoder> MakeDecoder(std::string_view first_bytes);
inline constexpr size_t kMagicBytes = 4;
