#include "collectors/regex_line.h"

#include <ctime>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace {

std::string Read(const std::string& pattern, std::string_view line) {
  auto reader = RegexLine::Create(pattern).value();
  const std::vector<std::string> groups = reader.groups();  // by name
  reader.Ask(groups);
  std::vector<Value> values(groups.size());
  switch (reader.Read(line, values)) {
    case RegexLine::Outcome::kNoMatch:
      return "no match";
    case RegexLine::Outcome::kGaveUp:
      return "gave up";
    case RegexLine::Outcome::kMatch:
      break;
  }
  std::string out;
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool absent = values[i].kind == Value::Kind::kAbsent;
    out += groups[i] + (absent ? "- " : '<' + std::string(values[i].text) + "> ");
  }
  return out;
}

}  // namespace

TEST_CASE("named groups give their text", "[regex_line]") {
  CHECK(Read(R"(^(?P<a>\d+) (?<b>\S+))", "17 x y") == "a<17> b<x> ");
}

TEST_CASE("a pattern is anchored only where it says so", "[regex_line]") {
  CHECK(Read(R"(n=(?P<a>\d+))", "xx n=17 yy") == "a<17> ");
  CHECK(Read(R"(^n=(?P<a>\d+))", "xx n=17 yy") == "no match");
}

TEST_CASE("a group that took no part or took nothing is absent", "[regex_line]") {
  CHECK(Read(R"(^(?P<a>\d+)?(?P<b>x*)(?P<c>.))", "y") == "a- b- c<y> ");
}

TEST_CASE("a character is never cut, whatever its bytes", "[regex_line]") {
  CHECK(Read("^(?P<a>.)(?P<b>.)", "é✓x") == "a<é> b<✓> ");
  CHECK(Read("^(?P<a>[^é]*)(?P<b>é?)", "abc") == "a<abc> b- ");
  CHECK(Read(R"(^(?P<a>\x{2713}))", "✓") == "a<✓> ");
}

TEST_CASE("classes take characters of more than one byte", "[regex_line]") {
  CHECK(Read(R"(^(?P<a>\S+) (?P<b>\D+)(?P<c>\W))", "größe 😀é✓ 7") == "a<größe> b<😀é✓> c< > ");
  CHECK(Read(R"(^(?P<a>\S\S\S))", "größe") == "a<grö> ");
  CHECK(Read(R"((?P<a>\d+))", "٣") == "no match");
}

TEST_CASE("bytes that are no UTF-8 break nothing", "[regex_line]") {
  CHECK(Read("^(?P<a>.)x", "\xC3x") == "gave up");
  CHECK(Read(R"(\X(?P<a>G))", "\xb0" + std::string(2'000, '\xff')) == "gave up");
  CHECK(Read("(?P<a>x+)", "\xFFxx\xC3") == "gave up");
  CHECK(Read("(?P<a>n=1)", std::string(5000, 'x') + "\xC3") == "gave up");
}

TEST_CASE("a lookbehind on a line without bytes reads nothing", "[regex_line]") {
  CHECK(Read("(?<=b>)", std::string_view()) == "no match");
}

TEST_CASE("a catastrophic pattern gives up", "[regex_line]") {
  CHECK(Read(R"(^(?P<a>(x+x+)+)[yz])", std::string(60, 'x')) == "gave up");
  CHECK(Read(R"(^(?P<a>((x|é)+x+)+)[yz])", std::string(60, 'x') + "é") == "gave up");
}

TEST_CASE("a pattern that is slow at each of many places gives up", "[regex_line]") {
  // Each beginning is within the limits; all together took 45 seconds.
  const std::string line = std::string(65'000, 'x') + " z";
  const auto begin = std::clock();
  CHECK(Read("(?P<a>(?:x{1,950}){1,2})z", line) == "gave up");
  CHECK((std::clock() - begin) / CLOCKS_PER_SEC < 10);
}

TEST_CASE("a long line is searched to its end", "[regex_line]") {
  for (const size_t size : {300, 1022, 1023, 1024, 1025, 2048, 5000, 65'000}) {
    const std::string ascii = std::string(size, 'x'), umlauts = ascii + "ü" + ascii + "üüü";
    CHECK(Read(R"((?P<a>\d+)$)", ascii + "17") == "a<17> ");
    CHECK(Read(R"((?<=x)n=(?P<a>\d+))", ascii + "n=17") == "a<17> ");
    CHECK(Read(R"((?P<a>ü)\d)", umlauts + "17") == "a<ü> ");
    CHECK(Read(R"((?P<a>ü)\d)", umlauts) == "no match");
    CHECK(Read(R"(y(?P<a>$))", ascii + "y") == "a- ");
    CHECK(Read(R"(^x(?P<a>\d))", ascii + "17") == "no match");
    CHECK(Read(R"(\Gx*(?P<a>\d))", ascii + "17") == "a<1> ");
    CHECK(Read(R"(\G(?P<a>\d))", ascii + "17") == "no match");
  }
}

TEST_CASE("an ordinary pattern takes the longest line", "[regex_line]") {
  const std::string line = std::string(65'000, 'x') + " n=17";
  CHECK(Read(R"(^\S+ n=(?P<a>\d+)$)", line) == "a<17> ");
  CHECK(Read(R"(^.* n=(?P<a>\d+)$)", line) == "a<17> ");
}

TEST_CASE("a broken pattern names the place", "[regex_line]") {
  CHECK(RegexLine::Create("^(?P<a>[0-9)").error().message ==
        "pattern: at byte 12: missing terminating ] for character class");
  CHECK(RegexLine::Create("a(*)").error().message.starts_with("pattern: at byte "));
  CHECK(RegexLine::Create("(?P<a>x)(?P<a>y)").error().message.starts_with("pattern: at byte "));
}
