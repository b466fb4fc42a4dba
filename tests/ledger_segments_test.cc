#include "monitor/ledger_view.h"
#include "tests/ledger_fixture.h"

// DESIGN section 3, "Segments": runs add, merge and remove files of a partition. Each case with
// numbers, through the ledger.

namespace {

struct Segmented : LedgerFixture {
  explicit Segmented(Conservation conservation = Conservation::kBounded) {
    config.compaction_logs[0].shape = Shape::kSegments;
    config.compaction_logs[0].conservation = conservation;
    config.compaction_logs[0].unit = "records";
    OpenWithRules();
  }
  // One second later each time.
  void Fact(FactKind kind, const std::string& detail, int64_t existing = 0, int64_t written = 0) {
    const Time at = ParseTime(At("12:00:00")).value() + std::chrono::seconds(++seconds_);
    Commit({.at = FormatTime(at),
            .run = std::to_string(seconds_),
            .existing = existing,
            .written = written,
            .kind = kind,
            .detail = detail});
  }
  void Flush(const std::string& name, int64_t records) {
    Fact(FactKind::kRun, R"({"kind":"flush","outputs":[)" + Output(name, records) + "]}", 0,
         records);
  }
  void Merge(const std::string& inputs, const std::string& output, int64_t read, int64_t wrote) {
    const std::string outputs = output.empty() ? "" : Output(output, wrote);
    Fact(FactKind::kRun,
         R"({"kind":"compaction","inputs":[)" + inputs + R"(],"outputs":[)" + outputs +
             R"(],"input_records":)" + std::to_string(read) + R"(,"output_records":)" +
             std::to_string(wrote) + "}",
         read, wrote);
  }
  void Delete(const std::string& names, const std::string& reason) {
    Fact(FactKind::kSegmentsDeleted,
         R"({"segments":[)" + names + R"(],"reason":")" + reason + R"("})");
  }
  static std::string Output(const std::string& name, int64_t records, int64_t range_deletions = 0) {
    return R"({"segment":")" + name + R"(","records":)" + std::to_string(records) +
           R"(,"range_deletions":)" + std::to_string(range_deletions) + "}";
  }
  std::string Firing() {
    return Rows("SELECT rule, severity, cause FROM alerts WHERE state = 'firing' ORDER BY id");
  }

 private:
  int seconds_ = 0;
};

}  // namespace

TEST_CASE("outputs are live when their run has finished", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Flush("2", 30);
  CHECK(ledger.Balance("actual") == "80");
  ledger.Fact(FactKind::kStartedRun, R"({"kind":"compaction","inputs":["1","2"]})");
  ledger.Fact(FactKind::kFailedRun, R"({"kind":"compaction","inputs":["1","2"]})");
  CHECK(ledger.Balance("actual") == "80");
  ledger.Merge(R"("1","2")", "3", 80, 80);
  CHECK(ledger.Balance("actual") == "80");
  CHECK(ledger.Query("SELECT group_concat(name) FROM segment WHERE live") == "3");
  CHECK(ledger.Firing() == "");
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("inputs never seen before open, and are not called unread", "[ledger]") {
  Segmented ledger;
  ledger.Merge(R"("7","8")", "9", 500, 500);
  CHECK(ledger.Balance("opening") == "unverified");
  CHECK(ledger.Balance("actual") == "500");
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Firing() == "");
  ledger.Delete(R"("7","8")", "obsolete");
  CHECK(ledger.Firing() == "");
}

TEST_CASE("an input that was consumed before was gone", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Merge(R"("1")", "2", 50, 50);
  ledger.Merge(R"("1")", "3", 50, 50);  // read the old file: what 2 has got since is not in 3
  CHECK(ledger.Firing() == "count_drop|critical|existing_not_read|\n");
}

TEST_CASE("an input that was consumed long ago is recognised, also by another process",
          "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Merge(R"("1")", "2", 50, 50);
  ledger.Delete(R"("1")", "obsolete");
  ledger.OpenWithRules();
  ledger.Merge(R"("1")", "3", 50, 50);
  CHECK(ledger.Firing() == "count_drop|critical|existing_not_read|\n");
}

TEST_CASE("a run that read fewer records than its inputs hold did not read them all", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Flush("2", 30);
  ledger.Merge(R"("1","2")", "3", 70, 70);
  CHECK(ledger.Run("cause", "3") == "existing_not_read");
  CHECK(ledger.Balance("missing") == "10");
  CHECK(ledger.Firing() == "count_drop|critical|existing_not_read|\n");
}

TEST_CASE("a run whose files hold less than it says it wrote dropped the rest", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Fact(FactKind::kRun,
              R"({"kind":"compaction","inputs":["1"],"outputs":[)" + Segmented::Output("2", 40) +
                  R"(],"input_records":50,"output_records":48})",
              50, 48);
  CHECK(ledger.Run("cause", "2") == "dropped_in_merge");
  CHECK(ledger.Balance("missing") == "8");
}

TEST_CASE("range deletions in a file are no records that the run wrote", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Fact(FactKind::kRun,
              R"({"kind":"compaction","inputs":["1"],"outputs":[)" + Segmented::Output("2", 50, 2) +
                  R"(],"input_records":50,"output_records":48})",
              50, 48);
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Firing() == "");
}

TEST_CASE("a live file that no finished run consumed is deleted unmerged", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Flush("2", 30);
  ledger.Delete(R"("1")", "unmerged");
  CHECK(ledger.Query("SELECT cause FROM timeline WHERE kind = 'segments_deleted'") ==
        "deleted_unmerged");
  CHECK(ledger.Balance("missing") == "50");
  CHECK(ledger.Balance("actual") == "30");
  CHECK(ledger.Firing() == "count_drop|critical|deleted_unmerged|\n");
}

TEST_CASE("what a broken closure took is unknown where no count says it", "[ledger]") {
  const auto unknown = [](Segmented& ledger) {
    CHECK(ledger.Firing().find("count_drop|critical|") == 0);
    CHECK(ledger.Balance("verdict") == "unknown");
    LedgerView view = LedgerView::Open(ledger.directory / "ledger.db").value();
    CHECK(view.Unknown("").value().size() == 1);
    std::string last;
    REQUIRE(view.Timeline("acme", "", "", [&](const FactEntry& fact) {
      if (last.empty()) last = fact.verdict;  // the newest comes first
      CHECK_FALSE(fact.after);
    }));
    CHECK(last == "unknown");
  };
  Segmented deleted;
  deleted.Fact(FactKind::kRun, R"({"kind":"flush","outputs":[{"segment":"1"}]})", 0, 30);
  deleted.Delete(R"("1")", "unmerged");
  unknown(deleted);
  Segmented gone;
  gone.Flush("1", 50);
  gone.Merge(R"("1")", "2", 50, 50);
  gone.Merge(R"("1")", "3", 50, 50);
  unknown(gone);
}

TEST_CASE("a live file that is called obsolete is deleted unmerged all the same", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Delete(R"("1")", "obsolete");
  CHECK(ledger.Balance("missing") == "50");
}

TEST_CASE("a consumed file may be deleted, and a file never seen", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Merge(R"("1")", "2", 50, 50);
  ledger.Delete(R"("1","never-seen")", "obsolete");
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "50");
  CHECK(ledger.Firing() == "");
}

TEST_CASE("dropped families, FIFO, deleted ranges and a failed job's files are explained",
          "[ledger]") {
  for (const char* reason : {"dropped_family", "fifo", "delete_files_in_range", "failed_job"}) {
    CAPTURE(reason);
    Segmented ledger;
    ledger.Flush("1", 50);
    ledger.Flush("2", 30);
    ledger.Delete(R"("1")", reason);
    CHECK(ledger.Balance("missing") == "0");
    CHECK(ledger.Balance("actual") == "30");
    CHECK(ledger.Balance("verdict") == "clear");
    CHECK(ledger.Firing() == "");
  }
}

TEST_CASE("files that a job whose lines were lost may have consumed leave their partition unknown",
          "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Fact(FactKind::kSegmentsDeleted,
              R"({"segments":["1"],"reason":"lines_lost","uncertain":true})");
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("verdict") == "unknown");
  CHECK(ledger.Firing() == "");
}

TEST_CASE("a trivial move changes nothing", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Fact(FactKind::kRun, R"({"kind":"trivial_move","moved":["1"]})");
  CHECK(ledger.Balance("actual") == "50");
  CHECK(ledger.Query("SELECT group_concat(name) FROM segment WHERE live") == "1");
  ledger.Merge(R"("1")", "2", 50, 50);
  CHECK(ledger.Firing() == "");
}

TEST_CASE("bounded conservation records what was merged away", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Flush("2", 30);
  ledger.Merge(R"("1","2")", "3", 80, 65);
  CHECK(ledger.Run("merged_away", "3") == "15");
  CHECK(ledger.Run("merged_away", "1") == "NULL");
  CHECK(ledger.Run("after", "3") == "NULL");  // what a run writes is not what is there after it
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "65");
  CHECK(ledger.Firing() == "");
}

TEST_CASE("strict conservation misses what was merged away", "[ledger]") {
  Segmented ledger(Conservation::kStrict);
  ledger.Flush("1", 50);
  ledger.Merge(R"("1")", "2", 50, 35);
  CHECK(ledger.Run("cause", "2") == "dropped_in_merge");
  CHECK(ledger.Balance("missing") == "15");
  CHECK(ledger.Run("merged_away", "2") == "NULL");
  CHECK(ledger.Firing() == "count_drop|critical|dropped_in_merge|\n");
}

TEST_CASE("a merge of something into nothing warns under bounded conservation", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Merge(R"("1")", "", 50, 0);
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "0");
  CHECK(ledger.Firing() == "count_drop|warning|emptied|\n");
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Flush("3", 50);
  ledger.Merge(R"("3")", "4", 50, 40);
  CHECK(ledger.Firing() == "");
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("a merge that writes more than it read is wrong under bounded conservation", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Merge(R"("1")", "2", 50, 60);
  CHECK(ledger.Firing() == "count_drop|warning|duplicated|\n");
  CHECK(ledger.Balance("surplus") == "10");
}

TEST_CASE("where conservation is off only closure is checked", "[ledger]") {
  Segmented ledger(Conservation::kOff);
  ledger.Flush("1", 50);
  ledger.Merge(R"("1")", "2", 50, 60);
  ledger.Merge(R"("2")", "3", 60, 0);
  CHECK(ledger.Firing() == "");
  ledger.Merge(R"("2")", "4", 60, 60);
  CHECK(ledger.Firing() == "count_drop|critical|existing_not_read|\n");
}

TEST_CASE("counts of merged partitions must add up, and no more be written than merged",
          "[ledger]") {
  // 61 read in 61 ones; 56 written: five were purged.
  const std::string histogram =
      R"({"kind":"compaction","inputs":["1"],"outputs":[{"segment":"2"}],)"
      R"("merge_counts":{"1":61})";
  Segmented undeclared;
  undeclared.Fact(FactKind::kRun, histogram + "}", 61, 56);
  CHECK(undeclared.Balance("missing") == "5");
  CHECK(undeclared.Firing() == "count_drop|critical|dropped_in_merge|\n");
  CHECK(undeclared.Balance("actual") == "NULL");  // there is no balance without counts
  Segmented expiring;
  expiring.Fact(FactKind::kRun, histogram + R"(,"expires":true})", 61, 56);
  CHECK(expiring.Balance("missing") == "0");
  CHECK(expiring.Firing() == "");
  Segmented more;
  more.Fact(FactKind::kRun, histogram + R"(,"expires":true})", 61, 63);
  CHECK(more.Firing() == "count_drop|warning|duplicated|\n");
  Segmented broken;
  broken.Fact(FactKind::kRun, histogram + "}", 70, 61);  // the total is not the sum
  CHECK(broken.Run("cause", "1") == "existing_not_read");
  CHECK(broken.Balance("missing") == "9");
  Segmented estimated;
  estimated.Fact(FactKind::kRun, histogram + R"(,"estimate":true})", 70, 61);
  CHECK(estimated.Firing() == "");
}

TEST_CASE("a file's name may be used again once it is gone", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.Delete(R"("1")", "dropped_family");
  ledger.Flush("1", 20);
  CHECK(ledger.Balance("actual") == "20");
  ledger.Merge(R"("1")", "2", 20, 20);
  CHECK(ledger.Firing() == "");
}

TEST_CASE("a partition of segments first seen in a flush after a gap is unknown", "[ledger]") {
  Segmented ledger;
  ledger.Commit({.project = "other",
                 .run = "1",
                 .detail = R"({"kind":"flush","outputs":[{"segment":"9","records":1}]})"});
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Flush("1", 50);
  CHECK(ledger.Balance("verdict") == "unknown");
}

TEST_CASE("after a gap a flush proves nothing of the files before it, a merge does", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Flush("2", 30);
  CHECK(ledger.Balance("verdict") == "unknown");
  ledger.Merge(R"("1","2")", "3", 80, 80);
  CHECK(ledger.Balance("verdict") == "clear");
}

TEST_CASE("a live file deleted after a gap may have been merged in it", "[ledger]") {
  Segmented ledger;
  ledger.Flush("1", 50);
  ledger.AddGap(FactKind::kBlind, "truncated");
  ledger.Flush("2", 30);
  ledger.Delete(R"("1")", "unmerged");
  CHECK(ledger.Firing() == "lost_in_gap|warning|lost_in_gap|\n");
  CHECK(ledger.Balance("missing") == "50");
  ledger.Delete(R"("2")", "unmerged");  // that one was written after the gap
  CHECK(ledger.Firing() ==
        "lost_in_gap|warning|lost_in_gap|\ncount_drop|critical|deleted_unmerged|\n");
  CHECK(ledger.Balance("missing") == "80");
}

TEST_CASE("lines of segments that come late are ordered by their microseconds", "[ledger]") {
  Segmented ledger;
  const auto at = [](const char* time, const std::string& run, const std::string& detail,
                     FactKind kind = FactKind::kRun) {
    return TestRun{.at = time, .run = run, .kind = kind, .detail = detail};
  };
  ledger.Add(at("2016-02-22T12:00:00.001Z", "1",
                R"({"kind":"flush","micros":1001,"outputs":[{"segment":"1","records":50}]})"));
  // Within one millisecond the deletion's line comes before that of the merge.
  ledger.Add(at("2016-02-22T12:00:00.002Z", "3",
                R"({"segments":["1"],"reason":"obsolete","micros":2900})",
                FactKind::kSegmentsDeleted));
  ledger.Add(at("2016-02-22T12:00:00.002Z", "2",
                R"({"kind":"compaction","micros":2100,"inputs":["1"],"outputs":[{"segment":"2",)"
                R"("records":50}],"input_records":50,"output_records":50})"));
  ledger.Commit();
  CHECK(ledger.Balance("missing") == "0");
  CHECK(ledger.Balance("actual") == "50");
  CHECK(ledger.Firing() == "");
}

TEST_CASE("a late line of segments books its partition's files anew", "[ledger]") {
  Segmented ledger;
  const auto run = [](const std::string& at, const std::string& name, const std::string& detail,
                      uint32_t log) {
    return TestRun{.at = At(at), .run = name, .detail = detail, .log = log};
  };
  ledger.Commit(
      run("12:00:00", "1", R"({"kind":"flush","outputs":[{"segment":"1","records":50}]})", 1));
  ledger.Commit(
      run("14:00:00", "3",
          R"({"kind":"compaction","inputs":["1"],"outputs":[{"segment":"3","records":70}],)"
          R"("input_records":70,"output_records":70})",
          1));
  CHECK(ledger.Balance("surplus") == "20");  // read 20 more than the file holds
  ledger.Commit(
      run("13:00:00", "2",
          R"({"kind":"compaction","inputs":["1"],"outputs":[{"segment":"1","records":70}],)"
          R"("input_records":50,"output_records":50})",
          2));
  CHECK(ledger.Query("SELECT group_concat(name || live) FROM segment") == "10,31");
  CHECK(ledger.Balance("actual") == "70");
  CHECK(ledger.Run("before", "3") == "70");
}

TEST_CASE("what is remembered of consumed files is not kept in memory or read again", "[ledger]") {
  SegmentSet set;
  set.Put("1", {10, true, 0});
  set.Put("2", {5, true, 0});
  set.Put("1", {10, false, 0});
  CHECK(set.changed().size() == 2);
  int recalled = 0;
  set.Saved([&](const std::string& name) -> std::optional<Segment> {
    ++recalled;
    if (name == "1") return Segment{10, false, 0};
    return std::nullopt;
  });
  CHECK(set.known().size() == 1);
  CHECK(set.LiveRecords() == 5);
  CHECK(recalled == 0);
  REQUIRE(set.Find("1") != nullptr);
  CHECK_FALSE(set.Find("1")->live);
  CHECK(set.Find("3") == nullptr);
  CHECK(recalled == 2);
}
