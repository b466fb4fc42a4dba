#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "monitor/grouped.h"

// Documents for people and for spreadsheets: aligned columns, or CSV. Pure functions.

struct Column {
  std::string title;
  bool right = false;  // numbers
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // Missing cells are empty, superfluous ones are dropped.
  void Add(std::vector<std::string> row);
  bool empty() const { return rows_.empty(); }
  // Columns as wide as their widest cell in characters; control characters are escaped (\n, \x1b).
  std::string Text() const;
  // RFC 4180: CRLF lines, cells quoted where they must be, bytes unchanged.
  std::string Csv() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// An array of objects as a table: one column a key, in the order given ("a.b" reaches into
// objects). Columns that hold numbers only are aligned right. null is written "-".
Table TableOf(const nlohmann::ordered_json& rows, const std::vector<std::string_view>& keys);
