#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "dashboards/post_token.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/app/serve.h"
#include "tests/api_schema.h"
#include "tests/catch.h"
#include "tests/ledger_fixture.h"
#include "tests/raw_client.h"

// `serve` in this process, over ledgers that fixtures write: what each path answers.

namespace {

using Json = nlohmann::json;

std::string Encoded(const std::string& text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string encoded;
  for (const unsigned char c : text) {
    encoded += {'%', kHex[c >> 4], kHex[c & 15]};
  }
  return encoded;
}

// The incident in small: one good run, one that read nothing, a format that is whole.
class Fleet : public LedgerFixture {
 public:
  Fleet() {
    OpenWithRules();
    Add({.run = "1",
         .version = "1",
         .path = "/data/row/acme/2016-02-22",
         .fresh = 100,
         .written = 100});
    Add({.at = At("13:00:00"),
         .run = "2",
         .version = "2",
         .path = "/data/row/acme/2016-02-22",
         .existing = 0,
         .fresh = 7,
         .written = 7});
    Add({.project = "whole", .run = "3", .fresh = 5, .written = 5});
    Add({.at = At("13:00:00"),
         .project = "whole",
         .run = "4",
         .existing = 5,
         .fresh = 1,
         .written = 6});
    Commit();
  }
};

class RunningServe {
 public:
  explicit RunningServe(const std::vector<std::string>& ledgers) {
    settings_.ledgers = ledgers;
    settings_.listen = "127.0.0.1:0";
    auto started = Serve::Start(settings_, {}, clock_);
    if (!started) FAIL(started.error().message);
    serve_ = std::move(*started);
  }
  std::string Get(const std::string& path, const std::string& headers = "") {
    return GetPath(serve_->port(), path, headers);
  }
  Json Document(const std::string& path) {
    const std::string answer = Get(path);
    INFO(path << " " << answer.substr(0, 2000));
    REQUIRE(StatusOf(answer) == 200);
    return Json::parse(BodyOf(answer));
  }
  std::string ErrorOf(const std::string& path, int status) {
    const std::string answer = Get(path);
    INFO(path << " " << answer.substr(0, 2000));
    CHECK(StatusOf(answer) == status);
    return Json::parse(BodyOf(answer))["error"]["code"];
  }
  std::string Send(const std::string& path, const std::string& body, const std::string& headers) {
    return Ask(serve_->port(), "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
                                   std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body);
  }
  std::string Post(const std::string& path, const Json& body) {
    const std::string token = Document("/api/v1/session")["data"]["token"];
    return Send(path, body.dump(),
                "Content-Type: application/json\r\nX-Rollcall-Token: " + token + "\r\n");
  }
  // Whether the document becomes so, before a generous deadline.
  template <class Condition>
  bool Becomes(const std::string& path, Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string answer = Get(path);
      if (StatusOf(answer) == 200 && condition(Json::parse(BodyOf(answer)))) return true;
      std::this_thread::yield();
    }
    return false;
  }
  Serve& serve() { return *serve_; }

 private:
  SystemClock clock_;
  Settings settings_;
  std::unique_ptr<Serve> serve_;
};

std::string Joined(const std::vector<std::string>& lines) {
  std::string all;
  for (const std::string& line : lines) all += line + "\n";
  return all;
}

// A question for each path that needs one.
std::string Question(const std::string& path) {
  static const std::set<std::string> kOfProject = {"/api/v1/calendar", "/api/v1/timeline",
                                                   "/api/v1/files"};
  if (kOfProject.contains(path)) return path + "?project=acme";
  return path == "/api/v1/audit" ? path + "?what=row" : path;
}

}  // namespace

TEST_CASE("every documented path answers as documented, and no other is routed", "[api]") {
  Fleet fleet;
  fleet.AddGap(FactKind::kQuarantined, "no JSON");
  fleet.CommitPermit(At("14:00:00"), "op-1",
                     R"({"kind":"decrease","reason":"cleaned","events":10})");
  RunningServe serve({fleet.directory / "ledger.db"});
  const ApiSchema schema;
  std::set<std::string> documented;
  for (const auto& [path, methods] : schema.paths().items()) {
    documented.insert(path);
    const std::string answer = serve.Get(Question(path));
    INFO(path << " " << answer.substr(0, 3000));
    REQUIRE(StatusOf(answer) == 200);
    const auto& content = methods["get"]["responses"]["200"]["content"];
    if (!content.contains("application/json") || path == "/api/v1/openapi.json") continue;
    const auto problems = schema.Problems(schema.AnswerOf(path), Json::parse(BodyOf(answer)));
    CHECK(Joined(problems) == "");
  }
  const auto routed = serve.serve().paths();
  CHECK(std::set<std::string>(routed.begin(), routed.end()) == documented);
}

TEST_CASE("each documented parameter is known, and no other", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const ApiSchema schema;
  for (const auto& [path, methods] : schema.paths().items()) {
    for (const Json& reference : methods["get"].value("parameters", Json::array())) {
      const Json& parameter = schema.Resolve(reference);
      const std::string name = parameter["name"];
      const Json& type = parameter["schema"];
      std::string value = "x";
      if (type.contains("enum")) value = type["enum"][0];
      if (type.value("type", "") == "integer") value = "1";
      if (name == "since" || name == "until" || name == "day") value = "2016-02-22";
      if (name == "cursor" || name == "ledger" || name == "project" || name == "what") continue;
      const std::string question = Question(path);
      const std::string asked =
          question + (question.find('?') == question.npos ? "?" : "&") + name + "=" + value;
      INFO(asked << " " << serve.Get(asked).substr(0, 2000));
      CHECK(StatusOf(serve.Get(asked)) == 200);
    }
    if (!path.starts_with("/api/v1/") || path == "/api/v1/session" || path.ends_with(".json"))
      continue;
    CHECK(serve.ErrorOf(path + "?no_such=1", 400) == "bad_request");
  }
}

TEST_CASE("the first line says that events are missing", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const Json summary = serve.Document("/api/v1/summary")["data"];
  CHECK(summary["verdict"] == "firing");
  CHECK(summary["totals"]["events_missing"] == 100);
  CHECK(summary["totals"]["projects"] == 1);
  CHECK(summary["projects"] == 2);
  const Json projects = serve.Document("/api/v1/projects")["data"];
  REQUIRE(projects.size() == 2);
  CHECK(projects[0]["project"] == "acme");
  CHECK(projects[0]["events_missing"] == 100);
  const Json incidents = serve.Document("/api/v1/incidents")["data"];
  REQUIRE(!incidents.empty());
  CHECK(incidents[0]["version"] == "2");
  CHECK(incidents[0]["events_missing"] == 100);
  const std::string id = incidents[0]["id"];
  CHECK(serve.Document("/api/v1/projects?incident=" + id)["data"].size() == 1);
  CHECK(serve.Document("/api/v1/alerts?incident=" + id)["data"][0]["rule"] == "count_drop");
}

TEST_CASE("nothing is clear while nobody writes the ledger", "[api]") {
  LedgerFixture whole;
  whole.Commit({.run = "1", .existing = 5, .fresh = 5, .written = 10});
  RunningServe serve({whole.directory / "ledger.db"});
  CHECK(serve.Becomes("/api/v1/summary",
                      [](const Json& answer) { return answer["data"]["verdict"] == "clear"; }));
  whole.ledger.reset();
  CHECK(serve.Becomes("/api/v1/summary", [](const Json& answer) {
    return answer["data"]["verdict"] == "unknown" &&
           answer["data"]["reasons"][0].get<std::string>().find("nobody is known to write") == 0;
  }));
}

TEST_CASE("an overview follows the ledger", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  CHECK(serve.Document("/api/v1/summary")["data"]["totals"]["events_missing"] == 100);
  fleet.Commit({.at = At("14:00:00"),
                .project = "whole",
                .run = "5",
                .version = "2",
                .existing = 0,
                .fresh = 1,
                .written = 1});
  CHECK(serve.Becomes("/api/v1/summary", [](const Json& answer) {
    return answer["data"]["totals"]["events_missing"] == 106;
  }));
}

TEST_CASE("a day that nobody can vouch for is unknown, not whole", "[api]") {
  LedgerFixture fixture;
  fixture.Add({.day = "2016-02-21", .run = "1", .fresh = 10, .written = 10});
  fixture.Commit();
  fixture.AddGap(FactKind::kBlind, "truncated");
  fixture.Commit();
  fixture.Commit({.at = At("13:00:00"),
                  .day = "2016-02-22",
                  .run = "2",
                  .existing = 4,
                  .fresh = 10,
                  .written = 14});
  RunningServe serve({fixture.directory / "ledger.db"});
  const Json days = serve.Document("/api/v1/calendar?project=acme")["data"]["days"];
  REQUIRE(days.size() == 2);
  CHECK(days[0]["verdict"] == "unknown");
  CHECK(days[0]["events_missing"].is_null());
  CHECK(days[0]["deviation"].is_null());
  CHECK(days[1]["verdict"] == "clear");
  CHECK(days[1]["deviation"] == 0);
  const Json projects = serve.Document("/api/v1/projects")["data"];
  CHECK(projects[0]["verdict"] == "unknown");
  CHECK(projects[0]["events_missing"].is_null());
}

TEST_CASE("a calendar says how far a day is from whole", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const Json day = serve.Document("/api/v1/calendar?project=acme")["data"]["days"][0];
  CHECK(day["verdict"] == "firing");
  CHECK(day["events_expected"] == 107);
  CHECK(day["events_actual"] == 7);
  CHECK(day["deviation"].get<double>() == Approx(-100.0 / 107));
}

TEST_CASE("pages of partitions and alerts list each once", "[api]") {
  Fleet fleet;
  for (int i = 0; i < 25; ++i) {
    fleet.Add({.project = "p" + std::to_string(i),
               .run = "a" + std::to_string(i),
               .version = "1",
               .fresh = 10,
               .written = 10});
    fleet.Add({.at = At("13:00:00"),
               .project = "p" + std::to_string(i),
               .run = "b" + std::to_string(i),
               .version = "2",
               .fresh = 1,
               .written = 1});
  }
  fleet.Commit();
  RunningServe serve({fleet.directory / "ledger.db"});
  for (const std::string path :
       {"/api/v1/partitions?limit=4", "/api/v1/alerts?limit=4&rule=count_drop",
        "/api/v1/alerts?limit=4&order=newest&rule=count_drop",
        "/api/v1/timeline?project=acme&limit=1"}) {
    std::set<std::string> seen;
    size_t rows = 0;
    std::string cursor;
    for (int page = 0; page < 40; ++page) {
      const Json answer =
          serve.Document(path + (cursor.empty() ? "" : "&cursor=" + Encoded(cursor)));
      for (const Json& row : answer["data"]) {
        ++rows;
        seen.insert(row.dump());
      }
      if (answer["next"].is_null()) break;
      cursor = answer["next"];
    }
    INFO(path);
    CHECK(seen.size() == rows);
    CHECK(rows == (path.find("partitions") != path.npos ? 27u
                   : path.find("alerts") != path.npos   ? 26u
                                                        : seen.size()));
  }
}

TEST_CASE("impact gives a page of projects and the totals of all", "[api]") {
  Fleet fleet;
  fleet.Commit({.at = At("14:00:00"),
                .project = "whole",
                .run = "5",
                .version = "3",
                .existing = 0,
                .fresh = 1,
                .written = 1});
  RunningServe serve({fleet.directory / "ledger.db"});
  REQUIRE(serve.Becomes("/api/v1/impact?limit=1", [](const Json& answer) {
    return answer["data"]["totals"]["events_missing"] == 106;
  }));
  const Json first = serve.Document("/api/v1/impact?limit=1");
  CHECK(first["data"]["projects"].size() == 1);
  CHECK(first["data"]["projects"][0]["days"].size() == 1);
  CHECK(first["data"]["partitions"].size() == 1);
  REQUIRE(first["next"] == "1");
  const Json second = serve.Document("/api/v1/impact?limit=1&cursor=1");
  CHECK(second["data"]["projects"][0]["project"] == "whole");
  CHECK(second["next"].is_null());
  CHECK(serve.Document("/api/v1/impact?version=3")["data"]["totals"]["events_missing"] == 6);
  CHECK(serve.Document("/api/v1/impact?project=whole")["data"]["projects"].size() == 1);
}

TEST_CASE("lists come as CSV, with the next page in a header", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const std::string answer = serve.Get("/api/v1/partitions?format=csv&limit=1");
  CHECK(StatusOf(answer) == 200);
  CHECK(HeaderOf(answer, "Content-Type").find("text/csv") == 0);
  CHECK(BodyOf(answer).find("server,project,day,format,unit,expected") == 0);
  const std::string link = HeaderOf(answer, "Link");
  CHECK(link.find("rel=\"next\"") != link.npos);
  const std::string next = link.substr(1, link.find('>') - 1);
  CHECK(StatusOf(serve.Get(next)) == 200);
}

TEST_CASE("an answer that has not changed is not sent again", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const std::string path = "/api/v1/partitions";
  const std::string tag = HeaderOf(serve.Get(path), "ETag");
  REQUIRE(!tag.empty());
  const std::string again = serve.Get(path, "If-None-Match: " + tag + "\r\n");
  CHECK(StatusOf(again) == 304);
  CHECK(BodyOf(again).empty());
  fleet.Commit({.at = At("15:00:00"),
                .project = "whole",
                .run = "9",
                .existing = 6,
                .fresh = 1,
                .written = 7});
  CHECK(StatusOf(serve.Get(path, "If-None-Match: " + tag + "\r\n")) == 200);
}

TEST_CASE("a ledger that cannot be read is said, and the others answer", "[api]") {
  Fleet fleet;
  const std::string other = fleet.directory / "other.db";
  RunningServe serve({fleet.directory / "ledger.db", other});
  const Json answer = serve.Document("/api/v1/partitions");
  CHECK(answer["complete"] == false);
  CHECK(answer["data"].size() == 2);
  CHECK(answer["ledgers"].size() == 2);
  CHECK(serve.Get("/-/ready").find("there is no such ledger") != std::string::npos);
  CHECK(StatusOf(serve.Get("/-/healthy")) == 200);
  SECTION("nothing is whole then") {
    const Json projects = serve.Document("/api/v1/projects?verdict=clear");
    CHECK(projects["data"].empty());
    CHECK(StatusOf(serve.Get("/api/v1/partitions?format=csv")) == 503);
  }
  SECTION("it may come later") {
    LedgerFixture late;
    late.Commit({.project = "late", .run = "1", .fresh = 3, .written = 3});
    late.ledger.reset();
    std::filesystem::copy_file(late.directory / "ledger.db", other);
    CHECK(serve.Becomes("/api/v1/partitions", [](const Json& now) {
      return now["complete"] == true && now["data"].size() == 3;
    }));
  }
}

TEST_CASE("without any ledger there is an error, not an empty document", "[api]") {
  const TemporaryDirectory directory;
  RunningServe serve({directory / "ledger.db"});
  for (const std::string path : {"/api/v1/alerts", "/api/v1/summary", "/api/v1/servers"}) {
    CHECK(serve.ErrorOf(path, 503) == "ledger");
  }
}

TEST_CASE("a ledger that is replaced is noticed", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  CHECK(serve.Document("/api/v1/partitions")["data"].size() == 2);
  LedgerFixture other;
  other.Commit({.project = "other", .run = "1", .fresh = 3, .written = 3});
  other.ledger.reset();
  fleet.ledger.reset();
  for (const char* end : {"-wal", "-shm", ".head"}) {
    std::filesystem::remove(fleet.directory / ("ledger.db" + std::string(end)));
  }
  std::filesystem::copy_file(other.directory / "ledger.db", fleet.directory / "new.db");
  std::filesystem::rename(fleet.directory / "new.db", fleet.directory / "ledger.db");
  CHECK(serve.Becomes("/api/v1/partitions", [](const Json& answer) {
    return answer["data"].size() == 1 && answer["data"][0]["project"] == "other";
  }));
  CHECK(serve.Becomes("/api/v1/projects", [](const Json& answer) {
    return answer["data"].size() == 1 && answer["data"][0]["project"] == "other";
  }));
}

TEST_CASE("a copy of a ledger counts once", "[api]") {
  Fleet fleet;
  const std::string copy = fleet.directory / "copy.db";
  REQUIRE(Database::Open(fleet.directory / "ledger.db", Database::Mode::kReadOnly)
              .value()
              .BackUpTo(copy));
  RunningServe serve({fleet.directory / "ledger.db", copy});
  CHECK(serve.Document("/api/v1/partitions")["data"].size() == 2);
  CHECK(serve.Document("/api/v1/summary")["data"]["totals"]["events_missing"] == 100);
}

TEST_CASE("a POST needs the token of this process", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const std::string body = R"({"text":"hello"})", json = "Content-Type: application/json\r\n";
  const std::string path = "/api/v1/annotations";
  CHECK(StatusOf(serve.Send(path, body, json)) == 403);
  CHECK(StatusOf(serve.Send(path, body,
                            json + "X-Rollcall-Token: " + PostToken().text() + "\r\n")) == 403);
  const std::string token = serve.Document("/api/v1/session")["data"]["token"];
  const std::string shown = "X-Rollcall-Token: " + token + "\r\n";
  CHECK(StatusOf(serve.Send(path, body, json + shown + "Origin: http://evil.example\r\n")) == 403);
  CHECK(StatusOf(serve.Send(path, body, shown)) == 415);
  CHECK_FALSE(std::filesystem::exists(fleet.directory / "operator/operator.db"));
  CHECK(StatusOf(serve.Send(path, body, json + shown + "Origin: http://localhost\r\n")) == 201);
  CHECK(StatusOf(serve.Send("/api/v1/alerts", body, json + shown)) == 405);
}

TEST_CASE("a body is read strictly", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const std::string token = serve.Document("/api/v1/session")["data"]["token"];
  const auto post = [&](const std::string& path, const std::string& body) {
    return StatusOf(serve.Send(
        path, body, "Content-Type: application/json\r\nX-Rollcall-Token: " + token + "\r\n"));
  };
  CHECK(post("/api/v1/annotations", "[]") == 400);
  CHECK(post("/api/v1/annotations", "{\"text\":") == 400);
  CHECK(post("/api/v1/annotations", R"({"text":"a","text":"b"})") == 400);
  CHECK(post("/api/v1/annotations", R"({"text":1})") == 400);
  CHECK(post("/api/v1/annotations", R"({"text":" "})") == 400);
  CHECK(post("/api/v1/annotations", R"({"text":"a","more":"b"})") == 400);
  CHECK(post("/api/v1/annotations", "{\"text\":\"\xff\"}") == 400);
  CHECK(post("/api/v1/annotations", R"({"text":"a","at":"yesterday"})") == 422);
  CHECK(post("/api/v1/permits", R"({"project":"acme","events":1.5,"reason":"r"})") == 400);
  CHECK(post("/api/v1/permits", R"({"project":"nobody","events":1,"reason":"r"})") == 422);
  CHECK(post("/api/v1/permits", R"({"project":"acme","events":0,"reason":"r"})") == 422);
  CHECK(post("/api/v1/permits", R"({"kind":"other","project":"acme","reason":"r"})") == 400);
  CHECK(post("/api/v1/annotations", "{\"text\":\"" + std::string(20'000, 'x') + "\"}") == 413);
}

TEST_CASE("a permit waits in operator.db until the ledger has it", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const std::string answer =
      serve.Post("/api/v1/permits", {{"project", "acme"},
                                     {"events", 100},
                                     {"reason", "cleaned up"},
                                     {"expires_at", "2999-01-01T00:00:00Z"}});
  INFO(answer);
  REQUIRE(StatusOf(answer) == 201);
  const std::string id = Json::parse(BodyOf(answer))["data"][0]["id"];
  const Json waiting = serve.Document("/api/v1/permits")["data"];
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0]["id"] == id);
  CHECK(waiting[0]["state"] == "waiting");
  CHECK(waiting[0]["left"].is_null());
  REQUIRE(TakeOperatorFacts(fleet.directory / "operator/operator.db", *fleet.ledger,
                            ParseTime("2016-02-24T00:00:00Z").value()));
  const Json taken = serve.Document("/api/v1/permits")["data"];
  REQUIRE(taken.size() == 1);
  CHECK(taken[0]["state"] == "used");  // all of it explained what was missing
  CHECK(serve.Becomes("/api/v1/summary", [](const Json& summary) {
    return summary["data"]["totals"]["events_missing"] == 0;
  }));
}

TEST_CASE("an acknowledgement stands at its incident and changes no alert", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  const std::string id = serve.Document("/api/v1/incidents")["data"][0]["id"];
  CHECK(StatusOf(serve.Post("/api/v1/acknowledgements", {{"incident", "none"}})) == 422);
  REQUIRE(StatusOf(serve.Post("/api/v1/acknowledgements",
                              {{"incident", id}, {"by", "ann"}, {"text", "rolling back"}})) == 201);
  const Json incident = serve.Document("/api/v1/incidents?id=" + id)["data"][0];
  CHECK(incident["state"] == "firing");
  REQUIRE(incident["acknowledgements"].size() == 1);
  CHECK(incident["acknowledgements"][0]["by"] == "ann");
  CHECK(serve.Document("/api/v1/acknowledgements?incident=" + id)["data"].size() == 1);
  CHECK(serve.Document("/api/v1/annotations")["data"].empty());
}

TEST_CASE("hostile names pass through as data", "[api]") {
  const std::vector<std::string> names = {"<script>alert(1)</script>",
                                          "\" onload=\"x",
                                          "a\r\nSet-Cookie: x",
                                          "\xe2\x80\xae"
                                          "drowssap",
                                          std::string(2'000, 'n'),
                                          "%00&project=acme",
                                          "\x1b[31m"};
  LedgerFixture fixture;
  for (size_t i = 0; i < names.size(); ++i) {
    fixture.Add({.project = names[i], .run = std::to_string(i), .fresh = 10, .written = 10});
  }
  fixture.Commit();
  RunningServe serve({fixture.directory / "ledger.db"});
  for (const std::string& name : names) {
    const std::string answer = serve.Get("/api/v1/partitions?project=" + Encoded(name));
    REQUIRE(StatusOf(answer) == 200);
    CHECK(HeaderOf(answer, "Content-Type") == "application/json");
    CHECK(HeaderOf(answer, "X-Content-Type-Options") == "nosniff");
    CHECK(HeaderOf(answer, "Set-Cookie").empty());
    const Json rows = Json::parse(BodyOf(answer))["data"];
    REQUIRE(rows.size() == 1);
    CHECK(rows[0]["project"] == name);
  }
}

TEST_CASE("what would be more than an answer may hold is refused", "[api]") {
  Fleet fleet;
  HttpServer::Options options;
  options.listen = "127.0.0.1:0";
  HttpServer server(options);
  const auto files = [&]() -> Result<std::vector<std::string>> {
    return std::vector<std::string>{fleet.directory / "ledger.db"};
  };
  LedgerSet ledgers(files);
  OverviewKeeper overviews(files, {});
  Api::Options limits;
  SECTION("by rows") {
    limits.row_limit = 1;
    Api api(server, ledgers, overviews, limits);
    REQUIRE(server.Start());
    const std::string answer = GetPath(server.port(), "/api/v1/timeline?project=acme");
    CHECK(StatusOf(answer) == 422);
    CHECK(answer.find("too_many_rows") != std::string::npos);
    server.Stop();
  }
  SECTION("by time") {
    limits.time_limit = std::chrono::milliseconds(0);
    Api api(server, ledgers, overviews, limits);
    for (int i = 0; i < 500; ++i) {  // SQLite looks at the clock after every thousand steps
      fleet.Add({.project = "p" + std::to_string(i), .run = "m", .fresh = 1, .written = 1});
    }
    fleet.Commit();
    {  // what is looked at once after somebody wrote is not what is slow here
      const auto loan = ledgers.Borrow(std::chrono::steady_clock::now() + std::chrono::minutes(1));
      REQUIRE(loan.complete());
    }
    REQUIRE(server.Start());
    const std::string answer = GetPath(server.port(), "/api/v1/partitions?limit=1000");
    CHECK(StatusOf(answer) == 503);
    CHECK(answer.find("\"timeout\"") != std::string::npos);
    server.Stop();
  }
}

TEST_CASE("serve tells Prometheus what it answered and how fresh its ledgers are", "[api]") {
  Fleet fleet;
  RunningServe serve({fleet.directory / "ledger.db"});
  serve.Document("/api/v1/alerts");
  serve.Get("/no/such/path");
  const std::string metrics = serve.Get("/metrics");
  CHECK(metrics.find("rollcall_http_requests_total{route=\"/api/v1/alerts\",code=\"200\"} 1") !=
        metrics.npos);
  CHECK(metrics.find("rollcall_http_requests_total{route=\"-\",code=\"404\"} 1") != metrics.npos);
  CHECK(metrics.find("rollcall_ledger_readable{ledger=") != metrics.npos);
  CHECK(metrics.find("rollcall_ledger_writer_running{ledger=") != metrics.npos);
}
