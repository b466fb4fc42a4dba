#include "dashboards/query_reader.h"

#include <algorithm>
#include <charconv>

QueryReader::QueryReader(const HttpRequest& request, const std::vector<std::string_view>& known)
    : request_(request) {
  for (auto at = request.query.begin(); at != request.query.end(); ++at) {
    const std::string& name = at->first;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      Refuse("there is no parameter " + name);
    }
    if (name != "kind" && request.query.count(name) > 1) Refuse(name + " is given twice");
  }
}

void QueryReader::Refuse(std::string why) {
  if (problem_.empty()) problem_ = std::move(why);
}

std::string QueryReader::Text(std::string_view name) {
  return request_.QueryValue(std::string(name));
}

std::string QueryReader::Needed(std::string_view name) {
  std::string text = Text(name);
  if (text.empty()) Refuse(std::string(name) + " is needed");
  return text;
}

std::string QueryReader::OneOf(std::string_view name, std::initializer_list<std::string_view> words,
                               std::string_view absent) {
  std::string text = Text(name);
  if (text.empty()) return std::string(absent);
  if (std::find(words.begin(), words.end(), text) != words.end()) return text;
  std::string all;
  for (const std::string_view word : words) {
    all += (all.empty() ? "" : word == *(words.end() - 1) ? " or " : ", ") + std::string(word);
  }
  Refuse(std::string(name) + " is " + all);
  return std::string(absent);
}

std::string QueryReader::DayOf(std::string_view name) {
  std::string text = Text(name);
  if (!text.empty() && !ParseDay(text)) {
    Refuse(std::string(name) + " is a date such as 2016-02-22");
  }
  return text;
}

std::optional<Time> QueryReader::Moment(std::string_view name) {
  const std::string text = Text(name);
  if (text.empty()) return std::nullopt;
  if (const auto time = ParseTime(text)) return time;
  if (const auto day = ParseDay(text); day && day->days != Day::kNone) return StartOf(*day);
  Refuse(std::string(name) + " is a time such as 2016-02-22T17:00:00Z or 2016-02-22");
  return std::nullopt;
}

int64_t QueryReader::Number(std::string_view name, int64_t least, int64_t most, int64_t absent) {
  const std::string text = Text(name);
  if (text.empty()) return absent;
  const auto number = ParseWhole(text);
  if (number && *number >= least && *number <= most) return *number;
  Refuse(std::string(name) + " is a number from " + std::to_string(least) + " to " +
         std::to_string(most));
  return absent;
}

std::vector<std::string> QueryReader::Cursor(size_t parts) {
  std::string_view text =
      request_.query.count("cursor") ? request_.query.find("cursor")->second : std::string_view();
  std::vector<std::string> found;
  while (!text.empty()) {
    const size_t dot = std::min(text.find('.'), text.size());
    found.emplace_back(text.substr(0, dot));
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  if (found.empty() || found.size() == parts) return found;
  Refuse("cursor is the `next` of an answer to the same question");
  return {};
}

int64_t QueryReader::Offset() {
  const auto parts = Cursor(1);
  if (parts.empty()) return 0;
  const auto offset = ParseWhole(parts[0]);
  if (offset && *offset >= 0) return *offset;
  Refuse("cursor is the `next` of an answer to the same question");
  return 0;
}

std::vector<std::string> QueryReader::All(std::string_view name) {
  std::vector<std::string> all;
  const auto [begin, end] = request_.query.equal_range(std::string(name));
  for (auto at = begin; at != end; ++at) all.push_back(at->second);
  return all;
}

std::string CursorOf(std::initializer_list<int64_t> numbers, const std::string& last) {
  std::string cursor;
  for (const int64_t number : numbers) {
    cursor += (cursor.empty() ? "" : ".") + std::to_string(number);
  }
  return last.empty() ? cursor : cursor + "." + last;
}

std::optional<int64_t> ParseWhole(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}
