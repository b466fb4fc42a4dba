#include "collectors/log_anchor.h"

#include <xxhash.h>

#include <algorithm>

uint64_t HashOf(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

LogAnchor AnchorOf(std::string_view bytes, int64_t begin) {
  return {begin, begin + static_cast<int64_t>(bytes.size()), HashOf(bytes)};
}

LogAnchor HeadAnchor(std::string_view head, int64_t to) {
  return AnchorOf(head.substr(0, static_cast<size_t>(std::min(kHeadBytes, to))), 0);
}

bool Proves(const LogAnchor& anchor, std::string_view bytes) {
  const auto length = static_cast<size_t>(anchor.end - anchor.begin);
  return bytes.size() >= length && HashOf(bytes.substr(0, length)) == anchor.hash;
}
