#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "monitor/huge_pages.h"
#include "monitor/sqlite.h"

// The ledger's interned names (table `name`), with a bounded cache before it. Owned by the ledger,
// used on its thread only.
class Names {
 public:
  explicit Names(Database& database);

  // The id of `text`, which becomes a row when it is new. Empty text is id 0: no name.
  int64_t Id(std::string_view text);
  // The id if there is one already, else 0.
  int64_t Find(std::string_view text);
  // Empty for id 0 and for ids that do not exist.
  std::string Text(int64_t id);
  // Brings what Id(text) will look at into the processor's cache.
  void Prefetch(std::string_view text) const;
  // After a rollback: what was interned in the transaction is gone.
  void Forget();

 private:
  // Open addressing; the text of a usual name stands in its slot, so a look-up is one cache line.
  struct alignas(32) Slot {
    static constexpr size_t kText = 23;  // bytes; longer names are looked up elsewhere
    uint32_t hash = 0;
    uint32_t id = 0;  // 0: free
    uint8_t size = 0;
    std::array<char, kText> text{};
  };
  static uint32_t HashOf(std::string_view text);
  int64_t Cached(std::string_view text, uint32_t hash) const;
  void Remember(std::string_view text, uint32_t hash, int64_t id);
  void Place(const Slot& slot);
  void ClearCache();

  Statement find_;
  Statement insert_;
  Statement text_;
  Statement max_;
  int64_t last_id_ = 0;
  std::vector<Slot, HugePages<Slot>> slots_;  // a power of two, at most two thirds full
  size_t cached_ = 0;
  std::unordered_map<std::string, int64_t> long_names_;
};
