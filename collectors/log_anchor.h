#pragma once

#include <cstdint>
#include <string_view>

#include "monitor/batch.h"

// Proof of which log a file holds: hashes of its first bytes and of the last bytes before an
// offset. Each wake takes two of 4 KiB, hence XXH3 (its results are fixed since xxHash 0.8.0): it
// tells logs apart, and is no protection from who can write the log anyway. Pure functions.

inline constexpr int64_t kHeadBytes = 1024;
inline constexpr int64_t kTailBytes = 4096;

uint64_t HashOf(std::string_view bytes);

// The anchor of `bytes`, which begin at offset `begin`.
LogAnchor AnchorOf(std::string_view bytes, int64_t begin);
// Over the first min(1 KiB, to) bytes; `head` holds at least as many.
LogAnchor HeadAnchor(std::string_view head, int64_t to);
// Whether `bytes`, read from anchor.begin on, begin with what the anchor was made of.
bool Proves(const LogAnchor& anchor, std::string_view bytes);
