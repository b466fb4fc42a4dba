// https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4). prometheus-cpp
// writes it and escapes label values; it escapes no help text and checks no UTF-8, so that is done
// here.
#include "dashboards/metrics.h"

#include <prometheus/check_names.h>
#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <sstream>

namespace {

// Bytes of the well-formed sequence at the start of `text` (Unicode table 3-7); 0: none starts
// here.
size_t Utf8Length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto continues = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !continues(1)) return 0;
  if (first < 0xE0) return 2;
  if (!continues(2)) return 0;
  if (first < 0xF0) {
    const bool overlong = first == 0xE0 && second < 0xA0;
    const bool surrogate = first == 0xED && second > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  const bool overlong = first == 0xF0 && second < 0x90;
  const bool beyond = first == 0xF4 && second > 0x8F;
  return !continues(3) || overlong || beyond ? 0 : 4;
}

std::string OneLine(std::string_view help) {
  std::string line = ForceUtf8(help);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  std::replace(line.begin(), line.end(), '\\', '/');  // a backslash would start an escape
  return line;
}

// `le` and `quantile` mean something to Prometheus, and names with two underscores are its own.
bool UsableLabel(const std::string& name) {
  return prometheus::CheckLabelName(name) && name != "le" && name != "quantile" &&
         name.rfind("__", 0) != 0;
}

bool UsableLabels(const MetricLabels& labels) {
  std::set<std::string_view> names;
  return std::all_of(labels.begin(), labels.end(), [&](const auto& label) {
    return UsableLabel(label.first) && names.insert(label.first).second;
  });
}

prometheus::ClientMetric Convert(const MetricSample& sample, MetricKind kind) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : sample.labels) {
    metric.label.push_back({name, ForceUtf8(value)});
  }
  (kind == MetricKind::kCounter ? metric.counter.value : metric.gauge.value) = sample.value;
  return metric;
}

class CollectableSnapshot final : public prometheus::Collectable {
 public:
  explicit CollectableSnapshot(const MetricsSnapshot& snapshot) : snapshot_(snapshot) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    std::set<std::string_view> names;
    for (const MetricFamily& family : snapshot_.families) {
      if (!prometheus::CheckMetricName(family.name) || !names.insert(family.name).second) continue;
      families.push_back(Convert(family));
    }
    return families;
  }

 private:
  static prometheus::MetricFamily Convert(const MetricFamily& family) {
    const auto type = family.kind == MetricKind::kCounter ? prometheus::MetricType::Counter
                                                          : prometheus::MetricType::Gauge;
    prometheus::MetricFamily converted{family.name, OneLine(family.help), type, {}};
    std::set<std::vector<prometheus::ClientMetric::Label>> seen;
    for (const MetricSample& sample : family.samples) {
      if (!UsableLabels(sample.labels)) continue;
      prometheus::ClientMetric metric = ::Convert(sample, family.kind);
      auto identity = metric.label;
      std::sort(identity.begin(), identity.end());
      if (seen.insert(std::move(identity)).second) converted.metric.push_back(std::move(metric));
    }
    return converted;
  }

  const MetricsSnapshot& snapshot_;
};

}  // namespace

std::string RenderMetrics(const MetricsSnapshot& snapshot) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, CollectableSnapshot(snapshot).Collect());
  return std::move(out).str();
}

std::string ForceUtf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      valid += "\xEF\xBF\xBD";
    } else {
      valid.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return valid;
}
