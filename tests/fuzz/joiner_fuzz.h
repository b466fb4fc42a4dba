#pragma once

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "collectors/joiner.h"
#include "tests/fuzz/fuzz_lines.h"

// Feeds bytes to a joiner as the lines of a log, restarting it and losing lines now and then. What
// must hold of any bytes: no crash, each fact's detail is an object, no impossible count, and a
// state that is restored and written again is the same.

inline void Demand(bool holds) {
  if (!holds) std::abort();
}

inline int FuzzJoiner(MakeJoiner make, const CompactionLogConfig& config, const uint8_t* data,
                      size_t size) {
  auto joiner = make(config);
  Batch batch;
  size_t count = 0;
  ForEachLine({reinterpret_cast<const char*>(data), size}, [&](std::string_view line) {
    joiner->Line(line, {}, batch);
    ++count;
    if (count % 16 == 0) joiner->Missed();
    if (count % 4 != 0) return;
    const std::string state = joiner->State();
    joiner = make(config);
    joiner->Restore(state);
    Demand(joiner->State() == state);
  });
  for (const Fact& fact : batch.facts) {
    Demand(nlohmann::json::parse(batch.View(fact.detail)).is_object());
    Demand(!batch.View(fact.project).empty());
    for (const int64_t number : {fact.existing, fact.fresh, fact.written}) {
      Demand(number >= kUnknownCount && number <= kMaxCount);
    }
  }
  return 0;
}
