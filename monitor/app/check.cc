#include "monitor/app/check.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "collectors/line_parser.h"
#include "monitor/config_text.h"
#include "monitor/ledger_check.h"
#include "monitor/schema.h"
#include "rules/engine.h"

namespace {

// A directory for the rebuilt ledger, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "rollcall-check-XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  std::string ledger() const { return path_ + "/ledger.db"; }

 private:
  std::string path_;
};

void PrintFindings(const std::string& what, const std::vector<std::string>& findings,
                   const std::string& format) {
  if (format == "json") {
    std::cout << nlohmann::ordered_json{{"ledger", what}, {"findings", findings}}.dump() << "\n";
    return;
  }
  for (const std::string& finding : findings)
    std::printf("%s: %s\n", what.c_str(), finding.c_str());
  if (findings.empty()) std::printf("%s: ok\n", what.c_str());
}

}  // namespace

int CheckConfigVerb(const Settings& settings) {
  auto config = LoadConfig(settings);
  if (!config) return Report({Error::Kind::kUsage, config.error().message});
  // Patterns and zones are only understood by who will use them.
  for (const CompactionLogConfig& log : config->compaction_logs) {
    if (!log.preset.empty() && log.fields.empty()) continue;
    if (auto parser = LineParser::Create(log); !parser) {
      return Report({Error::Kind::kUsage, log.name + ": " + parser.error().message});
    }
  }
  std::cout << DescribeConfig(*config);
  return kDone;
}

int CheckLedgerVerb(const Settings& settings, bool rebuild) {
  auto config = LoadConfig(settings);
  if (!config) return Report({Error::Kind::kUsage, config.error().message});
  int code = kDone;
  for (const std::string& ledger : LedgersOf(settings, *config)) {
    auto findings = CheckLedger(ledger);
    if (!findings) return Report(findings.error());
    if (rebuild) {
      const Scratch scratch;
      const RuleEngine rules(*config);
      auto differences = CheckRebuild(ledger, scratch.ledger(), *config, rules);
      if (!differences) return Report(differences.error());
      findings->insert(findings->end(), differences->begin(), differences->end());
    }
    PrintFindings(ledger, *findings, settings.format);
    if (!findings->empty()) code = kFound;
  }
  return code;
}

int Backup(const Settings& settings, const std::string& file) {
  auto config = LoadConfig(settings);
  if (!config) return Report({Error::Kind::kUsage, config.error().message});
  if (std::filesystem::exists(file)) {
    return Report({Error::Kind::kUsage, file + " exists already; a backup never overwrites"});
  }
  auto database = Database::Open(config->ledger, Database::Mode::kReadOnly);
  if (!database) return Report(database.error());
  if (auto ok = CheckSchema(*database); !ok) return Report(ok.error());
  // Under another name until it is whole.
  const std::string partial = file + ".partial";
  std::filesystem::remove(partial);
  if (auto done = database->BackUpTo(partial); !done) return Report(done.error());
  std::filesystem::rename(partial, file);
  if (settings.format == "json") {
    std::cout << nlohmann::ordered_json{{"file", file}, {"bytes", std::filesystem::file_size(file)}}
                     .dump()
              << "\n";
  } else {
    std::printf("%s: %ju bytes\n", file.c_str(),
                static_cast<uintmax_t>(std::filesystem::file_size(file)));
  }
  return kDone;
}
