#include "collectors/regex_line.h"

#define PCRE2_CODE_UNIT_WIDTH 8  // names the library's 8-bit interface
#include <pcre2.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace {

// A pattern of nested repeats can take exponential time; a line must not stop the collector. An
// ordinary pattern takes a few hundred steps, and one or two more for each byte of a long line.
constexpr size_t kMatchLimit = 20'000, kMatchLimitPerByte = 4;
constexpr uint32_t kDepthLimit = 10'000;
constexpr uint32_t kHeapLimitKib = 8 * 1024;
constexpr size_t kJitStackBytes = 512 * 1024;
// The limits hold for each byte where a match may begin. So that a line of many does not take
// minutes, it is searched in windows, smaller ones the longer it is, until the time is up.
constexpr size_t kMaxWindow = 1024;
constexpr std::chrono::milliseconds kPatience(100);

// The time since it was made, of this thread's work alone: how busy the machine is does not matter.
class Effort {
 public:
  bool Exceeds(std::chrono::nanoseconds limit) const {
    // The cheap clock first.
    return std::chrono::steady_clock::now() - began_ > limit && Spent() - spent_ > limit;
  }

 private:
  static std::chrono::nanoseconds Spent() {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return std::chrono::seconds(spent.tv_sec) + std::chrono::nanoseconds(spent.tv_nsec);
  }
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::nanoseconds spent_ = Spent();
};

bool IsAscii(std::string_view text) {
  size_t at = 0;
  uint64_t bits = 0;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    bits |= word;
  }
  for (; at < text.size(); ++at) bits |= static_cast<uint64_t>(text[at] & 0x80);
  return (bits & 0x8080808080808080U) == 0;
}

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeStack {
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

}  // namespace

// One compilation of the pattern and what a match needs.
class RegexLine::Compiled {
 public:
  static Result<std::unique_ptr<Compiled>> Create(const std::string& pattern, uint32_t options);

  std::vector<std::string> groups() const;
  uint32_t NumberOf(const std::string& group) const {
    return static_cast<uint32_t>(
        pcre2_substring_number_from_name(code_.get(), reinterpret_cast<PCRE2_SPTR>(group.c_str())));
  }
  // As pcre2_match().
  int Match(std::string_view line) {
    return line.size() <= kMaxWindow || begins_once_ ? MatchFrom(line, 0) : MatchInWindows(line);
  }
  // Offsets of the last match, two a group; group 0 is the whole.
  std::span<const PCRE2_SIZE> offsets() const {
    return {pcre2_get_ovector_pointer(match_.get()), 2 * pcre2_get_ovector_count(match_.get())};
  }

 private:
  int MatchFrom(std::string_view line, size_t begin) {
    // A null subject, even of no bytes, makes a compiled lookbehind read before it.
    const auto* subject = reinterpret_cast<PCRE2_SPTR>(line.data() == nullptr ? "" : line.data());
    const size_t limit = kMatchLimit + kMatchLimitPerByte * line.size();
    pcre2_set_match_limit(context_.get(), static_cast<uint32_t>(limit));
    // Only pcre2_match() looks whether characters are whole, and once is enough.
    const auto match = jit_ && !characters_ ? pcre2_jit_match : pcre2_match;
    const uint32_t options = characters_ && begin > 0 ? PCRE2_NO_UTF_CHECK : 0;
    return match(code_.get(), subject, line.size(), begin, options, match_.get(), context_.get());
  }
  int MatchInWindows(std::string_view line);

  std::unique_ptr<pcre2_code, FreeCode> code_;
  std::unique_ptr<pcre2_jit_stack, FreeStack> stack_;
  std::unique_ptr<pcre2_match_context, FreeContext> context_;
  std::unique_ptr<pcre2_match_data, FreeMatch> match_;
  bool jit_ = false;         // false where the system forbids writable code; then it is interpreted
  bool characters_ = false;  // matches characters, not bytes
  bool begins_once_ = false;  // a match can begin at the start of the line only
};

Result<std::unique_ptr<RegexLine::Compiled>> RegexLine::Compiled::Create(const std::string& pattern,
                                                                         uint32_t options) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  auto compiled = std::make_unique<Compiled>();
  compiled->characters_ = (options & PCRE2_UTF) != 0;
  compiled->code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                      options | PCRE2_USE_OFFSET_LIMIT, &error, &offset, nullptr));
  if (!compiled->code_) {
    std::array<PCRE2_UCHAR, 256> words{};
    pcre2_get_error_message(error, words.data(), words.size());
    return Fail(Error::Kind::kUsage, "pattern: at byte " + std::to_string(offset) + ": " +
                                         reinterpret_cast<const char*>(words.data()));
  }
  uint32_t all_options = 0, first_code = 0;
  pcre2_pattern_info(compiled->code_.get(), PCRE2_INFO_ALLOPTIONS, &all_options);
  pcre2_pattern_info(compiled->code_.get(), PCRE2_INFO_FIRSTCODETYPE, &first_code);
  constexpr uint32_t kStartOfLine = 2;
  compiled->begins_once_ = (all_options & PCRE2_ANCHORED) != 0 || first_code == kStartOfLine ||
                           pattern.find("\\G") != pattern.npos;  // which is where a window begins
  compiled->jit_ = pcre2_jit_compile(compiled->code_.get(), PCRE2_JIT_COMPLETE) == 0;
  compiled->match_.reset(pcre2_match_data_create_from_pattern(compiled->code_.get(), nullptr));
  compiled->context_.reset(pcre2_match_context_create(nullptr));
  if (!compiled->match_ || !compiled->context_) {
    return Fail(Error::Kind::kUsage, "pattern: out of memory");
  }
  pcre2_set_depth_limit(compiled->context_.get(), kDepthLimit);
  pcre2_set_heap_limit(compiled->context_.get(), kHeapLimitKib);
  if (compiled->jit_) {
    compiled->stack_.reset(pcre2_jit_stack_create(32 * 1024, kJitStackBytes, nullptr));
    pcre2_jit_stack_assign(compiled->context_.get(), nullptr, compiled->stack_.get());
  }
  return compiled;
}

int RegexLine::Compiled::MatchInWindows(std::string_view line) {
  const size_t window = std::clamp<size_t>(256 * 1024 / line.size(), 1, kMaxWindow);
  const Effort effort;
  int found = PCRE2_ERROR_NOMATCH;
  for (size_t begin = 0; begin <= line.size() && found == PCRE2_ERROR_NOMATCH; begin += window) {
    size_t first = begin;  // not within a character; 0 stays, as there all characters are looked at
    while (first > 0 && first < line.size() && (line[first] & 0xC0) == 0x80) ++first;
    pcre2_set_offset_limit(context_.get(), begin + window - 1);
    found = effort.Exceeds(kPatience) ? PCRE2_ERROR_MATCHLIMIT : MatchFrom(line, first);
  }
  pcre2_set_offset_limit(context_.get(), PCRE2_UNSET);
  return found;
}

std::vector<std::string> RegexLine::Compiled::groups() const {
  uint32_t count = 0, entry_size = 0;
  PCRE2_SPTR table = nullptr;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMECOUNT, &count);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
  pcre2_pattern_info(code_.get(), PCRE2_INFO_NAMETABLE, &table);
  std::vector<std::string> names;
  for (uint32_t i = 0; i < count; ++i) {  // an entry: two bytes of number, then the name
    names.emplace_back(reinterpret_cast<const char*>(table) + i * size_t{entry_size} + 2);
  }
  return names;
}

RegexLine::RegexLine(std::unique_ptr<Compiled> bytes, std::unique_ptr<Compiled> characters)
    : bytes_(std::move(bytes)), characters_(std::move(characters)) {}
RegexLine::RegexLine(RegexLine&&) noexcept = default;
RegexLine& RegexLine::operator=(RegexLine&&) noexcept = default;
RegexLine::~RegexLine() = default;

// Matching bytes is faster, and gives the same on a line of ASCII as long as the pattern is ASCII
// too ("é?" would be two bytes of which the last is optional) and does not switch to UTF itself.
Result<RegexLine> RegexLine::Create(const std::string& pattern) {
  // Not PCRE2_MATCH_INVALID_UTF: until 10.42 no compiled \S, \D or \W takes more than ASCII with
  // it.
  auto characters = Compiled::Create(pattern, PCRE2_UTF);
  if (!characters) return tl::unexpected(characters.error());
  std::unique_ptr<Compiled> bytes;
  if (IsAscii(pattern) && pattern.find("\\x") == pattern.npos &&
      pattern.find("\\o") == pattern.npos) {
    if (auto compiled = Compiled::Create(pattern, 0)) bytes = std::move(*compiled);
  }
  return RegexLine(std::move(bytes), std::move(*characters));
}

std::vector<std::string> RegexLine::groups() const { return characters_->groups(); }

void RegexLine::Ask(std::span<const std::string> groups) {
  for (const std::string& group : groups) asked_.push_back(characters_->NumberOf(group));
}

RegexLine::Outcome RegexLine::Read(std::string_view line, std::span<Value> values) {
  Compiled& compiled = bytes_ && IsAscii(line) ? *bytes_ : *characters_;
  const int count = compiled.Match(line);
  if (count == PCRE2_ERROR_NOMATCH) return Outcome::kNoMatch;
  if (count < 0) return Outcome::kGaveUp;
  const std::span<const PCRE2_SIZE> offsets = compiled.offsets();
  for (size_t i = 0; i < asked_.size(); ++i) {
    const PCRE2_SIZE begin = offsets[2 * asked_[i]], end = offsets[2 * asked_[i] + 1];
    // Unset, or emptied by a \K in a lookahead, which may end before it begins.
    const bool absent = begin == PCRE2_UNSET || begin >= end;
    values[i] = absent ? Value{} : Value{Value::Kind::kText, line.substr(begin, end - begin)};
  }
  return Outcome::kMatch;
}
