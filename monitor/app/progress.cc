#include "monitor/app/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "monitor/grouped.h"

namespace {
constexpr std::chrono::milliseconds kTerminalInterval{200};
constexpr std::chrono::milliseconds kPlainInterval{10'000};
constexpr int kBarWidth = 24;
}  // namespace

std::string HumanBytes(int64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
                kUnits[unit]);
  return text;
}

Progress::Progress(const Clock& clock, int64_t total_bytes, bool quiet)
    : clock_(clock),
      total_bytes_(total_bytes),
      terminal_(isatty(STDERR_FILENO) != 0),
      quiet_(quiet),
      began_(clock.SinceBoot()) {}

void Progress::Update(int64_t bytes, int64_t lines) {
  const auto interval = terminal_ ? kTerminalInterval : kPlainInterval;
  if (quiet_ || elapsed() - last_shown_ < interval) return;
  last_shown_ = elapsed();
  shown_ = true;
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", Line(bytes, lines).c_str());
}

void Progress::Finish() {
  if (shown_ && terminal_) std::fprintf(stderr, "\r\033[K");
}

std::string Progress::Line(int64_t bytes, int64_t lines) const {
  const double seconds = std::max(0.001, static_cast<double>(elapsed().count()) / 1000);
  const auto rate = static_cast<int64_t>(static_cast<double>(lines) / seconds);
  std::string line = Grouped(lines) + " lines, " + HumanBytes(bytes);
  if (total_bytes_ > 0) {
    const double share =
        std::min(1.0, static_cast<double>(bytes) / static_cast<double>(total_bytes_));
    const auto left = static_cast<int64_t>(share > 0 ? seconds / share - seconds : 0);
    const int filled = static_cast<int>(share * kBarWidth);
    char rest[64];
    std::snprintf(rest, sizeof rest, " %3.0f %%, %lld:%02lld left", share * 100,
                  static_cast<long long>(left / 60), static_cast<long long>(left % 60));
    line = "[" + std::string(static_cast<size_t>(filled), '#') +
           std::string(static_cast<size_t>(kBarWidth - filled), '.') + "]" + rest + ", " + line;
  }
  return line + ", " + Grouped(rate) + " lines/s";
}
