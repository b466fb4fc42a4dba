#include "collectors/compaction_log.h"

#include <cstring>

#include "tests/tail_fixture.h"

// Bytes to facts, through the tail. The oracle is what the test wrote.

namespace {

constexpr const char* kJsonLine =
    R"({"ts":"2016-02-22T17:02:11Z","project":"acme","day":"2016-02-22","format":"row","existing":0,"written":1234})";
constexpr const char* kLogfmtLine =
    "ts=2016-02-22T17:02:11Z project=acme day=2016-02-22 format=row existing=0 written=1234";

// One source in a directory of its own, read at once.
class Source {
 public:
  explicit Source(LogFormat format) {
    config_.name = "compactd";
    config_.paths = {directory_ / "x.log"};
    config_.format = format;
    config_.fields = {{"time", "ts"},       {"project", "project"},   {"day", "day"},
                      {"format", "format"}, {"existing", "existing"}, {"written", "written"}};
    options_.clock = &clock_;
  }

  const Batch& Read(const std::string& name, const std::string& bytes) {
    Write(directory_ / name, bytes);
    if (!log_) {
      auto opened = CompactionLog::Open(0, config_, config_.paths, {}, options_, &next_log_id_);
      REQUIRE(opened);
      log_ = std::move(*opened);
    }
    return Wait();
  }
  // Lets quiet periods pass.
  const Batch& Wait() {
    for (int i = 0; i < 3; ++i) {
      while (log_->Fill(batch_, 1 << 20)) {
      }
      clock_.since_boot += std::chrono::seconds(6);
      log_->Rescan();
    }
    return batch_;
  }

 private:
  TemporaryDirectory directory_;
  FakeClock clock_;
  CompactionLogConfig config_;
  TailOptions options_;
  uint32_t next_log_id_ = 1;
  std::unique_ptr<CompactionLog> log_;
  Batch batch_;
};

Strings Kinds(const Batch& batch) {
  Strings kinds;
  for (const Fact& fact : batch.facts) {
    kinds.push_back(fact.kind == FactKind::kQuarantined ? "quarantined" : "run");
  }
  return kinds;
}

}  // namespace

TEST_CASE("a byte order mark before the first line is no part of it", "[compaction_log]") {
  Source source(LogFormat::kJson);
  const Batch& batch = source.Read("x.log", "\xef\xbb\xbf" + std::string(kJsonLine) + "\n");
  CHECK(Kinds(batch) == Strings{"run"});
}

TEST_CASE("a line ended by carriage return and newline is read without either",
          "[compaction_log]") {
  Source source(LogFormat::kLogfmt);
  const Batch& batch = source.Read("x.log", std::string(kLogfmtLine) + "\r\n");
  REQUIRE(Kinds(batch) == Strings{"run"});
  CHECK(batch.facts[0].written == 1234);
}

TEST_CASE("a last line without newline may be cut off and is quarantined", "[compaction_log]") {
  Source source(LogFormat::kLogfmt);
  const std::string cut = std::string(kLogfmtLine).substr(0, std::strlen(kLogfmtLine) - 2);
  source.Read("x.log.1", std::string(kLogfmtLine) + "\n" + cut);
  const Batch& batch = source.Read("x.log", "");
  REQUIRE(Kinds(batch) == Strings{"run", "quarantined"});
  CHECK(batch.facts[1].offset == static_cast<int64_t>(std::strlen(kLogfmtLine)) + 1);
  CHECK(batch.facts[1].length == cut.size());
}

TEST_CASE("what is read in several goes into one batch has one position a log",
          "[compaction_log]") {
  Source source(LogFormat::kJson);
  const std::string line = std::string(kJsonLine) + "\n";
  source.Read("x.log", line);
  const Batch& batch = source.Read("x.log", line + line);
  CHECK(Kinds(batch) == Strings{"run", "run"});
  REQUIRE(batch.positions.size() == 1);
  CHECK(batch.positions[0].from == 0);
  CHECK(batch.positions[0].to == 2 * static_cast<int64_t>(line.size()));
}

TEST_CASE("a last JSON line without newline that is whole is read", "[compaction_log]") {
  Source source(LogFormat::kJson);
  source.Read("x.log.1", kJsonLine);
  CHECK(Kinds(source.Read("x.log", "")) == Strings{"run"});
}
