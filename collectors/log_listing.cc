#include "collectors/log_listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <set>

#include "collectors/rotated_name.h"

namespace {

bool IsGlob(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

bool Matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

bool MatchesRotated(const std::string& pattern, const RotatedName& name) {
  return name.rotated && Matches(pattern, std::string(name.stem));
}

std::string Join(const std::string& directory, const std::string& name) {
  if (directory.empty() || name.empty()) return directory + name;
  return directory + "/" + name;
}

std::vector<std::string> Split(const std::string& path) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin < path.size()) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

Result<LogPattern> MakePattern(const std::string& path, bool literal) {
  std::vector<std::string> parts = Split(path);
  if (parts.empty() || path.back() == '/') {
    return Fail(Error::Kind::kUsage, "'" + path + "' names no file");
  }
  LogPattern pattern{path.front() == '/' ? "" : ".", {}};
  size_t below = 0;
  while (below + 1 < parts.size() && (literal || !IsGlob(parts[below]))) ++below;
  for (size_t i = 0; i < below; ++i) pattern.base += "/" + parts[i];
  if (pattern.base.empty()) pattern.base = "/";
  pattern.components.assign(parts.begin() + static_cast<ptrdiff_t>(below), parts.end());
  if (std::find(pattern.components.begin(), pattern.components.end(), "..") !=
      pattern.components.end()) {
    return Fail(Error::Kind::kUsage, "'" + path + "': '..' may not follow a wildcard");
  }
  return pattern;
}

// What stands below the base, or the begin of it, against the pattern's components; the last may be
// a rotated name.
bool MatchesParts(const LogPattern& pattern, const std::vector<std::string>& parts) {
  const size_t last = pattern.components.size() - 1;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string& wanted = pattern.components[i];
    if (Matches(wanted, parts[i])) continue;
    if (i < last || !MatchesRotated(wanted, ParseRotatedName(parts[i]))) return false;
  }
  return true;
}

class Lister {
 public:
  explicit Lister(bool with_siblings) : with_siblings_(with_siblings) {}

  void List(const LogPattern& pattern) {
    pattern_ = &pattern;
    Descend("", 0);
  }
  LogListing Finish();

 private:
  void Descend(const std::string& below, size_t depth);
  void Consider(int directory, const std::string& below, const std::string& name);
  void Problem(const std::string& below, std::string_view reason, bool expected) {
    listing_.problems.push_back(
        {pattern_->base + (below.empty() ? "" : "/" + below), reason, expected});
  }
  bool with_siblings_;
  const LogPattern* pattern_ = nullptr;
  LogListing listing_;
  std::set<std::string> paths_;  // a second glob may name the same file
};

void Lister::Descend(const std::string& below, size_t depth) {
  auto opened = OpenDirectory(pattern_->base, below);
  if (!opened) {
    const int error = opened.error().error;
    return Problem(below, opened.error().reason,
                   error == ENOENT || (error == ENOTDIR && depth > 0));
  }
  const int fd = openat(opened->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fd < 0 ? nullptr : fdopendir(fd), closedir);
  if (!stream) return Problem(below, WhyNotOpened(errno), false);
  listing_.directories.push_back(Join(pattern_->base, below));
  const bool last = depth + 1 == pattern_->components.size();
  const std::string& wanted = pattern_->components[depth];
  bool found = false;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const bool match = !with_siblings_ && last ? name == wanted : Matches(wanted, name);
    found |= match;
    if (last) {
      Consider(dirfd(stream.get()), below, name);
    } else if (match && entry->d_type != DT_REG) {
      Descend(Join(below, name), depth + 1);
    }
  }
  if (!found && !IsGlob(wanted)) {
    Problem(Join(below, wanted), "cannot be opened: no such file", true);
  }
}

void Lister::Consider(int directory, const std::string& below, const std::string& name) {
  const std::string& wanted = pattern_->components.back();
  const RotatedName parsed = ParseRotatedName(name);
  const std::string stem(parsed.stem);
  const bool matched = with_siblings_ ? Matches(wanted, name) : name == wanted;
  if (!matched && !(with_siblings_ && MatchesRotated(wanted, parsed))) return;
  struct stat status;
  if (fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
  const std::string path = Join(below, name);
  const std::string_view reason = WhyNotRegular(status.st_mode);
  if (!reason.empty()) {
    if (matched) Problem(path, reason, S_ISDIR(status.st_mode));
    return;
  }
  ListedLog log{pattern_->base, path,           Join(pattern_->base, below),
                stem,           parsed.rotated, parsed.unreadable_archive,
                StateOf(status)};
  if (paths_.insert(log.Path()).second) listing_.logs.push_back(std::move(log));
}

// Names decide the order of one stem's rotations where all of them tell, else times do.
bool NamesTell(const std::vector<RotatedName>& names) {
  for (const RotatedName& a : names) {
    for (const RotatedName& b : names) {
      if (a.rotated && b.rotated && a.digits != b.digits && !OlderByName(a, b) &&
          !OlderByName(b, a)) {
        return false;
      }
    }
  }
  return true;
}

LogListing Lister::Finish() {
  std::map<std::string, std::vector<RotatedName>> names;
  const auto name_of = [](const ListedLog& log) {
    return ParseRotatedName(std::string_view(log.below).substr(log.below.rfind('/') + 1));
  };
  for (const ListedLog& log : listing_.logs) names[log.StemPath()].push_back(name_of(log));
  std::map<std::string, bool> told;
  for (const auto& [stem, list] : names) told[stem] = NamesTell(list);
  const auto before = [&](const ListedLog& a, const ListedLog& b) {
    if (a.StemPath() != b.StemPath()) return a.StemPath() < b.StemPath();
    if (a.rotated != b.rotated) return a.rotated;
    const RotatedName left = name_of(a);
    const RotatedName right = name_of(b);
    if (told[a.StemPath()] && left.digits != right.digits) return OlderByName(left, right);
    if (!told[a.StemPath()] && a.state.modified_ns != b.state.modified_ns) {
      return a.state.modified_ns < b.state.modified_ns;
    }
    return a.below < b.below;
  };
  std::sort(listing_.logs.begin(), listing_.logs.end(), before);
  return std::move(listing_);
}

}  // namespace

Result<LogPattern> ParseLogPattern(const std::string& glob) { return MakePattern(glob, false); }

Result<LogPattern> LiteralLogPattern(const std::string& path) { return MakePattern(path, true); }

bool Lists(const LogPattern& pattern, const std::string& path) {
  const std::vector<std::string> base = Split(pattern.base);
  std::vector<std::string> parts = Split(path);
  if (parts.size() != base.size() + pattern.components.size()) return false;
  const auto below = parts.begin() + static_cast<ptrdiff_t>(base.size());
  if (!std::equal(parts.begin(), below, base.begin())) return false;
  return MatchesParts(pattern, {below, parts.end()});
}

bool Concerns(const LogPattern& pattern, const std::string& path) {
  if (!path.starts_with(pattern.base + "/")) {
    return (pattern.base + "/").starts_with(path == "/" ? path : path + "/");
  }
  const std::vector<std::string> parts = Split(path.substr(pattern.base.size()));
  return parts.size() <= pattern.components.size() && MatchesParts(pattern, parts);
}

LogListing ListLogs(const std::vector<LogPattern>& patterns, bool with_siblings) {
  Lister lister(with_siblings);
  for (const LogPattern& pattern : patterns) lister.List(pattern);
  return lister.Finish();
}
