#include "monitor/app/settings.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "collectors/presets.h"

namespace {

constexpr const char* kDefaultFile = "/etc/rollcall/rollcall.yml";

std::string HostName() {
  char name[256] = "localhost";
  gethostname(name, sizeof name - 1);
  return name;
}

}  // namespace

std::vector<Preset> KnownPresets() {
  std::vector<Preset> presets;
  for (const PresetEntry& entry : Presets()) presets.push_back(entry.preset);
  return presets;
}

Result<Config> LoadConfig(const Settings& settings) {
  Config config;
  std::error_code ignored;
  const bool named = !settings.config_file.empty();
  if (named || std::filesystem::exists(kDefaultFile, ignored)) {
    auto read = ReadConfig(named ? settings.config_file : kDefaultFile, KnownPresets());
    if (!read) return read;
    config = std::move(*read);
  }
  if (!settings.server.empty()) config.server = settings.server;
  if (config.server.empty()) config.server = HostName();
  if (!settings.ledgers.empty()) config.ledger = settings.ledgers.front();
  if (config.operator_db.empty() || !settings.ledgers.empty()) {
    const auto directory = std::filesystem::path(config.ledger).parent_path();
    config.operator_db = (directory / "operator" / "operator.db").string();
  }
  return config;
}

std::vector<std::string> LedgersOf(const Settings& settings, const Config& config) {
  return settings.ledgers.empty() ? std::vector{config.ledger} : settings.ledgers;
}

int Report(const Error& error) {
  std::fprintf(stderr, "rollcall: %s\n", error.message.c_str());
  return error.kind == Error::Kind::kUsage ? kUsage : kUnusable;
}
