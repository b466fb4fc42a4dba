#include "collectors/path_template.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "collectors/byte_scan.h"

namespace {

constexpr std::array<bool, 256> kWordCharacters = [] {
  std::array<bool, 256> word{};
  for (unsigned char c = '0'; c <= '9'; ++c) word[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) word[c] = word[c - 'a' + 'A'] = true;
  return word;
}();

bool WordCharacter(char c) { return kWordCharacters[static_cast<unsigned char>(c)]; }

// `word` begins at `at`, where a word may begin, and is not part of a longer one.
bool StandsAt(std::string_view path, size_t at, std::string_view word) {
  if (word.empty() || path[at] != word[0]) return false;
  const size_t end = at + word.size();
  if (end > path.size() || (end < path.size() && WordCharacter(path[end]))) return false;
  return std::memcmp(path.data() + at, word.data(), word.size()) == 0;
}

// The parts of one date that the numbers of a path spell: 20160222, 2016/02/22, month=2/day=22.
class DateParts {
 public:
  explicit DateParts(Day day) {
    const std::chrono::year_month_day date{
        std::chrono::sys_days(std::chrono::days(std::max(day.days, 0)))};
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    month_ = static_cast<unsigned>(date.month());
    day_ = static_cast<unsigned>(date.day());
    Put(year / 100, 0), Put(year % 100, 2), Put(month_, 4), Put(day_, 6);
    std::memcpy(iso_.data(), text_.data(), 4), std::memcpy(iso_.data() + 5, text_.data() + 4, 2);
    std::memcpy(iso_.data() + 8, text_.data() + 6, 2);
  }

  // "2016-02-22"
  std::string_view iso() const { return {iso_.data(), iso_.size()}; }

  // What stands in the template for these digits; nothing where they are no part of the date.
  std::string_view Take(std::string_view digits) {
    const std::string_view date(text_.data(), text_.size());
    if (digits.size() >= 4 && date.starts_with(digits)) {
      if (digits.size() % 2 != 0) return {};
      next_ = digits.size();
      return digits.size() == 4   ? "{year}"
             : digits.size() == 6 ? "{year}{month}"
                                  : "{year}{month}{day}";
    }
    if (digits.size() == 4 && next_ == 4 && date.ends_with(digits)) {
      next_ = 8;
      return "{month}{day}";
    }
    if (digits.size() > 2) return {};
    const auto number = static_cast<unsigned>(ParseDigits(digits.data(), digits.size()));
    if (next_ == 4 && number == month_) return next_ = 6, "{month}";
    if (next_ == 6 && number == day_) return next_ = 8, "{day}";
    return {};
  }

 private:
  void Put(unsigned number, size_t at) {
    text_[at] = static_cast<char>('0' + number / 10 % 10);
    text_[at + 1] = static_cast<char>('0' + number % 10);
  }
  std::array<char, 8> text_{};  // "20160222"
  std::array<char, 10> iso_ = {0, 0, 0, 0, '-', 0, 0, '-', 0, 0};
  unsigned month_ = 0, day_ = 0;
  size_t next_ =
      0;  // digits of it that were taken: nothing of a date is looked for before its year
};

}  // namespace

std::string_view PathTemplate::Of(std::string_view path, std::string_view project,
                                  std::string_view day_text, Day day) {
  text_.clear();
  std::optional<DateParts> date;  // made where it is needed: most paths spell the day as the line
  for (size_t at = 0; at < path.size();) {
    const bool may_begin = at == 0 || !WordCharacter(path[at - 1]);
    std::string_view taken, instead;
    if (may_begin && StandsAt(path, at, project)) {
      taken = project, instead = "{project}";
    } else if (may_begin && StandsAt(path, at, day_text)) {
      taken = day_text, instead = "{day}";
    } else if (IsDigit(path[at]) && day.days > 0) {
      if (!date) date.emplace(day);
      const char* const number = path.data() + at;
      const char* const number_end = FindDigitsEnd(number, path.data() + path.size());
      const bool iso = may_begin && StandsAt(path, at, date->iso());
      taken =
          iso ? date->iso() : std::string_view(number, static_cast<size_t>(number_end - number));
      instead = iso ? "{day}" : date->Take(taken);
      if (instead.empty()) instead = taken;
    } else {
      size_t end = at + 1;  // up to where something may begin again
      while (end < path.size() && WordCharacter(path[end - 1]) && !IsDigit(path[end])) ++end;
      taken = instead = path.substr(at, end - at);
    }
    text_ += instead;
    at += taken.size();
  }
  return text_;
}
