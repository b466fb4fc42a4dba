#include <stdlib.h>
#include <sys/wait.h>
#include <yaml-cpp/yaml.h>

#include <cctype>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "rules/tuning.h"
#include "tests/catch.h"

// What deploy/ gives Prometheus and Alertmanager: each rule of the product has its alert, each
// alert its texts and a runbook that is there, and both programs take the files as they are. That
// it works is shown by e2e/run_on_call.sh.

namespace {

const std::string kDeploy = std::string(ROLLCALL_SOURCE_DIR) + "/deploy";
const std::string kRules = kDeploy + "/prometheus/rollcall.rules.yml";
const std::string kAlertmanager = kDeploy + "/alertmanager/alertmanager.yml";

std::vector<YAML::Node> Alerts() {
  std::vector<YAML::Node> alerts;
  for (const YAML::Node& group : YAML::LoadFile(kRules)["groups"]) {
    for (const YAML::Node& rule : group["rules"]) {
      if (rule["alert"]) alerts.push_back(rule);
    }
  }
  return alerts;
}

// An annotation, also where it comes by way of a merge key, which yaml-cpp does not follow.
std::string Annotation(const YAML::Node& alert, const std::string& name) {
  const YAML::Node& own = alert["annotations"];
  if (own[name]) return own[name].as<std::string>();
  if (own["<<"] && own["<<"][name]) return own["<<"][name].as<std::string>();
  return "";
}

// count_drop: RollcallCountDrop
std::string AlertName(std::string_view rule) {
  std::string name = "Rollcall";
  bool begins = true;
  for (const char letter : rule) {
    if (letter != '_') name += begins ? static_cast<char>(std::toupper(letter)) : letter;
    begins = letter == '_';
  }
  return name;
}

struct Ran {
  int exit_code = 0;
  std::string output;
};
Ran Run(const std::string& command) {
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  Ran ran;
  char buffer[4096];
  while (const size_t count = fread(buffer, 1, sizeof buffer, pipe)) {
    ran.output.append(buffer, count);
  }
  ran.exit_code = WEXITSTATUS(pclose(pipe));
  return ran;
}

// Whether a program of Prometheus is here; where it has to be, its absence fails.
bool Has(const std::string& program) {
  if (Run("command -v " + program).exit_code == 0) return true;
  const char* required = getenv("ROLLCALL_REQUIRE_PEERS");
  if (required != nullptr && std::string(required) == "1") FAIL(program + " is not installed");
  std::cout << "SKIPPED " << program << ": not installed\n";
  return false;
}

// Who is called for an alert with these labels.
std::string Receiver(const std::string& labels) {
  std::string output =
      Run("amtool config routes test --config.file '" + kAlertmanager + "' " + labels).output;
  output = output.substr(0, output.find_last_not_of('\n') + 1);
  return output.substr(output.rfind('\n') + 1);  // below a warning about the command line
}

}  // namespace

TEST_CASE("each rule that looks has an alert of its own, and no other rule has", "[on_call]") {
  std::set<std::string> wanted, found;
  for (const std::string_view rule : RulesInForce()) {
    wanted.insert(AlertName(rule) + " of " + std::string(rule));
  }
  for (const YAML::Node& alert : Alerts()) {
    const auto expression = alert["expr"].as<std::string>();
    const size_t at = expression.find("rollcall:rule_firing:told_timestamp_seconds{rule=\"");
    if (at == std::string::npos) continue;
    const size_t begin = expression.find('"', at) + 1;
    found.insert(alert["alert"].as<std::string>() + " of " +
                 expression.substr(begin, expression.find('"', begin) - begin));
  }
  CHECK(found == wanted);
}

TEST_CASE("each alert has its texts and links, and a runbook that is there", "[on_call]") {
  const std::string runbooks = "{{ $externalLabels.rollcall_runbooks }}/";
  const std::string page = "{{ $externalLabels.rollcall_url }}/";
  const auto alerts = Alerts();
  CHECK(alerts.size() > RulesInForce().size());
  for (const YAML::Node& alert : alerts) {
    INFO(alert["alert"].as<std::string>());
    CHECK_FALSE(Annotation(alert, "summary").empty());
    CHECK_FALSE(Annotation(alert, "description").empty());
    CHECK(Annotation(alert, "dashboard_url").starts_with(page));
    const std::string runbook = Annotation(alert, "runbook_url");
    REQUIRE(runbook.starts_with(runbooks));
    CHECK(std::filesystem::exists(kDeploy + "/runbooks/" + runbook.substr(runbooks.size())));
  }
}

TEST_CASE("each runbook but the list of them belongs to an alert", "[on_call]") {
  std::set<std::string> named = {"README.md"}, there;
  for (const YAML::Node& alert : Alerts()) {
    const std::string runbook = Annotation(alert, "runbook_url");
    named.insert(runbook.substr(runbook.rfind('/') + 1));
  }
  for (const auto& entry : std::filesystem::directory_iterator(kDeploy + "/runbooks")) {
    there.insert(entry.path().filename());
  }
  CHECK(there == named);
}

TEST_CASE("promtool takes the rules and the configuration, and all cases of the rules hold",
          "[on_call]") {
  if (!Has("promtool")) return;
  const std::vector<std::string> commands = {
      "check rules " + kRules, "check config " + kDeploy + "/prometheus/prometheus.yml",
      "test rules " + kDeploy + "/prometheus/tests/*.yml"};
  for (const std::string& command : commands) {
    const Ran ran = Run("promtool " + command);
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
  }
}

TEST_CASE("each alert has a case of promtool", "[on_call]") {
  std::string cases;
  for (const auto& entry : std::filesystem::directory_iterator(kDeploy + "/prometheus/tests")) {
    cases += Run("cat " + entry.path().string()).output;
  }
  for (const YAML::Node& alert : Alerts()) {
    const auto name = alert["alert"].as<std::string>();
    INFO(name);
    CHECK(cases.find("alertname=\"" + name + "\"") != std::string::npos);
  }
}

TEST_CASE("an incident is paged and everything else is a ticket", "[on_call]") {
  if (!Has("amtool")) return;
  const Ran checked = Run("amtool check-config '" + kAlertmanager + "'");
  INFO(checked.output);
  CHECK(checked.exit_code == 0);
  for (const YAML::Node& alert : Alerts()) {
    const auto name = alert["alert"].as<std::string>();
    const std::string wanted = name == "RollcallIncident"   ? "pager"
                               : name == "RollcallWatchdog" ? "watchdog"
                                                            : "tickets";
    INFO(name);
    CHECK(Receiver("alertname=" + name + " severity=critical project=p instance=i") == wanted);
  }
}

TEST_CASE("what is grouped for a page is the incident, never a project or a server", "[on_call]") {
  const YAML::Node page = YAML::LoadFile(kAlertmanager)["route"]["routes"][0];
  CHECK(page["receiver"].as<std::string>() == "pager");
  CHECK(page["group_by"].as<std::vector<std::string>>() == std::vector<std::string>{"incident"});
}
