#pragma once

#include "monitor/app/settings.h"

// `rollcall check config`, `rollcall check ledger`, `rollcall backup`. Main thread.
int CheckConfigVerb(const Settings& settings);
int CheckLedgerVerb(const Settings& settings, bool rebuild);
int Backup(const Settings& settings, const std::string& file);
