#include "rules/impact.h"
#include "tests/catch.h"

namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Time At(const char* text) { return ParseTime(text).value(); }

const Time kNoon = At("2016-02-22T12:00:00Z");
const Time kOne = At("2016-02-22T13:00:00Z");

// One project-day; its copies are added one after the other, each with its losses and what is kept.
struct Incident {
  ImpactInput input;

  void Copy(int64_t expected, int64_t actual, const std::string& format = "columnar",
            const std::string& server = "a") {
    BalanceRow row;
    row.server = server;
    row.project = "acme";
    row.day = "2016-02-22";
    row.format = format;
    row.unit = "events";
    row.expected = expected;
    row.actual = actual;
    row.missing = expected - actual;
    row.opening = "known";
    row.verdict = row.missing > 0 ? "firing" : "clear";
    input.copies.push_back(row);
  }
  void Lose(Time at, int64_t lost, int64_t missing_after,
            const std::string& cause = "existing_not_read") {
    const BalanceRow& copy = input.copies.back();
    LossRow loss;
    loss.server = copy.server;
    loss.project = copy.project;
    loss.day = copy.day;
    loss.format = copy.format;
    loss.unit = copy.unit;
    loss.at = at;
    loss.version = "2";
    loss.cause = cause;
    loss.lost = lost;
    loss.missing = missing_after;
    input.losses.push_back(loss);
  }
  KeptRow& Keep(Time modified_at, std::optional<Time> replaced_at, std::optional<int64_t> rows) {
    const BalanceRow& copy = input.copies.back();
    KeptRow kept;
    kept.id = static_cast<int64_t>(input.kept.size()) + 1;
    kept.server = copy.server;
    kept.project = copy.project;
    kept.day = copy.day;
    kept.format = copy.format;
    kept.copy = "/kept/" + std::to_string(kept.id);
    kept.rows = rows;
    kept.modified_at = modified_at;
    kept.replaced_at = replaced_at;
    input.kept.push_back(kept);
    return input.kept.back();
  }
  void Serving(const std::string& format) { input.formats.push_back({format, "", true, {}, {}}); }

  ImpactRecovery Recovery() const {
    const Impact impact = ComputeImpact(input, {});
    REQUIRE(impact.projects.size() == 1);
    REQUIRE(impact.projects[0].days.size() == 1);
    const ImpactRecovery& recovery = impact.projects[0].days[0].recoverable;
    CHECK(impact.totals.recoverable == recovery.events.value_or(0));
    return recovery;
  }
};

}  // namespace

TEST_CASE("the generation that a lossy run replaced holds what it lost", "[recoverable]") {
  Incident incident;
  incident.Copy(1050, 50);
  incident.Lose(kNoon, 1000, 1000);
  incident.Keep(kNoon - minutes(60), kNoon - seconds(1), 1000).expires_at = kOne;
  const ImpactRecovery recovery = incident.Recovery();
  CHECK(recovery.events == 1000);
  REQUIRE(recovery.sources.size() == 1);
  CHECK(recovery.sources[0].kind == "kept_generation");
  CHECK(recovery.sources[0].copy == "/kept/1");
  CHECK(recovery.sources[0].events == 1000);
  CHECK(recovery.sources[0].until == kOne);
}

TEST_CASE("each loss is put back by its own generation", "[recoverable]") {
  Incident incident;
  incident.Copy(1053, 3);
  incident.Lose(kNoon, 1000, 1000);
  incident.Lose(kOne, 50, 1050);
  incident.Keep(kNoon - minutes(60), kNoon, 1000);
  incident.Keep(kNoon, kOne, 50);
  incident.Keep(kOne, std::nullopt, 3);
  CHECK(incident.Recovery().events == 1050);
  CHECK(incident.Recovery().sources.size() == 2);
}

TEST_CASE("a generation that was released puts nothing back, nor does another for it",
          "[recoverable]") {
  Incident incident;
  incident.Copy(1053, 3);
  incident.Lose(kNoon, 1000, 1000);
  incident.Lose(kNoon + seconds(20), 50, 1050);
  incident.Keep(kNoon, kNoon + seconds(20), 50);
  CHECK(incident.Recovery().events == 50);
}

TEST_CASE("a generation of another time is no answer to a loss", "[recoverable]") {
  Incident incident;
  incident.Copy(1050, 50);
  incident.Lose(kNoon, 1000, 1000);
  incident.Keep(kNoon - minutes(90), kNoon - minutes(60), 1000);
  incident.Keep(kNoon + seconds(5), kNoon + minutes(1), 5000);
  CHECK(incident.Recovery().events == 0);
  CHECK(incident.Recovery().sources.empty());
}

TEST_CASE("a loss that was counted in the files is younger than what it replaced",
          "[recoverable]") {
  Incident incident;
  incident.Copy(1000, 50);
  incident.Lose(kOne, 950, 950, "file_disagrees");
  incident.Keep(kNoon - minutes(60), kNoon, 1000);
  CHECK(incident.Recovery().events == 950);
}

TEST_CASE("a generation that nobody counted is named and counts for nothing", "[recoverable]") {
  Incident incident;
  incident.Copy(1050, 50);
  incident.Lose(kNoon, 1000, 1000);
  incident.Keep(kNoon - minutes(60), kNoon, std::nullopt);
  CHECK(!incident.Recovery().events);
  REQUIRE(incident.Recovery().sources.size() == 1);
  CHECK(!incident.Recovery().sources[0].events);
}

TEST_CASE("what another format holds more is recoverable from there", "[recoverable]") {
  Incident incident;
  incident.Copy(1050, 50);
  incident.Lose(kNoon, 1000, 1000);
  incident.Copy(1050, 700, "row");
  incident.Lose(kNoon, 350, 350);
  incident.Serving("columnar");
  const ImpactRecovery recovery = incident.Recovery();
  CHECK(recovery.events == 650);
  REQUIRE(recovery.sources.size() == 1);
  CHECK(recovery.sources[0].kind == "other_format");
  CHECK(recovery.sources[0].format == "row");
}

TEST_CASE("two places that may hold the same events are not added", "[recoverable]") {
  Incident incident;
  incident.Copy(1050, 50);
  incident.Lose(kNoon, 1000, 1000);
  incident.Keep(kNoon - minutes(60), kNoon, 1000);
  incident.Copy(1050, 700, "row");
  incident.Serving("columnar");
  CHECK(incident.Recovery().events == 1000);
  CHECK(incident.Recovery().sources.size() == 2);
}

TEST_CASE("a replica's generation counts beyond what customers have", "[recoverable]") {
  Incident incident;
  incident.Copy(1000, 100, "columnar", "a");
  incident.Lose(kNoon, 900, 900);
  incident.Keep(kNoon - minutes(60), kNoon, 1000);
  incident.Copy(1000, 400, "columnar", "b");
  incident.Lose(kNoon, 600, 600);
  CHECK(incident.Recovery().events == 600);
}
