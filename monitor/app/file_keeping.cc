#include "monitor/app/file_keeping.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "monitor/app/disk_floor.h"
#include "monitor/app/log_words.h"

namespace {

using std::chrono::milliseconds;

constexpr size_t kReleasedAtOnce = 1000, kVerifiedAtOnce = 100;
// Looking for what is to be released takes at most this part of the time.
constexpr int kRest = 100;
// A file system may take so long to count as free what was removed.
constexpr milliseconds kDiskSettles = std::chrono::minutes(1);
// The two clocks differ by more between two looks: one was set. Nothing goes by its word for a
// while.
constexpr milliseconds kClockStep = std::chrono::minutes(1), kClockSettles = std::chrono::hours(1);

}  // namespace

std::unique_ptr<FileKeeping> FileKeeping::Start(const Config& config, const Clock& clock) {
  if (!config.preserve) return nullptr;
  return std::unique_ptr<FileKeeping>(new FileKeeping(*config.preserve, clock));
}

FileKeeping::FileKeeping(const PreserveConfig& config, const Clock& clock)
    : config_(config), clock_(clock), now_(clock.Now()), since_boot_(clock.SinceBoot()) {}

std::optional<Batch> FileKeeping::Tick(Ledger& ledger, bool logs_read) {
  WatchClock();
  struct stat directory;
  if (stat(config_.directory.c_str(), &directory) != 0) return std::nullopt;
  if (device_ == 0) device_ = directory.st_dev;
  // Its file system is not mounted now: that nothing is there says nothing.
  if (device_ != directory.st_dev) return std::nullopt;
  Batch batch;
  batch.observed_at = clock_.Now();
  const auto began = clock_.SinceBoot();
  if (began >= release_at_) {
    Release(ledger, logs_read && began >= clock_settled_at_, batch);
    release_at_ = clock_.SinceBoot() + kRest * (clock_.SinceBoot() - began);
  }
  if (batch.files.released.empty()) Verify(ledger, batch);
  if (batch.files.released.empty()) return std::nullopt;
  return batch;
}

void FileKeeping::WatchClock() {
  const Time now = clock_.Now();
  const milliseconds since_boot = clock_.SinceBoot();
  if (std::chrono::abs((now - now_) - (since_boot - since_boot_)) > kClockStep) {
    clock_settled_at_ = since_boot + kClockSettles;
  }
  now_ = now;
  since_boot_ = since_boot;
}

// What is over its time waits until all that was logged is known: an alert may be about to need it.
void FileKeeping::Release(Ledger& ledger, bool over, Batch& batch) {
  KeepBounds bounds;
  bounds.now = clock_.Now();
  bounds.window = config_.window;
  bounds.bounds_only = !over;
  bounds.max_bytes = config_.max_bytes;
  bounds.max_files = config_.max_files;
  if (clock_.SinceBoot() >= disk_settled_at_) {
    bounds.wanted_bytes = BytesBelowFloor(config_.directory);
  }
  bounds.keep_deleted = config_.keep_deleted;
  for (const CopyToCheck& copy : ledger.CopiesToRelease(bounds, kReleasedAtOnce)) {
    if (!Remove(copy.copy)) continue;
    Add(copy, copy.reason, batch);
    if (bounds.wanted_bytes > 0) disk_settled_at_ = clock_.SinceBoot() + kDiskSettles;
  }
}

// A copy that is another content now is no copy. It only goes when the content has another name.
void FileKeeping::Verify(Ledger& ledger, Batch& batch) {
  const auto copies = ledger.CopiesAfter(verified_, kVerifiedAtOnce);
  verified_ = copies.size() < kVerifiedAtOnce ? 0 : copies.back().id;
  for (const CopyToCheck& copy : copies) {
    struct stat status;
    if (lstat(copy.copy.c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) Add(copy, "it is gone", batch);
      continue;
    }
    const int64_t modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
    if (modified_ns == copy.modified_ns && status.st_size == copy.size_bytes) continue;
    if (status.st_nlink < 2) {
      Add(copy, "it was changed, and is left where it is", batch);
    } else if (Remove(copy.copy)) {
      Add(copy, "its file was rewritten in place", batch);
    }
  }
}

// Nothing elsewhere, whatever a ledger says: what was kept in another directory stays there.
bool FileKeeping::Remove(const std::string& copy) {
  if (!copy.starts_with(config_.directory + "/") || copy.find("/../") != std::string::npos) {
    return true;
  }
  if (unlink(copy.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return true;
  const std::string trouble = std::strerror(errno);
  if (trouble != trouble_) {
    spdlog::warn("kept copy not removed path={} error={}", LogWords(copy), LogWords(trouble));
  }
  trouble_ = trouble;
  return false;
}

void FileKeeping::Add(const CopyToCheck& copy, const std::string& reason, Batch& batch) const {
  const bool ours = copy.copy.starts_with(config_.directory + "/");
  batch.files.released.push_back({batch.Add(copy.copy),
                                  ours ? reason : "its directory is no longer configured",
                                  clock_.Now()});
}
