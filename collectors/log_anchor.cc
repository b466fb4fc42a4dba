#include "collectors/log_anchor.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

uint64_t HashOf(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  uint64_t hash = 0;
  for (size_t i = 0; i < sizeof hash; ++i) hash = hash << 8 | digest[i];
  return hash;
}

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
