#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

// The canonical files of the demo store, written by temporary file and rename. A row file has one
// event a line, "id user cents"; a columnar file has three lines, one a column, values in the same
// order. Errors are std::runtime_error or std::filesystem_error.

struct Event {
  uint32_t user = 0;
  uint32_t cents = 0;
};

using Events = std::map<uint64_t, Event>;  // by event id

enum class FileFormat { kRow, kColumnar };

Events ReadEvents(const std::filesystem::path& file, FileFormat format);
void ReplaceEvents(const std::filesystem::path& file, FileFormat format, const Events& events);
// Writes `text` whole, by temporary file and rename.
void ReplaceText(const std::filesystem::path& file, const std::string& text);
