#include "collectors/path_template.h"

#include <array>
#include <cstring>

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

}  // namespace

std::string_view PathTemplate::Of(std::string_view path, std::string_view project,
                                  std::string_view day) {
  text_.clear();
  for (size_t at = 0; at < path.size();) {
    const bool may_begin = at == 0 || !WordCharacter(path[at - 1]);
    if (may_begin && StandsAt(path, at, project)) {
      text_ += "{project}";
      at += project.size();
    } else if (may_begin && StandsAt(path, at, day)) {
      text_ += "{day}";
      at += day.size();
    } else {
      size_t end = at + 1;  // up to where a word may begin again
      while (end < path.size() && WordCharacter(path[end - 1])) ++end;
      text_ += path.substr(at, end - at);
      at = end;
    }
  }
  return text_;
}
