#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/config.h"
#include "monitor/error.h"

// Which value of a line feeds which field of a fact (`fields`, `constants`, `match`, `outcome`).

enum class FactField : uint8_t {
  kTime,
  kDay,
  kProject,
  kServer,
  kFormat,
  kRun,
  kBatch,
  kVersion,
  kPath,
  kExisting,
  kFresh,
  kWritten,
  kRecovered,
  kDuplicates,
  kDeleted,
};
inline constexpr size_t kFactFields = 15;
// As the configuration spells it.
std::string_view NameOf(FactField field);

// One value of a line. Its text lives as long as the line and the reader's next line.
struct Value {
  enum class Kind : uint8_t {
    kAbsent,  // not there, or null
    kText,    // unescaped
    kNumber,  // as the line spells it
    kBool,
    kNested,  // an object or an array: no text
  };
  Kind kind = Kind::kAbsent;
  std::string_view text;
};

// The paths a line is asked for, each once, and who asks. Owned by the LineParser; immutable,
// movable.
class FieldMapping {
 public:
  static constexpr size_t kMaxPaths = 64;

  // `groups` (format regex): a group named like a fact field feeds it unless `fields` says
  // otherwise; every path must be one of them. Empty for the other formats.
  static Result<FieldMapping> Create(const CompactionLogConfig& config,
                                     std::span<const std::string> groups);

  // Values are given back in this order.
  const std::vector<std::string>& paths() const { return paths_; }
  // Whether lines can carry the field at all, or a constant stands for it.
  bool Feeds(FactField field) const {
    const Source& source = sources_[static_cast<size_t>(field)];
    return source.path >= 0 || source.constant_text != nullptr;
  }
  // The line's value of a field, or its constant, or an absent one.
  const Value& ValueOf(FactField field, std::span<const Value> values) const {
    const Source& source = sources_[static_cast<size_t>(field)];
    if (source.path < 0) return source.constant;
    const Value& value = values[static_cast<size_t>(source.path)];
    return value.kind == Value::Kind::kAbsent ? source.constant : value;
  }
  // Whether all terms of `match` hold.
  bool Selects(std::span<const Value> values) const;
  bool IsFailed(std::span<const Value> values) const;
  bool IsStarted(std::span<const Value> values) const;

 private:
  struct Source {
    int path = -1;
    Value constant;                                    // views constant_text
    std::unique_ptr<const std::string> constant_text;  // on the heap: stays where it is when moved
  };
  struct Term {
    int path = -1;
    std::vector<std::string> values;
    bool Holds(std::span<const Value> line) const;
  };

  FieldMapping() = default;
  int PathIndex(const std::string& path);
  Result<void> SetFields(const CompactionLogConfig& config);

  std::vector<std::string> paths_;
  std::array<Source, kFactFields> sources_;
  std::vector<Term> match_;
  Term failed_, started_;
};
