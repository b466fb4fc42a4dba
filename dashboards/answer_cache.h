#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>

// Answers that were made before, by the question and the state of the ledgers that it was asked of.
// Any thread.
class AnswerCache {
 public:
  explicit AnswerCache(size_t most_bytes) : most_bytes_(most_bytes) {}
  std::optional<std::string> Find(const std::string& question);
  // One that is too large for the cache is not kept.
  void Keep(const std::string& question, const std::string& answer);

 private:
  struct Entry {
    std::string question, answer;
  };
  const size_t most_bytes_;
  std::mutex mutex_;          // guards what follows
  std::list<Entry> entries_;  // the one used last first
  std::map<std::string, std::list<Entry>::iterator> known_;
  size_t bytes_ = 0;
};
