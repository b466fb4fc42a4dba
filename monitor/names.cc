#include "monitor/names.h"

namespace {
// About 20 MB of names of usual length; a larger fleet of names is looked up in the table.
constexpr size_t kMaxCached = 200'000;
}  // namespace

Names::Names(Database& database)
    : find_(database.Prepare("SELECT id FROM name WHERE text = ?")),
      insert_(database.Prepare("INSERT INTO name(id, text) VALUES (?, ?)")),
      text_(database.Prepare("SELECT text FROM name WHERE id = ?")),
      max_(database.Prepare("SELECT coalesce(max(id), 0) FROM name")) {
  Forget();
}

int64_t Names::Find(std::string_view text) {
  if (text.empty()) return 0;
  if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
  if (!find_.Bind({Cell::Of(text)}).Step()) return 0;
  const int64_t id = find_.Integer(0);
  Remember(text, id);
  return id;
}

int64_t Names::Id(std::string_view text) {
  if (text.empty()) return 0;
  if (const int64_t id = Find(text)) return id;
  insert_.Run({Cell::Of(++last_id_), Cell::Of(text)});
  Remember(text, last_id_);
  return last_id_;
}

std::string Names::Text(int64_t id) {
  if (id == 0 || !text_.Bind({Cell::Of(id)}).Step()) return {};
  return std::string(text_.Text(0));
}

void Names::Forget() {
  ids_.clear();
  storage_.clear();
  if (max_.Bind({}).Step()) last_id_ = max_.Integer(0);
}

void Names::Remember(std::string_view text, int64_t id) {
  if (ids_.size() >= kMaxCached) {
    ids_.clear();
    storage_.clear();
  }
  storage_.emplace_back(text);
  ids_.emplace(storage_.back(), id);
}
