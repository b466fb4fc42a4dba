#include "collectors/files/file_pattern.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace {

constexpr std::string_view kProjectWord = "{project}";
constexpr std::string_view kDayWord = "{day}";
constexpr size_t kDaySize = 10;  // YYYY-MM-DD

}  // namespace

// Text in one piece or in three (directory, slash, name), read as one.
class FilePattern::Joined {
 public:
  Joined(std::string_view directory, std::string_view name)
      : directory_(directory == "/" ? std::string_view{} : directory), name_(name) {}
  explicit Joined(std::string_view whole) : name_(whole), bare_(true) {}

  size_t size() const { return bare_ ? name_.size() : directory_.size() + 1 + name_.size(); }
  char operator[](size_t at) const {
    if (bare_) return name_[at];
    if (at < directory_.size()) return directory_[at];
    return at == directory_.size() ? '/' : name_[at - directory_.size() - 1];
  }
  // Without a slash in it, so that it lies in one piece.
  std::string_view Slice(size_t at, size_t size) const {
    if (bare_) return name_.substr(at, size);
    if (at < directory_.size()) return directory_.substr(at, size);
    return name_.substr(at - directory_.size() - 1, size);
  }

 private:
  std::string_view directory_, name_;
  bool bare_ = false;
};

// One attempt to read `text` as the tokens [first, last).
class FilePattern::Reading {
 public:
  Reading(const std::vector<Token>& tokens, size_t last, const Joined& text)
      : tokens_(tokens), last_(last), text_(text) {}

  // Depth-first: as deep as there are tokens that stand for several characters.
  bool From(size_t token, size_t at) {
    for (; token < last_; ++token) {
      const Token& now = tokens_[token];
      switch (now.kind) {
        case Kind::kCharacter:
          if (at >= text_.size() || text_[at] != now.character) return false;
          ++at;
          break;
        case Kind::kAnyCharacter:
          if (!Wild(at)) return false;
          ++at;
          break;
        case Kind::kDay:
          if (!ReadDay(at)) return false;
          at += kDaySize;
          break;
        case Kind::kProject:
          if (match_.project.empty()) return ChooseProject(token, at);
          if (!Repeats(at)) return false;
          at += match_.project.size();
          break;
        case Kind::kAnyText:
          return ChooseText(token, at);
      }
    }
    return at == text_.size();
  }
  const Match& match() const { return match_; }

 private:
  // A placeholder or wildcard may stand for the character at `at`.
  bool Wild(size_t at) const {
    if (at >= text_.size() || text_[at] == '/') return false;
    return text_[at] != '.' || (at > 0 && text_[at - 1] != '/');
  }
  bool ReadDay(size_t at) {
    if (at + kDaySize > text_.size()) return false;
    for (size_t i = at; i < at + kDaySize; ++i) {
      if (text_[i] == '/') return false;
    }
    const auto day = ParseDay(text_.Slice(at, kDaySize));
    if (!day || (match_.day.days != Day::kNone && *day != match_.day)) return false;
    match_.day = *day;
    return true;
  }
  bool Repeats(size_t at) const {
    for (const char character : match_.project) {
      if (at >= text_.size() || text_[at++] != character) return false;
    }
    return true;
  }
  bool ChooseProject(size_t token, size_t at) {
    const Match before = match_;
    for (size_t end = at; Wild(end);) {
      ++end;
      match_ = before;
      match_.project = text_.Slice(at, end - at);
      if (From(token + 1, end)) return true;
    }
    match_ = before;
    return false;
  }
  // Leftmost first. What a later `*` could not mend by reaching as far as it can, this one cannot
  // either, unless something is read differently for it: so that a hostile name costs little.
  bool ChooseText(size_t token, size_t at) {
    const Match before = match_;
    for (size_t end = at;; ++end) {
      exhausted_ = false;
      if (From(token + 1, end)) return true;
      const bool hopeless = exhausted_ && exhausted_with_.project == before.project &&
                            exhausted_with_.day == before.day;
      match_ = before;
      if (hopeless || !Wild(end)) break;
    }
    exhausted_ = true;
    exhausted_with_ = before;
    return false;
  }

  const std::vector<Token>& tokens_;
  size_t last_;
  const Joined& text_;
  Match match_;
  bool exhausted_ = false;
  Match exhausted_with_;
};

Result<FilePattern> FilePattern::Parse(std::string_view path) {
  const auto refuse = [path](const char* why) {
    return Fail(Error::Kind::kUsage, std::string(path) + ": " + why);
  };
  if (!path.starts_with('/')) return refuse("is not an absolute path");
  const std::filesystem::path written(path);
  if (std::find(written.begin(), written.end(), "..") != written.end()) {
    return refuse("contains \"..\"");
  }
  FilePattern pattern(written.lexically_normal().string());
  if (pattern.path_.ends_with('/')) return refuse("names no file");
  if (!pattern.Has(Kind::kProject, 0)) return refuse("must contain {project}");
  if (!pattern.Has(Kind::kDay, 0)) return refuse("must contain {day}");
  return pattern;
}

FilePattern::FilePattern(std::string path) : path_(std::move(path)) {
  for (std::string_view rest = path_; !rest.empty();) {
    if (rest[0] == '/') slashes_.push_back(tokens_.size());
    size_t size = 1;
    Token token{Kind::kCharacter, rest[0]};
    if (rest[0] == '*') token.kind = Kind::kAnyText;
    if (rest[0] == '?') token.kind = Kind::kAnyCharacter;
    if (rest.starts_with(kProjectWord)) token.kind = Kind::kProject, size = kProjectWord.size();
    if (rest.starts_with(kDayWord)) token.kind = Kind::kDay, size = kDayWord.size();
    rest.remove_prefix(size);
    // Two in a row are one.
    if (token.kind == Kind::kAnyText && tokens_.back().kind == Kind::kAnyText) continue;
    tokens_.push_back(token);
  }
  const size_t name = slashes_.back() + 1;
  name_tells_ = Has(Kind::kProject, name) || Has(Kind::kDay, name);
  const size_t special = std::min(
      {path_.find_first_of("*?"), path_.find(kProjectWord), path_.find(kDayWord), path_.size()});
  root_ = path_.substr(0, std::max<size_t>(1, path_.rfind('/', special)));
}

bool FilePattern::Has(Kind kind, size_t from) const {
  return std::any_of(tokens_.begin() + static_cast<ptrdiff_t>(from), tokens_.end(),
                     [kind](Token token) { return token.kind == kind; });
}

std::optional<FilePattern::Match> FilePattern::Read(size_t first, size_t last, const Joined& text,
                                                    size_t at) const {
  Reading reading(tokens_, last, text);
  if (!reading.From(first, at)) return std::nullopt;
  return reading.match();
}

// The root, which has one token for each of its characters, is compared at once.
std::optional<FilePattern::Match> FilePattern::MatchFile(std::string_view directory,
                                                         std::string_view name) const {
  const size_t begin = root_.size() == 1 ? 0 : root_.size();
  if (!directory.starts_with(std::string_view(root_).substr(0, begin))) return std::nullopt;
  return Read(begin, tokens_.size(), Joined(directory, name), begin);
}

std::optional<FilePattern::Match> FilePattern::MatchName(std::string_view name) const {
  return Read(slashes_.back() + 1, tokens_.size(), Joined(name), 0);
}

FilePattern::Place FilePattern::PlaceOf(std::string_view directory) const {
  if (directory == "/") return PlaceAt(0, Joined(""));
  return directory.starts_with('/') ? PlaceOfText(Joined(directory)) : Place::kElsewhere;
}

FilePattern::Place FilePattern::PlaceOf(std::string_view directory, std::string_view name) const {
  return PlaceOfText(Joined(directory, name));
}

// As deep as the files' own directory is, and beginning as that does.
FilePattern::Place FilePattern::PlaceOfText(const Joined& text) const {
  size_t depth = 0;
  for (size_t at = 0; at < text.size(); ++at) depth += text[at] == '/';
  return PlaceAt(depth, text);
}

FilePattern::Place FilePattern::PlaceAt(size_t depth, const Joined& text) const {
  if (depth >= slashes_.size() || !Read(0, slashes_[depth], text, 0)) return Place::kElsewhere;
  return depth + 1 == slashes_.size() ? Place::kLeaf : Place::kOnTheWay;
}
