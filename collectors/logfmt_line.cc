#include "collectors/logfmt_line.h"

#include <algorithm>
#include <cstdint>

#include "collectors/byte_scan.h"

namespace {

using Kind = Value::Kind;

constexpr std::string_view kNotLogfmt = "not logfmt";

bool IsBlank(char c) { return static_cast<unsigned char>(c) <= 0x20; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The four hex digits at `at`; -1 where there are none.
int CodeUnit(std::string_view text, size_t at) {
  if (at + 4 > text.size()) return -1;
  int unit = 0;
  for (size_t i = at; i < at + 4; ++i) {
    const int digit = HexDigit(text[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

void AppendUtf8(uint32_t code, std::string& out) {
  const auto put = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) return put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  if (code < 0x10000) {
    return put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
  put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F));
  put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
}

// Appends what \uXXXX at `at` (after the u) means and moves past it; false for half a surrogate
// pair.
bool AppendUnicode(std::string_view text, size_t& at, std::string& out) {
  const int unit = CodeUnit(text, at);
  at += 4;
  if (unit < 0 || (unit >= 0xDC00 && unit < 0xE000)) return false;
  if (unit < 0xD800 || unit >= 0xE000) return AppendUtf8(static_cast<uint32_t>(unit), out), true;
  if (text.substr(at, 2) != "\\u") return false;
  const int low = CodeUnit(text, at + 2);
  at += 6;
  if (low < 0xDC00 || low >= 0xE000) return false;
  AppendUtf8(
      0x10000U + (static_cast<uint32_t>(unit - 0xD800) << 10) + static_cast<uint32_t>(low - 0xDC00),
      out);
  return true;
}

// Appends the text between the quotes without its escapes.
bool Unescape(std::string_view text, std::string& out) {
  constexpr std::string_view kNames = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c != '\\') {
      out += c;
      continue;
    }
    if (at == text.size()) return false;
    const char name = text[at++];
    if (name == 'u') {
      if (!AppendUnicode(text, at, out)) return false;
      continue;
    }
    const size_t known = kNames.find(name);
    if (known == kNames.npos) return false;
    out += kBytes[known];
  }
  return true;
}

// The quote that ends the string whose first byte is at `at`; null where there is none. Control
// characters must be escaped, as in JSON.
const char* ClosingQuote(const char* at, const char* end) {
  for (; at != end && *at != '"'; ++at) {
    if (static_cast<unsigned char>(*at) < 0x20) return nullptr;
    if (*at != '\\') continue;
    if (++at == end) return nullptr;
  }
  return at == end ? nullptr : at;
}

// One value without escapes, up to a blank or the line's end: also what a template's hole takes.
const char* ScanPlain(const char* at, const char* end, Value& value) {
  if (at != end && *at == '"') {
    const char* const quote = FindStringEnd(at + 1, end);
    if (quote == end || *quote != '"') return nullptr;
    if (quote + 1 != end && !IsBlank(quote[1])) return nullptr;
    value = {Kind::kText, {at + 1, static_cast<size_t>(quote - at - 1)}};
    return quote + 1;
  }
  const char* const first = at;
  at = FindWordEnd(at, end);
  if (at != end && *at == '"') return nullptr;
  const std::string_view text(first, static_cast<size_t>(at - first));
  value = text.empty() || text == "null" ? Value{} : Value{Kind::kText, text};
  return at;
}

}  // namespace

int LogfmtLine::IndexOf(std::string_view key) {
  for (size_t tried = 0; tried < keys_.size(); ++tried) {
    const size_t index = next_key_;
    next_key_ = next_key_ + 1 == keys_.size() ? 0 : next_key_ + 1;
    if (keys_[index] == key) return static_cast<int>(index);
  }
  return -1;
}

bool LogfmtLine::Scan(std::string_view line, std::span<Value> values,
                      std::vector<TemplateHole>* holes) {
  for (Value& value : values) value = {};
  unescaped_.clear();
  unescaped_.reserve(line.size());  // never grows while texts point into it: escapes only shrink
  uint64_t seen = 0;                // keys; at most FieldMapping::kMaxPaths
  bool any = false;
  const char* const end = line.data() + line.size();
  for (const char* at = line.data(); at != end;) {
    if (IsBlank(*at)) {
      ++at;
      continue;
    }
    const char* const key_begin = at;
    while (at != end && !IsBlank(*at) && *at != '=' && *at != '"') ++at;
    const std::string_view key(key_begin, static_cast<size_t>(at - key_begin));
    if (key.empty() || (at != end && *at == '"')) return false;
    int index = IndexOf(key);
    if (index >= 0) {
      const uint64_t bit = uint64_t{1} << index;
      if ((seen & bit) != 0) index = -1;
      seen |= bit;
    }
    if (at == end || *at != '=') continue;
    any = true;
    const char* const begin = ++at;
    Value value;
    at = ScanPlain(begin, end, value);
    if (at == nullptr) {
      if (*begin != '"') return false;
      const char* const quote = ClosingQuote(begin + 1, end);
      if (quote == nullptr || (quote + 1 != end && !IsBlank(quote[1]))) return false;
      const size_t from = unescaped_.size();
      if (!Unescape({begin + 1, static_cast<size_t>(quote - begin - 1)}, unescaped_)) return false;
      value = {Kind::kText, std::string_view(unescaped_).substr(from)};
      at = quote + 1;
    }
    if (index >= 0) values[static_cast<size_t>(index)] = value;
    if (holes != nullptr) {
      holes->push_back({static_cast<uint32_t>(begin - line.data()),
                        static_cast<uint32_t>(at - line.data()), index});
    }
  }
  return any;
}

std::string_view LogfmtLine::ReadAnyShape(std::string_view line, std::span<Value> values) {
  return Scan(line, values, nullptr) ? std::string_view() : kNotLogfmt;
}

std::string_view LogfmtLine::Read(std::string_view line, std::span<Value> values) {
  for (Value& value : values) value = {};
  if (templates_.Match<ScanPlain>(line, values)) return {};
  if (!templates_.WantsToLearn()) return ReadAnyShape(line, values);
  std::vector<TemplateHole> holes;
  if (!Scan(line, values, &holes)) return kNotLogfmt;
  templates_.Learn(line, holes);
  return {};
}
