#include "deploy/demo/event_file.h"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

namespace {

Events ReadRow(std::istream& in) {
  Events events;
  uint64_t id = 0;
  Event event;
  while (in >> id >> event.user >> event.cents) events[id] = event;
  return events;
}

template <typename Value>
std::vector<Value> ReadColumn(std::istream& in) {
  std::string line;
  std::getline(in, line);
  std::istringstream values(line);
  std::vector<Value> column;
  for (Value value{}; values >> value;) column.push_back(value);
  return column;
}

Events ReadColumnar(std::istream& in) {
  const auto ids = ReadColumn<uint64_t>(in);
  const auto users = ReadColumn<uint32_t>(in);
  const auto cents = ReadColumn<uint32_t>(in);
  if (users.size() != ids.size() || cents.size() != ids.size()) {
    throw std::runtime_error("columns of different lengths");
  }
  Events events;
  for (size_t i = 0; i < ids.size(); ++i) events[ids[i]] = {users[i], cents[i]};
  return events;
}

std::string RowText(const Events& events) {
  std::ostringstream out;
  for (const auto& [id, event] : events) {
    out << id << ' ' << event.user << ' ' << event.cents << '\n';
  }
  return out.str();
}

std::string ColumnarText(const Events& events) {
  std::ostringstream ids;
  std::ostringstream users;
  std::ostringstream cents;
  for (const auto& [id, event] : events) {
    ids << id << ' ';
    users << event.user << ' ';
    cents << event.cents << ' ';
  }
  return ids.str() + '\n' + users.str() + '\n' + cents.str() + '\n';
}

}  // namespace

Events ReadEvents(const std::filesystem::path& file, FileFormat format) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  try {
    return format == FileFormat::kRow ? ReadRow(in) : ReadColumnar(in);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(file.string() + ": " + error.what());
  }
}

void ReplaceText(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  const std::filesystem::path temporary = file.string() + ".tmp";
  std::ofstream out(temporary, std::ios::trunc);
  out << text;
  out.close();
  if (!out) throw std::runtime_error("cannot write " + temporary.string());
  std::filesystem::rename(temporary, file);
}

void ReplaceEvents(const std::filesystem::path& file, FileFormat format, const Events& events) {
  ReplaceText(file, format == FileFormat::kRow ? RowText(events) : ColumnarText(events));
}
