#include "monitor/app/source_watch.h"

#include <algorithm>
#include <utility>

namespace {

double Seconds(std::chrono::milliseconds span) {
  return std::chrono::duration<double>(span).count();
}

}  // namespace

SourceWatch::SourceWatch(std::string name, Time started, const LagBounds& bounds,
                         SourceCoverage known)
    : name_(std::move(name)),
      bounds_(bounds),
      since_(started),
      noted_(started),
      coverage_(std::move(known)) {
  if (coverage_.since == Time{}) coverage_.since = started;
}

void SourceWatch::Note(const Seen& seen, Time now) {
  const std::string lagging = Lagging(seen, now);
  const bool lags = seen.reason.empty() && !lagging.empty();
  const std::string& reason = lags ? lagging : seen.reason;
  if (!reason_.empty()) {
    coverage_.unwatched[reason_] += std::max(std::chrono::milliseconds(0), now - noted_);
  }
  noted_ = now;
  changed_ = changed_ || !std::exchange(seen_, true);
  if (reason == reason_ && seen.path == path_) return;
  // Blind is blind: another reason does not begin a new time.
  if (reason.empty() || reason_.empty()) since_ = lags ? backlog_->since : now;
  reason_ = reason;
  path_ = seen.path;
  changed_ = true;
}

std::string SourceWatch::Lagging(const Seen& seen, Time now) {
  lag_bytes_ = seen.lag_bytes;
  const int64_t unread = seen.lag_bytes - seen.pending_bytes;
  if (backlog_ && (unread <= 0 || seen.read_bytes >= backlog_->through)) backlog_.reset();
  if (unread > 0 && !backlog_) backlog_ = {now, seen.read_bytes + unread};
  if (unread > bounds_.bytes) return "too many bytes behind";
  if (backlog_ && now - backlog_->since >= bounds_.after) return "behind for too long";
  return {};
}

std::optional<SourceObservation> SourceWatch::TakeObservation() {
  if (!std::exchange(changed_, false) && reason_.empty()) return std::nullopt;
  return SourceObservation{name_, reason_, since_, path_, coverage_};
}

void SourceWatch::Describe(SourceStatus& status, Time now) const {
  status.up = reason_.empty();
  status.lag_bytes = lag_bytes_;
  status.blind_seconds.clear();
  double blind = status.lost_seconds;
  if (status.losing_since) blind += std::max(0.0, Seconds(now - *status.losing_since));
  for (const auto& [reason, lasted] : coverage_.unwatched) {
    blind += status.blind_seconds[reason] = Seconds(lasted);
  }
  const double all = Seconds(now - coverage_.since);
  status.coverage_ratio = all > 0 ? std::clamp(1 - blind / all, 0.0, 1.0) : 1.0;
}
