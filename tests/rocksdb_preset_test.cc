#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/joined_log.h"

namespace {

using nlohmann::json;

CompactionLogConfig SourceConfig() {
  CompactionLogConfig config;
  config.name = "rocksdb";
  config.preset = "rocksdb";
  config.shape = Shape::kSegments;
  config.conservation = Conservation::kBounded;
  config.partition = "{project}/{day}";
  config.constants = {{"format", "segments"}};
  return config;
}

MakeJoiner Maker() { return FindPreset(Presets(), "rocksdb")->make_joiner; }

std::string DataFile(const std::string& name) {
  return std::string(ROLLCALL_SOURCE_DIR "/tests/data/rocksdb/") + name;
}

JoinedLog JoinFile(const std::string& name) {
  return Join(Maker(), SourceConfig(), LinesOf(DataFile(name)));
}

std::string PartitionOf(const JoinedLog& log, const Fact& fact) {
  return log.Text(fact.project) + "/" + FormatDay(fact.day);
}

// What a reader with nothing but a JSON parser finds in the log.
struct Claims {
  std::map<std::string, int64_t> events;  // by event
  int64_t input_records = 0, output_records = 0, entries = 0, flushed_entries = 0;
};

Claims ClaimsOf(const std::vector<std::string>& lines) {
  Claims claims;
  std::set<int64_t> flushes;
  for (const std::string& line : lines) {
    const size_t at = line.find("EVENT_LOG_v1 ");
    if (at == line.npos) continue;
    const json event = json::parse(line.substr(at + 13));
    const std::string name = event["event"];
    ++claims.events[name];
    if (name == "flush_started") flushes.insert(event["job"].get<int64_t>());
    if (name == "compaction_finished") {
      claims.input_records += event["num_input_records"].get<int64_t>();
      claims.output_records += event["num_output_records"].get<int64_t>();
    }
    if (name != "table_file_creation") continue;
    const int64_t entries = event["table_properties"]["num_entries"];
    claims.entries += entries;
    if (flushes.contains(event["job"])) claims.flushed_entries += entries;
  }
  return claims;
}

// The roll call over facts alone: R1, R2 and R3 of each run, by partition.
class Oracle {
 public:
  struct Segment {
    int64_t entries = 0;
    bool consumed = false;
  };
  std::vector<std::string> broken;
  int64_t merged_runs = 0, checked_inputs = 0, dropped = 0;
  std::map<std::string, int64_t> deletions;  // by reason
  std::map<std::string, std::map<std::string, Segment>> live;

  void See(const JoinedLog& log, const Fact& fact) {
    const json detail = log.Detail(fact);
    auto& segments = live[PartitionOf(log, fact)];
    if (fact.kind == FactKind::kSegmentsDeleted) return Delete(detail, segments);
    if (fact.kind != FactKind::kRun) return;
    int64_t read = 0, wrote = 0;
    for (const json& input : detail["inputs"]) {
      ++checked_inputs;
      if (!segments.contains(input)) {
        Break("R3: input was not live", detail);
        continue;
      }
      if (segments[input].consumed) Break("R3: input was consumed before", detail);
      segments[input].consumed = true;
      read += segments[input].entries;
    }
    for (const json& output : detail["outputs"]) {
      const int64_t entries = output["records"];
      segments[output["segment"]] = {entries, false};
      wrote += entries - output["range_deletions"].get<int64_t>();
    }
    if (wrote != fact.written) Break("written is not the sum of the outputs", detail);
    if (detail["kind"] != "compaction") return;
    ++merged_runs;
    dropped += read - wrote;
    if (read != detail["input_records"] || read != fact.existing) Break("R1", detail);
    if (wrote != detail["output_records"]) Break("R2", detail);
  }

 private:
  void Delete(const json& detail, std::map<std::string, Segment>& segments) {
    ++deletions[detail["reason"]];
    for (const json& name : detail["segments"]) {
      const auto segment = segments.find(name);
      const bool consumed = segment != segments.end() && segment->second.consumed;
      if ((detail["reason"] == "obsolete") != consumed) Break("R3: deleted, not merged", detail);
      segments.erase(name);
    }
  }
  void Break(const std::string& rule, const json& detail) {
    broken.push_back(rule + ": " + detail.dump());
  }
};

Oracle Checked(const JoinedLog& log) {
  Oracle oracle;
  for (const Fact& fact : log.batch.facts) oracle.See(log, fact);
  return oracle;
}

}  // namespace

TEST_CASE("60 compactions and 80 flushes of a real log are as many runs", "[rocksdb]") {
  const JoinedLog log = JoinFile("LOG");
  std::map<std::string, int> kinds;
  for (const Fact& fact : log.Of(FactKind::kRun)) ++kinds[log.Detail(fact)["kind"]];
  CHECK(json(kinds) == json{{"compaction", 60}, {"flush", 80}});
  CHECK(log.Of(FactKind::kStartedRun).size() == 60);
  CHECK(log.Of(FactKind::kFailedRun).empty());
  CHECK(log.Of(FactKind::kSegmentsDeleted).size() == 120);
  CHECK(log.quarantined.empty());
}

TEST_CASE("the facts of a real log hold every identity that RocksDB promises", "[rocksdb]") {
  const JoinedLog log = JoinFile("LOG");
  const Oracle oracle = Checked(log);
  CHECK(oracle.broken == std::vector<std::string>{});
  CHECK(oracle.merged_runs == 60);
  CHECK(oracle.checked_inputs == 120);
  CHECK(json(oracle.deletions) == json{{"obsolete", 120}});
  CHECK(oracle.dropped > 0);
  CHECK(oracle.live.size() == 20);
}

TEST_CASE("the totals of the facts are those of the log", "[rocksdb]") {
  const Claims claims = ClaimsOf(LinesOf(DataFile("LOG")));
  const JoinedLog log = JoinFile("LOG");
  int64_t existing = 0, written = 0, fresh = 0;
  for (const Fact& fact : log.Of(FactKind::kRun)) {
    existing += fact.existing;
    fresh += fact.fresh;
    written += fact.written;
    CHECK(fact.duplicates == 0);
    CHECK(fact.deleted == 0);
  }
  CHECK(existing == claims.input_records);
  CHECK(fresh == claims.flushed_entries);
  CHECK(written == claims.output_records + claims.flushed_entries);
  CHECK(written == claims.entries);
}

TEST_CASE("a run carries its partition, time, version and session", "[rocksdb]") {
  const JoinedLog log = JoinFile("LOG");
  const Fact fact = log.Of(FactKind::kRun).at(20 + 0);
  const json detail = log.Detail(fact);
  CHECK(log.Text(fact.project) == "acme");
  CHECK(FormatDay(fact.day).starts_with("2016-02-"));
  CHECK(log.Text(fact.format) == "segments");
  CHECK(log.Text(fact.version) == "7.8.3");
  CHECK(detail["session"] == "R4GC11AJHPET2J62M37D");
  CHECK(fact.logged_at.time_since_epoch().count() == detail["micros"].get<int64_t>() / 1000);
  CHECK(fact.source == 3);
  CHECK(fact.log == 7);
  CHECK(fact.epoch == 1);
  CHECK(fact.offset > 0);
}

TEST_CASE("every way in which RocksDB lets go of a file is told apart", "[rocksdb]") {
  const JoinedLog log = JoinFile("every_kind.log");
  Oracle oracle = Checked(log);
  const auto& why = oracle.deletions;
  CHECK(why.at("fifo") == 3);
  CHECK(why.at("dropped_family") == 2);
  CHECK(why.at("delete_files_in_range") > 0);
  CHECK(why.at("obsolete") > 0);
  CHECK_FALSE(why.contains("unmerged"));
  CHECK_FALSE(why.contains("failed_job"));
  CHECK(log.quarantined.empty());
}

TEST_CASE("range deletions, moves and subcompactions keep the identities", "[rocksdb]") {
  const JoinedLog log = JoinFile("every_kind.log");
  std::vector<std::string> broken;
  for (const std::string& each : Checked(log).broken) {
    // The oracle knows one explained reason only; an ingested table was never created in the log.
    if (!each.starts_with("R3: deleted")) broken.push_back(each);
  }
  CHECK(broken == std::vector<std::string>{});
}

TEST_CASE("a trivial move is a run that changes nothing", "[rocksdb]") {
  const JoinedLog log = JoinFile("every_kind.log");
  const Claims claims = ClaimsOf(LinesOf(DataFile("every_kind.log")));
  int64_t moves = 0;
  for (const Fact& fact : log.Of(FactKind::kRun)) {
    const json detail = log.Detail(fact);
    if (detail["kind"] != "trivial_move") continue;
    ++moves;
    CHECK(detail["inputs"].empty());
    CHECK(detail["outputs"].empty());
    CHECK_FALSE(detail["moved"].empty());
    CHECK(fact.written == 0);
    CHECK(log.Text(fact.project) == "p");
  }
  CHECK(moves == claims.events.at("trivial_move"));
}

TEST_CASE("tables written from the write-ahead log while opening are live", "[rocksdb]") {
  const JoinedLog log = JoinFile("every_kind.log");
  std::vector<Fact> recovered;
  for (const Fact& fact : log.Of(FactKind::kRun)) {
    if (log.Detail(fact)["kind"] == "recovery") recovered.push_back(fact);
  }
  REQUIRE(recovered.size() == 1);
  CHECK(PartitionOf(log, recovered[0]) == "p/2016-01-01");
  CHECK(recovered[0].fresh == 50);
}

TEST_CASE("a compaction that fails, whose event does not say so, is a failed run", "[rocksdb]") {
  const JoinedLog log = JoinFile("failed_compaction.log");
  const auto failed = log.Of(FactKind::kFailedRun);
  REQUIRE(failed.size() == 1);
  const json detail = log.Detail(failed[0]);
  CHECK(detail["error"].get<std::string>().starts_with("Corruption: block checksum mismatch"));
  CHECK(log.Text(failed[0].run) == "3");
  for (const Fact& fact : log.Of(FactKind::kRun)) CHECK(log.Detail(fact)["kind"] == "flush");
  std::map<std::string, int> why;
  for (const Fact& fact : log.Of(FactKind::kSegmentsDeleted)) {
    ++why[log.Detail(fact)["reason"]];
  }
  // A fourth file was deleted, but never finished: no line tells of its creation.
  CHECK(log.ignored > 0);
  CHECK(json(why) == json{{"failed_job", 3}, {"dropped_family", 1}});
}

TEST_CASE("an atomic flush of two families is two runs of one job", "[rocksdb]") {
  const JoinedLog log = JoinFile("failed_compaction.log");
  std::set<std::string> partitions;
  for (const Fact& fact : log.Of(FactKind::kRun)) {
    if (log.Detail(fact)["outputs"][0]["segment"] == "32")
      partitions.insert(PartitionOf(log, fact));
    if (log.Detail(fact)["outputs"][0]["segment"] == "31")
      partitions.insert(PartitionOf(log, fact));
  }
  CHECK(partitions == std::set<std::string>{"p/2016-01-01", "q/2016-01-01"});
}

TEST_CASE("a restart before any line changes no fact", "[rocksdb]") {
  for (const std::string name : {"LOG", "every_kind.log", "failed_compaction.log"}) {
    const auto lines = LinesOf(DataFile(name));
    const auto whole = Described(Join(Maker(), SourceConfig(), lines));
    CHECK(Described(Join(Maker(), SourceConfig(), lines, [](size_t i) { return i % 50 == 0; })) ==
          whole);
    const auto seed = std::random_device{}();
    CAPTURE(name, seed);
    std::mt19937 random(seed);
    const auto at_random = [&random](size_t) { return random() % 9 == 0; };
    CHECK(Described(Join(Maker(), SourceConfig(), lines, at_random)) == whole);
  }
}

namespace {

// "EVENT_LOG_v1" lines with only what the joiner needs.
std::string Event(int64_t micros, int64_t job, const std::string& event, const json& more = {}) {
  json body = {{"time_micros", micros}, {"job", job}, {"event", event}};
  if (more.is_object()) body.update(more);
  return "2026/01/01-00:00:00.000000 7f EVENT_LOG_v1 " + body.dump();
}

std::string Creation(int64_t micros, int64_t job, int64_t file, int64_t entries,
                     const std::string& family = "acme/2016-02-19") {
  return Event(micros, job, "table_file_creation",
               {{"cf_name", family},
                {"file_number", file},
                {"table_properties", {{"num_entries", entries}, {"num_range_deletions", 0}}}});
}

std::string Deletion(int64_t micros, int64_t job, int64_t file) {
  return Event(micros, job, "table_file_deletion", {{"file_number", file}});
}

std::string CompactionFinished(int64_t micros, int64_t job, int64_t in, int64_t out, int files) {
  return Event(
      micros, job, "compaction_finished",
      {{"num_input_records", in}, {"num_output_records", out}, {"num_output_files", files}});
}

// Two flushes, so that tables 11 (5 records) and 12 (6) are live.
std::vector<std::string> TwoFlushes() {
  return {Event(1000, 2, "flush_started"),  Creation(1001, 2, 11, 5),
          Event(1002, 2, "flush_finished"), Event(1003, 3, "flush_started"),
          Creation(1004, 3, 12, 6),         Event(1005, 3, "flush_finished")};
}

JoinedLog JoinAfterFlushes(const std::vector<std::string>& lines) {
  std::vector<std::string> all = TwoFlushes();
  all.insert(all.end(), lines.begin(), lines.end());
  return Join(Maker(), SourceConfig(), all);
}

// What the facts say, without where they stand in the log.
std::multiset<std::string> Said(const JoinedLog& log) {
  std::multiset<std::string> said;
  for (Fact fact : log.batch.facts) {
    fact.offset = 0;
    fact.length = 0;
    said.insert(Described(log, fact));
  }
  return said;
}

json OnlyDeletion(const JoinedLog& log) {
  const auto deleted = log.Of(FactKind::kSegmentsDeleted);
  REQUIRE(deleted.size() == 1);
  return log.Detail(deleted[0]);
}

}  // namespace

TEST_CASE("any interleaving of two jobs that the engine can write gives the same facts",
          "[rocksdb]") {
  // Each job's own lines keep the order in which they are written at once; what other threads or
  // the log buffer may delay (deletions, *_finished) may fall anywhere after what it needs.
  const std::vector<std::string> merge = {
      Event(2000, 4, "compaction_started", {{"files_L0", {11}}, {"files_L1", {12}}}),
      Creation(2001, 4, 13, 7), Creation(2002, 4, 14, 3)};
  const std::vector<std::string> late = {CompactionFinished(2003, 4, 11, 10, 2),
                                         Deletion(2004, 4, 11), Deletion(2005, 9, 12)};
  const std::vector<std::string> other = {Event(2100, 5, "flush_started"), Creation(2101, 5, 15, 4),
                                          Event(2102, 5, "flush_finished")};
  std::vector<std::string> plain = merge;
  plain.insert(plain.end(), late.begin(), late.end());
  plain.insert(plain.end(), other.begin(), other.end());
  const auto expected = Said(JoinAfterFlushes(plain));
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::string> tail = late;
    std::shuffle(tail.begin(), tail.end(), random);
    std::vector<std::string> job = merge;
    job.insert(job.end(), tail.begin(), tail.end());
    std::vector<std::string> mixed;
    for (size_t a = 0, b = 0; a < job.size() || b < other.size();) {
      const bool first = b == other.size() || (a < job.size() && random() % 2 == 0);
      mixed.push_back(first ? job[a++] : other[b++]);
    }
    REQUIRE(Said(JoinAfterFlushes(mixed)) == expected);
  }
}

TEST_CASE("a live file that no job consumed is deleted unmerged", "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {Event(2000, 4, "compaction_started", {{"files_L0", {12}}}), Creation(2001, 4, 13, 6),
       CompactionFinished(2003, 4, 6, 6, 1), Deletion(2004, 4, 11)});
  const json detail = OnlyDeletion(log);
  CHECK(detail["segments"] == json{"11"});
  CHECK(detail["reason"] == "unmerged");
}

TEST_CASE("a file of a dropped family is deleted for that", "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {"x [db/db_impl/db_impl.cc:3102] Created column family [acme/2016-02-19] (ID 4)",
       "x [db/db_impl/db_impl.cc:3215] Dropped column family with id 4", Deletion(2000, 0, 11)});
  CHECK(OnlyDeletion(log)["reason"] == "dropped_family");
}

TEST_CASE("a family made anew under a dropped one's name is another", "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {"x Created column family [acme/2016-02-19] (ID 4)", "x Dropped column family with id 4",
       "x Created column family [acme/2016-02-19] (ID 5)", Event(2000, 6, "flush_started"),
       Creation(2001, 6, 20, 9), Event(2002, 6, "flush_finished"), Deletion(2003, 6, 20)});
  CHECK(OnlyDeletion(log)["reason"] == "unmerged");
}

TEST_CASE("a job that goes on when its family is dropped writes for nothing", "[rocksdb]") {
  const auto creation = [](int64_t family_id) {
    const json properties = {{"num_entries", 9}, {"column_family_id", family_id}};
    return Event(
        2001, 6, "table_file_creation",
        {{"cf_name", "acme/2016-02-19"}, {"file_number", 20}, {"table_properties", properties}});
  };
  const auto reason = [&](const std::string& created_anew, int64_t family_id) {
    return OnlyDeletion(JoinAfterFlushes(
        {"x Created column family [acme/2016-02-19] (ID 4)", "x Dropped column family with id 4",
         created_anew, "x [db/flush_job.cc:861] [acme/2016-02-19] [JOB 6] Flushing memtable with 3",
         Event(2000, 6, "flush_started"), creation(family_id),
         "x [db/flush_job.cc:973] [acme/2016-02-19] [JOB 6] Level-0 flush table #20: 118 bytes OK",
         Event(2002, 6, "flush_finished"), Deletion(2003, 6, 20)}))["reason"];
  };
  CHECK(reason("", 4) == "dropped_family");
  CHECK(reason("x Created column family [acme/2016-02-19] (ID 5)", 4) == "dropped_family");
  CHECK(reason("x Created column family [acme/2016-02-19] (ID 5)", 5) == "unmerged");
  CHECK(reason("", 2147483647) == "dropped_family");
}

TEST_CASE("a family that has another id now was dropped before", "[rocksdb]") {
  const JoinedLog log =
      JoinAfterFlushes({"x Created column family [acme/2016-02-19] (ID 4)",
                        "x Created column family [acme/2016-02-19] (ID 5)", Deletion(2000, 3, 11)});
  CHECK(OnlyDeletion(log)["reason"] == "dropped_family");
}

TEST_CASE("the deletion of a file never seen is ignored and counted so", "[rocksdb]") {
  const JoinedLog log = Join(Maker(), SourceConfig(), {Deletion(2000, 4, 99)});
  CHECK(log.batch.facts.empty());
  CHECK(log.ignored == 1);
}

TEST_CASE("an input from before the log is named, and its deletion is obsolete", "[rocksdb]") {
  const JoinedLog log =
      Join(Maker(), SourceConfig(),
           {Event(2000, 4, "compaction_started", {{"files_L0", {99}}}), Creation(2001, 4, 100, 6),
            CompactionFinished(2003, 4, 8, 6, 1), Deletion(2004, 4, 99)});
  CHECK(log.Detail(log.Of(FactKind::kRun).at(0))["inputs"] == json{"99"});
  CHECK(OnlyDeletion(log)["reason"] == "obsolete");
}

TEST_CASE("jobs open at the end of a session failed, and their outputs are no loss", "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {Event(2000, 4, "compaction_started", {{"files_L0", {11, 12}}}), Creation(2001, 4, 13, 11),
       "x DB Session ID:  SECONDSESSION", "x Recovering from manifest file: db/MANIFEST-5",
       Deletion(3000, 2, 13), "x DB pointer 0x55"});
  REQUIRE(log.Of(FactKind::kFailedRun).size() == 1);
  CHECK(OnlyDeletion(log)["reason"] == "failed_job");
}

TEST_CASE("a job installed just before a crash is told from a loss", "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {Event(2000, 4, "compaction_started", {{"files_L0", {11}}}), Creation(2001, 4, 13, 5),
       "x DB Session ID:  SECONDSESSION", Deletion(3000, 2, 11), "x DB pointer 0x55"});
  CHECK(OnlyDeletion(log)["reason"] == "interrupted_job");
}

TEST_CASE("what a job consumed that did not finish before the database was closed is unmerged",
          "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {Event(2000, 4, "compaction_started", {{"files_L0", {11, 12}}}), Creation(2001, 4, 13, 11),
       Deletion(2004, 4, 11), "x [db/db_impl/db_impl.cc:704] Shutdown complete"});
  CHECK(OnlyDeletion(log)["segments"] == json{"11"});
  CHECK(OnlyDeletion(log)["reason"] == "unmerged");
  CHECK_FALSE(OnlyDeletion(log).contains("uncertain"));
  REQUIRE(log.Of(FactKind::kFailedRun).size() == 1);
  CHECK(log.Detail(log.Of(FactKind::kFailedRun)[0])["error"] ==
        "not finished when the database was closed");
}

TEST_CASE("an input that is left when the database was closed may have been consumed unsaid",
          "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {Event(2000, 4, "compaction_started", {{"files_L0", {11}}}), Creation(2001, 4, 13, 5),
       "x [db/db_impl/db_impl.cc:704] Shutdown complete", "x DB Session ID:  SECONDSESSION",
       Deletion(3000, 2, 11), "x DB pointer 0x55"});
  CHECK(OnlyDeletion(log)["reason"] == "interrupted_job");
  CHECK(log.Of(FactKind::kFailedRun).size() == 1);
}

TEST_CASE("ten minutes after a deletion the end of its job is not awaited any more", "[rocksdb]") {
  const int64_t minute = 60'000'000;
  LogFeed feed(Maker(), SourceConfig());
  for (const std::string& line : TwoFlushes()) feed.Line(line);
  feed.Line(Event(2000, 4, "compaction_started", {{"files_L0", {11, 12}}}));
  feed.Line(Deletion(2004, 9, 11));
  feed.Line(Event(2004 + 10 * minute - 1, 5, "flush_started"));
  feed.Restart();
  CHECK(feed.out.Of(FactKind::kSegmentsDeleted).empty());
  feed.Line(Creation(2004 + 10 * minute, 5, 15, 4));
  CHECK(OnlyDeletion(feed.out)["segments"] == json{"11"});
  CHECK(OnlyDeletion(feed.out)["reason"] == "lines_lost");
  CHECK(OnlyDeletion(feed.out)["uncertain"] == true);
  CHECK(json::parse(feed.State())["held"].empty());
}

TEST_CASE("a live file deleted while the database opens is unmerged", "[rocksdb]") {
  const JoinedLog log =
      JoinAfterFlushes({"x [db/db_impl/db_impl.cc:704] Shutdown complete",
                        "x DB Session ID:  SECONDSESSION", Deletion(3000, 2, 11)});
  CHECK(OnlyDeletion(log)["reason"] == "unmerged");
  CHECK_FALSE(OnlyDeletion(log).contains("uncertain"));
}

TEST_CASE("a crash takes the log's last lines along", "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes({"x DB Session ID:  SECONDSESSION", Deletion(3000, 2, 11),
                                          "x DB pointer 0x55", Event(3001, 3, "flush_started"),
                                          Deletion(3002, 3, 12)});
  const auto deleted = log.Of(FactKind::kSegmentsDeleted);
  REQUIRE(deleted.size() == 2);
  CHECK(log.Detail(deleted[0])["reason"] == "lines_lost");
  CHECK(log.Detail(deleted[0])["uncertain"] == true);
  // What was not deleted while opening is in the manifest.
  CHECK(log.Detail(deleted[1])["reason"] == "unmerged");
}

TEST_CASE("after lines were missed a live file may have been consumed", "[rocksdb]") {
  const auto reason_after = [](const std::function<void(LogFeed&)>& miss) {
    LogFeed feed(Maker(), SourceConfig());
    for (const std::string& line : TwoFlushes()) feed.Line(line);
    feed.Line(Event(2000, 4, "flush_started"));
    miss(feed);
    feed.Restart();
    feed.Line(Deletion(3000, 4, 11));
    return OnlyDeletion(feed.out)["reason"];
  };
  CHECK(reason_after([](LogFeed&) {}) == "unmerged");
  CHECK(reason_after([](LogFeed& feed) { feed.Missed(); }) == "lines_lost");
  CHECK(reason_after([](LogFeed& feed) { feed.Line("x EVENT_LOG_v1 {\"time_micros\": 2"); }) ==
        "lines_lost");
}

TEST_CASE("a live file let go of by its last reader is no certain loss", "[rocksdb]") {
  const json detail = OnlyDeletion(JoinAfterFlushes({Deletion(2000, 0, 11)}));
  CHECK(detail["reason"] == "released");
  CHECK(detail["uncertain"] == true);
}

TEST_CASE("where ranges are deleted, a job may delete files that left the database before",
          "[rocksdb]") {
  const JoinedLog log = JoinAfterFlushes(
      {Deletion(2000, 40, 11), Event(2001, 41, "flush_started"), Deletion(2002, 41, 12)});
  const auto deleted = log.Of(FactKind::kSegmentsDeleted);
  REQUIRE(deleted.size() == 2);
  CHECK(log.Detail(deleted[0])["reason"] == "delete_files_in_range");
  CHECK(log.Detail(deleted[1])["reason"] == "released");
}

TEST_CASE("since 10.4 events say how they ended", "[rocksdb]") {
  const auto ended = [](const std::string& line, const std::string& status) {
    return line.substr(0, line.size() - 1) + ", \"status\": \"" + status + "\"}";
  };
  std::vector<std::string> lines;
  for (const std::string& line : TwoFlushes()) {
    const bool creation = line.find("table_file_creation") != line.npos;
    lines.push_back(creation ? ended(line, "OK") : line);
  }
  lines.push_back(Event(2000, 4, "compaction_started",
                        {{"cf_name", "acme/2016-02-19"}, {"files_L0", {11, 12}}}));
  lines.push_back(ended(Creation(2001, 4, 13, 11), "OK"));
  lines.push_back(ended(Creation(2002, 4, 14, 0), "Aborted: Empty SST file not kept"));
  lines.push_back(CompactionFinished(2003, 4, 11, 11, 1));
  lines.push_back(ended(Deletion(2004, 4, 11), "IO error: busy"));
  lines.push_back(ended(Deletion(2005, 4, 12), "OK"));
  const JoinedLog log = Join(Maker(), SourceConfig(), lines);
  CHECK(log.Of(FactKind::kRun).size() == 3);
  CHECK(log.Detail(log.Of(FactKind::kRun).back())["outputs"].size() == 1);
  CHECK(OnlyDeletion(log)["segments"] == json{"12"});
  CHECK(OnlyDeletion(log)["reason"] == "obsolete");
  CHECK(log.Text(log.Of(FactKind::kStartedRun).at(0).project) == "acme");
}

TEST_CASE("FIFO compaction may name the total size that made it delete", "[rocksdb]") {
  const JoinedLog log =
      JoinAfterFlushes({"x [acme/2016-02-19] FIFO compaction: picking file 11 with size 34KB for "
                        "deletion under total size 900 vs max size 800",
                        Deletion(2000, 4, 11)});
  CHECK(OnlyDeletion(log)["reason"] == "fifo");
}

TEST_CASE("inputs that a range deletion covers whole are not read", "[rocksdb]") {
  const auto status = [](const std::string& filtered) {
    return "x (Original Log Time x) [/compaction/compaction_job.cc:889] [acme/2016-02-19] "
           "compacted "
           "to: files[0 1] max score 0.0, MB/sec: 1.0 rd, 1.0 wr, level 1, files in(1, 0) "
           "filtered(" +
           filtered +
           ") out(1 +0 blob) MB in(0.0, 0.0 +0.0 blob) filtered(0.0, 0.0) out(0.0 +0.0 "
           "blob), read-write-amplify(2.0) write-amplify(1.0) OK, records in: 6, records dropped: "
           "0 "
           "output_compression: Snappy";
  };
  const auto run = [&](const std::string& filtered) {
    const JoinedLog log = JoinAfterFlushes(
        {Event(2000, 4, "compaction_started", {{"files_L0", {12}}, {"files_L1", {11}}}),
         Creation(2001, 4, 13, 6), status(filtered), CompactionFinished(2003, 4, 6, 6, 1)});
    return log.Detail(log.Of(FactKind::kRun).back());
  };
  CHECK(run("0, 0")["input_records"] == 6);
  CHECK_FALSE(run("0, 1").contains("input_records"));
  CHECK(run("0, 1")["inputs"] == json{"12", "11"});
}

TEST_CASE("the head of a rolled log begins no session", "[rocksdb]") {
  const JoinedLog log =
      Join(Maker(), SourceConfig(),
           {"x DB Session ID:  ONE", "x DB pointer 0x55",
            Event(2000, 4, "compaction_started", {{"files_L0", {9}}}), Creation(2001, 4, 13, 11),
            "x RocksDB version: 7.8.3", "x DB SUMMARY", "x DB Session ID:  ONE",
            CompactionFinished(2003, 4, 12, 11, 1), "x DB pointer 0x55", Deletion(2004, 4, 9)});
  CHECK(log.Of(FactKind::kFailedRun).empty());
  CHECK(log.Of(FactKind::kRun).size() == 1);
  CHECK(OnlyDeletion(log)["reason"] == "obsolete");
}

TEST_CASE("a prefix before the marker does not matter", "[rocksdb]") {
  const std::string ceph = "2020-05-29T22:56:35.555+0000 7f4a1 4 rocksdb: ";
  std::vector<std::string> lines = TwoFlushes();
  for (std::string& line : lines) line = ceph + line.substr(line.find("EVENT_LOG"));
  CHECK(Join(Maker(), SourceConfig(), lines).Of(FactKind::kRun).size() == 2);
}

TEST_CASE("num_range_deletions absent is none, present is no record kept", "[rocksdb]") {
  const auto creation = [](json properties) {
    return Event(1001, 2, "table_file_creation",
                 {{"cf_name", "a"}, {"file_number", 11}, {"table_properties", properties}});
  };
  const auto written = [&](const json& properties) {
    return Join(Maker(), SourceConfig(),
                {Event(1000, 2, "flush_started"), creation(properties),
                 Event(1002, 2, "flush_finished")})
        .Of(FactKind::kRun)
        .at(0)
        .written;
  };
  CHECK(written({{"num_entries", 9}}) == 9);
  CHECK(written({{"num_entries", 9}, {"num_range_deletions", 2}}) == 7);
}

TEST_CASE("records that went to the level before the last are written too", "[rocksdb]") {
  const JoinedLog log =
      JoinAfterFlushes({Event(2000, 4, "compaction_started", {{"files_L0", {11, 12}}}),
                        Creation(2001, 4, 13, 4), Creation(2002, 4, 14, 6),
                        Event(2003, 4, "compaction_finished",
                              {{"num_input_records", 11},
                               {"num_output_records", 4},
                               {"num_output_files", 1},
                               {"proximal_level_num_output_records", 6},
                               {"proximal_level_num_output_files", 1}})});
  const Fact run = log.Of(FactKind::kRun).back();
  CHECK(run.written == 10);
  CHECK(log.Detail(run)["output_records"] == 10);
}

TEST_CASE("tables written by another process are counted by the engine's claim", "[rocksdb]") {
  const JoinedLog log =
      JoinAfterFlushes({Event(2000, 4, "compaction_started", {{"files_L0", {11, 12}}}),
                        CompactionFinished(2003, 4, 11, 10, 2)});
  const Fact run = log.Of(FactKind::kRun).back();
  CHECK(run.written == 10);
  CHECK(log.Detail(run)["outputs_not_seen"] == 2);
  CHECK(log.Detail(run)["outputs"] == json::array({{{"segment", "of job 4, not seen"}}}));
}

TEST_CASE("a column family that spells no day is a project without days", "[rocksdb]") {
  const JoinedLog log = Join(Maker(), SourceConfig(),
                             {Event(1000, 2, "flush_started"), Creation(1001, 2, 11, 5, "default"),
                              Event(1002, 2, "flush_finished")});
  const Fact run = log.Of(FactKind::kRun).at(0);
  CHECK(log.Text(run.project) == "default");
  CHECK(FormatDay(run.day) == "-");
}

TEST_CASE("an event that does not parse is quarantined with its reason", "[rocksdb]") {
  const std::string head = "2026/01/01-00:00:00 7f EVENT_LOG_v1 ";
  const auto reason = [&](const std::string& body) {
    const JoinedLog log = Join(Maker(), SourceConfig(), {head + body});
    return log.quarantined.empty() ? "" : log.quarantined.front();
  };
  CHECK(reason(R"({"time_micros": 15, "job": 1, "event": "compac)") == "event is not json");
  CHECK(reason(R"({"time_micros": 15, "job": 1})") == "event has no name");
  CHECK(reason(R"({"job": 1, "event": "flush_started"})") == "event has no time");
  CHECK(reason(R"({"time_micros": 15, "event": "flush_started"})") == "event has no job");
  CHECK(reason(R"({"time_micros": 15, "job": 1, "event": "table_file_deletion"})") ==
        "event lacks a field or has an impossible one");
  CHECK(reason(R"({"time_micros": 15, "job": 1, "event": "compaction_finished",)"
               R"("num_input_records": -4})") == "event lacks a field or has an impossible one");
  CHECK(reason(R"({"time_micros": 15, "job": 1, "event": "compaction_finished",)"
               R"("num_input_records": 4})") == "run of an unknown column family");
  CHECK(reason(R"({"time_micros": 15, "event": "ingest_finished"})").empty());
}

TEST_CASE("a state that the joiner did not write starts it afresh", "[rocksdb]") {
  auto joiner = Maker()(SourceConfig());
  joiner->Restore("{\"version\": 3, \"jobs\": [[]]}");
  Batch batch;
  for (const std::string& line : TwoFlushes()) joiner->Line(line, {}, batch);
  CHECK(batch.facts.size() == 2);
}

TEST_CASE("what the joiner remembers is bounded by the files on disk", "[rocksdb]") {
  LogFeed feed(Maker(), SourceConfig());
  for (const std::string& line : LinesOf(DataFile("LOG"))) feed.Line(line);
  CHECK(json::parse(feed.State())["files"].size() == 20);
  CHECK(json::parse(feed.State())["jobs"].empty());
  CHECK(json::parse(feed.State())["held"].empty());
}
