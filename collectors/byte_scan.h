#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// The few loops over a line's bytes that decide how fast lines are read: sixteen bytes a step where
// the processor can, one otherwise. None reads at or past `end`. Pure.

inline constexpr size_t kScanStep = 16;

inline bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

#if defined(__SSE2__)
inline __m128i LoadStep(const char* at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
inline __m128i StepIs(__m128i bytes, char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); }
inline __m128i StepAtMost(__m128i bytes, char c) {
  return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(c)), bytes);
}
inline unsigned StepBits(__m128i found) { return static_cast<unsigned>(_mm_movemask_epi8(found)); }
#endif

// Whether the `size` bytes at `at` are those at `literal`, which has kScanStep readable bytes
// behind it.
inline bool StartsWith(const char* at, const char* end, const char* literal, size_t size) {
  if (static_cast<size_t>(end - at) < size) return false;
#if defined(__SSE2__)
  while (static_cast<size_t>(end - at) >= kScanStep) {
    const unsigned same = StepBits(_mm_cmpeq_epi8(LoadStep(at), LoadStep(literal)));
    if (size <= kScanStep) return (~same & ((1U << size) - 1)) == 0;
    if (same != 0xFFFF) return false;
    at += kScanStep;
    literal += kScanStep;
    size -= kScanStep;
  }
#endif
  return std::memcmp(at, literal, size) == 0;
}

// The first quote, backslash or control character: what may end or spoil a quoted string.
inline const char* FindStringEnd(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; static_cast<size_t>(end - at) >= kScanStep; at += kScanStep) {
    const __m128i bytes = LoadStep(at);
    const unsigned found = StepBits(_mm_or_si128(
        _mm_or_si128(StepIs(bytes, '"'), StepIs(bytes, '\\')), StepAtMost(bytes, 0x1F)));
    if (found != 0) return at + std::countr_zero(found);
  }
#endif
  while (at != end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) ++at;
  return at;
}

// The first quote, blank or control character: what may end or spoil a bare word.
inline const char* FindWordEnd(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; static_cast<size_t>(end - at) >= kScanStep; at += kScanStep) {
    const __m128i bytes = LoadStep(at);
    const unsigned found = StepBits(_mm_or_si128(StepIs(bytes, '"'), StepAtMost(bytes, 0x20)));
    if (found != 0) return at + std::countr_zero(found);
  }
#endif
  while (at != end && *at != '"' && static_cast<unsigned char>(*at) > 0x20) ++at;
  return at;
}

// The first byte that is no digit.
inline const char* FindDigitsEnd(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; static_cast<size_t>(end - at) >= kScanStep; at += kScanStep) {
    const __m128i values = _mm_sub_epi8(LoadStep(at), _mm_set1_epi8('0'));
    const unsigned others = ~StepBits(StepAtMost(values, 9)) & 0xFFFF;
    if (others != 0) return at + std::countr_zero(others);
  }
#endif
  while (at != end && IsDigit(*at)) ++at;
  return at;
}

// The number that one to eighteen digits spell; -1 for anything else.
inline int64_t ParseDigits(const char* text, size_t size) {
  if (size - 1 > 17) return -1;
  int64_t value = 0;
  size_t at = 0;
  // Eight digits at once (Daniel Lemire, "Quickly parsing eight digits"); a shorter number is read
  // by two loads that overlap, and shifted so that zeros stand before it.
  const auto eight = [&value](uint64_t word) {
    constexpr uint64_t kHigh = 0xF0F0F0F0F0F0F0F0;
    if (((word & kHigh) | (((word + 0x0606060606060606) & kHigh) >> 4)) != 0x3333333333333333) {
      return false;
    }
    word -= 0x3030303030303030;
    word = word * 10 + (word >> 8);
    word = ((word & 0x000000FF000000FF) * 0x000F424000000064 +
            ((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >>
           32;
    value = value * 100'000'000 + static_cast<int64_t>(word);
    return true;
  };
  if constexpr (std::endian::native == std::endian::little) {
    if (size >= 4 && size < 8) {
      uint32_t head = 0, tail = 0;
      std::memcpy(&head, text, 4);
      std::memcpy(&tail, text + size - 4, 4);
      const auto missing = static_cast<unsigned>(8 * (8 - size));
      const uint64_t digits = (uint64_t{tail} << 32) | (uint64_t{head} << missing);
      return eight(digits | (0x3030303030303030 >> (64 - missing))) ? value : -1;
    }
    for (; size - at >= 8; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, text + at, 8);
      if (!eight(word)) return -1;
    }
  }
  for (; at < size; ++at) {
    if (!IsDigit(text[at])) return -1;
    value = value * 10 + (text[at] - '0');
  }
  return value;
}
