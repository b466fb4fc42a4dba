#include "collectors/json_line.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace {

using Kind = Value::Kind;

const std::vector<std::string> kPaths = {"ts",  "event", "project",  "existing", "new",
                                         "a.b", "a.b.c", "deep.x.y", "version",  "path"};

std::string Print(std::string_view reason, const std::vector<Value>& values) {
  constexpr const char* kKinds[] = {"absent", "text", "number", "bool", "nested"};
  if (!reason.empty()) return std::string(reason);
  std::string out;
  for (const Value& value : values) {
    out +=
        std::string(kKinds[static_cast<size_t>(value.kind)]) + '<' + std::string(value.text) + "> ";
  }
  return out;
}

std::string Read(JsonLine& reader, std::string_view line, size_t paths) {
  std::vector<Value> values(paths);
  const std::string_view reason = reader.Read(line, values);
  return Print(reason, values);
}

std::string ReadAnyShape(JsonLine& reader, std::string_view line, size_t paths) {
  std::vector<Value> values(paths);
  const std::string_view reason = reader.ReadAnyShape(line, values);
  return Print(reason, values);
}

std::string Read(const std::vector<std::string>& paths, std::string_view line) {
  auto reader = JsonLine::Create(paths).value();
  return Read(reader, line, paths.size());
}

// ---- The oracle: nlohmann's SAX parser into a tree that keeps order, doubled keys and spellings.
// ----

struct Tree {
  std::string key;  // in its parent
  Kind kind = Kind::kAbsent;
  std::string text;
  bool object = false;
  std::vector<Tree> members;
};

class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Tree root;
  bool null() override { return Add(Kind::kAbsent, {}); }
  bool boolean(bool value) override { return Add(Kind::kBool, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override {
    return Add(Kind::kNumber, value == 0 ? "-0" : std::to_string(value));  // not called for 0
  }
  bool number_unsigned(number_unsigned_t value) override {
    return Add(Kind::kNumber, std::to_string(value));
  }
  bool number_float(number_float_t, const string_t& text) override {
    return Add(Kind::kNumber, text);
  }
  bool string(string_t& value) override { return Add(Kind::kText, value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(true); }
  bool start_array(size_t) override { return Open(false); }
  bool key(string_t& value) override {
    key_ = value;
    return true;
  }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override {
    too_large = error.id == 406;  // out_of_range: JSON has no largest number, nlohmann has one
    return false;
  }
  bool too_large = false;

 private:
  bool Add(Kind kind, std::string text) {
    Tree tree;
    tree.kind = kind;
    tree.text = std::move(text);
    return Add(std::move(tree));
  }
  bool Add(Tree tree) {
    if (open_.empty()) {
      root = std::move(tree);
    } else {
      tree.key = key_;
      open_.back().members.push_back(std::move(tree));
    }
    return true;
  }
  bool Open(bool object) {
    keys_.push_back(key_);
    open_.emplace_back();
    open_.back().kind = Kind::kNested;
    open_.back().object = object;
    return true;
  }
  bool Close() {
    Tree done = std::move(open_.back());
    open_.pop_back();
    key_ = keys_.back();
    keys_.pop_back();
    return Add(std::move(done));
  }

  std::string key_;
  std::vector<std::string> keys_;
  std::vector<Tree> open_;
};

const Tree* First(const Tree& object, std::string_view key) {
  for (const Tree& tree : object.members) {
    if (tree.key == key) return &tree;
  }
  return nullptr;
}

// The longest literal key first, then shorter ones; null is absent.
const Tree* Find(const Tree& tree, std::string_view path) {
  if (!tree.object) return nullptr;
  const Tree* whole = First(tree, path);
  if (whole != nullptr && whole->kind != Kind::kAbsent) return whole;
  for (size_t dot = path.rfind('.'); dot != path.npos;
       dot = dot == 0 ? path.npos : path.rfind('.', dot - 1)) {
    const Tree* const child = First(tree, path.substr(0, dot));
    const Tree* const found = child == nullptr ? nullptr : Find(*child, path.substr(dot + 1));
    if (found != nullptr) return found;
  }
  return nullptr;
}

constexpr const char* kCannotTell = "a number that nlohmann cannot hold";

std::string Oracle(const std::string& line) {
  TreeBuilder builder;
  const bool parsed = nlohmann::json::sax_parse(line, &builder);
  if (builder.too_large) return kCannotTell;
  if (!parsed || !builder.root.object) return "not json";
  std::vector<Value> values;
  for (const std::string& path : kPaths) {
    const Tree* const found = Find(builder.root, path);
    values.push_back(found == nullptr ? Value{} : Value{found->kind, found->text});
  }
  return Print({}, values);
}

// ---- Random lines, nasty ones included. ----

class LineMaker {
 public:
  explicit LineMaker(unsigned seed) : random_(seed) {}

  std::string Line() {
    std::string line = Chance(4) ? Object(0) : Usual();
    if (Chance(6)) Damage(line);
    return line;
  }

 private:
  bool Chance(unsigned of) { return random_() % of == 0; }
  template <size_t n>
  const char* OneOf(const char* const (&choices)[n]) {
    return choices[random_() % n];
  }

  // Lines of one writer: the same keys in the same order, values that vary.
  std::string Usual() {
    const std::string tail =
        Chance(3) ? R"(,"deep":{"x":{"y":)" + Scalar() + R"(,"z":)" + Scalar() + "}}" : "";
    return R"({"ts":"2016-02-22T17:02:11Z","event":)" + Scalar() + R"(,"project":)" + Scalar() +
           R"(,"existing":)" + Scalar() + R"(,"list":[)" + Scalar() + "," + Scalar() +
           R"(],"duration_ms":)" + Scalar() + tail + R"(,"path":)" + Scalar() + "}";
  }

  std::string Object(int depth) {
    std::string object = "{";
    for (unsigned i = random_() % 5; i > 0; --i) {
      object +=
          Space() + Key() + Space() + ":" + Space() + Any(depth) + Space() + (i > 1 ? "," : "");
    }
    return object + "}" + Space();
  }

  std::string Any(int depth) {
    if (depth < 4 && Chance(3)) return Object(depth + 1);
    if (depth < 4 && Chance(12)) return "[" + Any(depth + 1) + "," + Any(depth + 1) + "]";
    return Scalar();
  }

  std::string Space() {
    constexpr const char* kSpaces[] = {"", "", "", " ", "\t", "  ", "\r"};
    return OneOf(kSpaces);
  }

  std::string Key() {
    constexpr const char* kKeys[] = {
        R"("ts")",         R"("event")",   R"("existing")", R"("a")",      R"("a.b")",
        R"("b")",          R"("b.c")",     R"("c")",        R"("a.b.c")",  R"("deep")",
        R"("x.y")",        R"("x")",       R"("y")",        R"("\u0061")", R"("")",
        R"("exist\"ing")", R"("pröject")", R"("version")",  R"(":")",      R"("new")"};
    return OneOf(kKeys);
  }

  std::string Scalar() {
    constexpr const char* kScalars[] = {"0",
                                        "7",
                                        "-7",
                                        "-0.5",
                                        "12.25",
                                        "1E+5",
                                        "9007199254740993",
                                        "18446744073709551615",
                                        "true",
                                        "false",
                                        "null",
                                        R"("")",
                                        R"("acme")",
                                        R"("a\"b")",
                                        R"("a\\")",
                                        R"("\u00e9\n")",
                                        R"("\ud83d\ude00")",
                                        R"("héllo ✓ 😀")",
                                        R"("{\"a\":1}")",
                                        R"("{a:1,b}")",
                                        R"("a,b:c]")",
                                        R"("0123456789012345678901234567890123456789")",
                                        R"("\/data\/x")",
                                        R"("null")",
                                        R"("7")"};
    if (Chance(40)) return OneOf(kBroken);
    return OneOf(kScalars);
  }

  // Lines are valid UTF-8: no cut within a character.
  static void Cut(std::string& line, size_t size) {
    while (size < line.size() && (line[size] & 0xC0) == 0x80) --size;
    line.resize(size);
  }

  void Damage(std::string& line) {
    constexpr std::string_view kBytes = "{}[]:,\"\\0-9.tfn \x01\x7f";
    if (Chance(3)) Cut(line, random_() % (line.size() + 1));
    for (unsigned i = random_() % 3; i > 0 && !line.empty(); --i) {
      const size_t at = random_() % line.size();
      if (static_cast<unsigned char>(line[at]) >= 0x80) continue;  // lines are valid UTF-8
      line[at] = kBytes[random_() % kBytes.size()];
    }
  }

  static constexpr const char* kBroken[] = {
      "01",  "1.",  ".5",    "+1",        "-",       "1e",      "0x1",
      "tru", "nul", "truex", "'a'",       R"("a)",   R"("\x")", R"("\ud83d")",
      "",    "NaN", "1 2",   R"("a""b")", R"("a"b)", R"(1"b")", "\"\t\""};
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("values are found in any order and spelling of whitespace", "[json_line]") {
  CHECK(Read({"a", "b"}, R"({"b":"x","z":0,"a":1})") == "number<1> text<x> ");
  CHECK(Read({"a", "b"}, " { \"a\" : 1.50 ,\t\"b\" : true } \r") == "number<1.50> bool<true> ");
}

TEST_CASE("dots lead into objects, but a literal key with dots comes first", "[json_line]") {
  CHECK(Read({"a.b"}, R"({"a":{"b":1}})") == "number<1> ");
  CHECK(Read({"a.b"}, R"({"a":{"b":1},"a.b":2})") == "number<2> ");
  CHECK(Read({"a.b"}, R"({"a.b":2,"a":{"b":1}})") == "number<2> ");
  CHECK(Read({"a.b"}, R"({"a.b":null,"a":{"b":1}})") == "number<1> ");
  CHECK(Read({"a.b.c"}, R"({"a":{"b":{"c":1},"b.c":2}})") == "number<2> ");
  CHECK(Read({"a.b.c"}, R"({"a":{"b.c":1},"a.b":{"c":2}})") == "number<2> ");
  CHECK(Read({"a.b.c"}, R"({"a.b":{"x":1},"a":{"b":{"c":3}}})") == "number<3> ");
}

TEST_CASE("of equal keys the first counts", "[json_line]") {
  CHECK(Read({"a"}, R"({"a":1,"a":2})") == "number<1> ");
  CHECK(Read({"a"}, R"({"a":1,"\u0061":2})") == "number<1> ");
  CHECK(Read({"a.b"}, R"({"a":{"x":1},"a":{"b":2}})") == "absent<> ");
}

TEST_CASE("escapes in keys and texts are undone", "[json_line]") {
  CHECK(Read({"a\"b"}, R"({"a\"b":"\u00e9\n\ud83d\ude00\/"})") == "text<é\n😀/> ");
}

TEST_CASE("a value within an array is not found, and a nested one is no text", "[json_line]") {
  CHECK(Read({"a.b"}, R"({"a":[{"b":1}]})") == "absent<> ");
  CHECK(Read({"a", "b"}, R"({"a":[1],"b":{"c":1}})") == "nested<> nested<> ");
}

TEST_CASE("what is no JSON object is refused, also where nobody asked", "[json_line]") {
  for (const char* line : {"{",
                           "}",
                           "[]",
                           "[{}]",
                           "1",
                           "\"a\"",
                           "null",
                           "{} {}",
                           "{}x",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,}",
                           "{\"a\":1 \"b\":2}",
                           "{\"z\":\"y\":1}",
                           "{\"z\":\"y\":1,\"a\":1}",
                           "{\"z\":{\"x\":\"y\":1},\"a\":1}",
                           "{a:1}",
                           "{'a':1}",
                           "{\"z\":tru}",
                           "{\"z\":01}",
                           "{\"z\":[1,]}",
                           "{\"z\":[1 2]}",
                           "{\"z\":\"\\x\"}",
                           "{\"z\":{\"y\":nul}}",
                           "{\"z\":\"a\"b}",
                           "{\"z\":\"\t\"}",
                           "{\"a\":{\"b\":}",
                           "{\"a\":[1}",
                           "{\"a\":[}",
                           "{\"a\":1]",
                           "{{}",
                           "{\"a\":{}"}) {
    INFO(line);
    CHECK(Read({"a"}, line) == "not json");
  }
}

TEST_CASE("a line without bytes is no JSON", "[json_line]") {
  CHECK(Read({"a"}, std::string_view()) == "not json");
}

TEST_CASE("deep nesting is refused and not followed", "[json_line]") {
  const auto nested = [](size_t depth) {
    std::string line = "{\"a\":";
    for (size_t i = 0; i < depth; ++i) line += "[";
    line += "1";
    for (size_t i = 0; i < depth; ++i) line += "]";
    return line + "}";
  };
  CHECK(Read({"a"}, nested(20)) == "nested<> ");
  CHECK(Read({"a"}, nested(30'000)) == "json nested too deep");
}

TEST_CASE("a path of many dots is refused", "[json_line]") {
  CHECK(JsonLine::Create({"a.b.c.d.e.f.g"}));
  CHECK_FALSE(JsonLine::Create({"a.b.c.d.e.f.g.h"}));
}

TEST_CASE("a line that looks like the last one but is not is read anew", "[json_line]") {
  auto reader = JsonLine::Create({"a", "b"}).value();
  CHECK(Read(reader, R"({"a":"x","b":1})", 2) == "text<x> number<1> ");
  CHECK(Read(reader, R"({"a":"y","b":22})", 2) == "text<y> number<22> ");
  CHECK(Read(reader, R"({"a":"\"","b":1})", 2) == "text<\"> number<1> ");
  CHECK(Read(reader, R"({"a":"y","b":02})", 2) == "not json");
  CHECK(Read(reader, R"({"a":"y","b":2}})", 2) == "not json");
  CHECK(Read(reader, R"({"a":"y","b":2)", 2) == "not json");
  CHECK(Read(reader, R"({"a":"y","b":{}})", 2) == "text<y> nested<> ");
  CHECK(Read(reader, R"({"a":null,"b":false})", 2) == "absent<> bool<false> ");
}

TEST_CASE("random lines are read as nlohmann reads them, with and without templates",
          "[json_line]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  LineMaker maker(seed);
  auto reader = JsonLine::Create(kPaths).value();
  auto plain = JsonLine::Create(kPaths).value();
  int understood = 0, refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::string line = maker.Line();
    INFO(line);
    const std::string expected = Oracle(line);
    if (expected == kCannotTell) continue;
    (expected == "not json" ? refused : understood) += 1;
    REQUIRE(ReadAnyShape(plain, line, kPaths.size()) == expected);
    REQUIRE(Read(reader, line, kPaths.size()) == expected);
  }
  CHECK(understood > 30'000);
  CHECK(refused > 5'000);
}
