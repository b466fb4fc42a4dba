#include "rules/incident.h"

#include <openssl/sha.h>

#include <array>
#include <cstdint>

namespace {
constexpr size_t kIdBytes = 8;
constexpr std::string_view kHex = "0123456789abcdef";
}  // namespace

std::string IncidentId(std::string_view rule, std::string_view server, std::string_view version) {
  std::string key;
  if (version.empty() || version == "unknown") {
    key.append("rule:").append(rule).append(";server:").append(server);
  } else {
    key.append("version:").append(version);
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  std::string id;
  for (size_t i = 0; i < kIdBytes; ++i) {
    id.push_back(kHex[digest[i] >> 4]);
    id.push_back(kHex[digest[i] & 15]);
  }
  return id;
}

std::string_view RuleOfLoss(std::string_view cause) {
  if (cause == "lost_in_gap" || cause == "file_disagrees") return cause;
  return "count_drop";
}
