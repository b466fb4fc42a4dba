#include "dashboards/table.h"

#include <algorithm>
#include <cstdio>

namespace {

constexpr std::string_view kGap = "  ";

// Characters of UTF-8 text: bytes that do not continue one.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

// Names come from logs; a terminal must not obey them. C0, DEL, and C1 (as UTF-8: c2 80 to c2 9f).
std::string Escaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool c1 = byte == 0xc2 && next >= 0x80 && next < 0xa0;
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f || c1) {
      char code[8];
      std::snprintf(code, sizeof code, "\\x%02x", c1 ? next : byte);
      out += code;
      if (c1) ++i;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string CsvCell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char byte : text) {
    if (byte == '"') quoted.push_back('"');
    quoted.push_back(byte);
  }
  return quoted + "\"";
}

// "a.b" within nested objects; nullptr: not there.
const nlohmann::ordered_json* At(const nlohmann::ordered_json& object, std::string_view key) {
  const nlohmann::ordered_json* at = &object;
  while (at && !key.empty()) {
    const size_t dot = key.find('.');
    const std::string part(key.substr(0, dot));
    key = dot == std::string_view::npos ? std::string_view() : key.substr(dot + 1);
    if (!at->is_object() || !at->contains(part)) return nullptr;
    at = &(*at)[part];
  }
  return at;
}

std::string CellText(const nlohmann::ordered_json* value) {
  if (!value || value->is_null()) return "-";
  if (value->is_string()) return value->get<std::string>();
  return value->dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

void Table::Add(std::vector<std::string> row) {
  row.resize(columns_.size());
  rows_.push_back(std::move(row));
}

std::string Table::Text() const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) lines[0].push_back(Escaped(column.title));
  for (const auto& row : rows_) {
    auto& line = lines.emplace_back();
    for (const std::string& cell : row) line.push_back(Escaped(cell));
  }
  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  }
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - Width(line[i]), ' ');
      if (i > 0) text += kGap;
      text += columns_[i].right ? padding + line[i] : line[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

std::string Table::Csv() const {
  std::string out;
  const auto add = [&](const std::string& cell, size_t column) {
    if (column > 0) out.push_back(',');
    out += CsvCell(cell);
  };
  for (size_t i = 0; i < columns_.size(); ++i) add(columns_[i].title, i);
  out += "\r\n";
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) add(row[i], i);
    out += "\r\n";
  }
  return out;
}

Table TableOf(const nlohmann::ordered_json& rows, const std::vector<std::string_view>& keys) {
  std::vector<Column> columns;
  for (const std::string_view key : keys) {
    bool numbers = false, others = false;
    for (const auto& row : rows) {
      const auto* value = At(row, key);
      if (!value || value->is_null()) continue;
      (value->is_number() ? numbers : others) = true;
    }
    columns.push_back({std::string(key), numbers && !others});
  }
  Table table(std::move(columns));
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const std::string_view key : keys) cells.push_back(CellText(At(row, key)));
    table.Add(std::move(cells));
  }
  return table;
}
