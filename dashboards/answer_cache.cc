#include "dashboards/answer_cache.h"

std::optional<std::string> AnswerCache::Find(const std::string& question) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(question);
  if (found == known_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return entries_.front().answer;
}

void AnswerCache::Keep(const std::string& question, const std::string& answer) {
  const size_t size = 2 * question.size() + answer.size();
  if (size > most_bytes_ / 4) return;
  const std::lock_guard lock(mutex_);
  if (known_.contains(question)) return;  // somebody else has asked the same meanwhile
  entries_.push_front({question, answer});
  known_[question] = entries_.begin();
  bytes_ += size;
  while (bytes_ > most_bytes_) {
    const Entry& oldest = entries_.back();
    bytes_ -= 2 * oldest.question.size() + oldest.answer.size();
    known_.erase(oldest.question);
    entries_.pop_back();
  }
}
