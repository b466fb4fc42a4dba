#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/error.h"

// chain[n] = SHA-256(chain[n-1] ‖ what commit n added), one link a commit that has facts. What a
// commit added is, in this order: when it was observed (Unix ms), the names interned since the last
// one (id, text, NUL) and its fact rows (fact_row.h, AppendForHash). Numbers have 64 bits, little
// endian. A change of any fact or name breaks every link after it.
using ChainLink = std::array<uint8_t, 32>;

void AppendTimeForHash(int64_t observed_at, std::string& out);
void AppendNameForHash(int64_t id, std::string_view text, std::string& out);
ChainLink NextLink(const ChainLink& previous, std::string_view added);
std::string_view Bytes(const ChainLink& link);
ChainLink LinkFrom(std::string_view bytes);  // zeros when it is not 32 bytes
std::string Hex(const ChainLink& link);

// The head, kept outside the ledger as well (FILE.head), since a damaged WAL opens as a clean,
// shorter history: a ledger that ends before its head has lost commits.
struct LedgerHead {
  std::string ledger_id;
  int64_t seq = 0;
  ChainLink chain{};
};
// Replaces the file's content in place (one small pwrite). Not synced: after a power cut it may be
// behind, never ahead of what a sync of the ledger had made durable before.
[[nodiscard]] Result<void> WriteHead(const std::string& path, const LedgerHead& head);
// A file that is not there gives a head with seq 0.
[[nodiscard]] Result<LedgerHead> ReadHead(const std::string& path);
