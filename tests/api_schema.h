#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

// What of JSON Schema dashboards/openapi.json uses: whether a document is as documented. One
// thread.
class ApiSchema {
 public:
  using Json = nlohmann::json;
  ApiSchema() {
    std::ifstream file(ROLLCALL_SOURCE_DIR "/dashboards/openapi.json");
    api_ = Json::parse(file);
  }

  const Json& paths() const { return api_.at("paths"); }
  // Where it is not; empty: nowhere.
  std::vector<std::string> Problems(const Json& schema, const Json& value) const {
    std::vector<std::string> problems;
    Check(schema, value, "", problems);
    return problems;
  }
  const Json& Resolve(const Json& maybe_reference) const {
    if (!maybe_reference.contains("$ref")) return maybe_reference;
    const std::string reference = maybe_reference["$ref"];
    return api_.at(Json::json_pointer(reference.substr(1)));
  }
  // Of the answer 200 to GET, as JSON.
  const Json& AnswerOf(const std::string& path) const {
    return paths()
        .at(path)
        .at("get")
        .at("responses")
        .at("200")
        .at("content")
        .at("application/json")
        .at("schema");
  }

 private:
  static bool IsOf(const std::string& type, const Json& value) {
    if (type == "null") return value.is_null();
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    if (type == "array") return value.is_array();
    return type == "object" && value.is_object();
  }
  static bool Fits(const Json& types, const Json& value) {
    if (types.is_string()) return IsOf(types, value);
    return std::any_of(types.begin(), types.end(),
                       [&](const Json& type) { return IsOf(type, value); });
  }
  void Check(const Json& given, const Json& value, const std::string& at,
             std::vector<std::string>& problems) const {
    const Json& schema = Resolve(given);
    if (schema.contains("allOf")) {
      for (const Json& part : schema["allOf"]) Check(part, value, at, problems);
    }
    if (schema.contains("type") && !Fits(schema["type"], value)) {
      problems.push_back(at + " is " + value.dump().substr(0, 40) + ", not " +
                         schema["type"].dump());
      return;
    }
    if (schema.contains("enum")) {
      const Json& words = schema["enum"];
      if (std::find(words.begin(), words.end(), value) == words.end()) {
        problems.push_back(at + " is " + value.dump() + ", none of " + words.dump());
      }
    }
    if (value.is_object()) CheckObject(schema, value, at, problems);
    if (value.is_array() && schema.contains("items")) {
      for (size_t i = 0; i < value.size(); ++i) {
        Check(schema["items"], value[i], at + "/" + std::to_string(i), problems);
      }
    }
  }
  void CheckObject(const Json& schema, const Json& value, const std::string& at,
                   std::vector<std::string>& problems) const {
    const Json none = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : none;
    for (const Json& key : schema.value("required", Json::array())) {
      if (!value.contains(key))
        problems.push_back(at + "/" + key.get<std::string>() + " is absent");
    }
    const bool closed = schema.contains("additionalProperties") &&
                        schema["additionalProperties"].is_boolean() &&
                        !schema["additionalProperties"].get<bool>();
    for (const auto& [key, one] : value.items()) {
      if (properties.contains(key)) {
        Check(properties[key], one, at + "/" + key, problems);
      } else if (closed) {
        problems.push_back(at + "/" + key + " is not documented");
      }
    }
  }

  Json api_;
};
