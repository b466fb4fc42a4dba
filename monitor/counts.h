#pragma once

#include <cstdint>
#include <limits>

// Sums of the counts of several facts. One count ends at kMaxCount; what many add up to stops at
// the largest number instead of turning over.
inline constexpr int64_t kLargestSum = std::numeric_limits<int64_t>::max();

inline int64_t Sum(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b > 0 ? kLargestSum : std::numeric_limits<int64_t>::min();
}

inline void Increase(int64_t& sum, int64_t more) { sum = Sum(sum, more); }
