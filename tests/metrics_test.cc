#include "dashboards/metrics.h"

#include <stdlib.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <iostream>

#include "dashboards/rollcall_metrics.h"
#include "tests/catch.h"

namespace {

bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

MetricsSnapshot OneGauge(MetricLabels labels, std::string help = "Help.") {
  return {{{"a_metric", std::move(help), MetricKind::kGauge, {{std::move(labels), 1}}}}};
}

// Every field set, and names that a hostile log could hold.
RollcallStatus FullStatus() {
  RollcallStatus status;
  status.version = "0.1.0";
  status.ledger_read = true;
  status.formats["row"] = {12, 34'000, 56};
  status.formats["columnar"] = {7, 8, 0};
  status.sources["compactd"] = {true, 4096, 0.75, 1000, 3, {{"truncated", 1.5}, {"lost", 0}}};
  status.sources["bad\xff\"\n}\\"] = {};
  status.heartbeats["ledger"] = 1456160531.5;
  status.lossy_runs = {{"row", "existing_not_read", "9.1", 2}};
  status.incidents = {{"9f2c", "existing_not_read", "9.1", "critical", true, 3, 56},
                      {"0001", "dropped_in_merge", "9.0", "critical", false, 0, 0}};
  status.rules = {{"count_drop", "critical", 1, 2}, {"surplus", "warning", 0, 0}};
  status.alerts = {{"count_drop", "critical", "data-17", "p\xc3\xa9", true},
                   {"count_drop", "critical", "data-17", "p2", false}};
  status.failed_runs = 1;
  status.ledger_head_sequence = 99;
  status.ledger_bytes = 4096;
  status.process = ReadProcessUsage();
  return status;
}

// What promtool said, with its exit code; 127 where it is not installed.
struct Lint {
  int exit_code = 0;
  std::string output;
};
Lint PromtoolCheck(const std::string& exposition) {
  char path[] = "/tmp/rollcall_metrics_XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, exposition.data(), exposition.size()) ==
          static_cast<ssize_t>(exposition.size()));
  close(fd);
  Lint lint;
  FILE* pipe = popen(("promtool check metrics < " + std::string(path) + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof buffer, pipe))
    lint.output.append(buffer, count);
  lint.exit_code = WEXITSTATUS(pclose(pipe));
  remove(path);
  return lint;
}

}  // namespace

TEST_CASE("a family is written with its help, type and samples", "[metrics]") {
  MetricsSnapshot snapshot;
  snapshot.families.push_back({"a_total",
                               "Counts.",
                               MetricKind::kCounter,
                               {{{{"format", "row"}}, 0}, {{{"format", "b"}}, 2}}});
  CHECK(RenderMetrics(snapshot) ==
        "# HELP a_total Counts.\n# TYPE a_total counter\n"
        "a_total{format=\"row\"} 0\na_total{format=\"b\"} 2\n");
}

TEST_CASE("counts up to 2 to the 53rd are written exactly", "[metrics]") {
  MetricsSnapshot snapshot;
  snapshot.families.push_back({"a", "A.", MetricKind::kGauge, {{{}, 9007199254740991.0}}});
  const std::string text = RenderMetrics(snapshot);
  const std::string value = text.substr(text.rfind(' '));
  CHECK(std::stod(value) == 9007199254740991.0);
}

TEST_CASE("a label value cannot end its line or its quotes", "[metrics]") {
  const std::string text = RenderMetrics(OneGauge({{"project", "a\"} 1\nforged 1\n\\"}}));
  CHECK(Contains(text, R"(a_metric{project="a\"} 1\nforged 1\n\\"} 1)"));
  CHECK_FALSE(Contains(text, "\nforged"));
}

TEST_CASE("bytes that are no UTF-8 become the replacement character", "[metrics]") {
  CHECK(ForceUtf8("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(ForceUtf8("a\xff"
                  "b") ==
        "a\xef\xbf\xbd"
        "b");
  CHECK(ForceUtf8("\xc0\xaf") == "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
  CHECK(ForceUtf8("\xed\xa0\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  CHECK(ForceUtf8("\xf4\x90\x80\x80") == "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(ForceUtf8("\xe2\x82") == "\xef\xbf\xbd\xef\xbf\xbd");  // cut short
  CHECK(ForceUtf8("") == "");
}

TEST_CASE("help stays on one line", "[metrics]") {
  const std::string text = RenderMetrics(OneGauge({}, "a\nforged 1\r\xff"));
  CHECK(Contains(text, "# HELP a_metric a forged 1 \xef\xbf\xbd\n"));
}

TEST_CASE("what has an impossible name is left out and the rest stays", "[metrics]") {
  MetricsSnapshot snapshot = OneGauge({{"ok", "1"}});
  snapshot.families.push_back({"bad name", "Bad.", MetricKind::kGauge, {{{}, 1}}});
  snapshot.families.push_back({"a_metric", "Twice.", MetricKind::kGauge, {{{}, 1}}});
  auto& samples = snapshot.families[0].samples;
  samples.push_back({{{"bad-label", "1"}}, 2});
  samples.push_back({{{"le", "1"}}, 3});
  samples.push_back({{{"a", "1"}, {"a", "2"}}, 4});
  CHECK(RenderMetrics(snapshot) ==
        "# HELP a_metric Help.\n# TYPE a_metric gauge\na_metric{ok=\"1\"} 1\n");
}

TEST_CASE("of samples that are one series the first is written", "[metrics]") {
  MetricsSnapshot snapshot = OneGauge({{"a", "\xff"}, {"b", "2"}});
  snapshot.families[0].samples.push_back({{{"b", "2"}, {"a", "\xfe"}}, 9});
  const std::string text = RenderMetrics(snapshot);
  CHECK(Contains(text, "} 1\n"));
  CHECK_FALSE(Contains(text, "} 9\n"));
}

TEST_CASE("every figure of the status is exposed under its name", "[metrics]") {
  const std::string text = RenderMetrics(RollcallMetrics(FullStatus()));
  for (const char* line :
       {"rollcall_runs_total{format=\"row\"} 12\n",
        "rollcall_failed_runs_total 1\n",
        "rollcall_events_written_total{format=\"row\"} 34000\n",
        "rollcall_events_missing{format=\"row\"} 56\n",
        "rollcall_events_missing{format=\"columnar\"} 0\n",
        "rollcall_lossy_runs_total{format=\"row\",cause=\"existing_not_read\",version=\"9.1\"} 2\n",
        "rollcall_incident_active{incident=\"9f2c\",cause=\"existing_not_read\",version=\"9.1\","
        "severity=\"critical\"} 1\n",
        "rollcall_incident_active{incident=\"0001\",cause=\"dropped_in_merge\",version=\"9.0\","
        "severity=\"critical\"} 0\n",
        "severity=\"critical\"} 3\n",
        "severity=\"critical\"} 56\n",
        "rollcall_alert_active{rule=\"count_drop\",severity=\"critical\",server=\"data-17\","
        "project=\"p\xc3\xa9\"} 1\n",
        "rollcall_alerts_overflow 0\n",
        "rollcall_alerts{rule=\"count_drop\",severity=\"critical\",state=\"firing\"} 2\n",
        "rollcall_alerts{rule=\"surplus\",severity=\"warning\",state=\"firing\"} 0\n",
        "rollcall_source_up{source=\"compactd\"} 1\n",
        "rollcall_source_lag_bytes{source=\"compactd\"} 4096\n",
        "rollcall_coverage_ratio{source=\"compactd\"} 0.75\n",
        "rollcall_lines_total{source=\"compactd\"} 1000\n",
        "rollcall_quarantined_lines_total{source=\"compactd\"} 3\n",
        "rollcall_blind_seconds_total{source=\"compactd\",reason=\"truncated\"} 1.5\n",
        "rollcall_ledger_head_sequence 99\n",
        "rollcall_ledger_bytes 4096\n",
        "rollcall_heartbeat_timestamp_seconds{component=\"ledger\"} 1456160531.5\n",
        "rollcall_config_last_reload_successful 1\n",
        "rollcall_build_info{version=\"0.1.0\"} 1\n"}) {
    INFO(line);
    CHECK(Contains(text, line));
  }
}

TEST_CASE("before the ledger was read there is no figure of it, not even 0", "[metrics]") {
  RollcallStatus status = FullStatus();
  status.ledger_read = false;
  const std::string text = RenderMetrics(RollcallMetrics(status));
  for (const char* name : {"rollcall_failed_runs_total", "rollcall_alerts_overflow",
                           "rollcall_ledger_head_sequence"}) {
    INFO(name);
    CHECK_FALSE(Contains(text, name));
  }
}

TEST_CASE("alerts beyond the cap are counted and not written", "[metrics]") {
  RollcallStatus status;
  status.ledger_read = true;
  status.alerts_cap = 2;
  for (const char* project : {"a", "b", "c", "d", "d", "a"}) {
    status.alerts.push_back({"count_drop", "critical", "s", project, true});
  }
  const std::string text = RenderMetrics(RollcallMetrics(status));
  CHECK(Contains(text, "project=\"b\"} 1\n"));
  CHECK_FALSE(Contains(text, "project=\"c\""));
  CHECK(Contains(text, "rollcall_alerts_overflow 2\n"));
}

TEST_CASE("a project with one alert firing and one resolved is firing", "[metrics]") {
  RollcallStatus status;
  status.alerts = {{"count_drop", "critical", "s", "p", false},
                   {"count_drop", "critical", "s", "p", true}};
  CHECK(Contains(RenderMetrics(RollcallMetrics(status)), "project=\"p\"} 1\n"));
}

TEST_CASE("this process has memory, time and descriptors", "[metrics]") {
  const auto usage = ReadProcessUsage();
  REQUIRE(usage);
  CHECK(usage->resident_bytes > 1 << 20);
  CHECK(usage->open_descriptors >= 3);
  CHECK(usage->start_time_seconds > 1.4e9);
  CHECK(usage->start_time_seconds <= static_cast<double>(time(nullptr)) + 1);
  std::ifstream one_more("/proc/self/stat");
  CHECK(ReadProcessUsage()->open_descriptors == usage->open_descriptors + 1);
}

TEST_CASE("promtool finds nothing to say about a full exposition", "[metrics]") {
  const Lint lint = PromtoolCheck(RenderMetrics(RollcallMetrics(FullStatus())));
  if (lint.exit_code == 127) {
    const char* required = getenv("ROLLCALL_REQUIRE_PEERS");
    if (required != nullptr && std::string(required) == "1") FAIL("promtool is not installed");
    std::cout << "SKIPPED promtool: not installed\n";
    return;
  }
  CHECK(lint.output == "");
  CHECK(lint.exit_code == 0);
  // The same check does see a fault, so that its silence means something.
  CHECK(PromtoolCheck("# TYPE aCount counter\naCount 1\n").exit_code != 0);
}
