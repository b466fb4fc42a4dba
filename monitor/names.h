#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  int64_t last_id() const { return last_id_; }
  // After a rollback: what was interned in the transaction is gone.
  void Forget();

 private:
  // Open addressing over an arena: two cache lines a look-up, where a node-based map takes four.
  struct Slot {
    uint32_t hash = 0;
    uint32_t id = 0;  // 0: free
    uint32_t at = 0;  // in arena_
    uint32_t size = 0;
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
  std::string arena_;
  std::vector<Slot> slots_;  // a power of two, at most two thirds full
  size_t cached_ = 0;
};
