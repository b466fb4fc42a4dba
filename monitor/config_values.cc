#include "monitor/config_values.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  int64_t size = 0;
};

constexpr std::array<Unit, 5> kDurations = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 9> kSizes = {{{"TiB", int64_t{1} << 40},
                                         {"TB", 1'000'000'000'000},
                                         {"GiB", int64_t{1} << 30},
                                         {"GB", 1'000'000'000},
                                         {"MiB", int64_t{1} << 20},
                                         {"MB", 1'000'000},
                                         {"KiB", 1024},
                                         {"KB", 1000},
                                         {"B", 1}}};
constexpr int64_t kMaxDuration = int64_t{36'500} * 86'400'000;
constexpr int64_t kMaxSize = int64_t{1} << 60;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes "12" and then "GiB" off the front of `text`; nothing where either is absent or unknown.
struct Quantity {
  int64_t count = 0;
  size_t unit = 0;  // index
};
std::optional<Quantity> TakeQuantity(std::string_view& text, std::span<const Unit> units,
                                     int64_t max) {
  const auto end = std::find_if_not(text.begin(), text.end(), IsDigit);
  const auto count = ParseCount(text.substr(0, static_cast<size_t>(end - text.begin())));
  if (!count) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.begin()));
  const size_t size =
      static_cast<size_t>(std::find_if(text.begin(), text.end(), IsDigit) - text.begin());
  const auto unit = std::find_if(units.begin(), units.end(), [&](const Unit& candidate) {
    return candidate.name == text.substr(0, size);
  });
  if (unit == units.end() || *count > max / unit->size) return std::nullopt;
  text.remove_prefix(size);
  return Quantity{*count, static_cast<size_t>(unit - units.begin())};
}

// Edits (insert, delete, replace, swap neighbours) from one name to the other.
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::optional<milliseconds> ParseDuration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  for (size_t first_unit = 0; !text.empty();) {
    const auto taken = TakeQuantity(text, kDurations, kMaxDuration);
    if (!taken || taken->unit < first_unit) return std::nullopt;
    first_unit = taken->unit + 1;
    total += taken->count * kDurations[taken->unit].size;
  }
  if (total > kMaxDuration) return std::nullopt;
  return milliseconds(total);
}

std::string FormatDuration(milliseconds duration) {
  std::string text;
  int64_t rest = duration.count();
  for (const Unit& unit : kDurations) {
    if (rest < unit.size) continue;
    text += std::to_string(rest / unit.size) + std::string(unit.name);
    rest %= unit.size;
  }
  return text.empty() ? "0s" : text;
}

std::optional<int64_t> ParseSize(std::string_view text) {
  const auto taken = TakeQuantity(text, kSizes, kMaxSize);
  if (!taken || !text.empty()) return std::nullopt;
  return taken->count * kSizes[taken->unit].size;
}

std::string FormatSize(int64_t bytes) {
  for (const Unit& unit : kSizes) {
    if (bytes >= unit.size && bytes % unit.size == 0) {
      return std::to_string(bytes / unit.size) + std::string(unit.name);
    }
  }
  return "0B";
}

std::optional<int64_t> ParseCount(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  return value;
}

std::optional<double> ParseRatio(std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return IsDigit(c) || c == '.'; });
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!plain || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (value < 0 || value > 1) return std::nullopt;
  return value;
}

std::string ListenComplaint(std::string_view text) {
  const char* const wrong = "must be host:port such as 127.0.0.1:9717 or [::1]:9717";
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong;
  const auto port = ParseCount(text.substr(colon + 1));
  if (!port || *port > 65'535) return wrong;
  std::string host(text.substr(0, colon));
  if (host == "localhost") return {};
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  in_addr four{};
  in6_addr six{};
  if (bracketed ? inet_pton(AF_INET6, host.c_str(), &six) != 1
                : inet_pton(AF_INET, host.c_str(), &four) != 1) {
    return wrong;
  }
  if (bracketed ? IN6_IS_ADDR_LOOPBACK(&six) : ntohl(four.s_addr) >> 24 == 127) return {};
  return "must be a loopback address such as 127.0.0.1:9717, since there is neither encryption nor "
         "authentication; put a proxy that has both before it";
}

bool IsFieldPath(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos;
}

std::vector<std::string> Placeholders(std::string_view text) {
  std::vector<std::string> names;
  for (size_t at = text.find('{'); at != std::string_view::npos; at = text.find('{', at + 1)) {
    const size_t end = text.find('}', at);
    if (end == std::string_view::npos) break;
    names.emplace_back(text.substr(at + 1, end - at - 1));
  }
  return names;
}

std::vector<std::string> GroupNames(std::string_view pattern) {
  std::vector<std::string> names;
  for (size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\') {
      ++at;
      continue;
    }
    std::string_view rest = pattern.substr(at);
    if (rest.substr(0, 2) != "(?") continue;
    rest.remove_prefix(2);
    if (rest.substr(0, 2) == "P<") rest.remove_prefix(1);
    if (rest.empty() || (rest[0] != '<' && rest[0] != '\'')) continue;
    const size_t end = rest.find(rest[0] == '<' ? '>' : '\'', 1);
    // (?<= and (?<! look behind and name nothing.
    if (end == std::string_view::npos || rest[1] == '=' || rest[1] == '!') continue;
    names.emplace_back(rest.substr(1, end - 1));
  }
  return names;
}

std::string Shown(std::string_view text) {
  constexpr size_t kMax = 60;
  std::string shown;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // A cut falls before a character, never into one.
    if (shown.size() >= kMax && (byte & 0xC0) != 0x80) return shown + "…";
    if (byte >= 0x20 && byte != 0x7F) {
      shown += text[i];
      continue;
    }
    char escape[5];
    std::snprintf(escape, sizeof escape, "\\x%02x", byte);
    shown += escape;
  }
  return shown;
}

std::string Quoted(std::string_view text) { return "\"" + Shown(text) + "\""; }

std::string Listed(std::span<const std::string_view> names) {
  std::string list;
  for (const std::string_view name : names) {
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

std::string Suggestion(std::string_view name, std::span<const std::string_view> known) {
  constexpr size_t kLongest = 64;  // no known name is longer, and the distance costs the product
  size_t nearest = std::max<size_t>(1, name.size() / 3) + 1;
  std::string_view meant;
  for (const std::string_view candidate : known) {
    if (name.size() > kLongest || candidate.size() > kLongest) continue;
    const size_t distance = Distance(name, candidate);
    if (distance >= nearest) continue;
    nearest = distance;
    meant = candidate;
  }
  std::string text;
  if (!meant.empty()) text = "; did you mean \"" + std::string(meant) + "\"?";
  return known.empty() ? text : text + " (known: " + Listed(known) + ")";
}
