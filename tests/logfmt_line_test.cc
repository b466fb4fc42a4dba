#include "collectors/logfmt_line.h"

#include <random>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace {

const std::vector<std::string> kKeys = {"ts", "project", "existing", "path", "a"};

std::string Print(std::string_view reason, const std::vector<Value>& values) {
  if (!reason.empty()) return std::string(reason);
  std::string out;
  for (const Value& value : values) {
    const bool absent = value.kind == Value::Kind::kAbsent;
    out += absent ? "- " : '<' + std::string(value.text) + "> ";
  }
  return out;
}

std::string Read(LogfmtLine& reader, std::string_view line, size_t keys) {
  std::vector<Value> values(keys);
  const std::string_view reason = reader.Read(line, values);
  return Print(reason, values);
}

std::string Read(const std::vector<std::string>& keys, std::string_view line) {
  LogfmtLine reader(keys);
  return Read(reader, line, keys.size());
}

// A random line and what it says, made together: the oracle never parses.
struct Sample {
  std::string line;
  std::string expected;
};

Sample MakeSample(std::mt19937& random) {
  constexpr const char* kNames[] = {"ts", "project", "existing", "path", "a", "b", "a.b", "größe"};
  struct Spelling {
    const char* line;
    const char* text;  // null: absent
  };
  constexpr Spelling kSpellings[] = {
      {"=7", "7"},
      {"=-7", "-7"},
      {"=acme", "acme"},
      {"=", nullptr},
      {"", nullptr},
      {"=null", nullptr},
      {"=\"\"", ""},
      {"=\"null\"", "null"},
      {"=\"a b\"", "a b"},
      {"=\"a\\\"b\\\\\"", "a\"b\\"},
      {"=\"\\u00e9\\n\\ud83d\\ude00\"", "é\n😀"},
      {"=x=y==", "x=y=="},
      {"=\"x=y z=\"", "x=y z="},
      {"=✓", "✓"},
      {"=\"a much longer text of more than sixteen bytes\"",
       "a much longer text of more than sixteen bytes"},
      {"=/data/columnar/acme/2016-02-21.parquet", "/data/columnar/acme/2016-02-21.parquet"}};
  const bool usual = random() % 4 != 0;  // the writer's own order
  std::vector<const char*> found(kKeys.size(), nullptr);
  std::vector<bool> seen(kKeys.size());
  std::string line;
  for (unsigned i = 0, count = usual ? 6 : 1 + random() % 6; i < count; ++i) {
    const std::string name = kNames[usual ? i : random() % std::size(kNames)];
    const Spelling& spelling = kSpellings[random() % std::size(kSpellings)];
    line += (i > 0 ? (random() % 8 == 0 ? "\t " : " ") : "") + name + spelling.line;
    for (size_t key = 0; key < kKeys.size(); ++key) {
      if (kKeys[key] != name || seen[key]) continue;
      seen[key] = true;
      found[key] = spelling.text;
    }
  }
  Sample sample{line, ""};
  if (line.find('=') == line.npos) {
    sample.expected = "not logfmt";
    return sample;
  }
  for (const char* text : found) {
    sample.expected += text == nullptr ? "- " : '<' + std::string(text) + "> ";
  }
  return sample;
}

}  // namespace

TEST_CASE("pairs are found in any order, bare and quoted", "[logfmt_line]") {
  CHECK(Read({"a", "b"}, "b=\"x y\" z=0  a=1") == "<1> <x y> ");
  CHECK(Read({"a", "b"}, " \ta=1\tb=2 \r") == "<1> <2> ");
}

TEST_CASE("a bare value may contain an equals sign", "[logfmt_line]") {
  CHECK(Read({"path"}, "path=/data/day=2016-02-21/f== n=1") == "</data/day=2016-02-21/f==> ");
}

TEST_CASE("no value is absent, an empty text is there", "[logfmt_line]") {
  CHECK(Read({"a", "b", "c", "d"}, "a b= c=\"\" d=null") == "- - <> - ");
}

TEST_CASE("of equal logfmt keys the first counts, even without a value", "[logfmt_line]") {
  CHECK(Read({"a"}, "a=1 a=2") == "<1> ");
  CHECK(Read({"a"}, "a a=2") == "- ");
}

TEST_CASE("escapes in quoted values are undone", "[logfmt_line]") {
  CHECK(Read({"a", "b"}, R"(a="\"\\\/\b\f\n\r\t" b="\u00e9\uD83D\uDE00")") ==
        "<\"\\/\b\f\n\r\t> <é😀> ");
}

TEST_CASE("what is no logfmt is refused", "[logfmt_line]") {
  for (const char* line :
       {"panic: out of memory", "=1", "a=1 =2", "a=\"", "a=\"x", "a=\"x\\\"", "a=\"x\"y", "a=x\"y",
        "\"a\"=1", "a\"=1", "a=\"\\x\"", "a=\"\\u12\"", "a=\"\\ud83d\"", "a=\"\\ud83dxx\"",
        "a=\"\\ude00\"", "a=\"\\ud83d\\u0041\"", "a=\"x\ty\"", "a=\"x\\", "a=\"\\u12g4\""}) {
    INFO(line);
    CHECK(Read({"a"}, line) == "not logfmt");
  }
}

TEST_CASE("a logfmt line that looks like the last one but is not is read anew", "[logfmt_line]") {
  LogfmtLine reader({"a", "b"});
  CHECK(Read(reader, "a=x b=1", 2) == "<x> <1> ");
  CHECK(Read(reader, "a=y b=22", 2) == "<y> <22> ");
  CHECK(Read(reader, "a=\"x b=1\" b=2", 2) == "<x b=1> <2> ");
  CHECK(Read(reader, "a=\"\\\"\" b=3", 2) == "<\"> <3> ");
  CHECK(Read(reader, "a=y b=2 b=3", 2) == "<y> <2> ");
  CHECK(Read(reader, "a=y\"z b=2", 2) == "not logfmt");
  CHECK(Read(reader, "a= b=2", 2) == "- <2> ");
  CHECK(Read(reader, "a b=2", 2) == "- <2> ");
}

TEST_CASE("random lines say what they were made of, with and without templates", "[logfmt_line]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  LogfmtLine reader(kKeys), plain(kKeys);
  for (int i = 0; i < 50'000; ++i) {
    const Sample sample = MakeSample(random);
    INFO(sample.line);
    REQUIRE(Read(reader, sample.line, kKeys.size()) == sample.expected);
    std::vector<Value> values(kKeys.size());
    const std::string_view reason = plain.ReadAnyShape(sample.line, values);
    REQUIRE(Print(reason, values) == sample.expected);
  }
}

TEST_CASE("damaged lines are read alike with and without templates", "[logfmt_line]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  LogfmtLine reader(kKeys), plain(kKeys);
  constexpr std::string_view kBytes = "=\"\\ \tnu0a";
  for (int i = 0; i < 50'000; ++i) {
    std::string line = MakeSample(random).line;
    for (unsigned changes = random() % 4; changes > 0; --changes) {
      line[random() % line.size()] = kBytes[random() % kBytes.size()];
    }
    INFO(line);
    std::vector<Value> values(kKeys.size());
    const std::string_view reason = plain.ReadAnyShape(line, values);
    REQUIRE(Read(reader, line, kKeys.size()) == Print(reason, values));
  }
}
