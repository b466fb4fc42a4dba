#pragma once

#include <string>
#include <vector>

#include "monitor/config.h"
#include "monitor/error.h"

// Exit codes of every verb (DESIGN section 12).
enum ExitCode { kDone = 0, kFound = 1, kUsage = 2, kUnusable = 3, kCannotTell = 4 };

// The options that all verbs share, as the command line gave them.
struct Settings {
  std::string config_file;           // empty: /etc/rollcall/rollcall.yml where it exists
  std::vector<std::string> ledgers;  // --ledger, repeatable where ledgers are only read
  std::string server;                // --server
  std::string format = "table";      // table | json | csv
};

// The presets of collectors/presets/ as the configuration parser takes them.
std::vector<Preset> KnownPresets();

// The configuration with --server and --ledger applied. Without any file: defaults, no sources.
[[nodiscard]] Result<Config> LoadConfig(const Settings& settings);

// The ledgers that a reading verb looks at: --ledger, else the configuration's.
std::vector<std::string> LedgersOf(const Settings& settings, const Config& config);

// "rollcall: MESSAGE" on standard error, and the exit code that fits.
int Report(const Error& error);
