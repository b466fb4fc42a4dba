#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/fact_row.h"

// What has no column: the JSON object in a fact's `detail`. What is absent, or of another type, is
// empty or 0.
class FactDetail {
 public:
  explicit FactDetail(std::string_view text)
      : object_(nlohmann::json::parse(text, nullptr, false)) {}

  std::string Text(const char* key) const {
    const auto found = Find(key);
    return found && found->is_string() ? found->get<std::string>() : std::string();
  }
  int64_t Integer(const char* key) const {
    const auto found = Find(key);
    return found && found->is_number_integer() ? found->get<int64_t>() : 0;
  }
  // kUnknownCount where there is none.
  int64_t Count(const char* key) const {
    const auto found = Find(key);
    return found && found->is_number_integer() ? found->get<int64_t>() : kUnknownCount;
  }
  bool Flag(const char* key) const {
    const auto found = Find(key);
    return found && found->is_boolean() && found->get<bool>();
  }
  std::optional<FactDetail> Object(const char* key) const {
    const auto found = Find(key);
    if (!found || !found->is_object()) return std::nullopt;
    return FactDetail(*found);
  }
  std::vector<FactDetail> Objects(const char* key) const {
    std::vector<FactDetail> all;
    const auto found = Find(key);
    if (!found || !found->is_array()) return all;
    for (const nlohmann::json& object : *found) all.push_back(FactDetail(object));
    return all;
  }
  // Unix ms.
  int64_t Moment(const char* key) const {
    const auto time = ParseTime(Text(key));
    return time ? Millis(*time) : 0;
  }

 private:
  explicit FactDetail(nlohmann::json object) : object_(std::move(object)) {}
  const nlohmann::json* Find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  nlohmann::json object_;
};
