#include "monitor/app/settings.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "collectors/line_parser.h"
#include "collectors/presets.h"
#include "dashboards/table.h"

namespace {

constexpr const char* kDefaultFile = "/etc/rollcall/rollcall.yml";

std::string HostName() {
  char name[256] = "localhost";
  gethostname(name, sizeof name - 1);
  return name;
}

std::vector<Preset> KnownPresets() {
  std::vector<Preset> presets;
  for (const PresetEntry& entry : Presets()) {
    presets.push_back(entry.preset);
    presets.back().joins = entry.make_joiner != nullptr;
  }
  return presets;
}

// Of a source whose lines a joiner reads, only what joiners take from the configuration is asked.
Result<void> CheckLines(const CompactionLogConfig& log) {
  CompactionLogConfig asked = log;
  const auto joins = [&](const Preset& preset) {
    return preset.joins && preset.name == log.preset;
  };
  const std::vector<Preset> presets = KnownPresets();
  if (std::any_of(presets.begin(), presets.end(), joins)) {
    asked = {};
    asked.time_zone = log.time_zone;
    asked.day_format = log.day_format;
    asked.partition = log.partition;
  }
  auto parser = LineParser::Create(asked);
  if (!parser) return tl::unexpected<Error>(parser.error());
  return {};
}

}  // namespace

Result<Config> CheckedConfig(std::string_view yaml, const std::string& shown) {
  return ParseConfig(yaml, shown, KnownPresets(), CheckLines);
}

Result<Config> LoadConfig(const Settings& settings) {
  Config config;
  std::error_code ignored;
  const bool named = !settings.config_file.empty();
  if (named || std::filesystem::exists(kDefaultFile, ignored)) {
    auto read = ReadConfig(named ? settings.config_file : kDefaultFile, KnownPresets(), CheckLines);
    if (!read) return read;
    config = std::move(*read);
  }
  if (!settings.server.empty()) config.server = settings.server;
  if (config.server.empty()) config.server = HostName();
  if (!settings.listen.empty()) config.listen = settings.listen;
  if (!settings.ledgers.empty()) config.ledger = settings.ledgers.front();
  if (config.operator_db.empty() || !settings.ledgers.empty()) {
    config.operator_db = OperatorDbBeside(config.ledger);
  }
  return config;
}

Result<std::vector<std::string>> LedgerFiles(const Settings& settings, const Config& config) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const std::string& path :
       settings.ledgers.empty() ? std::vector{config.ledger} : settings.ledgers) {
    std::error_code failed;
    if (!fs::is_directory(path, failed)) {
      files.push_back(path);
      continue;
    }
    const size_t before = files.size();
    for (const auto& entry : fs::directory_iterator(path, failed)) {
      if (entry.path().extension() == ".db") files.push_back(entry.path().string());
    }
    if (failed) return Fail(Error::Kind::kLedger, path + ": " + failed.message());
    if (files.size() == before) {
      return Fail(Error::Kind::kLedger, path + ": this directory holds no ledger (*.db)");
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

int Report(const Error& error) {
  const char* prefix = "rollcall: ";
  std::istringstream lines(error.message);
  for (std::string line; std::getline(lines, line); prefix = "") {
    std::fprintf(stderr, "%s%s\n", prefix, Printable(line).c_str());
  }
  return error.kind == Error::Kind::kUsage ? kUsage : kUnusable;
}
