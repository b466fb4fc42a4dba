#include "collectors/compaction_log.h"

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/tail_fixture.h"

namespace {

using nlohmann::json;

std::string Event(int64_t micros, int64_t job, const std::string& event, const json& more = {}) {
  json body = {{"time_micros", micros}, {"job", job}, {"event", event}};
  if (more.is_object()) body.update(more);
  return "2026/01/01-00:00:00.000000 7f EVENT_LOG_v1 " + body.dump() + "\n";
}

// A flush that makes table `file` live.
std::string Flush(int64_t job, int64_t file) {
  const json table = {
      {"cf_name", "acme"}, {"file_number", file}, {"table_properties", {{"num_entries", 5}}}};
  return Event(1000, job, "flush_started") + Event(1001, job, "table_file_creation", table) +
         Event(1002, job, "flush_finished");
}

// Consumes table `file`, and writes nothing.
std::string Compaction(int64_t job, int64_t file) {
  const json counts = {{"num_input_records", 5}, {"num_output_records", 0}};
  return Event(2000, job, "compaction_started", {{"files_L0", {file}}}) +
         Event(2001, job, "compaction_finished", counts);
}

std::string Deletion(int64_t job, int64_t file) {
  return Event(3000, job, "table_file_deletion", {{"file_number", file}});
}

// One source that reads RocksDB's logs, and what the ledger keeps of it.
class Source {
 public:
  explicit Source(std::vector<std::string> paths) : paths_(std::move(paths)) {
    config_.name = "rocksdb";
    config_.preset = "rocksdb";
    config_.shape = Shape::kSegments;
    options_.clock = &clock;
    Start();
  }

  void Start() {
    log_.reset();
    std::vector<LogPosition> known;
    for (const auto& [id, position] : positions_) known.push_back(position);
    auto opened = CompactionLog::Open(0, config_, paths_, known, options_, &next_log_id_);
    REQUIRE(opened);
    log_ = std::move(*opened);
  }

  // Reads what there is, batch by batch of some bytes, and commits it.
  void Read(size_t batch_bytes = 1 << 20) {
    log_->Rescan();
    for (bool more = true; more;) {
      Batch batch;
      more = log_->Fill(batch, batch_bytes);
      for (const Fact& fact : batch.facts) {
        if (fact.kind == FactKind::kBlind) blind.emplace_back(batch.View(fact.detail));
        if (fact.kind != FactKind::kSegmentsDeleted) continue;
        const json detail = json::parse(batch.View(fact.detail));
        reasons[detail["segments"][0]] = detail["reason"];
      }
      for (const LogPosition& position : batch.positions) positions_[position.log] = position;
    }
  }

  void End(Batch& batch) { log_->End(batch); }

  // Long enough for a rotated log to be finished.
  void Wait() {
    clock.since_boot += std::chrono::minutes(2);
    Read();
  }

  FakeClock clock;
  std::map<std::string, std::string> reasons;  // of deletions, by table
  Strings blind;                               // details

 private:
  std::vector<std::string> paths_;
  CompactionLogConfig config_;
  TailOptions options_;
  uint32_t next_log_id_ = 1;
  std::map<uint32_t, LogPosition> positions_;
  std::unique_ptr<CompactionLog> log_;
};

using Reasons = std::map<std::string, std::string>;

}  // namespace

TEST_CASE("what a joiner knows goes on in the log after a rotation", "[joiner]") {
  TemporaryDirectory dir;
  Source source({dir / "LOG"});
  Append(dir / "LOG", Flush(2, 11) + Compaction(3, 11));
  source.Read();
  std::filesystem::rename(dir / "LOG", dir / "LOG.old.1795378901000000");
  Append(dir / "LOG", Deletion(3, 11) + Flush(4, 12));
  source.Read();
  CHECK(source.reasons == Reasons{{"11", "obsolete"}});
}

TEST_CASE("what a joiner knows goes on when the rotated log was finished long ago", "[joiner]") {
  for (const bool restart : {false, true}) {
    TemporaryDirectory dir;
    Source source({dir / "LOG"});
    Append(dir / "LOG", Flush(2, 11) + Compaction(3, 11));
    source.Read();
    std::filesystem::rename(dir / "LOG", dir / "LOG.old.1795378901000000");
    Write(dir / "LOG", "");
    source.Read();
    source.Wait();
    source.Wait();
    if (restart) source.Start();
    Append(dir / "LOG", Deletion(3, 11));
    source.Read();
    CHECK(source.reasons == Reasons{{"11", "obsolete"}});
  }
}

TEST_CASE("rotated logs are caught up oldest first, in batches of any size", "[joiner]") {
  TemporaryDirectory dir;
  Append(dir / "LOG.old.1795378901000000", Flush(2, 11));
  Append(dir / "LOG.old.1795378902000000", Compaction(3, 11));
  Append(dir / "LOG", Deletion(3, 11));
  Source source({dir / "LOG"});
  source.Read(1);
  CHECK(source.reasons == Reasons{{"11", "obsolete"}});
}

TEST_CASE("databases that one source reads know nothing of each other", "[joiner]") {
  TemporaryDirectory dir;
  std::filesystem::create_directories(dir / "a");
  std::filesystem::create_directories(dir / "b");
  Append(dir / "a/LOG", Flush(2, 11));
  Source source({dir / "*/LOG", dir / "ceph-osd.*.log"});
  source.Read();
  // Of a table from before its log began, each database says nothing.
  Append(dir / "b/LOG", Flush(2, 12) + Deletion(2, 11));
  Append(dir / "ceph-osd.0.log", Flush(2, 13));
  source.Read();
  Append(dir / "ceph-osd.1.log", Flush(2, 14) + Deletion(2, 13));
  source.Read();
  CHECK(source.reasons.empty());
}

TEST_CASE("a deletion that waits for the end of its job when all was read is blind, once",
          "[joiner]") {
  TemporaryDirectory dir;
  Source source({dir / "LOG"});
  const std::string finished =
      Event(2001, 3, "compaction_finished", {{"num_input_records", 5}, {"num_output_records", 0}});
  Append(dir / "LOG", Flush(2, 11) + Event(2000, 3, "compaction_started", {{"files_L0", {11}}}) +
                          Deletion(4, 11));
  source.Read();
  source.Read();
  REQUIRE(source.blind.size() == 1);
  CHECK(json::parse(source.blind[0])["reason"] ==
        "a line waits for another one that tells what it means");
  source.Start();
  source.Read();
  // What the ledger has already is known to it as the same fact.
  REQUIRE(source.blind.size() == 2);
  CHECK(source.blind[1] == source.blind[0]);
  Append(dir / "LOG", finished);
  source.Read();
  CHECK(source.reasons == Reasons{{"11", "obsolete"}});
  CHECK(source.blind.size() == 2);
}

TEST_CASE("a deletion just now may wait for the end of its job while the log is followed",
          "[joiner]") {
  TemporaryDirectory dir;
  Source source({dir / "LOG"});
  source.clock.since_boot =
      std::chrono::milliseconds(1000) - std::chrono::milliseconds(1456160531000);
  Append(dir / "LOG", Flush(2, 11) + Event(2000, 3, "compaction_started", {{"files_L0", {11}}}) +
                          Deletion(4, 11));
  source.Read();
  CHECK(source.blind.empty());
  Batch last;
  source.End(last);
  CHECK(last.facts.size() == 1);
  source.Start();
  source.clock.since_boot += std::chrono::minutes(10);
  source.Read();
  CHECK(source.blind.size() == 1);
}

TEST_CASE("a joiner is told of bytes that were lost", "[joiner]") {
  TemporaryDirectory dir;
  Source source({dir / "LOG"});
  Append(dir / "LOG", Flush(2, 11));
  source.Read();
  Append(dir / "LOG", std::string(70'000, 'x') + "\n" + Deletion(2, 11));
  source.Read();
  CHECK(source.reasons == Reasons{{"11", "lines_lost"}});
}

TEST_CASE("a log that vanished unread leaves doubt in the next one", "[joiner]") {
  for (const bool restart : {false, true}) {
    TemporaryDirectory dir;
    Source source({dir / "LOG"});
    Append(dir / "LOG", Flush(2, 11));
    source.Read();
    if (restart) {
      std::filesystem::remove(dir / "LOG");
    } else {
      std::filesystem::resize_file(dir / "LOG", 0);
      source.Read();
    }
    Append(dir / "LOG", Deletion(2, 11) + Flush(4, 12));
    if (restart) source.Start();
    source.Read();
    CHECK(source.reasons == Reasons{{"11", "lines_lost"}});
  }
}
