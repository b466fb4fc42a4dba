#include "collectors/line_parser.h"

#include <sstream>
#include <string>

#include "tests/catch.h"

namespace {

constexpr const char* kCompactd =
    R"({"ts":"2016-02-22T17:02:11.123Z","event":"compaction_finished","run":"r-17","server":"data-3",)"
    R"("project":"acme","day":"2016-02-21","format":"columnar","existing":1000,"new":25,)"
    R"("duplicates":3,"deleted":2,"written":1020,"version":"4.2.0","path":"/data/columnar/acme/1"})";

CompactionLogConfig JsonConfig() {
  CompactionLogConfig config;
  config.fields = {{"time", "ts"},
                   {"run", "run"},
                   {"project", "project"},
                   {"day", "day"},
                   {"format", "format"},
                   {"existing", "existing"},
                   {"fresh", "new"},
                   {"recovered", "recovered"},
                   {"duplicates", "duplicates"},
                   {"deleted", "deleted"},
                   {"written", "written"},
                   {"version", "version"},
                   {"path", "path"},
                   {"batch", "batch"}};
  config.match = {{"event", {"compaction_finished"}}};
  return config;
}

// A line with what is required, and `extra` before its end.
std::string Line(const std::string& extra, const std::string& written = "\"written\":1") {
  return R"({"ts":"2016-02-22T17:02:11Z","event":"compaction_finished","project":"acme",)"
         R"("day":"2016-02-21",)" +
         written + extra + "}";
}

std::string Print(const Fact& fact, const Batch& batch) {
  std::ostringstream out;
  const auto count = [&out](const char* name, int64_t value) {
    out << name << '=' << value << ' ';
  };
  out << NameOf(fact.kind) << ' ' << FormatTime(fact.logged_at) << ' ' << FormatDay(fact.day);
  for (const Text text :
       {fact.server, fact.project, fact.format, fact.run, fact.batch, fact.version, fact.path}) {
    out << " [" << batch.View(text) << ']';
  }
  out << ' ';
  count("existing", fact.existing);
  count("fresh", fact.fresh);
  count("recovered", fact.recovered);
  count("duplicates", fact.duplicates);
  count("deleted", fact.deleted);
  count("written", fact.written);
  return out.str();
}

// The fact that a line makes, or what became of it.
std::string Parse(LineParser& parser, std::string_view line) {
  Batch batch;
  const LineResult result = parser.Parse(line, LineOrigin{}, batch);
  if (result.outcome == LineOutcome::kFacts) {
    REQUIRE(batch.facts.size() == 1);
    return Print(batch.facts[0], batch);
  }
  CHECK(batch.facts.empty());
  CHECK(batch.text.empty());
  if (result.outcome == LineOutcome::kIgnored) return "ignored";
  return "quarantined: " + std::string(result.reason);
}

std::string Parse(const CompactionLogConfig& config, std::string_view line) {
  auto parser = LineParser::Create(config).value();
  std::string first = Parse(parser, line);
  CHECK(Parse(parser, line) == first);  // the second time by the template
  return first;
}

std::string CreateError(const CompactionLogConfig& config) {
  const auto parser = LineParser::Create(config);
  return parser ? "none" : parser.error().message;
}

}  // namespace

TEST_CASE("a JSON line becomes a fact", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.fields["server"] = "server";
  CHECK(
      Parse(config, kCompactd) ==
      std::string(NameOf(FactKind::kRun)) +
          " 2016-02-22T17:02:11.123Z 2016-02-21 [data-3] [acme] [columnar] [r-17] [] [4.2.0] "
          "[/data/columnar/{project}/1] existing=1000 fresh=25 recovered=0 duplicates=3 deleted=2 "
          "written=1020 ");
}

TEST_CASE("a logfmt line becomes a fact", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.format = LogFormat::kLogfmt;
  CHECK(
      Parse(
          config,
          "ts=2016-02-22T17:02:11.123Z level=info event=compaction_finished run=r-17 project=acme "
          "day=2016-02-21 existing=1000 new=25 written=1025 batch=\"b 7\" version=") ==
      std::string(NameOf(FactKind::kRun)) +
          " 2016-02-22T17:02:11.123Z 2016-02-21 [] [acme] [] [r-17] [b 7] [] [] existing=1000 "
          "fresh=25 recovered=0 duplicates=0 deleted=0 written=1025 ");
}

TEST_CASE("a line that the pattern matches becomes a fact by the names of its groups",
          "[line_parser]") {
  CompactionLogConfig config;
  config.format = LogFormat::kRegex;
  config.pattern =
      R"(^(?P<time>\S+) merged (?P<fresh>\d+) into (?P<existing>\d+) -> (?P<written>\d+) )"
      R"(project=(?P<project>\S+) day=(?P<date>\S+)(?: run=(?P<run>\S*))?)";
  config.fields = {{"day", "date"}};
  config.constants = {{"format", "row"}, {"version", "unknown"}, {"run", "none"}};
  CHECK(Parse(config,
              "2016-02-22T17:02:11Z merged 25 into 1000 -> 1025 project=acme day=2016-02-21") ==
        std::string(NameOf(FactKind::kRun)) +
            " 2016-02-22T17:02:11.000Z 2016-02-21 [] [acme] [row] [none] [] [unknown] [] "
            "existing=1000 fresh=25 recovered=0 duplicates=0 deleted=0 written=1025 ");
  CHECK(Parse(config, "2016-02-22T17:02:11Z compactor started") == "ignored");
}

TEST_CASE("a fact says where its line stands", "[line_parser]") {
  auto parser = LineParser::Create(JsonConfig()).value();
  Batch batch;
  REQUIRE(parser.Parse(kCompactd, {3, 9, 4711, 2}, batch).outcome == LineOutcome::kFacts);
  const Fact& fact = batch.facts.at(0);
  CHECK(fact.source == 3);
  CHECK(fact.log == 9);
  CHECK(fact.offset == 4711);
  CHECK(fact.epoch == 2);
  CHECK(fact.length == std::string_view(kCompactd).size());
  CHECK_FALSE(fact.synthetic);
}

TEST_CASE("lines that match does not select are ignored", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  CHECK(Parse(config, R"({"event":"flush","written":-1})") == "ignored");
  CHECK(Parse(config, R"({"written":1})") == "ignored");
  CHECK(Parse(config, R"({"event":["compaction_finished"]})") == "ignored");
  CHECK(Parse(config, "") == "ignored");
  CHECK(Parse(config, " \r") == "ignored");
}

TEST_CASE("all terms of match must hold, numbers and bools by their text", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.match.push_back({"level", {"1", "2"}});
  config.match.push_back({"ok", {"true"}});
  CHECK(Parse(config, Line(R"(,"level":2,"ok":true)")) != "ignored");
  CHECK(Parse(config, Line(R"(,"level":2,"ok":false)")) == "ignored");
  CHECK(Parse(config, Line(R"(,"level":3,"ok":true)")) == "ignored");
  CHECK(Parse(config, Line(R"(,"level":null,"ok":true)")) == "ignored");
}

TEST_CASE("the outcome field tells failed and started runs, which need no counts",
          "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.outcome = OutcomeField{"status", {"error", "aborted"}, {"begin"}};
  const auto kind = [&config](const std::string& status) {
    const std::string fact = Parse(config, Line(R"(,"status":")" + status + '"', "\"x\":0"));
    return fact.substr(0, fact.find(" 2016"));
  };
  CHECK(kind("aborted") == NameOf(FactKind::kFailedRun));
  CHECK(kind("begin") == NameOf(FactKind::kStartedRun));
  CHECK(kind("ok") == "quarantined: no written");
}

TEST_CASE("a count that cannot be is quarantined by its name", "[line_parser]") {
  for (const char* count :
       {"-1", "-0", "1.0", "1e3", "9007199254740993", "\"1,000\"", "\"\"", "\"+1\"", "\" 1\"",
        "true", "[1]", "{}", "99999999999999999999", "\"\\u0661\""}) {
    INFO(count);
    CHECK(Parse(JsonConfig(), Line(std::string(R"(,"existing":)") + count)) ==
          "quarantined: existing is not a count");
  }
  CHECK(Parse(JsonConfig(), Line(R"(,"deleted":-1)")) == "quarantined: deleted is not a count");
}

TEST_CASE("the largest count is 2^53, and digits in a string are a count", "[line_parser]") {
  CHECK(Parse(JsonConfig(), Line(R"(,"existing":9007199254740992,"new":"25")"))
            .find("existing=9007199254740992 fresh=25 ") != std::string::npos);
}

TEST_CASE("an absent count is unknown, except those that are rare events", "[line_parser]") {
  const std::string counts = "existing=-1 fresh=-1 recovered=0 duplicates=0 deleted=0 written=1 ";
  CHECK(Parse(JsonConfig(), Line("")).ends_with(counts));
  CHECK(
      Parse(JsonConfig(), Line(R"(,"existing":null,"new":null,"deleted":null)")).ends_with(counts));
}

TEST_CASE("what a finished run needs and does not have is named", "[line_parser]") {
  const auto without = [](const std::string& piece) {
    std::string line = Line("");
    line.erase(line.find(piece), piece.size());
    return Parse(JsonConfig(), line);
  };
  CHECK(without(R"("ts":"2016-02-22T17:02:11Z",)") == "quarantined: no time");
  CHECK(without(R"("project":"acme",)") == "quarantined: no project");
  CHECK(without(R"("day":"2016-02-21",)") == "quarantined: no day");
  CHECK(without(R"(,"written":1)") == "quarantined: no written");
}

TEST_CASE("a line of no server is quarantined where lines name theirs", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.fields["server"] = "host";
  CHECK(Parse(config, Line(R"(,"host":"data-3")")).find("[data-3]") != std::string::npos);
  CHECK(Parse(config, Line("")) == "quarantined: no server");
  CHECK(Parse(config, Line(R"(,"host":null)")) == "quarantined: no server");
  CHECK(Parse(config, Line(R"(,"host":"")")) == "quarantined: no server");
  config.constants["server"] = "data-0";
  CHECK(Parse(config, Line("")).find("[data-0]") != std::string::npos);
}

TEST_CASE("what is no time, no date and no text is named", "[line_parser]") {
  const auto with = [](const std::string& field, const std::string& value) {
    CompactionLogConfig config = JsonConfig();
    config.fields[field] = "x";
    return Parse(config, Line(",\"x\":" + value));
  };
  CHECK(with("time", "\"yesterday\"") == "quarantined: time is not a timestamp");
  CHECK(with("time", "true") == "quarantined: time is not a timestamp");
  CHECK(with("day", "\"2016-02-30\"") == "quarantined: day is not a date");
  CHECK(with("day", "[]") == "quarantined: day is not a date");
  CHECK(with("project", "{\"name\":\"acme\"}") == "quarantined: project is not a string");
  CHECK(with("path", "[\"a\",\"b\"]") == "quarantined: path is not a string");
  CHECK(with("project", "\"\"") == "quarantined: no project");
}

TEST_CASE("numbers may be texts, times and days", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.time_format = "unix_s";
  config.day_format = "%Y%m%d";
  config.match.clear();
  CHECK(Parse(config, R"({"ts":1456160531.5,"project":17,"day":20160221,"run":99,"written":1})") ==
        std::string(NameOf(FactKind::kRun)) +
            " 2016-02-22T17:02:11.500Z 2016-02-21 [] [17] [] [99] [] [] [] existing=-1 fresh=-1 "
            "recovered=0 duplicates=0 deleted=0 written=1 ");
}

TEST_CASE("a source without days needs none", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.day_format = "-";
  CHECK(Parse(config, Line("")).find(" - [] [acme] ") != std::string::npos);
}

TEST_CASE("one name may spell project and day", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.fields.erase("day");
  config.fields["project"] = "cf";
  config.partition = "{project}/{day}";
  CHECK(Parse(config, Line(R"(,"cf":"eu/acme/2016-02-20")")).find(" 2016-02-20 [] [eu/acme] ") !=
        std::string::npos);
  CHECK(Parse(config, Line(R"(,"cf":"default")")).find(" - [] [default] ") != std::string::npos);
  CHECK(Parse(config, Line(R"(,"cf":"acme/2016-02-20","path":"/d/2016-02-20/acme.evt")"))
            .find("[/d/{day}/{project}.evt]") != std::string::npos);
}

TEST_CASE("a constant fills what the line does not carry", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.constants = {{"version", "1.0"}, {"format", "row"}, {"existing", "0"}};
  const std::string absent = Parse(config, Line(R"(,"version":null)"));
  CHECK(absent.find("[row] [] [] [1.0] []") != std::string::npos);
  CHECK(absent.find("existing=0 ") != std::string::npos);
  CHECK(Parse(config, Line(R"(,"version":"2.0")")).find("[2.0]") != std::string::npos);
}

TEST_CASE("text equal to the last fact's is stored once", "[line_parser]") {
  auto parser = LineParser::Create(JsonConfig()).value();
  Batch batch;
  parser.Parse(kCompactd, {}, batch);
  const size_t stored = batch.text.size();
  parser.Parse(kCompactd, {}, batch);
  REQUIRE(batch.facts.size() == 2);
  CHECK(batch.text.size() == stored);
  for (const auto text :
       {&Fact::server, &Fact::project, &Fact::format, &Fact::run, &Fact::version, &Fact::path}) {
    CHECK((batch.facts[0].*text).at == (batch.facts[1].*text).at);
    CHECK((batch.facts[0].*text).size == (batch.facts[1].*text).size);
  }
}

TEST_CASE("broken lines are quarantined by format", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  CHECK(Parse(config, R"({"event":"compaction_finished")") == "quarantined: not json");
  CHECK(Parse(config, "panic: out of memory") == "quarantined: not json");
  config.format = LogFormat::kLogfmt;
  CHECK(Parse(config, "event=\"compaction_finished") == "quarantined: not logfmt");
  CHECK(Parse(config, "panic: out of memory") == "quarantined: not logfmt");
}

TEST_CASE("what the configuration gets wrong is an error", "[line_parser]") {
  CompactionLogConfig config = JsonConfig();
  config.time_zone = "Mars/Olympus";
  CHECK(CreateError(config) == "time_zone: 'Mars/Olympus' is no known IANA zone");
  config = JsonConfig();
  config.day_format = "%H";
  CHECK(CreateError(config) == "day_format: '%H' does not carry year, month and day");
  config = JsonConfig();
  config.partition = "{project}";
  CHECK(CreateError(config) == "partition: '{project}' needs {day} once");
  config = JsonConfig();
  config.fields["projct"] = "project";
  CHECK(CreateError(config) == "fields: unknown field 'projct'");
  config = JsonConfig();
  config.format = LogFormat::kRegex;
  CHECK(CreateError(config) == "pattern: missing");
  config.pattern = "^(?P<time>\\S+";
  CHECK(CreateError(config) == "pattern: at byte 13: missing closing parenthesis");
  config.pattern = "^(?P<ts>\\S+)";
  CHECK(CreateError(config).starts_with("pattern: there is no group named '"));
}
