#include "dashboards/post_token.h"

#include <openssl/crypto.h>
#include <sys/random.h>

#include <array>

PostToken::PostToken() {
  std::array<unsigned char, 32> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return;
  for (const unsigned char byte : bytes) {
    text_ += "0123456789abcdef"[byte >> 4];
    text_ += "0123456789abcdef"[byte & 15];
  }
}

bool PostToken::Accepts(std::string_view given) const {
  return !text_.empty() && given.size() == text_.size() &&
         CRYPTO_memcmp(given.data(), text_.data(), text_.size()) == 0;
}
