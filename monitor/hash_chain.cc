#include "monitor/hash_chain.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

void AppendTimeForHash(int64_t observed_at, std::string& out) {
  out.append(reinterpret_cast<const char*>(&observed_at), sizeof observed_at);
}

void AppendNameForHash(int64_t id, std::string_view text, std::string& out) {
  out.append(reinterpret_cast<const char*>(&id), sizeof id);
  out.append(text);
  out.push_back('\0');
}

ChainLink NextLink(const ChainLink& previous, std::string_view added) {
  // EVP_sha256() would look for its implementation each time.
  static EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ChainLink link{};
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, kSha256, nullptr);
  EVP_DigestUpdate(context, previous.data(), previous.size());
  EVP_DigestUpdate(context, added.data(), added.size());
  EVP_DigestFinal_ex(context, link.data(), nullptr);
  EVP_MD_CTX_free(context);
  return link;
}

std::string_view Bytes(const ChainLink& link) {
  return {reinterpret_cast<const char*>(link.data()), link.size()};
}

ChainLink LinkFrom(std::string_view bytes) {
  ChainLink link{};
  if (bytes.size() == link.size()) std::memcpy(link.data(), bytes.data(), link.size());
  return link;
}

std::string Hex(const ChainLink& link) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : link) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<void> WriteHead(const std::string& path, const LedgerHead& head) {
  char line[160];
  // Fixed width, so that an in-place write never leaves the tail of a longer one.
  const int size = std::snprintf(line, sizeof line, "%s %020lld %s\n", head.ledger_id.c_str(),
                                 static_cast<long long>(head.seq), Hex(head.chain).c_str());
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0) return FailBySystem(path, errno);
  const bool written = pwrite(fd, line, static_cast<size_t>(size), 0) == size;
  const int error = errno;
  close(fd);
  if (!written) return FailBySystem(path, error);
  return {};
}

Result<LedgerHead> ReadHead(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  LedgerHead head;
  // After a power cut a file that was never synced may be there without its bytes.
  if (content.str().find_first_not_of('\0') == std::string::npos) return head;
  std::string hex;
  content >> head.ledger_id >> head.seq >> hex;
  const bool digits = hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!content || !digits || hex.size() != 2 * head.chain.size()) {
    return Fail(Error::Kind::kLedger, path + ": not a ledger head");
  }
  for (size_t i = 0; i < head.chain.size(); ++i) {
    head.chain[i] = static_cast<uint8_t>(std::stoi(hex.substr(2 * i, 2), nullptr, 16));
  }
  return head;
}
