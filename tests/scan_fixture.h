#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "collectors/files/file_scan.h"
#include "tests/catch.h"

// A file scan of a directory, and what a ledger would make of what it tells.

// The system's clock, moved ahead at will: so that directories that were just made are old enough
// to be relied on.
class ShiftedClock final : public Clock {
 public:
  Time Now() const override { return system_.Now() + ahead_; }
  std::chrono::milliseconds SinceBoot() const override { return system_.SinceBoot() + ahead_; }
  void Shift(std::chrono::milliseconds by) { ahead_ += by; }

 private:
  SystemClock system_;
  std::chrono::milliseconds ahead_{0};
};

inline void WriteFile(const std::string& path, const std::string& content = "x") {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << content;
}

// All that batches told, as the ledger keeps it.
class SeenFiles {
 public:
  struct File {
    std::string project, day, handle;
    uint64_t inode = 0;
    int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
    bool operator==(const File&) const = default;
  };

  void Take(const Batch& batch) {
    const FileNews& news = batch.files;
    size_t next = 0;
    for (const DirectoryListing& listing : news.listings) {
      CHECK(listing.first == next);  // contiguous, each of one listing
      next = listing.first + listing.count;
      const std::string directory(batch.View(listing.directory));
      ++listings_[directory];
      times_[directory] = listing.modified_ns;
      std::erase_if(files_, [&](const auto& file) {
        return std::filesystem::path(file.first).parent_path() == directory;
      });
      for (uint32_t i = 0; i < listing.count; ++i) {
        const FileSighting& seen = news.sightings[listing.first + i];
        CHECK((seen.directory.at == listing.directory.at && seen.files == listing.files));
        const Generation& now = seen.generation;
        files_[directory + "/" + std::string(batch.View(seen.name))] = {
            std::string(batch.View(seen.project)),
            FormatDay(seen.day),
            std::string(batch.View(now.handle)),
            now.inode,
            now.born_ns,
            now.modified_ns,
            now.size_bytes};
      }
    }
    CHECK(next == news.sightings.size());
    for (const ScanEnd& end : news.scans) ends_.push_back(end);
  }

  const std::map<std::string, File>& files() const { return files_; }
  std::set<std::string> paths() const {
    std::set<std::string> paths;
    for (const auto& [path, file] : files_) paths.insert(path);
    return paths;
  }
  const std::vector<ScanEnd>& ends() const { return ends_; }
  // How often each directory was listed since the last call.
  std::map<std::string, int> TakeListings() { return std::exchange(listings_, {}); }
  int64_t time(const std::string& directory) const { return times_.at(directory); }
  std::vector<KnownDirectory> known() const {
    std::vector<KnownDirectory> known;
    for (const auto& [path, time] : times_) known.push_back({0, path, time});
    return known;
  }

 private:
  std::map<std::string, File> files_;
  std::map<std::string, int> listings_;
  std::map<std::string, int64_t> times_;
  std::vector<ScanEnd> ends_;
};

inline const ScanRates kUnlimited{0, 0, std::chrono::hours(20)};

inline std::vector<FilePattern> PatternsOf(const std::vector<std::string>& paths) {
  std::vector<FilePattern> patterns;
  for (const std::string& path : paths) {
    auto pattern = FilePattern::Parse(path);
    if (!pattern) FAIL(pattern.error().message);
    patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

// Until what changes from now on has another time than what changed before.
inline void AwaitTick() {
  timespec before, now;
  clock_gettime(CLOCK_REALTIME_COARSE, &before);
  do {
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
  } while (now.tv_sec == before.tv_sec && now.tv_nsec == before.tv_nsec);
}

// Until there is nothing more to do now.
inline void ScanAll(FileScan& scan, SeenFiles& seen, int budget = 1000) {
  for (bool more = true; more;) {
    Batch batch;
    more = scan.Step(batch, budget);
    seen.Take(batch);
  }
  AwaitTick();
}
