#include "rules/impact.h"

#include <algorithm>
#include <map>
#include <random>

#include "rules/incident.h"
#include "tests/catch.h"

// Customers' losses from lists of copies, by hand, and against a second, brute computation.

namespace {

// A fleet being written down: copies and the losses they had.
struct Fleet {
  ImpactInput input;

  BalanceRow& Copy(const std::string& server, int64_t expected, int64_t actual,
                   const std::string& day = "2016-02-22", const std::string& format = "row",
                   const std::string& project = "acme") {
    BalanceRow row;
    row.server = server;
    row.project = project;
    row.day = day;
    row.format = format;
    row.unit = "events";
    row.expected = expected;
    row.actual = actual;
    row.missing = std::max<int64_t>(0, expected - actual);
    row.opening = "known";
    row.verdict = row.missing > 0 ? "firing" : "clear";
    input.copies.push_back(row);
    return input.copies.back();
  }
  // Of the copy added last.
  LossRow& Loss(const std::string& at, int64_t lost, int64_t missing_after = 0,
                const std::string& version = "2.7.0") {
    const BalanceRow& copy = input.copies.back();
    LossRow loss;
    loss.server = copy.server;
    loss.project = copy.project;
    loss.day = copy.day;
    loss.format = copy.format;
    loss.unit = copy.unit;
    loss.at = ParseTime(at).value();
    loss.version = version;
    loss.previous_version = "2.6.9";
    loss.cause = "existing_not_read";
    loss.lost = lost;
    loss.missing = missing_after ? missing_after : lost;
    input.losses.push_back(loss);
    return input.losses.back();
  }
  void Serving(const std::string& format, bool serving = true) {
    input.formats.push_back({format, "", serving, {}, {}});
  }
  Impact Compute(const ImpactFilter& filter = {}) const { return ComputeImpact(input, filter); }
};

constexpr const char* kNoon = "2016-02-22T12:00:00Z";
constexpr const char* kOne = "2016-02-22T13:00:00Z";

Time At(const char* text) { return ParseTime(text).value(); }

}  // namespace

TEST_CASE("two replicas that lost the same events are one loss for the customer", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-2", 107, 7);
  fleet.Loss(kOne, 100);
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == 100);
  CHECK(impact.totals.events.expected == 107);
  CHECK(impact.totals.projects == 1);
  CHECK(impact.totals.project_days == 1);
  CHECK(impact.totals.events.certain);
  CHECK(impact.partitions.size() == 2);
  REQUIRE(impact.incidents.size() == 1);
  CHECK(impact.incidents[0].events_missing == 100);
  CHECK(impact.incidents[0].servers == 2);
  CHECK(impact.incidents[0].first_at == At(kNoon));
  CHECK(impact.incidents[0].last_at == At(kOne));
  CHECK(impact.incidents[0].id == IncidentId("count_drop", "data-1", "2.7.0"));
}

TEST_CASE("a whole replica means that the customer misses nothing", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-2", 107, 107);
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == 0);
  CHECK(impact.projects.empty());
  CHECK(impact.partitions.size() == 1);  // the copy is still short
  REQUIRE(impact.incidents.size() == 1);
  CHECK(impact.incidents[0].events_missing == 0);
}

TEST_CASE("a replica opened after the loss does not hide it", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-2", 7, 7);
  CHECK(fleet.Compute().totals.events.missing == 100);
}

TEST_CASE("a surplus of one copy is no credit against what is missing", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 100, 40);
  fleet.Loss(kNoon, 60);
  fleet.Copy("data-2", 50, 90).surplus = 40;
  CHECK(fleet.Compute().totals.events.missing == 50);
}

TEST_CASE("the serving format stands for the day", "[impact]") {
  Fleet fleet;
  fleet.Serving("row", false);
  fleet.Serving("columnar");
  fleet.Copy("data-1", 107, 7, "2016-02-22", "row");
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-1", 107, 67, "2016-02-22", "columnar");
  fleet.Loss(kNoon, 40);
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == 40);
  CHECK(impact.projects.at(0).days.at(0).format == "columnar");
  CHECK(impact.partitions.size() == 2);
}

TEST_CASE("without a serving format the one that misses least stands for the day", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7, "2016-02-22", "row");
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-1", 107, 67, "2016-02-22", "columnar");
  fleet.Loss(kNoon, 40);
  CHECK(fleet.Compute().totals.events.missing == 40);
  CHECK_FALSE(fleet.Compute().totals.events.certain);  // customers may read from the other
}

TEST_CASE("an unknown copy makes its day uncertain", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-2", 7, 7).verdict = "unknown";
  const Impact impact = fleet.Compute();
  CHECK_FALSE(impact.projects.at(0).days.at(0).events.certain);
  CHECK_FALSE(impact.projects.at(0).events.certain);
  CHECK_FALSE(impact.totals.events.certain);
}

TEST_CASE("a copy without a known count takes part as unknown, not as 0", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100);
  BalanceRow& other = fleet.Copy("data-2", 0, 0);
  other.expected.reset();
  other.actual.reset();
  other.verdict = "unknown";
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == 100);
  CHECK_FALSE(impact.totals.events.certain);
}

TEST_CASE("a loss in a gap is a lower bound", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100).cause = "lost_in_gap";
  CHECK_FALSE(fleet.Compute().totals.events.certain);
}

TEST_CASE("a copy that lost, and of which not all is known, makes its day uncertain", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7).uncertain = true;
  fleet.Loss(kNoon, 100);
  CHECK_FALSE(fleet.Compute().totals.events.certain);
}

TEST_CASE("where nobody counted what should be there, at least what was lost is missing",
          "[impact]") {
  Fleet fleet;
  BalanceRow& copy = fleet.Copy("data-1", 107, 7);
  copy.expected.reset();
  copy.actual.reset();
  fleet.Loss(kNoon, 100);
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == 100);
  CHECK_FALSE(impact.totals.events.certain);
  REQUIRE(impact.incidents.size() == 1);
  CHECK(impact.incidents[0].events_missing == 100);
}

TEST_CASE("of several formats that serve customers the worst stands for the day", "[impact]") {
  Fleet fleet;
  fleet.Serving("row");
  fleet.Serving("columnar");
  fleet.Copy("data-1", 107, 67, "2016-02-22", "row");
  fleet.Loss(kNoon, 40);
  fleet.Copy("data-1", 107, 7, "2016-02-22", "columnar");
  fleet.Loss(kNoon, 100);
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == 100);
  REQUIRE(impact.projects.size() == 1);
  CHECK(impact.projects[0].days[0].format == "columnar");
}

TEST_CASE("what nobody watched makes the totals uncertain", "[impact]") {
  Fleet fleet;
  BlindRow blind;
  blind.server = "data-1";
  blind.source = "compactd";
  blind.reason = "truncated";
  blind.from = At(kNoon);
  SECTION("while projects were not observed since") { blind.projects = 3; }
  SECTION("while nobody knows which projects there are") { blind.projects.reset(); }
  fleet.input.blind.push_back(blind);
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == 0);
  CHECK_FALSE(impact.totals.events.certain);
  REQUIRE(impact.unknown.size() == 1);
  CHECK(impact.unknown[0].reason == "truncated");
}

TEST_CASE("a gap that every project has bridged leaves the totals certain", "[impact]") {
  Fleet fleet;
  BlindRow blind;
  blind.projects = 0;
  blind.from = At(kNoon);
  fleet.input.blind.push_back(blind);
  CHECK(fleet.Compute().totals.events.certain);
  CHECK(fleet.Compute().unknown.size() == 1);
}

TEST_CASE("since and until select times of loss", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7, "2016-02-21");
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-1", 50, 30, "2016-02-22");
  fleet.Loss(kOne, 20);
  ImpactFilter filter;
  filter.since = At(kOne);
  CHECK(fleet.Compute(filter).totals.events.missing == 20);
  filter = {};
  filter.until = At(kOne);
  CHECK(fleet.Compute(filter).totals.events.missing == 100);
}

TEST_CASE("a span counts what its own losses took", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 60, 60, "2.7.0");
  fleet.Loss(kOne, 40, 100, "2.8.0");
  ImpactFilter filter;
  filter.since = At(kOne);
  const Impact since = fleet.Compute(filter);
  CHECK(since.totals.events.missing == 40);
  CHECK(since.totals.events.expected == 107);
  REQUIRE(since.partitions.size() == 1);
  CHECK(since.partitions[0].balance.missing == 100);  // a balance is what it is
  CHECK(since.partitions[0].runs == 1);
  CHECK(since.partitions[0].version == "2.8.0");
  CHECK(since.partitions[0].first_loss_at == At(kOne));
  filter = {};
  filter.until = At(kOne);
  CHECK(fleet.Compute(filter).totals.events.missing == 60);
}

TEST_CASE("each incident counts what its own losses took from a day", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 60, 60, "2.7.0");
  fleet.Loss(kOne, 40, 100, "2.8.0");
  const Impact impact = fleet.Compute();
  REQUIRE(impact.incidents.size() == 2);
  CHECK(impact.incidents[0].version == "2.7.0");
  CHECK(impact.incidents[0].events_missing == 60);
  CHECK(impact.incidents[1].events_missing == 40);
}

TEST_CASE("what was put back is put against the oldest loss", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 27);
  fleet.Loss(kNoon, 60, 60, "2.7.0");
  fleet.Loss(kOne, 40, 90, "2.8.0");  // 10 came back before it, 10 after it
  const Impact impact = fleet.Compute();
  REQUIRE(impact.incidents.size() == 2);
  CHECK(impact.incidents[0].events_missing == 40);
  CHECK(impact.incidents[0].version == "2.7.0");
  CHECK(impact.incidents[1].events_missing == 40);
}

TEST_CASE("a better replica is put against the oldest loss, too", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 60, 60, "2.7.0");
  fleet.Loss(kOne, 40, 100, "2.8.0");
  fleet.Copy("data-2", 107, 57);
  fleet.Loss(kOne, 50, 50, "2.8.0");
  ImpactFilter filter;
  filter.version = "2.8.0";
  CHECK(fleet.Compute(filter).totals.events.missing == 40);
  filter.version = "2.7.0";
  CHECK(fleet.Compute(filter).totals.events.missing == 10);
  CHECK(fleet.Compute().totals.events.missing == 50);
}

TEST_CASE("a version selects what another run did not find of it", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100, 100, "2.6.9").previous_version = "2.7.0";
  ImpactFilter filter;
  for (const char* version : {"2.6.9", "2.7.0"}) {
    filter.version = version;
    CHECK(fleet.Compute(filter).totals.events.missing == 100);
  }
  filter.version = "2.8.0";
  CHECK(fleet.Compute(filter).partitions.empty());
}

TEST_CASE("a partition that two ledgers know is the one that was seen last", "[impact]") {
  Fleet fleet;
  for (const char* ledger : {"a", "b", "c"}) {
    BalanceRow& copy = fleet.Copy("data-1", 107, ledger[0] == 'b' ? 7 : 57);
    copy.ledger = ledger;
    copy.observed_until = ledger[0] == 'b' ? At(kOne) : At(kNoon);
    fleet.Loss(kNoon, copy.missing).ledger = ledger;
  }
  const Impact impact = fleet.Compute();
  REQUIRE(impact.partitions.size() == 1);
  CHECK(impact.partitions[0].balance.missing == 100);
  CHECK(impact.partitions[0].runs == 1);
  CHECK(impact.totals.events.missing == 100);
}

TEST_CASE("a copy that was only announced holds nothing yet", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100);
  BalanceRow& announced = fleet.Copy("data-2", 120, 120);
  announced.actual.reset();
  announced.verdict = "unknown";
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.expected == 120);
  CHECK(impact.totals.events.missing == 113);
  CHECK_FALSE(impact.totals.events.certain);
}

TEST_CASE("a project is a lower bound while any of its days is unknown", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7, "2016-02-22", "row", "acme");
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-1", 50, 30, "2016-02-22", "row", "other");
  fleet.Loss(kOne, 20);
  fleet.input.unknown_copies = {{"other", 3}};
  const Impact impact = fleet.Compute();
  CHECK(impact.projects.at(0).events.certain);
  CHECK_FALSE(impact.projects.at(1).events.certain);
  CHECK(impact.projects.at(1).days.at(0).events.certain);
  CHECK_FALSE(impact.totals.events.certain);
  CHECK(impact.unknown_copies == 3);
}

TEST_CASE("a version selects what it lost", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7, "2016-02-21");
  fleet.Loss(kNoon, 100, 0, "2.7.0");
  fleet.Copy("data-1", 50, 30, "2016-02-22");
  fleet.Loss(kOne, 20, 0, "2.8.0");
  ImpactFilter filter;
  filter.version = "2.8.0";
  const Impact impact = fleet.Compute(filter);
  CHECK(impact.totals.events.missing == 20);
  REQUIRE(impact.incidents.size() == 1);
  CHECK(impact.incidents[0].version == "2.8.0");
}

TEST_CASE("a project selects its own days", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7, "2016-02-22", "row", "acme");
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-1", 50, 30, "2016-02-22", "row", "other");
  fleet.Loss(kOne, 20);
  ImpactFilter filter;
  filter.project = "other";
  CHECK(fleet.Compute(filter).totals.events.missing == 20);
  CHECK(fleet.Compute(filter).projects.size() == 1);
}

TEST_CASE("the worst project comes first", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 50, 30, "2016-02-22", "row", "acme");
  fleet.Loss(kNoon, 20);
  fleet.Copy("data-1", 107, 7, "2016-02-22", "row", "other");
  fleet.Loss(kOne, 100);
  const Impact impact = fleet.Compute();
  CHECK(impact.projects.at(0).project == "other");
  CHECK(impact.projects.at(1).project == "acme");
}

TEST_CASE("a loss that was put back is not the cause of a later one", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 100, 95);
  fleet.Loss(kNoon, 60, 60, "2.7.0");  // all put back afterwards
  fleet.Loss(kOne, 5, 5, "2.8.0");
  const Impact impact = fleet.Compute();
  REQUIRE(impact.incidents.size() == 1);
  CHECK(impact.incidents[0].version == "2.8.0");
  CHECK(impact.partitions.at(0).runs == 1);
  CHECK(impact.partitions.at(0).first_loss_at == At(kOne));
}

TEST_CASE("losses on top of each other count each run and name the first", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 100, 10);
  fleet.Loss(kNoon, 60, 60, "2.7.0");
  fleet.Loss(kOne, 30, 90, "2.7.0");
  const Impact impact = fleet.Compute();
  CHECK(impact.partitions.at(0).runs == 2);
  CHECK(impact.partitions.at(0).version == "2.7.0");
  CHECK(impact.partitions.at(0).previous_version == "2.6.9");
  CHECK(impact.partitions.at(0).first_loss_at == At(kNoon));
  CHECK(impact.partitions.at(0).last_loss_at == At(kOne));
}

TEST_CASE("without versions replicas are incidents of their own, the loss counted in one",
          "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7);
  fleet.Loss(kNoon, 100, 0, "");
  fleet.Copy("data-2", 107, 7);
  fleet.Loss(kOne, 100, 0, "unknown");
  const Impact impact = fleet.Compute();
  REQUIRE(impact.incidents.size() == 2);
  CHECK(impact.incidents[0].events_missing == 100);
  CHECK(impact.incidents[1].events_missing == 0);
  CHECK(impact.totals.events.missing == 100);
}

TEST_CASE("different units are never added", "[impact]") {
  Fleet fleet;
  fleet.Copy("data-1", 107, 7, "2016-02-21");
  fleet.Loss(kNoon, 100);
  fleet.Copy("data-1", 50, 30, "2016-02-22").unit = "partitions";
  fleet.Loss(kOne, 20);
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.unit == "events");
  CHECK(impact.totals.events.missing == 100);
  REQUIRE(impact.other_units.size() == 1);
  CHECK(impact.other_units[0].unit == "partitions");
  CHECK(impact.other_units[0].events.missing == 20);
  CHECK(impact.projects.size() == 2);  // acme's events and acme's partitions
  CHECK(impact.incidents.at(0).events_missing == 100);
}

TEST_CASE("nothing lost is an empty, certain impact", "[impact]") {
  const Impact impact = ComputeImpact({}, {});
  CHECK(impact.totals.events.missing == 0);
  CHECK(impact.totals.events.certain);
  CHECK(impact.incidents.empty());
}

TEST_CASE("what each version took agrees with events lost and put back one by one", "[impact]") {
  std::mt19937 random(GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u));
  const auto below = [&](int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random);
  };
  Fleet fleet;
  std::map<std::string, int64_t> truth;
  for (int day = 1; day <= 9; ++day) {
    BalanceRow& copy = fleet.Copy("data-1", 10'000, 10'000, "2016-02-0" + std::to_string(day));
    std::vector<std::string> lost;  // by which version, the oldest event first
    for (int step = 0; step < 6; ++step) {
      if (below(3) == 0) {
        const auto back = below(static_cast<int64_t>(lost.size()) + 1);
        lost.erase(lost.begin(), lost.begin() + back);
        continue;
      }
      const std::string version = "v" + std::to_string(below(3));
      const int64_t events = 1 + below(50);
      lost.insert(lost.end(), static_cast<size_t>(events), version);
      const std::string at = "2016-02-22T1" + std::to_string(step) + ":00:00Z";
      fleet.Loss(at, events, static_cast<int64_t>(lost.size()), version).previous_version = "";
    }
    copy.missing = static_cast<int64_t>(lost.size());
    copy.actual = *copy.expected - copy.missing;
    for (const std::string& version : lost) ++truth[version];
  }
  int64_t all = 0;
  for (const char* version : {"v0", "v1", "v2"}) {
    ImpactFilter filter;
    filter.version = version;
    CHECK(fleet.Compute(filter).totals.events.missing == truth[version]);
    all += truth[version];
  }
  CHECK(fleet.Compute().totals.events.missing == all);
  for (const ImpactIncident& incident : fleet.Compute().incidents) {
    CHECK(incident.events_missing == truth[incident.version]);
  }
}

TEST_CASE("customers' losses agree with a brute computation over random fleets", "[impact]") {
  std::mt19937 random(GENERATE(1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u));
  const auto below = [&](int64_t bound) {
    return std::uniform_int_distribution<int64_t>(0, bound - 1)(random);
  };
  Fleet fleet;
  const bool served = below(2) == 0;
  if (served) fleet.Serving("columnar");
  // What the customer of each day can still read, computed while the copies are made: events are
  // numbered from 0, a copy knows of the first `expected` and holds the first `held` of them.
  struct Seen {
    std::map<std::string, std::pair<int64_t, int64_t>> formats;  // known of, held by any
    bool lossy = false;
  };
  std::map<std::pair<std::string, std::string>, Seen> days;
  for (int project = 0; project < 5; ++project) {
    for (int day = 1; day <= 9; ++day) {
      for (const std::string format : {"row", "columnar"}) {
        for (int server = 0; server < 3; ++server) {
          if (below(4) == 0) continue;
          const std::string name = "p" + std::to_string(project);
          const std::string date = "2016-02-0" + std::to_string(day);
          const int64_t expected = below(1000);
          const int64_t actual = below(3) == 0 ? below(expected + 1) : expected;
          fleet.Copy("s" + std::to_string(server), expected, actual, date, format, name);
          if (actual < expected) fleet.Loss(kNoon, expected - actual);
          Seen& seen = days[{name, date}];
          auto& [known, held] = seen.formats[format];
          for (int64_t event = 0; event < expected; ++event) {
            known = std::max(known, event + 1);
            if (event < actual) held = std::max(held, event + 1);
          }
          seen.lossy = seen.lossy || actual < expected;
        }
      }
    }
  }
  int64_t missing = 0;
  for (const auto& [key, seen] : days) {
    if (!seen.lossy) continue;
    int64_t least = INT64_MAX;
    for (const auto& [format, counts] : seen.formats) {
      const bool stands = !served || format == "columnar" || !seen.formats.count("columnar");
      if (stands) least = std::min(least, counts.first - counts.second);
    }
    missing += least;
  }
  const Impact impact = fleet.Compute();
  CHECK(impact.totals.events.missing == missing);
  int64_t by_project = 0, by_incident = 0;
  for (const ImpactProject& project : impact.projects) by_project += project.events.missing;
  for (const ImpactIncident& incident : impact.incidents) by_incident += incident.events_missing;
  CHECK(by_project == missing);
  CHECK(by_incident == missing);
}
