#include "monitor/app/watch.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/catch.h"
#include "tests/raw_client.h"
#include "tests/temporary_directory.h"

// The whole application in this process: a log is written, /metrics is asked.

namespace {

// A watch over one JSON log in a directory of its own.
class RunningWatch {
 public:
  RunningWatch() {
    Configure("existing");
    settings_.config_file = directory_ / "rollcall.yml";
    Restart();
  }

  // `existing`: the name of the field that says so in the log.
  void Configure(const std::string& existing) {
    std::ofstream(directory_ / "rollcall.yml")
        << "server: data-1\nledger: " << directory_ / "ledger.db"
        << "\nlisten: 127.0.0.1:0\ncompaction_logs:\n  - name: compactd\n    paths: ['"
        << directory_ / "compactd.log"
        << "']\n    format: json\n    fields: {time: ts, run: run, project: project, day: day, "
           "format: format, existing: "
        << existing << ", fresh: new, written: written, version: version, path: path}\n";
  }
  void Restart() {
    watch_.reset();
    auto started = Watch::Start(settings_, clock_);
    if (!started) FAIL(started.error().message);
    watch_ = std::move(*started);
  }
  void Stop() { watch_.reset(); }

  void Write(const std::string& lines) {
    std::ofstream(directory_ / "compactd.log", std::ios::app) << lines;
  }
  void Run(int run, int64_t existing, int64_t fresh, int64_t written, const std::string& version,
           const std::string& path = "/data/row/acme/2016-02-22.evt") {
    Write("{\"ts\":\"2016-02-22T1" + std::to_string(run) + ":00:00Z\",\"run\":\"" +
          std::to_string(run) +
          "\",\"project\":\"acme\",\"day\":\"2016-02-22\",\"format\":\"row\"," +
          "\"existing\":" + std::to_string(existing) + ",\"new\":" + std::to_string(fresh) +
          ",\"written\":" + std::to_string(written) + ",\"version\":\"" + version +
          "\",\"path\":\"" + path + "\"}\n");
  }

  std::string Ask(const std::string& request_line) {
    RawClient client(watch_->port());
    client.Send(request_line + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    return client.ReadAll();
  }
  // Whether /metrics says so before a generous deadline.
  bool Says(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (Ask("GET /metrics").find(text) != std::string::npos) return true;
      std::this_thread::yield();
    }
    return false;
  }
  Watch& watch() { return *watch_; }
  const Settings& settings() const { return settings_; }
  const Clock& clock() const { return clock_; }
  std::string ledger() { return directory_ / "ledger.db"; }

 private:
  TemporaryDirectory directory_;
  SystemClock clock_;
  Settings settings_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace

TEST_CASE("a lossy line becomes a firing alert in the metrics", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
  CHECK(watch.Says("rollcall_events_missing{format=\"row\"} 0"));
  watch.Run(2, 0, 7, 7, "2");
  CHECK(watch.Says("rollcall_events_missing{format=\"row\"} 100"));
  CHECK(watch.Says("rule=\"count_drop\""));
  CHECK(watch.Says("version=\"2\""));
}

TEST_CASE("a restart goes on where it stopped and counts nothing twice", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
  watch.Stop();
  watch.Run(2, 100, 1, 101, "1");
  watch.Restart();
  CHECK(watch.Says("rollcall_runs_total{format=\"row\"} 2"));
  CHECK(watch.Says("rollcall_events_missing{format=\"row\"} 0"));
}

TEST_CASE("a wrong configuration changes nothing and is said", "[watch]") {
  RunningWatch watch;
  watch.Configure("existing, frmat: x");
  CHECK(watch.Ask("POST /-/reload").find("HTTP/1.1 500") == 0);
  CHECK(watch.Says("rollcall_config_last_reload_successful 0"));
  watch.Run(1, 0, 100, 100, "1");
  CHECK(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
}

TEST_CASE("a right configuration is taken without losing a line", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  watch.Configure("existing");
  CHECK(watch.Ask("POST /-/reload").find("HTTP/1.1 200") == 0);
  watch.Run(2, 100, 1, 101, "1");
  CHECK(watch.Says("rollcall_runs_total{format=\"row\"} 2"));
  CHECK(watch.Says("rollcall_config_last_reload_successful 1"));
}

TEST_CASE("health and readiness answer", "[watch]") {
  RunningWatch watch;
  CHECK(watch.Ask("GET /-/healthy").find("HTTP/1.1 200") == 0);
  CHECK(watch.Ask("GET /-/ready").find("HTTP/1.1 200") == 0);
}

TEST_CASE("facts are paged by sequence", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  watch.Run(2, 100, 1, 101, "1");
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 2"));
  const std::string page = watch.Ask("GET /api/v1/facts?after=1&limit=5");
  CHECK(page.find("\"seq\":2") != std::string::npos);
  CHECK(page.find("\"seq\":1,") == std::string::npos);
  CHECK(watch.Ask("GET /api/v1/facts?after=x").find("HTTP/1.1 400") == 0);
}

TEST_CASE("a quarantined line is counted and makes the partition unknown", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  watch.Write("{\"ts\": broken\n");
  CHECK(watch.Says("rollcall_quarantined_lines_total{source=\"compactd\"} 1"));
}

TEST_CASE("a second watch on the same ledger is refused", "[watch]") {
  RunningWatch watch;
  const auto second = Watch::Start(watch.settings(), watch.clock());
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == Error::Kind::kLedger);
}
