#include "monitor/complaints.h"

#include <algorithm>

void Complaints::Add(int line, const std::string& where, const std::string& what) {
  std::string text = file_;
  if (line > 0) text += ":" + std::to_string(line);
  text += ": ";
  if (!where.empty()) text += where + ": ";
  AddText(line, text + what);
}

void Complaints::AddText(int line, std::string text) {
  if (full()) {
    ++more_;
    return;
  }
  entries_.push_back({line, std::move(text)});
}

Error Complaints::AsError() const {
  auto sorted = entries_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Entry& a, const Entry& b) { return a.line < b.line; });
  std::string text;
  for (const Entry& entry : sorted) {
    if (!text.empty()) text += "\n";
    text += entry.text;
  }
  if (more_ > 0) text += "\n" + file_ + ": and " + std::to_string(more_) + " more";
  return {Error::Kind::kUsage, text};
}
