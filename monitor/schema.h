#pragma once

#include "monitor/error.h"
#include "monitor/sqlite.h"

// The ledger's tables and views. Layout, in words: see monitor/schema.cc, which is its
// specification.

// What `PRAGMA application_id` says of a rollcall ledger ("roll").
inline constexpr int64_t kLedgerApplicationId = 0x726f6c6c;

// Brings an empty or older ledger to this version's schema, in one transaction a migration. A newer
// ledger or a file that is no ledger is an Error; nothing is written then.
[[nodiscard]] Result<void> Migrate(Database& database);

// For readers: Error unless the file is a ledger of exactly this version.
[[nodiscard]] Result<void> CheckSchema(Database& database);
