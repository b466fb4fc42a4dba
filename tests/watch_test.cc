#include "monitor/app/watch.h"

#include <unistd.h>

#include <spdlog/spdlog.h>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "monitor/app/operator_inbox.h"
#include "tests/captured_run.h"
#include "tests/catch.h"
#include "tests/raw_client.h"
#include "tests/temporary_directory.h"

// The whole application in this process: a log is written, /metrics is asked.

namespace {

// A watch over one JSON log in a directory of its own.
class RunningWatch {
 public:
  RunningWatch() {
    // Made at its first use, in a library whose locks the thread sanitizer does not see.
    spdlog::default_logger_raw();
    Configure("existing");
    settings_.config_file = directory_ / "rollcall.yml";
    Restart();
  }

  // `existing`: the name of the field that says so in the log; `more`: after it, of the whole file.
  void Configure(const std::string& existing, const std::string& more = {}) {
    std::filesystem::create_directory(directory_ / "ledgers");
    std::ofstream(directory_ / "rollcall.yml")
        << "server: data-1\nledger: " << ledger()
        << "\nlisten: 127.0.0.1:0\ncompaction_logs:\n  - name: compactd\n    paths: ['"
        << directory_ / "compactd.log"
        << "']\n    format: json\n    fields: {time: ts, run: run, project: project, day: day, "
           "format: format, existing: "
        << existing << ", fresh: new, written: written, version: version, path: path}\n"
        << more;
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
  bool Says(const std::string& text) { return Answers("GET /metrics", text); }
  bool Answers(const std::string& request_line, const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (Ask(request_line).find(text) != std::string::npos) return true;
      std::this_thread::yield();
    }
    return false;
  }
  Watch& watch() { return *watch_; }
  const Settings& settings() const { return settings_; }
  const Clock& clock() const { return clock_; }
  std::string ledger() const { return directory_ / "ledgers/ledger.db"; }
  std::string operator/(const std::string& name) const { return directory_ / name; }
  // More than the queue and a batch beside it hold.
  void WriteMuch() {
    std::string lines;
    for (int i = 0; i < 60'000; ++i) {
      lines += "{\"ts\":\"2016-02-22T10:00:00Z\",\"run\":\"" + std::to_string(i) +
               "\",\"project\":\"p" + std::to_string(i) +
               "\",\"day\":\"2016-02-22\",\"format\":\"row\",\"existing\":0,\"new\":5,"
               "\"written\":5,\"version\":\"1\",\"path\":\"/data/row/p/2016-02-22.evt\"}\n";
    }
    Write(lines);
  }
  bool Becomes(const std::string& why_not_ready) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string why = watch_->WhyNotReady();
      if (why_not_ready.empty() ? why.empty() : why.find(why_not_ready) != why.npos) return true;
      std::this_thread::yield();
    }
    return false;
  }

 private:
  TemporaryDirectory directory_;
  SystemClock clock_;
  Settings settings_;
  std::unique_ptr<Watch> watch_;
};

// At the first question for the time somebody asks the watch on `port` to reload.
class ReloadingClock final : public Clock {
 public:
  explicit ReloadingClock(uint16_t port) : port_(port) {}
  Time Now() const override {
    if (!asked_.exchange(true)) {
      answer_ = std::async(std::launch::async, [this] {
        RawClient client(port_);
        client.Send("POST /-/reload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
        return client.ReadAll();
      });
      answer_.wait_for(std::chrono::milliseconds(300));
    }
    return clock_.Now();
  }
  std::chrono::milliseconds SinceBoot() const override { return clock_.SinceBoot(); }
  std::string Answer() const { return answer_.get(); }

 private:
  const uint16_t port_;
  const SystemClock clock_;
  mutable std::atomic<bool> asked_{false};
  mutable std::future<std::string> answer_;
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

TEST_CASE("a reload that fails is answered with file, line and key", "[watch]") {
  RunningWatch watch;
  watch.Configure("existing", "rules: {count_drop: {for: soon}}\n");
  const std::string answer = watch.Ask("POST /-/reload");
  CHECK(answer.find("rollcall.yml:9: rules.count_drop.for: must be a duration") != answer.npos);
  watch.Configure("existing", "listen2: x\n");
  CHECK(watch.Ask("POST /-/reload").find("HTTP/1.1 500") == 0);
  std::filesystem::remove(watch / "rollcall.yml");
  CHECK(watch.Ask("POST /-/reload").find("cannot be read") != std::string::npos);
  watch.Configure("existing");
  CHECK(watch.Ask("POST /-/reload").find("HTTP/1.1 200") == 0);
}

TEST_CASE("a reload changes rules and sources, and a removed source is not down", "[watch]") {
  RunningWatch watch;
  const std::string second = "  - name: second\n    paths: ['" + (watch / "second.log") +
                             "']\n    format: logfmt\n    fields: {time: t, project: p, day: d, "
                             "written: w}\n";
  watch.Configure("existing", second + "rules: {count_drop: {for: 1h}}\n");
  REQUIRE(watch.watch().Reload());
  std::ofstream(watch / "second.log") << "t=2016-02-22T10:00:00Z p=x d=2016-02-22 w=5\n";
  CHECK(watch.Says("rollcall_lines_total{source=\"second\"} 1"));
  watch.Run(1, 0, 100, 100, "1");
  watch.Run(2, 0, 7, 7, "2");
  CHECK(
      watch.Says("rollcall_alerts{rule=\"count_drop\",severity=\"critical\",state=\"pending\"} 1"));
  watch.Configure("existing");
  REQUIRE(watch.watch().Reload());
  CHECK(watch.Says("rollcall_source_up{source=\"compactd\"} 1"));
  CHECK(watch.Ask("GET /metrics").find("source=\"second\"") == std::string::npos);
}

TEST_CASE("time that was not watched is known after a restart and a reload", "[watch]") {
  RunningWatch watch;  // there is no log yet
  const std::string blind =
      "rollcall_blind_seconds_total{source=\"compactd\",reason=\"no file matches the configured "
      "paths\"} ";
  REQUIRE(watch.Says(blind));
  watch.Run(1, 0, 100, 100, "1");
  REQUIRE(watch.Says("rollcall_source_up{source=\"compactd\"} 1"));
  watch.Restart();
  CHECK(watch.Ask("GET /metrics").find(blind) != std::string::npos);
  REQUIRE(watch.watch().Reload());
  CHECK(watch.Ask("GET /metrics").find(blind) != std::string::npos);
  CHECK(watch.Ask("GET /metrics").find("rollcall_coverage_ratio{source=\"compactd\"} 1\n") ==
        std::string::npos);
}

TEST_CASE("a reload changes the share from which on explanations are suspicious", "[watch]") {
  RunningWatch watch;
  const std::string fields = "existing, duplicates: dup";
  const auto run = [&](int number, int existing) {
    watch.Write("{\"ts\":\"2016-02-22T1" + std::to_string(number) + ":00:00Z\",\"run\":\"" +
                std::to_string(number) +
                "\",\"project\":\"acme\",\"day\":\"2016-02-22\",\"format\":\"row\",\"existing\":" +
                std::to_string(existing) +
                ",\"new\":0,\"dup\":20,\"written\":" + std::to_string(existing - 20) + "}\n");
  };
  watch.Configure(fields);
  REQUIRE(watch.watch().Reload());
  run(1, 100);
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
  const std::string firing =
      "rollcall_alerts{rule=\"overstated\",severity=\"warning\",state=\"firing\"} ";
  CHECK(watch.Says(firing + "0"));
  watch.Configure(fields, "rules: {overstated: {explained_ratio: 0.1, explained_events: 10}}\n");
  REQUIRE(watch.watch().Reload());
  run(2, 80);
  CHECK(watch.Says(firing + "1"));
}

TEST_CASE("a new address takes a restart, and the reload says so", "[watch]") {
  RunningWatch watch;
  std::string text = ContentOf(watch / "rollcall.yml");
  text.replace(text.find("127.0.0.1:0"), 11, "127.0.0.1:9");
  std::ofstream(watch / "rollcall.yml") << text;
  const auto done = watch.watch().Reload();
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("listen: changing 127.0.0.1:0 to 127.0.0.1:9 takes a restart") !=
        std::string::npos);
  CHECK(watch.Says("rollcall_config_last_reload_successful 0"));
}

TEST_CASE("a reload during the start waits for it", "[watch]") {
  RunningWatch watch;
  const uint16_t port = watch.watch().port();
  watch.Stop();
  Settings settings = watch.settings();
  settings.listen = "127.0.0.1:" + std::to_string(port);
  const ReloadingClock clock(port);
  const auto started = Watch::Start(settings, clock);
  REQUIRE(started);
  CHECK(clock.Answer().find("HTTP/1.1 200") == 0);
  CHECK((*started)->status().ledger_writable);
}

TEST_CASE("figures do not vanish while a reload is under way", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
  std::atomic<bool> over{false};
  std::thread reloading([&] {
    for (int i = 0; i < 10; ++i) CHECK(watch.watch().Reload());
    over = true;
  });
  int asked = 0, told = 0;
  while (!over) {
    ++asked;
    told += watch.Ask("GET /metrics").find("rollcall_runs_total{format=\"row\"} 1") !=
            std::string::npos;
  }
  reloading.join();
  CHECK(told == asked);
  CHECK(asked > 0);
}

TEST_CASE("healthy is who answers, ready is who has read what was there", "[watch]") {
  RunningWatch watch;
  watch.Stop();
  watch.WriteMuch();
  watch.Restart();
  CHECK(watch.Ask("GET /-/healthy").find("HTTP/1.1 200") == 0);
  REQUIRE(watch.Becomes(""));
  CHECK(watch.Ask("GET /-/ready").find("HTTP/1.1 200") == 0);
  CHECK(watch.Ask("GET /metrics").find("rollcall_runs_total{format=\"row\"} 60000\n") !=
        std::string::npos);
}

TEST_CASE("a source without any log is down until there is one, and again when it vanishes",
          "[watch]") {
  RunningWatch watch;
  CHECK(watch.Says("rollcall_source_up{source=\"compactd\"} 0"));
  watch.Run(1, 0, 100, 100, "1");
  CHECK(watch.Says("rollcall_source_up{source=\"compactd\"} 1"));
  std::filesystem::remove(watch / "compactd.log");
  CHECK(watch.Says("rollcall_source_up{source=\"compactd\"} 0"));
}

TEST_CASE("what is resolved is an explicit 0", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  watch.Run(2, 0, 7, 7, "2");
  const std::string alert =
      "rollcall_alert_active{rule=\"count_drop\",severity=\"critical\",server=\"data-1\","
      "project=\"acme\"} ";
  REQUIRE(watch.Says(alert + "1"));
  CHECK(watch.Ask("GET /metrics").find("events_missing{incident=\"") != std::string::npos);
  REQUIRE(RunRollcall({"permit", "acme", "--events", "100", "--reason", "agreed", "--config",
                       watch.settings().config_file})
              .out.find("handed to the running watch") != std::string::npos);
  CHECK(watch.Says(alert + "0"));
  CHECK(watch.Says("version=\"2\",severity=\"critical\"} 0"));
  watch.Restart();  // another process tells it, too
  CHECK(watch.Says(alert + "0"));
}

TEST_CASE("what people write in the same moment as what was read is taken, too", "[watch]") {
  RunningWatch watch;
  const std::string inbox = watch / "ledgers/operator/operator.db", draft = inbox + ".draft";
  const auto moment = std::filesystem::file_time_type::clock::now() + std::chrono::hours(1);
  const auto say = [&](const std::string& text) {
    OperatorEntry entry;
    entry.kind = "annotation";
    entry.at = watch.clock().Now();
    entry.server = "data-1";
    entry.detail = "{\"text\":\"" + text + "\"}";
    REQUIRE(WriteOperatorEntries(draft, {entry}));
    std::filesystem::copy(draft, draft + ".copy");
    std::filesystem::last_write_time(draft + ".copy", moment);
    std::filesystem::rename(draft + ".copy", inbox);
  };
  say("the first");
  REQUIRE(watch.Answers("GET /api/v1/facts", "the first"));
  say("the second");
  CHECK(watch.Answers("GET /api/v1/facts", "the second"));
}

TEST_CASE("a ledger that vanishes stops the reading, is told, and does not hold the stop",
          "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
  std::filesystem::remove_all(watch / "ledgers");
  REQUIRE(watch.Becomes("the ledger is gone"));
  watch.WriteMuch();
  CHECK(watch.Says("rollcall_ledger_writable 0"));
  CHECK(watch.Says("rollcall_source_up{source=\"compactd\"} 0"));
  CHECK(
      watch.Says("rollcall_alert_active{rule=\"blind\",severity=\"critical\",server=\"data-1\","
                 "project=\"\"} 1"));
  CHECK(watch.Says("cause=\"ledger_not_writable\",version=\"\",severity=\"critical\"} 1"));
  CHECK(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
  CHECK(watch.Ask("GET /-/healthy").find("HTTP/1.1 200") == 0);
  CHECK(watch.Ask("GET /-/ready").find("HTTP/1.1 503") == 0);
  // Nothing is begun in its place, in the middle of the logs.
  std::filesystem::create_directory(watch / "ledgers");
  CHECK(watch.Becomes("the ledger is gone"));
  CHECK_FALSE(std::filesystem::exists(watch.ledger()));
  watch.Stop();
}

TEST_CASE("a ledger that comes back is gone on with", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 1"));
  std::filesystem::rename(watch / "ledgers", watch / "elsewhere");
  watch.Run(2, 100, 1, 101, "1");
  REQUIRE(watch.Becomes("the ledger is gone"));
  std::filesystem::rename(watch / "elsewhere", watch / "ledgers");
  CHECK(watch.Becomes(""));
  CHECK(watch.Says("rollcall_runs_total{format=\"row\"} 2"));
  CHECK(watch.Says("rollcall_ledger_writable 1"));
  CHECK(watch.Says("cause=\"ledger_not_writable\",version=\"\",severity=\"critical\"} 0"));
}

TEST_CASE("a second watch on the same port writes no ledger", "[watch]") {
  RunningWatch watch;
  Settings settings = watch.settings();
  settings.listen = "127.0.0.1:" + std::to_string(watch.watch().port());
  settings.ledgers = {watch / "second.db"};
  const auto second = Watch::Start(settings, watch.clock());
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == Error::Kind::kUsage);
  CHECK_FALSE(std::filesystem::exists(watch / "second.db"));
}

TEST_CASE("facts are paged by sequence", "[watch]") {
  RunningWatch watch;
  watch.Run(1, 0, 100, 100, "1");
  watch.Run(2, 100, 1, 101, "1");
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 2"));
  const std::string page = watch.Ask("GET /api/v1/facts?after=1&limit=5");
  CHECK(page.find("\"seq\":2") != std::string::npos);
  CHECK(page.find("\"seq\":1,") == std::string::npos);
  for (const char* query : {"after=x", "after=-1", "after=1x", "after=99999999999999999999",
                            "limit=0", "limit=10001", "limit=-1", "limit="}) {
    const bool fine = std::string(query) == "limit=";
    const std::string answer = watch.Ask("GET /api/v1/facts?" + std::string(query));
    INFO(query);
    CHECK(answer.find(fine ? "HTTP/1.1 200" : "HTTP/1.1 400") == 0);
    CHECK((fine || answer.find("{\"error\":{\"code\":\"bad_request\",\"message\":\"") !=
                       std::string::npos));
  }
  CHECK(BodyOf(watch.Ask("GET /api/v1/facts?after=2")) == "[]");
}

TEST_CASE("pages of facts are bounded and miss none", "[watch]") {
  RunningWatch watch;
  watch.WriteMuch();
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 60000\n"));
  int64_t last = 0, facts = 0, pages = 0;
  for (;;) {
    const std::string body =
        BodyOf(watch.Ask("GET /api/v1/facts?limit=10000&after=" + std::to_string(last)));
    CHECK(body.size() < 1'100'000);
    const auto page = nlohmann::json::parse(body);
    if (page.empty()) break;
    ++pages;
    for (const auto& fact : page) {
      if (fact.at("seq") != ++last) FAIL("a fact is missing before " << fact.at("seq"));
      ++facts;
    }
  }
  CHECK(facts == 60'000);
  CHECK(pages > 6);
}

TEST_CASE("many who ask for facts at once do not keep a scrape waiting, nor others for ever",
          "[watch]") {
  RunningWatch watch;
  watch.WriteMuch();
  REQUIRE(watch.Says("rollcall_runs_total{format=\"row\"} 60000\n"));
  std::atomic<int> pages{0}, refused{0};
  std::vector<std::thread> asking;
  for (int i = 0; i < 16; ++i) {
    asking.emplace_back([&] {
      const std::string answer = watch.Ask("GET /api/v1/facts?limit=10000");
      pages += StatusOf(answer) == 200;
      refused += StatusOf(answer) == 503 && answer.find("\"code\":\"busy\"") != answer.npos;
    });
  }
  CHECK(StatusOf(watch.Ask("GET /metrics")) == 200);
  for (std::thread& thread : asking) thread.join();
  CHECK(pages >= 1);
  CHECK(pages + refused == 16);
  for (int i = 0; i < 3; ++i) CHECK(StatusOf(watch.Ask("GET /api/v1/facts")) == 200);
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
  CHECK(second.error().kind == Error::Kind::kLedgerHeld);
}
