#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/error.h"
#include "monitor/time.h"

// Where the canonical files of one format are: an absolute path with {project} and {day}, such as
// /data/columnar/{project}/{day}.parquet. `*` and `?` stand for any text and any character within
// one component. {project} is any text but a slash, the shortest that fits, {day} is YYYY-MM-DD;
// one that stands twice is the same both times. Nothing but a dot in the pattern matches a dot at
// the start of a component: hidden files and directories are never canonical. Immutable and pure:
// any thread.
class FilePattern {
 public:
  // The Error (kUsage) says what is wrong with `path`.
  static Result<FilePattern> Parse(std::string_view path);

  // What a path says. The project is a slice of the text that was matched.
  struct Match {
    std::string_view project;  // empty: it does not say
    Day day;                   // none: it does not say
  };
  // A canonical file? `directory` is absolute, without a slash at its end.
  std::optional<Match> MatchFile(std::string_view directory, std::string_view name) const;
  // What the bare name of such a file says, wherever it is; nothing: no file of the format is
  // called so. Where `name_tells` is false every answer is as good as none.
  std::optional<Match> MatchName(std::string_view name) const;
  // A file's own name tells a project or a day.
  bool name_tells() const { return name_tells_; }

  enum class Place {
    kElsewhere,
    kOnTheWay,  // directories on the way to files can be in it
    kLeaf,      // files can be in it
  };
  Place PlaceOf(std::string_view directory) const;
  // `directory` and then `name` within it, without joining them.
  Place PlaceOf(std::string_view directory, std::string_view name) const;

  // The longest prefix of whole directories without placeholder or wildcard: "/data/columnar".
  const std::string& root() const { return root_; }
  const std::string& path() const { return path_; }

 private:
  // One character, or one thing that stands for several.
  enum class Kind : uint8_t { kCharacter, kAnyCharacter, kAnyText, kProject, kDay };
  struct Token {
    Kind kind;
    char character;
  };
  class Joined;
  class Reading;

  explicit FilePattern(std::string path);
  bool Has(Kind kind, size_t from) const;
  std::optional<Match> Read(size_t first, size_t last, const Joined& text, size_t at) const;
  Place PlaceOfText(const Joined& text) const;
  Place PlaceAt(size_t depth, const Joined& text) const;

  std::string path_, root_;
  std::vector<Token> tokens_;    // of the whole path
  std::vector<size_t> slashes_;  // where they stand in `tokens_`
  bool name_tells_ = false;
};
