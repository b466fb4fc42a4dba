#include "monitor/app/file_keeping.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "monitor/app/disk_floor.h"

namespace {

constexpr size_t kReleasedAtOnce = 1000, kVerifiedAtOnce = 100;
// Looking for what is to be released takes at most this part of the time.
constexpr int kRest = 100;

}  // namespace

std::unique_ptr<FileKeeping> FileKeeping::Start(const Config& config, const Clock& clock) {
  if (!config.preserve) return nullptr;
  return std::unique_ptr<FileKeeping>(new FileKeeping(*config.preserve, clock));
}

FileKeeping::FileKeeping(const PreserveConfig& config, const Clock& clock)
    : config_(config), clock_(clock) {}

std::optional<Batch> FileKeeping::Tick(Ledger& ledger) {
  struct stat directory;
  if (stat(config_.directory.c_str(), &directory) != 0) return std::nullopt;
  if (device_ == 0) device_ = directory.st_dev;
  // Its file system is not mounted now: that nothing is there says nothing.
  if (device_ != directory.st_dev) return std::nullopt;
  Batch batch;
  batch.observed_at = clock_.Now();
  const auto began = clock_.SinceBoot();
  if (began >= release_at_) {
    Release(ledger, batch);
    release_at_ = clock_.SinceBoot() + kRest * (clock_.SinceBoot() - began);
  }
  if (batch.files.released.empty()) Verify(ledger, batch);
  if (batch.files.released.empty()) return std::nullopt;
  return batch;
}

void FileKeeping::Release(Ledger& ledger, Batch& batch) {
  KeepBounds bounds;
  bounds.now = clock_.Now();
  bounds.window = config_.window;
  bounds.max_bytes = config_.max_bytes;
  bounds.max_files = config_.max_files;
  bounds.wanted_bytes = BytesBelowFloor(config_.directory);
  bounds.keep_deleted = config_.keep_deleted;
  for (const CopyToCheck& copy : ledger.CopiesToRelease(bounds, kReleasedAtOnce)) {
    if (Remove(copy.copy)) Add(copy, copy.reason, batch);
  }
}

void FileKeeping::Verify(Ledger& ledger, Batch& batch) {
  const auto copies = ledger.CopiesAfter(verified_, kVerifiedAtOnce);
  verified_ = copies.size() < kVerifiedAtOnce ? 0 : copies.back().id;
  for (const CopyToCheck& copy : copies) {
    struct stat status;
    if (lstat(copy.copy.c_str(), &status) != 0) {
      if (errno == ENOENT) Add(copy, "it is gone", batch);
      continue;
    }
    const int64_t modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
    const bool same = modified_ns == copy.modified_ns && status.st_size == copy.size_bytes;
    if (same || !Remove(copy.copy)) continue;
    Add(copy, "its file was rewritten in place", batch);
  }
}

// Nothing elsewhere, whatever a ledger says.
bool FileKeeping::Remove(const std::string& copy) const {
  const bool ours =
      copy.starts_with(config_.directory + "/") && copy.find("/../") == std::string::npos;
  return ours && (unlink(copy.c_str()) == 0 || errno == ENOENT);
}

void FileKeeping::Add(const CopyToCheck& copy, const std::string& reason, Batch& batch) const {
  batch.files.released.push_back({batch.Add(copy.copy), reason, clock_.Now()});
}
