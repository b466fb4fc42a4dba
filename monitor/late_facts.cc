#include "monitor/late_facts.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

bool LateFacts::Knows(const FactRow& row, int64_t last) {
  const auto [place, first_look] = partitions_.try_emplace(row.partition);
  auto& seqs = place->second.seqs;
  if (first_look) {
    for (const auto& [seq, logged_at] : chains_.Moments(last)) seqs.emplace(logged_at, seq);
  }
  std::deque<std::string> storage;
  const auto [begin, end] = seqs.equal_range(row.logged_at);
  return std::any_of(begin, end, [&](const auto& known) {
    return SameFact(chains_.Row(known.second, storage), row);
  });
}

void LateFacts::Add(const FactRow& row) {
  Partition& partition = partitions_[row.partition];
  partition.seqs.emplace(row.logged_at, row.seq);
  partition.waiting.push_back(row.seq);
}

std::vector<int64_t> LateFacts::Take(const PartitionKey& key) {
  const auto found = partitions_.find(key);
  if (found == partitions_.end()) return {};
  std::vector<int64_t> waiting = std::move(found->second.waiting);
  partitions_.erase(found);
  return waiting;
}

std::optional<PartitionKey> LateFacts::Any() const {
  if (partitions_.empty()) return std::nullopt;
  return partitions_.begin()->first;
}
