#include "collectors/line_template.h"

#include <random>
#include <string>
#include <vector>

#include "collectors/byte_scan.h"
#include "tests/catch.h"

namespace {

// Holes of digits alone.
const char* ScanDigits(const char* at, const char* end, Value& value) {
  const char* const after = FindDigitsEnd(at, end);
  value = {Value::Kind::kNumber, {at, static_cast<size_t>(after - at)}};
  return after == at ? nullptr : after;
}

std::string Match(const LineTemplate& shape, std::string_view line) {
  std::vector<Value> values(2);
  if (!shape.Match<ScanDigits>(line, values)) return "refused";
  return std::string(values[0].text) + ' ' + std::string(values[1].text);
}

// Of "a=1, b=22;": the second hole feeds value 0, the first value 1.
LineTemplate Learned() {
  const TemplateHole holes[] = {{2, 3, 1}, {7, 9, 0}};
  return LineTemplate("a=1, b=22;", holes);
}

}  // namespace

TEST_CASE("a template takes lines that differ only in their holes", "[line_template]") {
  CHECK(Match(Learned(), "a=1, b=22;") == "22 1");
  CHECK(Match(Learned(), "a=12345678901234567890, b=7;") == "7 12345678901234567890");
}

TEST_CASE("a template refuses any other byte", "[line_template]") {
  const std::string line = "a=1, b=22;";
  for (size_t at = 0; at < line.size(); ++at) {
    std::string other = line;
    other[at] = '?';
    INFO(other);
    CHECK(Match(Learned(), other) == "refused");
    CHECK(Match(Learned(), line.substr(0, at)) == "refused");
  }
  CHECK(Match(Learned(), line + ";") == "refused");
}

TEST_CASE("a hole nobody asked for is checked and dropped", "[line_template]") {
  const TemplateHole holes[] = {{0, 1, -1}, {2, 3, 0}};
  const LineTemplate shape("1 2", holes);
  CHECK(Match(shape, "77 8") == "8 ");
  CHECK(Match(shape, "x 8") == "refused");
}

TEST_CASE("interleaved shapes each keep a template, and new ones find room", "[line_template]") {
  TemplateSet set;
  std::vector<Value> values(1);
  const auto line = [](int shape) {
    return "shape" + std::string(1, static_cast<char>('a' + shape)) + "=1";
  };
  const auto matches = [&](int shape) { return set.Match<ScanDigits>(line(shape), values); };
  const TemplateHole hole[] = {{7, 8, 0}};
  for (int shape = 0; shape < 4; ++shape) set.Learn(line(shape), hole);
  for (int shape = 0; shape < 4; ++shape) CHECK(matches(shape));
  set.Learn(line(4), hole);
  CHECK(matches(4));
  CHECK(matches(0) + matches(1) + matches(2) + matches(3) == 3);
}

TEST_CASE("a log without shapes is hardly learned from, and a shape is still found",
          "[line_template]") {
  TemplateSet set;
  const TemplateHole hole[] = {{0, 1, 0}};
  int learned = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (!set.WantsToLearn()) continue;
    ++learned;
    set.Learn("1" + std::to_string(i), hole);
  }
  CHECK(learned < 30);
  std::vector<Value> values(1);
  int until_found = 0;
  for (; until_found < 5000 && !set.Match<ScanDigits>("1 x", values); ++until_found) {
    if (set.WantsToLearn()) set.Learn("1 x", hole);
  }
  CHECK(until_found < 1100);
}

TEST_CASE("scans stop where byte by byte they would", "[line_template]") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr std::string_view kBytes = "0159/:\"\\ \t\x1f\x20\x21!a\x7f\x80\xff";
  for (int i = 0; i < 100'000; ++i) {
    std::string text(random() % 40, '5');
    for (unsigned changes = random() % 3; changes > 0 && !text.empty(); --changes) {
      text[random() % text.size()] = kBytes[random() % kBytes.size()];
    }
    size_t string_end = 0, word_end = 0, digits_end = 0;
    const auto byte = [&text](size_t at) { return static_cast<unsigned char>(text[at]); };
    while (string_end < text.size() && byte(string_end) >= 0x20 && text[string_end] != '"' &&
           text[string_end] != '\\') {
      ++string_end;
    }
    while (word_end < text.size() && byte(word_end) > 0x20 && text[word_end] != '"') ++word_end;
    while (digits_end < text.size() && byte(digits_end) >= '0' && byte(digits_end) <= '9')
      ++digits_end;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    INFO(text);
    REQUIRE(FindStringEnd(begin, end) == begin + string_end);
    REQUIRE(FindWordEnd(begin, end) == begin + word_end);
    REQUIRE(FindDigitsEnd(begin, end) == begin + digits_end);
    REQUIRE((ParseDigits(begin, text.size()) >= 0) ==
            (!text.empty() && text.size() <= 18 && digits_end == text.size()));
  }
}

TEST_CASE("digits of every length spell their number", "[line_template]") {
  std::mt19937_64 random(std::random_device{}());
  for (uint64_t limit = 10; limit <= 1'000'000'000'000'000'000; limit *= 10) {
    for (int i = 0; i < 1000; ++i) {
      const auto number = static_cast<int64_t>(random() % limit);
      const std::string text = std::to_string(number);
      INFO(text);
      REQUIRE(ParseDigits(text.data(), text.size()) == number);
      const std::string padded = std::string(18 - text.size(), '0') + text;
      REQUIRE(ParseDigits(padded.data(), padded.size()) == number);
    }
  }
}
