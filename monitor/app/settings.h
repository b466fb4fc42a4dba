#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/config.h"
#include "monitor/error.h"

// Exit codes of every verb (DESIGN section 12).
enum ExitCode { kDone = 0, kFound = 1, kUsage = 2, kUnusable = 3, kCannotTell = 4 };

// The options that all verbs share, as the command line gave them. Main thread, before any other.
struct Settings {
  std::string config_file;           // empty: /etc/rollcall/rollcall.yml where it exists
  std::vector<std::string> ledgers;  // --ledger, repeatable where ledgers are only read
  std::string server;                // --server
  std::string listen;                // --listen
  std::string format = "table";      // table | json | csv
};

// The configuration with the command line's words applied; also what only the readers of its logs
// can tell is checked. Without any file: defaults, no sources.
[[nodiscard]] Result<Config> LoadConfig(const Settings& settings);
// A configuration's text, checked the same way; `shown` stands in messages.
[[nodiscard]] Result<Config> CheckedConfig(std::string_view yaml, const std::string& shown);

// The ledgers that a reading verb looks at: --ledger, where a directory stands for every *.db file
// in it, else the configuration's. Sorted, at least one.
[[nodiscard]] Result<std::vector<std::string>> LedgerFiles(const Settings& settings,
                                                           const Config& config);

// "rollcall: MESSAGE" on standard error, fit for a terminal, and the exit code that fits.
int Report(const Error& error);
