#include "collectors/rotated_name.h"

#include <algorithm>
#include <array>

namespace {

constexpr std::array<std::string_view, 2> kArchives = {".gz", ".zst"};
constexpr std::array<std::string_view, 14> kOtherArchives = {".bz2", ".xz",   ".zip", ".lz4", ".Z",
                                                             ".lz",  ".lzma", ".lzo", ".br",  ".sz",
                                                             ".zz",  ".7z",   ".tar", ".gpg"};
constexpr std::array<std::string_view, 6> kWords = {"old", "bak", "prev", "save", "copy", "backup"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

template <size_t N>
bool RemoveSuffix(std::string_view& name, const std::array<std::string_view, N>& suffixes) {
  for (std::string_view suffix : suffixes) {
    if (name.size() <= suffix.size() || !name.ends_with(suffix)) continue;
    name.remove_suffix(suffix.size());
    return true;
  }
  return false;
}

// "1", "20160222", "20160222T170211Z", "17:02", "old"
bool IsRotationPiece(std::string_view piece) {
  if (piece.empty()) return false;
  if (std::find(kWords.begin(), kWords.end(), piece) != kWords.end()) return true;
  return IsDigit(piece[0]) && piece.find_first_not_of("0123456789TtZz:_+") == piece.npos;
}

std::vector<uint64_t> DigitGroups(std::string_view text) {
  std::vector<uint64_t> groups;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsDigit(text[i])) continue;
    if (i == 0 || !IsDigit(text[i - 1])) groups.push_back(0);
    groups.back() = groups.back() * 10 + static_cast<uint64_t>(text[i] - '0');
  }
  return groups;
}

// A small lone number counts rotations, anything else is a date.
bool IsCounter(const RotatedName& name) {
  return name.digits.size() == 1 && name.digits[0] < 100'000;
}

}  // namespace

RotatedName ParseRotatedName(std::string_view name) {
  RotatedName result;
  std::string_view stem = name;
  result.unreadable_archive = RemoveSuffix(stem, kOtherArchives);
  result.rotated = RemoveSuffix(stem, kArchives) || result.unreadable_archive;
  for (;;) {
    const size_t separator = stem.find_last_of(".-");
    if (separator == stem.npos || separator == 0) break;
    if (!IsRotationPiece(stem.substr(separator + 1))) break;
    stem = stem.substr(0, separator);
    result.rotated = true;
  }
  result.stem = stem;
  result.digits = DigitGroups(name.substr(stem.size()));
  return result;
}

bool OlderByName(const RotatedName& a, const RotatedName& b) {
  if (a.rotated != b.rotated) return a.rotated;
  if (a.digits.empty() || b.digits.empty()) return false;
  if (IsCounter(a) != IsCounter(b)) return false;
  return IsCounter(a) ? a.digits > b.digits : a.digits < b.digits;
}
