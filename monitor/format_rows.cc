#include "monitor/format_rows.h"

#include <nlohmann/json.hpp>

namespace {

std::string TextOf(const nlohmann::json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::vector<FormatRow> ReadFormatRows(std::string_view json) {
  std::vector<FormatRow> formats;
  const auto list = nlohmann::json::parse(json, nullptr, false);
  if (!list.is_array()) return formats;
  for (const auto& entry : list) {
    if (!entry.is_object()) continue;
    FormatRow format;
    format.format = TextOf(entry, "format");
    if (format.format.empty()) continue;
    format.reads = TextOf(entry, "reads");
    const auto serving = entry.find("serving");
    format.serving = serving != entry.end() && serving->is_boolean() && serving->get<bool>();
    const auto retention = entry.find("retention_ms");
    if (retention != entry.end() && retention->is_number_integer()) {
      format.retention = std::chrono::milliseconds(retention->get<int64_t>());
    }
    formats.push_back(std::move(format));
  }
  return formats;
}
