#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

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
  void Remember(std::string_view text, int64_t id);

  Statement find_;
  Statement insert_;
  Statement text_;
  Statement max_;
  int64_t last_id_ = 0;
  std::deque<std::string> storage_;  // what the keys of ids_ point into
  std::unordered_map<std::string_view, int64_t> ids_;
};
