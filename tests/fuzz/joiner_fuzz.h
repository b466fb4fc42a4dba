#pragma once

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "collectors/joiner.h"

// Feeds bytes to a joiner as the lines of a log, restarting it now and then. What must hold of any
// bytes: no crash, each fact's detail is an object, no impossible count, and a state that is
// restored and written again is the same.

inline void Demand(bool holds) {
  if (!holds) std::abort();
}

inline bool IsUtf8(std::string_view text) {
  try {
    (void)nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

inline int FuzzJoiner(MakeJoiner make, const CompactionLogConfig& config, const uint8_t* data,
                      size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  auto joiner = make(config);
  Batch batch;
  for (size_t count = 0; !rest.empty(); ++count) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (!IsUtf8(line)) continue;  // the tail never hands on such a line
    joiner->Line(line, {}, batch);
    if (count % 4 != 3) continue;
    const std::string state = joiner->State();
    joiner = make(config);
    joiner->Restore(state);
    Demand(joiner->State() == state);
  }
  for (const Fact& fact : batch.facts) {
    Demand(nlohmann::json::parse(batch.View(fact.detail)).is_object());
    Demand(!batch.View(fact.project).empty());
    for (const int64_t count : {fact.existing, fact.fresh, fact.written}) {
      Demand(count >= kUnknownCount);
    }
  }
  return 0;
}
