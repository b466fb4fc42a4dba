#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dashboards/http_message.h"
#include "monitor/time.h"

// The parameters of one request, read strictly: an unknown, doubled or wrong one is a problem, and
// the first problem is kept. One thread; the request must stay.
class QueryReader {
 public:
  QueryReader(const HttpRequest& request, const std::vector<std::string_view>& known);

  // Why the request cannot be answered; empty: nothing is wrong so far.
  const std::string& problem() const { return problem_; }
  void Refuse(std::string why);

  std::string Text(std::string_view name);
  // One that must be there.
  std::string Needed(std::string_view name);
  std::string OneOf(std::string_view name, std::initializer_list<std::string_view> words,
                    std::string_view absent);
  // A day as the store partitions it, or empty.
  std::string DayOf(std::string_view name);
  // RFC 3339, or a day, which stands for its first moment.
  std::optional<Time> Moment(std::string_view name);
  int64_t Number(std::string_view name, int64_t least, int64_t most, int64_t absent);
  int64_t Limit(int64_t absent = 100) { return Number("limit", 1, 1000, absent); }
  // The parts of `cursor`, which are joined by dots; empty: it is not there. `parts`: how many.
  std::vector<std::string> Cursor(size_t parts);
  // A cursor that counts rows.
  int64_t Offset();
  // All values of a parameter that may be repeated.
  std::vector<std::string> All(std::string_view name);

 private:
  const HttpRequest& request_;
  std::string problem_;
};

std::string CursorOf(std::initializer_list<int64_t> numbers, const std::string& last = {});
// A whole number, or nothing.
std::optional<int64_t> ParseWhole(std::string_view text);
