#include "rules/incident.h"

#include "tests/catch.h"

// Expected ids are from `printf %s KEY | sha256sum | cut -c1-16`.

TEST_CASE("alerts of one version are one incident, whatever rule and server", "[incident]") {
  CHECK(IncidentId("count_drop", "data-1", "2.7.0") ==
        IncidentId("output_moved", "data-9", "2.7.0"));
  CHECK(IncidentId("count_drop", "data-1", "2.7.0") != IncidentId("count_drop", "data-1", "2.7.1"));
  CHECK(IncidentId("count_drop", "data-1", "2.7.0") == "df8109aaed492b85");
}

TEST_CASE("without a version an incident is a rule on a server", "[incident]") {
  CHECK(IncidentId("blind", "data-1", "") == "7d386c52bad3acf5");
  CHECK(IncidentId("blind", "data-1", "unknown") == IncidentId("blind", "data-1", ""));
  CHECK(IncidentId("blind", "data-1", "") != IncidentId("blind", "data-2", ""));
  CHECK(IncidentId("blind", "data-1", "") != IncidentId("count_drop", "data-1", ""));
}

TEST_CASE("losses in a gap and in the file have rules of their own", "[incident]") {
  CHECK(RuleOfLoss("lost_in_gap") == "lost_in_gap");
  CHECK(RuleOfLoss("file_disagrees") == "file_disagrees");
  CHECK(RuleOfLoss("existing_not_read") == "count_drop");
  CHECK(RuleOfLoss("dropped_in_merge") == "count_drop");
}
