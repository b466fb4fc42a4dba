#include "collectors/files/mount_table.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <charconv>

namespace {

bool IsOctal(char character) { return character >= '0' && character <= '7'; }

// Blanks, tabs, newlines and backslashes are written as \ooo.
std::string WithoutEscapes(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && IsOctal(text[i + 1]) && IsOctal(text[i + 2]) &&
        IsOctal(text[i + 3])) {
      plain +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// 36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw
bool ParseMount(std::string_view line, Mount& mount) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const size_t blank = line.find(' ');
    words.push_back(line.substr(0, blank));
    if (blank == line.npos) break;
    line.remove_prefix(blank + 1);
  }
  size_t dash = 6;
  while (dash < words.size() && words[dash] != "-") ++dash;
  if (dash + 1 >= words.size()) return false;
  const std::string_view id = words[0];
  if (std::from_chars(id.data(), id.data() + id.size(), mount.id).ec != std::errc()) return false;
  mount.device = words[2];
  mount.point = WithoutEscapes(words[4]);
  mount.type = words[dash + 1];
  return true;
}

}  // namespace

std::vector<Mount> ParseMounts(std::string_view text) {
  std::vector<Mount> mounts;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    Mount mount;
    if (ParseMount(text.substr(0, newline), mount)) mounts.push_back(std::move(mount));
    if (newline == text.npos) break;
    text.remove_prefix(newline + 1);
  }
  return mounts;
}

bool IsAtOrBelow(std::string_view path, std::string_view above) {
  if (above == "/") return path.starts_with('/');
  return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/');
}

MountTable::MountTable() : fd_(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)) {}

bool MountTable::Changed() {
  // The kernel says so once for each descriptor: proc(5).
  pollfd changes{fd_.get(), POLLPRI, 0};
  const bool changed = poll(&changes, 1, 0) > 0 && (changes.revents & (POLLPRI | POLLERR));
  return std::exchange(first_, false) || changed;
}

std::vector<Mount> MountTable::Read() const {
  std::string text;
  std::array<char, 16 * 1024> room;
  if (lseek(fd_.get(), 0, SEEK_SET) != 0) return {};
  for (ssize_t got = 0; (got = read(fd_.get(), room.data(), room.size())) > 0;) {
    text.append(room.data(), static_cast<size_t>(got));
  }
  return ParseMounts(text);
}
