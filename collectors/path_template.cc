#include "collectors/path_template.h"

#include <cstring>

namespace {

bool WordCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

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
  constexpr std::string_view kProject = "{project}", kDay = "{day}";
  if (path.size() > kLongest / kProject.size()) return path;
  char* out = text_.data();
  const auto put = [&](std::string_view piece) {
    std::memcpy(out, piece.data(), piece.size());
    out += piece.size();
  };
  for (size_t at = 0; at < path.size();) {
    const bool may_begin = at == 0 || !WordCharacter(path[at - 1]);
    if (may_begin && StandsAt(path, at, project)) {
      put(kProject);
      at += project.size();
    } else if (may_begin && StandsAt(path, at, day)) {
      put(kDay);
      at += day.size();
    } else {
      *out++ = path[at++];
    }
  }
  return {text_.data(), static_cast<size_t>(out - text_.data())};
}
