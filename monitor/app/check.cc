#include "monitor/app/check.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "monitor/app/output.h"
#include "monitor/config_text.h"
#include "monitor/hash_chain.h"
#include "monitor/ledger_check.h"
#include "monitor/ledger_view.h"
#include "monitor/sqlite.h"
#include "rules/engine.h"
#include "rules/tuning.h"

namespace {

namespace fs = std::filesystem;

// A directory for the rebuilt ledger, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::error_code failed;
    std::string name = (fs::temp_directory_path(failed) / "rollcall-check-XXXXXX").string();
    if (mkdtemp(name.data())) path_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  std::string ledger() const { return path_ + "/ledger.db"; }

 private:
  std::string path_;
};

Document LogDocument(const CompactionLogConfig& log) {
  return {{"name", log.name},
          {"paths", log.paths},
          {"preset", log.preset.empty() ? Document(nullptr) : Document(log.preset)},
          {"shape", log.shape == Shape::kRewrite ? "rewrite" : "segments"},
          {"unit", log.unit}};
}

Document ConfigDocument(const Config& config) {
  Document logs = Document::array(), formats = Document::array();
  for (const CompactionLogConfig& log : config.compaction_logs) logs.push_back(LogDocument(log));
  for (const CanonicalFilesConfig& files : config.canonical_files) {
    formats.push_back({{"format", files.format}, {"path", files.path}, {"serving", files.serving}});
  }
  return {{"file", config.file},
          {"server", config.server},
          {"ledger", config.ledger},
          {"operator_db", config.operator_db},
          {"listen", config.listen},
          {"compaction_logs", std::move(logs)},
          {"canonical_files", std::move(formats)},
          {"rules_in_force", RulesInForce()},
          {"not_in_force", NotInForce(config, RulesInForce())},
          {"errors", Document::array()}};
}

// The mistakes go to standard error in any case; a program gets them as a document, too.
int ReportMistakes(const Settings& settings, const Error& error) {
  Document mistakes = Document::array();
  std::istringstream lines(error.message);
  for (std::string line; std::getline(lines, line);) mistakes.push_back(line);
  const Document document{{"file", settings.config_file}, {"errors", std::move(mistakes)}};
  if (settings.format == "json") PrintDocument(document, document, settings.format, {});
  return Report(error);
}

// What is wrong with one ledger, each in a sentence.
Result<std::vector<std::string>> FindingsOf(const std::string& ledger, bool rebuild,
                                            const Config& config) {
  // Says better than SQLite why a file cannot be read.
  if (auto view = LedgerView::Open(ledger); !view) return tl::unexpected<Error>(view.error());
  auto findings = CheckLedger(ledger);
  if (!findings || !rebuild) return findings;
  const Scratch scratch;
  const RuleEngine rules(config);
  auto differences = CheckRebuild(ledger, scratch.ledger(), config, rules);
  if (!differences) return differences;
  findings->insert(findings->end(), differences->begin(), differences->end());
  return findings;
}

// Of a copy that nobody writes: where its chain ends, kept beside it as with every ledger.
Result<void> WriteHeadOf(const std::string& file, const std::string& head_file) {
  auto copy = Database::Open(file, Database::Mode::kCopy);
  if (!copy) return tl::unexpected<Error>(copy.error());
  LedgerHead head;
  {
    Statement id = copy->Prepare("SELECT value FROM meta WHERE key = 'ledger_id'");
    Statement last =
        copy->Prepare("SELECT last_seq, chain FROM commits ORDER BY last_seq DESC LIMIT 1");
    if (id.Bind({}).Step()) head.ledger_id = std::string(id.Text(0));
    if (last.Bind({}).Step()) {
      head.seq = last.Integer(0);
      head.chain = LinkFrom(last.Text(1));
    }
  }
  if (auto ok = copy->Check(); !ok) return ok;
  return WriteHead(head_file, head);
}

}  // namespace

int CheckConfigVerb(const Settings& settings) {
  auto config = LoadConfig(settings);
  if (!config) return ReportMistakes(settings, config.error());
  if (config->file.empty()) {
    return Report({Error::Kind::kUsage,
                   "no configuration to check: name a FILE (there is no "
                   "/etc/rollcall/rollcall.yml)"});
  }
  const Document document = ConfigDocument(*config);
  if (settings.format == "table") {
    std::cout << DescribeConfig(*config, RulesInForce());
  } else {
    PrintDocument(document, document["compaction_logs"], settings.format,
                  {"name", "paths", "preset", "shape", "unit"});
  }
  return kDone;
}

int CheckLedgerVerb(const Settings& settings, bool rebuild) {
  auto config = LoadConfig(settings);
  if (!config) return Report(config.error());
  auto ledgers = LedgerFiles(settings, *config);
  if (!ledgers) return Report(ledgers.error());
  Document document = Document::array(), rows = Document::array();
  for (const std::string& ledger : *ledgers) {
    auto findings = FindingsOf(ledger, rebuild, *config);
    if (!findings) return Report(findings.error());
    for (const std::string& finding : *findings) {
      rows.push_back({{"ledger", ledger}, {"finding", finding}});
    }
    if (findings->empty() && settings.format == "table") {
      rows.push_back({{"ledger", ledger}, {"finding", "whole and unchanged"}});
    }
    document.push_back({{"ledger", ledger}, {"findings", *findings}});
  }
  PrintDocument(document, rows, settings.format, {"ledger", "finding"});
  const bool found = std::any_of(document.begin(), document.end(),
                                 [](const auto& one) { return !one["findings"].empty(); });
  return found ? kFound : kDone;
}

int Backup(const Settings& settings, const std::string& file) {
  auto config = LoadConfig(settings);
  if (!config) return Report(config.error());
  std::error_code failed;
  if (fs::exists(file, failed)) {
    return Report({Error::Kind::kUsage, file + " exists already; a backup never overwrites"});
  }
  const fs::path directory = fs::absolute(file, failed).parent_path();
  if (!fs::is_directory(directory, failed)) {
    return Report({Error::Kind::kInput, directory.string() + ": there is no such directory"});
  }
  if (auto view = LedgerView::Open(config->ledger); !view) return Report(view.error());
  auto database = Database::Open(config->ledger, Database::Mode::kReadOnly);
  if (!database) return Report(database.error());
  // Under another name until it is whole.
  const std::string partial = file + ".partial";
  fs::remove(partial, failed);
  if (auto done = database->BackUpTo(partial); !done) {
    fs::remove(partial, failed);
    return Report(done.error());
  }
  if (auto done = WriteHeadOf(partial, file + ".head"); !done) {
    fs::remove(partial, failed);
    return Report(done.error());
  }
  fs::rename(partial, file, failed);
  if (failed) return Report({Error::Kind::kInput, file + ": " + failed.message()});
  const Document row{{"file", file}, {"bytes", fs::file_size(file, failed)}};
  PrintDocument(row, Document::array({row}), settings.format, {"file", "bytes"});
  return kDone;
}
