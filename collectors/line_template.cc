#include "collectors/line_template.h"

#include <algorithm>

LineTemplate::LineTemplate(std::string_view line, std::span<const TemplateHole> holes) {
  uint32_t at = 0;
  for (const TemplateHole& hole : holes) {
    pieces_.push_back({static_cast<uint32_t>(literals_.size()), hole.begin - at, hole.path});
    literals_ += line.substr(at, hole.begin - at);
    at = hole.end;
  }
  last_at_ = static_cast<uint32_t>(literals_.size());
  last_size_ = static_cast<uint32_t>(line.size()) - at;
  literals_ += line.substr(at);
  literals_.append(kScanStep, '\0');
}

bool TemplateSet::WantsToLearn() {
  if (lines_left_ == 0) return true;
  --lines_left_;
  return false;
}

void TemplateSet::Learn(std::string_view line, std::span<const TemplateHole> holes) {
  if (templates_.size() == kMaxTemplates) templates_.pop_back();
  templates_.emplace_back(line, holes);
  lines_left_ = pause_;
  pause_ = std::min(pause_ * 2 + 1, kMaxPause);
}
