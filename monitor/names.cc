#include "monitor/names.h"

#include <cstring>

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

uint32_t Names::HashOf(std::string_view text) {
  const uint64_t hash = std::hash<std::string_view>{}(text);
  return static_cast<uint32_t>(hash ^ (hash >> 32));
}

int64_t Names::Cached(std::string_view text, uint32_t hash) const {
  if (text.size() > Slot::kText) {
    const auto found = long_names_.find(std::string(text));
    return found == long_names_.end() ? 0 : found->second;
  }
  const size_t mask = slots_.size() - 1;
  for (size_t at = hash & mask; slots_[at].id != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.hash == hash && text == std::string_view(slot.text.data(), slot.size)) return slot.id;
  }
  return 0;
}

void Names::Prefetch(std::string_view text) const {
  __builtin_prefetch(&slots_[HashOf(text) & (slots_.size() - 1)]);
}

int64_t Names::Find(std::string_view text) {
  if (text.empty()) return 0;
  const uint32_t hash = HashOf(text);
  if (const int64_t id = Cached(text, hash)) return id;
  if (!find_.Bind({Cell::Of(text)}).Step()) return 0;
  const int64_t id = find_.Integer(0);
  Remember(text, hash, id);
  return id;
}

int64_t Names::Id(std::string_view text) {
  if (text.empty()) return 0;
  if (const int64_t id = Find(text)) return id;
  insert_.Run({Cell::Of(++last_id_), Cell::Of(text)});
  Remember(text, HashOf(text), last_id_);
  return last_id_;
}

std::string Names::Text(int64_t id) {
  if (id == 0 || !text_.Bind({Cell::Of(id)}).Step()) return {};
  return std::string(text_.Text(0));
}

void Names::Forget() {
  ClearCache();
  if (max_.Bind({}).Step()) last_id_ = max_.Integer(0);
}

void Names::ClearCache() {
  long_names_.clear();
  slots_.assign(1024, {});
  cached_ = 0;
}

void Names::Remember(std::string_view text, uint32_t hash, int64_t id) {
  if (cached_ >= kMaxCached) ClearCache();
  ++cached_;
  if (text.size() > Slot::kText) {
    long_names_.emplace(text, id);
    return;
  }
  if (cached_ * 3 > slots_.size() * 2) {
    decltype(slots_) old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id != 0) Place(slot);
    }
  }
  Slot slot{hash, static_cast<uint32_t>(id), static_cast<uint8_t>(text.size()), {}};
  std::memcpy(slot.text.data(), text.data(), text.size());
  Place(slot);
}

void Names::Place(const Slot& slot) {
  const size_t mask = slots_.size() - 1;
  size_t at = slot.hash & mask;
  while (slots_[at].id != 0) at = (at + 1) & mask;
  slots_[at] = slot;
}
