#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "collectors/files/canonical_files.h"
#include "tests/store_on_disk.h"

// A store watched by the collector of canonical files, and what a ledger would know of it.
class WatchedStore {
 public:
  // The newest news of a path: a sighting of what was known already is none.
  struct File {
    bool present = true;
    std::string handle;
    uint64_t inode = 0;
    int64_t born_ns = 0, modified_ns = 0, size_bytes = 0;
    std::optional<Actor> by;
    bool opened_before = false;
    std::string renamed_to;
  };

  explicit WatchedStore(const std::string& root, const EventOptions& options = {},
                        bool keep_sys_admin = true)
      : store(root) {
    CanonicalFilesConfig row, columnar;
    row.format = "row";
    row.path = root + "/row/{project}/{day}.evt";
    row.dead_since = "2016-02-01";
    columnar.format = "columnar";
    columnar.path = root + "/columnar/{project}/{day}.parquet";
    config = {row, columnar};
    auto opened = CanonicalFiles::Open(7, config, keep_sys_admin, {}, clock, options,
                                       ScanRates{0, 0, std::chrono::hours(20)});
    if (!opened) FAIL(opened.error().message);
    collector = std::move(*opened);
  }

  void Fill() {
    for (bool more = true; more;) {
      Batch batch;
      more = collector->Fill(batch, 1000);
      Take(batch);
    }
  }
  bool Until(const std::function<bool()>& enough) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (Fill(); !enough(); Fill()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      pollfd waiting{collector->wake_fds()[0], POLLIN, 0};
      poll(&waiting, 1, 100);
      collector->Tick();
    }
    return true;
  }
  // All formats have been looked at as a whole so many times.
  bool UntilScanned(size_t times) {
    return Until([&] { return scans.size() >= times * config.size(); });
  }
  const File* Find(const std::string& below) const {
    const auto found = files.find(store / below);
    return found == files.end() ? nullptr : &found->second;
  }
  std::set<std::string> Present() const {
    std::set<std::string> present;
    for (const auto& [path, file] : files) {
      if (file.present) present.insert(path);
    }
    return present;
  }
  // What is there in truth.
  std::set<std::string> Truth() const {
    std::set<std::string> truth;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(store / "")) {
      const std::string extension = entry.path().extension();
      if (extension == ".evt" || extension == ".parquet") truth.insert(entry.path());
    }
    return truth;
  }

  const StoreOnDisk store;
  SystemClock clock;
  std::vector<CanonicalFilesConfig> config;
  std::unique_ptr<CanonicalFiles> collector;
  std::map<std::string, File> files;
  std::vector<ScanEnd> scans;
  struct Read {
    std::string path, handle;
    bool bytes = false, excepted = false;
    Actor by;
  };
  std::vector<Read> reads;
  std::vector<std::string> misplaced;
  std::vector<std::string> blind;  // details

 private:
  void Take(const Batch& batch) {
    size_t next = 0;
    const auto& sightings = batch.files.sightings;
    for (const DirectoryListing& listing : batch.files.listings) {
      for (; next < listing.first; ++next) See(batch, sightings[next]);
      const std::string directory(batch.View(listing.directory));
      std::set<std::string> listed;
      for (; next < listing.first + listing.count; ++next) {
        listed.insert(std::string(batch.View(sightings[next].name)));
        See(batch, sightings[next]);
      }
      const std::string in = directory + "/";
      for (auto at = files.lower_bound(in); at != files.end() && at->first.starts_with(in); ++at) {
        const std::string name = at->first.substr(in.size());
        const bool here = at->second.present && name.find('/') == name.npos;
        if (here && !listed.contains(name)) at->second = Gone();
      }
    }
    for (; next < sightings.size(); ++next) See(batch, sightings[next]);
    for (const FileRead& read : batch.files.reads) {
      reads.push_back({Path(batch, read.directory, read.name), std::string(batch.View(read.handle)),
                       read.bytes, read.excepted,
                       batch.files.actors[static_cast<size_t>(read.actor)]});
    }
    for (const MisplacedFile& file : batch.files.misplaced) {
      misplaced.emplace_back(batch.View(file.path));
    }
    for (const Fact& fact : batch.facts) {
      if (fact.kind == FactKind::kBlind && fact.source == 7)
        blind.emplace_back(batch.View(fact.detail));
    }
    scans.insert(scans.end(), batch.files.scans.begin(), batch.files.scans.end());
  }
  static File Gone() {
    File gone;
    gone.present = false;
    return gone;
  }
  static std::string Path(const Batch& batch, Text directory, Text name) {
    return std::string(batch.View(directory)) + "/" + std::string(batch.View(name));
  }
  void See(const Batch& batch, const FileSighting& seen) {
    const Generation& now = seen.generation;
    File file{seen.present,
              std::string(batch.View(now.handle)),
              now.inode,
              now.born_ns,
              now.modified_ns,
              now.size_bytes,
              {},
              seen.opened_before,
              {}};
    if (seen.actor >= 0) file.by = batch.files.actors[static_cast<size_t>(seen.actor)];
    file.renamed_to = batch.View(seen.renamed_to);
    const std::string path = Path(batch, seen.directory, seen.name);
    const auto known = files.find(path);
    if (known != files.end()) {
      const File& before = known->second;
      const bool same = before.present == file.present && before.handle == file.handle &&
                        before.inode == file.inode && before.modified_ns == file.modified_ns &&
                        before.size_bytes == file.size_bytes;
      if (same || (!before.present && !file.present)) return;
    } else if (!file.present) {
      return;
    }
    files[path] = file;
  }
};
