#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/joined_log.h"

namespace {

using nlohmann::json;

// The real log belongs to others and is not in this repository. Empty: not here.
std::string RealLog() {
  const char* path = std::getenv("ROLLCALL_CASSANDRA_LOG");
  return path ? path : "";
}

CompactionLogConfig SourceConfig() {
  CompactionLogConfig config;
  config.name = "cassandra";
  config.preset = "cassandra";
  config.shape = Shape::kSegments;
  config.unit = "partitions";
  config.day_format = "-";
  config.expires = {"system.compaction_history"};
  return config;
}

MakeJoiner Maker() { return FindPreset(Presets(), "cassandra")->make_joiner; }

JoinedLog JoinLines(const std::vector<std::string>& lines) {
  return Join(Maker(), SourceConfig(), lines);
}

bool RealLogIsHere() {
  if (std::filesystem::exists(RealLog())) return true;
  std::puts("SKIPPED cassandra real log: ROLLCALL_CASSANDRA_LOG names no file");
  return false;
}

const std::string kTable = "/var/lib/cassandra/data/shop/orders-0123456789abcdef0123456789abcdef/";

std::string Compacting21(const std::string& thread) {
  return "INFO  [" + thread + "] 2019-12-18 11:17:52,011 CompactionTask.java:141 - Compacting " +
         "[SSTableReader(path='" + kTable + "shop-orders-ka-1-Data.db'), SSTableReader(path='" +
         kTable + "shop-orders-ka-2-Data.db')]";
}

std::string Compacted21(const std::string& thread, const std::string& counts = "{1:3, 2:1, }",
                        const std::string& totals = "5 total partitions merged to 4") {
  return "INFO  [" + thread + "] 2019-12-18 11:17:52,075 CompactionTask.java:274 - Compacted 2 " +
         "sstables to [" + kTable +
         "shop-orders-ka-3,].  5,595 bytes to 4,616 (~82% of original) " +
         "in 18ms = 0.244564MB/s.  " + totals + ".  Partition merge counts were " + counts;
}

const std::string kId = "1fdbde60-eafa-11ed-97be-ff0bb7f99558";

std::string Compacted41(const std::string& outputs, const std::string& counts,
                        const std::string& totals) {
  return "INFO  [CompactionExecutor:1] 2023-05-05 04:05:51,668 CompactionTask.java:247 - " +
         ("Compacted (" + kId) + ") 4 sstables to [" + outputs + "] to level=0.  1.634KiB to " +
         "0.541KiB (~33% of original) in 38ms.  Read Throughput = 42.7KiB/s, Write Throughput = " +
         "14.1KiB/s, Row Throughput = ~2/s.  " + totals + ".  Partition merge counts were " +
         counts + ". Time spent writing keys = 38ms";
}

json OnlyDetail(const JoinedLog& log) {
  REQUIRE(log.batch.facts.size() == 1);
  return log.Detail(log.batch.facts[0]);
}

}  // namespace

TEST_CASE("each of 231 compactions of a real log is a run", "[cassandra]") {
  if (!RealLogIsHere()) return;
  const auto lines = LinesOf(RealLog());
  const JoinedLog log = JoinLines(lines);
  int64_t compactions = 0, flushes = 0;
  for (const Fact& fact : log.Of(FactKind::kRun)) {
    ++(log.Detail(fact)["kind"] == "flush" ? flushes : compactions);
  }
  // The first flush precedes the line that tells the version.
  CHECK(log.Text(log.batch.facts.at(0).version) == "unknown");
  CHECK(log.Text(log.batch.facts.at(1).version) == "2.1.17");
  CHECK(compactions == 231);
  CHECK(flushes == 939);
  CHECK(log.batch.facts.size() == 231 + 939);
  CHECK(log.quarantined.empty());
}

TEST_CASE("the counts of a real log hold, but where partitions expire", "[cassandra]") {
  if (!RealLogIsHere()) return;
  // What the log says, read once more by its words.
  int64_t said_in = 0, said_out = 0;
  for (std::string line : LinesOf(RealLog())) {
    std::erase(line, ',');
    std::istringstream words(line);
    std::string before, word;
    while (words >> word && word != "total") before = word;
    std::string partitions, merged, to, after;
    if (!(words >> partitions >> merged >> to >> after) || merged != "merged") continue;
    said_in += std::stoll(before);
    said_out += std::stoll(after);
  }
  const JoinedLog log = JoinLines(LinesOf(RealLog()));
  int64_t in = 0, out = 0;
  std::set<std::string> deficient;
  for (const Fact& fact : log.Of(FactKind::kRun)) {
    const json detail = log.Detail(fact);
    if (detail["kind"] != "compaction") continue;
    int64_t weighted = 0, distinct = 0;
    for (const auto& [sstables, partitions] : detail["merge_counts"].items()) {
      weighted += std::stoll(sstables) * partitions.get<int64_t>();
      distinct += partitions.get<int64_t>();
    }
    CHECK(weighted == detail["input_records"]);  // C1
    CHECK(fact.existing == weighted);
    CHECK(fact.written <= distinct);  // C2
    if (fact.written < distinct) {
      deficient.insert(log.Text(fact.project));
      CHECK(detail.value("expires", false));
    }
    in += fact.existing;
    out += fact.written;
  }
  CHECK(deficient == std::set<std::string>{"system.compaction_history"});
  CHECK(in == said_in);
  CHECK(out == said_out);
  CHECK(in > 0);
}

TEST_CASE("each input of a real log was flushed or written before", "[cassandra]") {
  if (!RealLogIsHere()) return;
  const JoinedLog log = JoinLines(LinesOf(RealLog()));
  std::set<std::string> live;
  int64_t inputs = 0;
  for (const Fact& fact : log.Of(FactKind::kRun)) {
    const json detail = log.Detail(fact);
    REQUIRE(detail.contains("inputs"));
    for (const json& input : detail["inputs"]) {
      ++inputs;
      CHECK(live.erase(input.get<std::string>()) == 1);  // C3
    }
    for (const json& output : detail["outputs"]) {
      CHECK(live.insert(output["segment"].get<std::string>()).second);
    }
  }
  CHECK(inputs > 900);
}

TEST_CASE("a restart before any line of a real log changes no fact", "[cassandra]") {
  if (!RealLogIsHere()) return;
  const auto lines = LinesOf(RealLog());
  const auto whole = Described(JoinLines(lines));
  CHECK(Described(Join(Maker(), SourceConfig(), lines, [](size_t i) { return i % 50 == 0; })) ==
        whole);
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto at_random = [&random](size_t) { return random() % 9 == 0; };
  CHECK(Described(Join(Maker(), SourceConfig(), lines, at_random)) == whole);
}

TEST_CASE("a compaction of 2.1 joins its inputs by thread", "[cassandra]") {
  const JoinedLog log =
      JoinLines({Compacting21("CompactionExecutor:1"), Compacting21("CompactionExecutor:2"),
                 Compacted21("CompactionExecutor:1")});
  const json detail = OnlyDetail(log);
  const Fact fact = log.batch.facts[0];
  CHECK(detail["kind"] == "compaction");
  CHECK(detail["inputs"] == json{kTable + "shop-orders-ka-1", kTable + "shop-orders-ka-2"});
  CHECK(detail["outputs"] == json::array({{{"segment", kTable + "shop-orders-ka-3"}}}));
  CHECK(detail["merge_counts"] == json{{"1", 3}, {"2", 1}});
  CHECK(detail["input_records"] == 5);
  CHECK_FALSE(detail.contains("expires"));
  CHECK(fact.existing == 5);
  CHECK(fact.fresh == 0);
  CHECK(fact.written == 4);
  CHECK(log.Text(fact.project) == "shop.orders");
  CHECK(FormatDay(fact.day) == "-");
  CHECK(log.Text(fact.run).empty());
  CHECK(log.Text(fact.version) == "unknown");
  CHECK(FormatTime(fact.logged_at) == "2019-12-18T11:17:52.075Z");
}

TEST_CASE("a compaction without its Compacting line has no inputs to show", "[cassandra]") {
  CHECK_FALSE(OnlyDetail(JoinLines({Compacted21("CompactionExecutor:1")})).contains("inputs"));
}

TEST_CASE("the join survives a restart", "[cassandra]") {
  const JoinedLog log = Join(
      Maker(), SourceConfig(),
      {"INFO [main] 2019-12-18 11:17:49,313 StorageService.java:622 - Cassandra version: 2.1.17",
       Compacting21("CompactionExecutor:1"), Compacted21("CompactionExecutor:1")},
      [](size_t) { return true; });
  CHECK(OnlyDetail(log)["inputs"].size() == 2);
  CHECK(log.Text(log.batch.facts[0].version) == "2.1.17");
}

TEST_CASE("a compaction of 4.1 joins its inputs by id", "[cassandra]") {
  const JoinedLog log = JoinLines(
      {"INFO  [CompactionExecutor:7] 2023-05-05 04:05:51,600 CompactionTask.java:150 - Compacting "
       "(" +
           kId + ") [" + kTable + "nb-23-big-Data.db:level=0, " + kTable +
           "nb-24-big-Data.db:level=0, ]",
       Compacted41(kTable + "nb-25-big,", "{2:2, 4:1, }", "8 total partitions merged to 3")});
  const json detail = OnlyDetail(log);
  CHECK(detail["inputs"] == json{kTable + "nb-23-big", kTable + "nb-24-big"});
  CHECK(detail["outputs"][0]["segment"] == kTable + "nb-25-big");
  CHECK(log.batch.facts[0].existing == 8);
  CHECK(log.batch.facts[0].written == 3);
  CHECK(log.Text(log.batch.facts[0].run) == kId);
}

TEST_CASE("a compaction of 1.2 counts rows", "[cassandra]") {
  const JoinedLog log = JoinLines(
      {" INFO [CompactionExecutor:4] 2013-04-24 03:36:47,500 CompactionTask.java (line 105) "
       "Compacting [SSTableReader(path='/d/system/local/system-local-ic-1-Data.db'), "
       "SSTableReader(path='/d/system/local/system-local-ic-2-Data.db')]",
       " INFO [CompactionExecutor:4] 2013-04-24 03:36:47,686 CompactionTask.java (line 246) "
       "Compacted 4 sstables to [/d/system/local/system-local-ic-6,].  5,956 bytes to 5,687 (~95% "
       "of original) in 158ms = 0.034326MB/s.  4 total rows, 1 unique.  Row merge counts were "
       "{1:0, "
       "2:0, 3:0, 4:1, }"});
  const json detail = OnlyDetail(log);
  CHECK(detail["inputs"].size() == 2);
  CHECK(detail["merge_counts"]["4"] == 1);
  CHECK(log.batch.facts[0].existing == 4);
  CHECK(log.batch.facts[0].written == 1);
  CHECK(log.Text(log.batch.facts[0].project) == "system.local");
}

TEST_CASE("tasks that share their inputs do not each consume them", "[cassandra]") {
  for (const std::string part : {" (1/4)", " range (-123,456]"}) {
    const std::string id = "(" + kId + part + ")";
    const std::string head = "DEBUG [CompactionExecutor:1] 2025-05-05 04:05:51,668 X.java:1 - ";
    const JoinedLog log = JoinLines(
        {head + "Compacting " + id + " [" + kTable + "nb-23-big-Data.db:level=0, ]",
         head + "Compacted " + id +
             " 1 sstables to [] to level=0.  1KiB to 0KiB (~0% of original) in 38ms.  8 total "
             "partitions merged to 0.  Partition merge counts were {1:8, }. Time spent writing "
             "keys = 38ms"});
    const json detail = OnlyDetail(log);
    CHECK_FALSE(detail.contains("inputs"));
    CHECK(detail["sstables"] == 1);
    CHECK(log.batch.facts[0].existing == 8);
    CHECK(log.Text(log.batch.facts[0].project) == "shop.orders");
  }
}

TEST_CASE("an sstable is the same whether named by path or by URI", "[cassandra]") {
  const auto output = [](const std::string& scheme) {
    return OnlyDetail(JoinLines({Compacted41(scheme + kTable + "nb-25-big,", "{1:8, }",
                                             "8 total partitions merged to 8")}))["outputs"];
  };
  CHECK(output("file://") == output(""));
  CHECK(output("file:") == output(""));
}

TEST_CASE("nothing is joined where nothing says what belongs together", "[cassandra]") {
  const std::string head = "INFO  2016-03-01 10:00:00,000 [shard 0] compaction - ";
  const JoinedLog log = JoinLines(
      {head + "Compacting [" + kTable + "ka-24-Data.db:level=0, ]",
       head + "Compacted 1 sstables to [" + kTable +
           "ka-25-Data.db:level=0, ]. 24 bytes to 11 (~47% of original) in 74ms = 0.1MB/s. "
           "~384 total partitions merged to 2."});
  CHECK_FALSE(OnlyDetail(log).contains("inputs"));
}

TEST_CASE("after lines were missed nothing is joined across the gap", "[cassandra]") {
  LogFeed feed(Maker(), SourceConfig());
  feed.Line(Compacting21("CompactionExecutor:1"));
  feed.Missed();
  feed.Line(Compacted21("CompactionExecutor:1"));
  CHECK_FALSE(OnlyDetail(feed.out).contains("inputs"));
}

TEST_CASE("a time that cannot be is quarantined, none is unknown", "[cassandra]") {
  const auto with_time = [](const std::string& time) {
    std::string line = Compacted21("T:1");
    return line.replace(line.find("2019-12-18 11:17:52,075"), 23, time);
  };
  CHECK(JoinLines({with_time("2019-12-32 11:17:52,075")}).quarantined ==
        std::vector<std::string>{"time is not a timestamp"});
  CHECK(JoinLines({with_time("11:17:52,075")}).batch.facts.at(0).logged_at == Time{});
}

TEST_CASE("counts that begin at zero are one too low", "[cassandra]") {
  const JoinedLog log = JoinLines(
      {Compacted41(kTable + "ac-25-bti,", "{0:6, 1:1, }", "8 total partitions merged to 7")});
  const json detail = OnlyDetail(log);
  CHECK(detail["merge_counts"] == json{{"1", 6}, {"2", 1}});
  CHECK(detail["zero_based"] == true);
  CHECK(log.batch.facts[0].existing == 8);
}

TEST_CASE("counts that begin at zero show it by their total, where no key is zero", "[cassandra]") {
  const JoinedLog log =
      JoinLines({Compacted41(kTable + "ac-25-bti,", "{1:4, }", "8 total partitions merged to 4")});
  CHECK(OnlyDetail(log)["merge_counts"] == json{{"2", 4}});
}

TEST_CASE("counts that contradict the total are passed on as they are", "[cassandra]") {
  const JoinedLog log =
      JoinLines({Compacted21("T:1", "{1:3, 2:2, }", "6 total partitions merged to 5")});
  const json detail = OnlyDetail(log);
  CHECK(log.batch.facts[0].existing == 6);
  CHECK(detail["merge_counts"] == json{{"1", 3}, {"2", 2}});
  CHECK_FALSE(detail.contains("zero_based"));
}

TEST_CASE("several outputs are one run", "[cassandra]") {
  const JoinedLog log = JoinLines({Compacted41(kTable + "nb-25-big," + kTable + "nb-26-big,",
                                               "{1:8, }", "8 total partitions merged to 8")});
  CHECK(OnlyDetail(log)["outputs"].size() == 2);
}

TEST_CASE("a run whose sstables were all purged is of its inputs' table", "[cassandra]") {
  const JoinedLog log = JoinLines(
      {Compacting21("CompactionExecutor:1"),
       "INFO  [CompactionExecutor:1] 2019-12-18 11:17:52,075 CompactionTask.java:274 - Compacted 2 "
       "sstables to [].  698 bytes to 0 (~0% of original) in 63ms = 0.0MB/s.  5 total partitions "
       "merged to 0.  Partition merge counts were {1:3, 2:1, }"});
  CHECK(OnlyDetail(log)["outputs"].empty());
  CHECK(log.Text(log.batch.facts[0].project) == "shop.orders");
  CHECK(log.batch.facts[0].written == 0);
}

TEST_CASE("numbers are read in the groups of any locale", "[cassandra]") {
  const auto written = [](const std::string& totals) {
    return JoinLines({Compacted21("T:1", "{1:1, }", totals)}).batch.facts.at(0).written;
  };
  CHECK(written("1,234,567 total partitions merged to 1,234,560") == 1'234'560);
  CHECK(written("1.234.567 total partitions merged to 1.234.560") == 1'234'560);
  CHECK(written("1\u00a0234 total partitions merged to 1\u00a0230") == 1'230);
  CHECK(written("9 total partitions merged to 1") == 1);
}

TEST_CASE("an estimated total is marked as such", "[cassandra]") {
  const JoinedLog log = JoinLines(
      {"INFO  2023-03-01 10:00:00,000 [shard 0] compaction - [Compact shop.orders " + kId +
           "] Compacting [/var/lib/scylla/data/shop/orders-0123456789abcdef0123456789abcdef/" +
           "me-24-big-Data.db:level=0:origin=memtable]",
       "INFO  2023-03-01 10:00:01,000 [shard 0] compaction - [Compact shop.orders " + kId +
           "] Compacted 1 sstables to [/var/lib/scylla/data/shop/orders-0123456789abcdef0123456789"
           "abcdef/me-25-big-Data.db:level=0]. 24kB to 11kB (~47% of original) in 74ms = 322kB/s. "
           "~384 total partitions merged to 2."});
  const json detail = OnlyDetail(log);
  CHECK(detail["estimate"] == true);
  CHECK_FALSE(detail.contains("merge_counts"));
  CHECK(detail["inputs"].size() == 1);
  CHECK(log.batch.facts[0].existing == 384);
  CHECK(log.batch.facts[0].written == 2);
  CHECK(log.Text(log.batch.facts[0].project) == "shop.orders");
  CHECK(log.Text(log.batch.facts[0].run) == kId);
}

TEST_CASE("a flush makes an sstable live, under its final name and without counts", "[cassandra]") {
  const JoinedLog log = JoinLines(
      {"INFO  [MemtableFlushWriter:1] 2019-12-18 11:17:49,152 Memtable.java:382 - Completed "
       "flushing " +
       kTable +
       "shop-orders-tmp-ka-1-Data.db (0.000KiB) for commitlog position ReplayPosition(1)"});
  const json detail = OnlyDetail(log);
  CHECK(detail["kind"] == "flush");
  CHECK(detail["outputs"][0] == json{{"segment", kTable + "shop-orders-ka-1"}});
  CHECK(log.batch.facts[0].fresh == kUnknownCount);
  CHECK(log.batch.facts[0].written == kUnknownCount);
  CHECK(log.Text(log.batch.facts[0].project) == "shop.orders");
}

TEST_CASE("a secondary index is a partition of its own", "[cassandra]") {
  const JoinedLog log = JoinLines(
      {Compacted41(kTable + ".by_day/nb-25-big,", "{1:8, }", "8 total partitions merged to 8")});
  CHECK(log.Text(log.batch.facts.at(0).project) == "shop.orders.by_day");
}

TEST_CASE("a table with a time to live is marked", "[cassandra]") {
  CompactionLogConfig config = SourceConfig();
  config.expires = {"shop.orders"};
  CHECK(OnlyDetail(Join(Maker(), config, {Compacted21("T:1")}))["expires"] == true);
}

TEST_CASE("times are in the server's zone", "[cassandra]") {
  CompactionLogConfig config = SourceConfig();
  config.time_zone = "America/Los_Angeles";
  const JoinedLog log = Join(Maker(), config, {Compacted21("T:1")});
  CHECK(FormatTime(log.batch.facts.at(0).logged_at) == "2019-12-18T19:17:52.075Z");
}

TEST_CASE("a line that begins as a compaction and breaks off is quarantined", "[cassandra]") {
  const auto reason = [](const std::string& line) {
    const JoinedLog log = JoinLines({line});
    return log.quarantined.empty() ? "" : log.quarantined.front();
  };
  const std::string whole = Compacted21("T:1");
  CHECK(reason(whole).empty());
  CHECK(reason(whole.substr(0, whole.find(",]") + 1)) == "compaction without its outputs");
  CHECK(reason(whole.substr(0, whole.find(" total"))) == "compaction without its totals");
  CHECK(reason(Compacted21("T:1", "{1:3, 2:")) == "broken merge counts");
  CHECK(reason(Compacted21("T:1", "{1:3, 2:x, }")) == "broken merge counts");
  CHECK(reason(Compacted21("T:1", "{1:3, 1:3, }")) == "broken merge counts");
  CHECK(reason(Compacted21("T:1", "{2:9007199254740992, }")) == "broken merge counts");
  CHECK(reason(Compacted21("T:1", "{1:3, }", "many total partitions merged to 4")) ==
        "totals are not numbers");
  CHECK(
      reason("INFO  [C:1] 2019-12-18 11:17:52,075 X.java:1 - Compacted 2 sstables to [].  0 bytes "
             "to 0.  5 total partitions merged to 0.  Partition merge counts were {1:5, }") ==
      "compaction of an unknown table");
}

TEST_CASE("other lines are ignored and counted", "[cassandra]") {
  const JoinedLog log =
      JoinLines({"", "INFO  [main] 2019-12-18 11:17:47,368 X.java:1 - Heap size: 1/2",
                 "java.lang.RuntimeException: Compacted into nothing",
                 "INFO  [M:1] 2019-12-18 11:17:47,368 M.java:1 - Completed flushing; "
                 "nothing needed to be retained.  Commitlog position was 1"});
  CHECK(log.ignored == 4);
  CHECK(log.batch.facts.empty());
}
