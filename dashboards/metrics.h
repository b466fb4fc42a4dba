#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What Prometheus is told, as plain data: a snapshot is built for one scrape, rendered, and
// dropped, so that what has vanished from the ledger vanishes from the exposition too. Pure; any
// thread.

enum class MetricKind { kCounter, kGauge };

using MetricLabels = std::vector<std::pair<std::string, std::string>>;

struct MetricSample {
  MetricLabels labels;
  double value = 0;
};

struct MetricFamily {
  std::string name;
  std::string help;
  MetricKind kind = MetricKind::kGauge;
  std::vector<MetricSample> samples;
};

struct MetricsSnapshot {
  std::vector<MetricFamily> families;
};

inline constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

// The text exposition format 0.0.4. Whatever the values hold, the result parses: label values are
// forced to valid UTF-8, help to one line, a family or sample with an impossible name is left out,
// and of samples with the same labels the first stays (one double would cost Prometheus the whole
// scrape).
std::string RenderMetrics(const MetricsSnapshot& snapshot);

// Valid UTF-8 stays as it is; each byte that is none becomes U+FFFD.
std::string ForceUtf8(std::string_view text);
