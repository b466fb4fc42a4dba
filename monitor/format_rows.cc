#include "monitor/format_rows.h"

#include <nlohmann/json.hpp>

namespace {

std::string TextOf(const nlohmann::json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::chrono::milliseconds> SpanOf(const nlohmann::json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_number_integer()) return std::nullopt;
  return std::chrono::milliseconds(found->get<int64_t>());
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
    format.retention = SpanOf(entry, "retention_ms");
    format.preserve = SpanOf(entry, "preserve_ms");
    formats.push_back(std::move(format));
  }
  return formats;
}
