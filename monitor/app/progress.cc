#include "monitor/app/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "monitor/app/output.h"
#include "monitor/grouped.h"

namespace {
constexpr std::chrono::milliseconds kTerminalInterval{200};
constexpr std::chrono::milliseconds kPlainInterval{10'000};
constexpr size_t kBarWidth = 24;

// "0:07", "12:30", "1:00:05"
std::string Minutes(double seconds) {
  const auto all = static_cast<long long>(seconds);
  char text[32];
  if (all < 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld", all / 60, all % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld", all / 3600, all / 60 % 60, all % 60);
  }
  return text;
}
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
  // The last column stays empty: some terminals begin a new line after it.
  const size_t width = TerminalWidth(STDERR_FILENO);
  const std::string line =
      ProgressLine({bytes, total_bytes_, lines, elapsed()}, width > 1 ? width - 1 : 0);
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
}

void Progress::Finish() {
  if (shown_ && terminal_) std::fprintf(stderr, "\r\033[K");
}

std::string ProgressLine(const ProgressState& state, size_t room) {
  const double seconds = std::max(0.001, static_cast<double>(state.elapsed.count()) / 1000);
  const auto rate = static_cast<int64_t>(static_cast<double>(state.lines) / seconds);
  std::string line = Grouped(state.lines) + " lines, " + HumanBytes(state.bytes) + ", " +
                     Grouped(rate) + " lines/s";
  if (state.total_bytes > 0) {
    const double share =
        std::min(1.0, static_cast<double>(state.bytes) / static_cast<double>(state.total_bytes));
    char percent[16];
    std::snprintf(percent, sizeof percent, "%3.0f %%, ", share * 100);
    if (share > 0) line = Minutes(seconds / share - seconds) + " left, " + line;
    line = percent + line;
    const size_t used = line.size() + 3;  // the brackets and a blank
    const size_t bar = room == 0 ? kBarWidth : std::min(kBarWidth, room - std::min(room, used));
    if (bar >= kBarWidth / 4) {
      const auto filled = static_cast<size_t>(share * static_cast<double>(bar));
      line = "[" + std::string(filled, '#') + std::string(bar - filled, '.') + "] " + line;
    }
  }
  return room == 0 ? line : line.substr(0, room);
}
