#include "dashboards/table.h"

#include <algorithm>
#include <cstdio>

#include "dashboards/metrics.h"

namespace {

constexpr std::string_view kGap = "  ";
constexpr size_t kWorthCutting = 12;  // characters; a narrower remainder of a column says nothing

// Characters of UTF-8 text: bytes that do not continue one.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;
  }));
}

// The first `room` characters, the last of them "…" where something is cut off.
std::string Cut(const std::string& text, size_t room) {
  if (Width(text) <= room) return text;
  size_t end = 0;
  for (size_t characters = 0; characters + 1 < room; ++characters) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
  }
  return text.substr(0, end) + "…";
}

// How many columns fit into a line. The last of them is narrowed where that leaves enough to read;
// a number is never cut.
size_t Fit(const std::vector<Column>& columns, std::vector<size_t>& widths, size_t room) {
  if (room == 0) return widths.size();
  size_t used = 0;
  for (size_t i = 0; i < widths.size(); ++i) {
    const size_t begin = i > 0 ? used + kGap.size() : 0;
    used = begin + widths[i];
    if (used <= room) continue;
    if (columns[i].right || begin + kWorthCutting > room) return std::max<size_t>(i, 1);
    widths[i] = room - begin;
    return i + 1;
  }
  return widths.size();
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

bool IsNull(const nlohmann::ordered_json* value) { return !value || value->is_null(); }

std::string CellText(const nlohmann::ordered_json* value, std::string_view null) {
  if (IsNull(value)) return std::string(null);
  if (value->is_string()) return value->get<std::string>();
  return value->dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Table Filled(const nlohmann::ordered_json& rows, const std::vector<std::string_view>& keys,
             std::string_view null) {
  std::vector<Column> columns;
  for (const std::string_view key : keys) {
    bool numbers = false, others = false;
    for (const auto& row : rows) {
      const auto* value = At(row, key);
      if (!IsNull(value)) (value->is_number() ? numbers : others) = true;
    }
    columns.push_back({std::string(key.substr(key.rfind('.') + 1)), numbers && !others});
  }
  Table table(std::move(columns));
  for (const auto& row : rows) {
    std::vector<std::string> cells;
    for (const std::string_view key : keys) cells.push_back(CellText(At(row, key), null));
    table.Add(std::move(cells));
  }
  return table;
}

}  // namespace

void Table::Add(std::vector<std::string> row) {
  row.resize(columns_.size());
  rows_.push_back(std::move(row));
}

std::string Table::Text(size_t room) const {
  std::vector<std::vector<std::string>> lines(1);
  for (const Column& column : columns_) lines[0].push_back(Printable(column.title));
  for (const auto& row : rows_) {
    auto& line = lines.emplace_back();
    for (const std::string& cell : row) line.push_back(Printable(cell));
  }
  std::vector<size_t> widths(columns_.size());
  for (const auto& line : lines) {
    for (size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], Width(line[i]));
  }
  const size_t shown = Fit(columns_, widths, room);
  std::string out;
  for (const auto& line : lines) {
    std::string text;
    for (size_t i = 0; i < shown; ++i) {
      const std::string cell = Cut(line[i], widths[i]);
      const std::string padding(widths[i] - Width(cell), ' ');
      if (i > 0) text += kGap;
      text += columns_[i].right ? padding + cell : cell + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  if (shown == columns_.size()) return out;
  out += "(no room for";
  for (size_t i = shown; i < columns_.size(); ++i) out += (i > shown ? ", " : " ") + lines[0][i];
  return out + ")\n";
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
  std::vector<std::string_view> telling;
  for (const std::string_view key : keys) {
    const bool tells = std::any_of(rows.begin(), rows.end(),
                                   [&](const auto& row) { return !IsNull(At(row, key)); });
    if (tells) telling.push_back(key);
  }
  return Filled(rows, telling, "-");
}

std::string CsvOf(const nlohmann::ordered_json& rows, const std::vector<std::string_view>& keys) {
  return Filled(rows, keys, "").Csv();
}

std::string Printable(std::string_view text) {
  std::string out;
  const std::string valid = ForceUtf8(text);
  for (size_t i = 0; i < valid.size(); ++i) {
    const auto byte = static_cast<unsigned char>(valid[i]);
    const auto next = i + 1 < valid.size() ? static_cast<unsigned char>(valid[i + 1]) : 0;
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
      out.push_back(valid[i]);
    }
  }
  return out;
}
