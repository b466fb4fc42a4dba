#include "collectors/files/file_scan.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

using std::chrono::milliseconds;

namespace {

// More directories than these are found sooner by a pass.
constexpr size_t kMostHints = 10'000;

std::string Why(const std::string& path, int error) {
  if (error == ENOENT) return path + ": the directory is not there";
  if (error == ENOTDIR) return path + ": is not a directory";
  if (error == ELOOP) return path + ": has become a symbolic link";
  return path + ": cannot be read: " + std::strerror(error);
}

}  // namespace

void WorkRate::Earn(milliseconds since_boot) {
  if (earned_at_.count() >= 0) {
    const double seconds = static_cast<double>((since_boot - earned_at_).count()) / 1000;
    left_ = std::min<double>(per_second_, left_ + seconds * per_second_);
  }
  earned_at_ = since_boot;
}

milliseconds WorkRate::wait() const {
  if (per_second_ == 0 || left_ > 0) return milliseconds(0);
  return milliseconds(static_cast<int64_t>(-left_ * 1000 / per_second_) + 1);
}

FileScan::FileScan(std::vector<FilePattern> patterns, const std::vector<KnownDirectory>& known,
                   const Clock& clock, ScanRates rates)
    : clock_(clock),
      rates_(rates),
      pass_rate_(rates.pass_per_s),
      rotation_rate_(rates.rotation_per_s),
      progress_(patterns.size()) {
  for (FilePattern& pattern : patterns) {
    formats_.emplace_back(static_cast<int16_t>(formats_.size()), std::move(pattern), clock);
  }
  for (const KnownDirectory& directory : known) {
    const auto format = static_cast<size_t>(directory.files);
    if (directory.files >= 0 && format < formats_.size()) formats_[format].Know(directory);
  }
  // The first pass lists all that is not known, and so does the work of a first rotation.
  rotation_due_ = clock.SinceBoot();
  if (known.empty()) rotation_due_ += rates.rotation_every;
}

bool FileScan::Step(Batch& batch, int budget) {
  const milliseconds now = clock_.SinceBoot();
  pass_rate_.Earn(now);
  rotation_rate_.Earn(now);
  int64_t left = budget;
  while (left > 0) {
    const int64_t looks = Work(batch);
    if (looks == 0) break;
    left -= looks;
  }
  for (FormatScan& format : formats_) format.Close();
  return left < budget;
}

// What is most urgent; the files and directories that were looked at, 0: nothing.
int64_t FileScan::Work(Batch& batch) {
  BeginPasses();
  const bool urgent = !hints_.empty() || pass_.active;
  WorkRate& rate = urgent ? pass_rate_ : rotation_rate_;
  if (!(urgent || rotation_.active) || rate.wait().count() > 0) return 0;
  const int64_t looks =
      !hints_.empty() ? LookAtHint(batch) : Advance(pass_.active ? pass_ : rotation_, batch);
  rate.Spend(looks);
  return looks;
}

void FileScan::BeginPasses() {
  if (formats_.empty()) return;
  if (again_ && !pass_.active) {
    again_ = false;
    pass_ = {pass_.how, true};
  }
  if (!pass_.active && !rotation_.active && clock_.SinceBoot() >= rotation_due_) {
    rotation_due_ = clock_.SinceBoot() + rates_.rotation_every;
    rotation_ = {rotation_.how, true};
  }
}

void FileScan::Look(const std::string& directory) {
  const bool ours = std::any_of(formats_.begin(), formats_.end(), [&](const FormatScan& format) {
    return format.pattern().PlaceOf(directory) != FilePattern::Place::kElsewhere;
  });
  if (!ours) return;
  hints_.insert(directory);
  if (hints_.size() <= kMostHints) return;
  hints_.clear();
  LookAgain();
}

int64_t FileScan::LookAtHint(Batch& batch) {
  const std::string directory = std::move(hints_.extract(hints_.begin()).value());
  int64_t looks = 0;
  for (FormatScan& format : formats_) {
    const auto visit = format.VisitDirectory(directory, FormatScan::How::kHinted, batch);
    looks += visit.looks;
    // A pass tells the ledger, by its end, what could not be read.
    if (visit.error != 0) LookAgain();
    for (const std::string& path : visit.follow) Look(path);
  }
  return looks;
}

int64_t FileScan::Advance(Pass& pass, Batch& batch) {
  FormatScan& format = formats_[pass.format];
  if (pass.last.empty()) Begin(pass);
  const auto next = format.Next(pass.last);
  if (!next) {
    End(pass, batch);
    return 1;
  }
  pass.last = *next;
  const auto visit = format.VisitDirectory(*next, pass.how, batch);
  ++pass.directories;
  pass.files += visit.files;
  if (visit.error != 0 && ++pass.unreadable == 1) pass.reason = Why(*next, visit.error);
  // What is known beneath a root that is not there is neither seen nor gone.
  if (*next == format.pattern().root() && IsAbsence(visit.error)) {
    End(pass, batch);
  } else {
    Report(pass, false);
  }
  return visit.looks;
}

void FileScan::Begin(Pass& pass) {
  pass.began_at = clock_.Now();
  if (&pass != &pass_) return;
  ScanProgress& progress = progress_[pass.format];
  // The root alone is always known.
  const int64_t known = formats_[pass.format].directories();
  progress.expected_directories = known > 1 ? known : 0;
  progress.expected_files = formats_[pass.format].files();
}

void FileScan::End(Pass& pass, Batch& batch) {
  if (pass.unreadable > 1) {
    pass.reason += " (and " + std::to_string(pass.unreadable - 1) + " more)";
  }
  batch.files.scans.push_back(
      {static_cast<int16_t>(pass.format), pass.reason, pass.began_at, clock_.Now()});
  Report(pass, true);
  const size_t next = pass.format + 1;
  pass = {pass.how, next < formats_.size(), next};
}

void FileScan::Report(const Pass& pass, bool ended) {
  ScanProgress& progress = progress_[pass.format];
  if (ended) {
    progress.problem = pass.reason;
    progress.complete = pass.reason.empty();
  }
  if (&pass != &pass_) return;
  progress.scanning = !ended;
  progress.directories = pass.directories;
  progress.files = pass.files;
}

milliseconds FileScan::wait() const {
  if (formats_.empty()) return milliseconds::max();
  if (again_ || pass_.active || !hints_.empty()) return pass_rate_.wait();
  if (rotation_.active) return rotation_rate_.wait();
  return std::max(milliseconds(0), rotation_due_ - clock_.SinceBoot());
}
