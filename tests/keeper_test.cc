#include "collectors/files/keeper.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "collectors/files/put_back.h"
#include "tests/catch.h"
#include "tests/file_systems.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;

std::string TextOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A store with one format, and a keeper beside it.
class KeptStore {
 public:
  explicit KeptStore(std::string root) : root_(std::move(root)) {
    fs::create_directories(root_ + "/data/acme");
    CanonicalFilesConfig format;
    format.format = "row";
    format.path = root_ + "/data/{project}/{day}.evt";
    files_.push_back(format);
    patterns_.push_back(FilePattern::Parse(format.path).value());
    preserve.formats = {"row"};
    preserve.directory = root_ + "/kept";
  }
  std::string path() const { return root_ + "/data/acme/2016-02-22.evt"; }

  void Open() { keeper_.emplace(preserve, files_, patterns_, clock_); }
  KeeperStatus status() const { return keeper_->status(); }
  bool Tick() { return keeper_->Tick(0); }

  // As a store does it: beside, then renamed into place.
  void Replace(const std::string& text) {
    std::ofstream(path() + ".tmp", std::ios::binary) << text;
    fs::rename(path() + ".tmp", path());
  }
  FileSighting Sight(Batch& batch) const {
    const auto look = FileLook::Open(root_ + "/data");
    FileStatus status;
    REQUIRE(look->Look(root_ + "/data/acme", "2016-02-22.evt", status) == 0);
    FileSighting sighting;
    sighting.files = 0;
    sighting.directory = batch.Add(root_ + "/data/acme");
    sighting.name = batch.Add("2016-02-22.evt");
    sighting.project = batch.Add("acme");
    sighting.day = ParseDay("2016-02-22").value();
    sighting.generation = GenerationOf(status, batch);
    return sighting;
  }
  // The path of the copy that was made; empty: none.
  std::string Keep(Batch& batch, const FileSighting& sighting) {
    const auto look = FileLook::Open(root_ + "/data");
    const size_t before = batch.files.kept.size();
    keeper_->Keep(*look, sighting, batch);
    if (batch.files.kept.size() == before) return {};
    return std::string(batch.View(batch.files.kept.back().copy));
  }
  std::string Keep() {
    Batch batch;
    return Keep(batch, Sight(batch));
  }
  std::vector<std::string> Listed() {
    Batch batch;
    while (keeper_->List(batch, 1)) {
    }
    std::vector<std::string> copies;
    for (const KeptCopy& kept : batch.files.kept) {
      CHECK(batch.View(kept.project) == "acme");
      CHECK(batch.View(kept.directory) == root_ + "/data/acme");
      CHECK(batch.View(kept.name) == "2016-02-22.evt");
      copies.emplace_back(batch.View(kept.copy));
    }
    return copies;
  }

  PreserveConfig preserve;

 private:
  std::string root_;
  std::vector<CanonicalFilesConfig> files_;
  std::vector<FilePattern> patterns_;
  SystemClock clock_;
  std::optional<Keeper> keeper_;
};

}  // namespace

TEST_CASE("a generation that is replaced is kept as it was, on each file system", "[keeper]") {
  for (const char* type : kFileSystems) {
    DYNAMIC_SECTION(type) {
      MountedFileSystem system(type);
      if (!system.problem().empty()) {
        std::printf("\nSKIPPED keeper on %s: %s\n", type, system.problem().c_str());
        continue;
      }
      KeptStore store(system.path());
      store.Open();
      CHECK(store.status().why.empty());
      store.Replace("one");
      const std::string first = store.Keep();
      REQUIRE(!first.empty());
      store.Replace("another");
      const std::string second = store.Keep();
      CHECK(TextOf(first) == "one");
      CHECK(TextOf(second) == "another");
      CHECK(store.Keep().empty());
      CHECK(store.status().made == 2);
      CHECK(store.status().failed == 0);
      // Truncated in place: what has blocks in common only has them until then.
      fs::resize_file(store.path(), 2);
      CHECK(TextOf(second) == (store.status().method == "reflink" ? "another" : "an"));
    }
  }
}

TEST_CASE("file systems that can are given reflinks", "[keeper]") {
  for (const char* type : {"xfs", "btrfs"}) {
    MountedFileSystem system(type);
    if (!system.problem().empty()) {
      std::printf("\nSKIPPED keeper on %s: %s\n", type, system.problem().c_str());
      continue;
    }
    KeptStore store(system.path());
    store.Open();
    CHECK(store.status().method == "reflink");
    store.Replace("one");
    chmod(store.path().c_str(), 0640);
    const std::string copy = store.Keep();
    struct stat file, kept;
    REQUIRE(stat(store.path().c_str(), &file) == 0);
    REQUIRE(stat(copy.c_str(), &kept) == 0);
    CHECK(kept.st_ino != file.st_ino);
    CHECK(kept.st_mtim.tv_nsec == file.st_mtim.tv_nsec);
    CHECK((kept.st_mode & 0777) == 0640);
  }
}

TEST_CASE("copies from before are found again by their names alone", "[keeper]") {
  TemporaryDirectory directory;
  KeptStore store(directory / "store");
  store.Open();
  store.Replace("one");
  const std::string first = store.Keep();
  store.Replace("two");
  const std::string second = store.Keep();
  std::ofstream(fs::path(first).parent_path() / "2016-02-22.evt@none") << "no copy";
  std::ofstream(fs::path(first).parent_path() / "notes.txt@1.2.3.4") << "of no canonical file";
  store.Open();
  std::vector<std::string> listed = store.Listed();
  std::sort(listed.begin(), listed.end());
  std::vector<std::string> made = {first, second};
  std::sort(made.begin(), made.end());
  CHECK(listed == made);
}

TEST_CASE("a generation that is gone by now is not kept, and nothing else in its place",
          "[keeper]") {
  TemporaryDirectory directory;
  KeptStore store(directory / "store");
  store.Open();
  store.Replace("one");
  Batch batch;
  const FileSighting sighting = store.Sight(batch);
  store.Replace("another");
  CHECK(store.Keep(batch, sighting).empty());
  fs::remove(store.path());
  CHECK(store.Keep(batch, sighting).empty());
  fs::create_symlink("/etc/passwd", store.path());
  CHECK(store.Keep(batch, sighting).empty());
  CHECK(store.status().failed == 0);
  CHECK(store.Listed().empty());
}

TEST_CASE("a preserve directory that others may enter is not used", "[keeper]") {
  TemporaryDirectory directory;
  KeptStore store(directory / "store");
  store.Replace("one");
  fs::create_directory(store.preserve.directory);
  chmod(store.preserve.directory.c_str(), 0755);
  store.Open();
  CHECK(store.Keep().empty());
  CHECK(store.status().method.empty());
  CHECK(store.status().why.find("others may go in") != std::string::npos);
  chmod(store.preserve.directory.c_str(), 0700);
  store.Tick();
  CHECK(!store.Keep().empty());
  CHECK(store.status().why.empty());
}

TEST_CASE("a preserve directory that was removed is made again", "[keeper]") {
  TemporaryDirectory directory;
  KeptStore store(directory / "store");
  store.Replace("one");
  store.Open();
  CHECK(!store.Keep().empty());
  fs::remove_all(store.preserve.directory);
  store.Replace("two");
  CHECK(store.Keep().empty());
  CHECK(store.status().failed == 1);
  store.Tick();
  store.Replace("three");
  CHECK(!store.Keep().empty());
}

TEST_CASE("no more copies are made than max_files", "[keeper]") {
  TemporaryDirectory directory;
  KeptStore store(directory / "store");
  store.preserve.max_files = 1;
  store.Open();
  store.Replace("one");
  CHECK(!store.Keep().empty());
  store.Replace("two");
  CHECK(store.Keep().empty());
  CHECK(store.status().why.find("max_files") != std::string::npos);
}

TEST_CASE("a directory on another file system is said to be one", "[keeper]") {
  MountedFileSystem other("tmpfs");
  if (!other.problem().empty()) {
    std::printf("\nSKIPPED keeper on tmpfs: %s\n", other.problem().c_str());
    return;
  }
  TemporaryDirectory directory;
  KeptStore store(directory / "store");
  store.preserve.directory = other.path() + "/kept";
  store.Open();
  store.Replace("one");
  CHECK(store.Keep().empty());
  CHECK(store.status().why.find("another file system") != std::string::npos);
}

TEST_CASE("a copy that would be a canonical file itself is not made", "[keeper]") {
  TemporaryDirectory directory;
  KeptStore store(directory / "store");
  const CopyName copy = ParseCopyName("2016-02-22.evt@5.6.7.8").value();
  CHECK(copy.name == "2016-02-22.evt");
  CHECK(copy.size_bytes == 8);
  for (const char* none : {"", "@1.2.3.4", "a@1.2.3", "a@1.2.3.4.5", "a@1.2.3.x", "a@1.-2.3.4"}) {
    CHECK(!ParseCopyName(none));
  }
  std::vector<CanonicalFilesConfig> files(1);
  files[0].format = "row";
  files[0].path = directory / "store/data/{project}/{day}*";
  const std::vector<FilePattern> patterns = {FilePattern::Parse(files[0].path).value()};
  store.preserve.directory = directory / "store/data";
  chmod((directory / "store/data").c_str(), 0700);
  const SystemClock clock;
  Keeper keeper(store.preserve, files, patterns, clock);
  store.Replace("one");
  Batch batch;
  FileSighting sighting = store.Sight(batch);
  sighting.directory = batch.Add(directory / "store/data");
  fs::copy(store.path(), directory / "store/data/2016-02-22.evt");
  keeper.Keep(FileLook::Open(directory / "store/data").value(), sighting, batch);
  CHECK(batch.files.kept.empty());
  CHECK(keeper.status().why.find("canonical file itself") != std::string::npos);
}

TEST_CASE("what is put back is a file of its own, and never over another", "[keeper]") {
  const auto put_back = [](const std::string& from, const std::string& directory) {
    struct stat status;
    REQUIRE(stat(from.c_str(), &status) == 0);
    const UniqueFd opened(open(directory.c_str(), O_RDONLY | O_DIRECTORY));
    const int64_t modified_ms = status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000;
    return PutBack({from, modified_ms, status.st_size}, opened.get(), "to");
  };
  MountedFileSystem other("tmpfs");
  for (const char* type : {"ext4", "xfs", "tmpfs"}) {
    MountedFileSystem system(type);
    if (!system.problem().empty() || !other.problem().empty()) {
      std::printf("\nSKIPPED keeper on %s: %s\n", type,
                  (system.problem() + other.problem()).c_str());
      continue;
    }
    const std::string from = system.path() + "/from";
    std::ofstream(from, std::ios::binary) << std::string(3 << 20, 'x');
    for (const std::string& into : {system.path(), other.path()}) {
      const std::string to = into + "/to";
      REQUIRE(put_back(from, into));
      CHECK(TextOf(to) == std::string(3 << 20, 'x'));
      std::ofstream(to, std::ios::binary | std::ios::app) << "y";
      CHECK(fs::file_size(from) == (3 << 20));
      const auto again = put_back(from, into);
      REQUIRE(!again);
      CHECK(again.error().message.find("File exists") != std::string::npos);
      CHECK(fs::file_size(to) == (3 << 20) + 1);
      fs::remove(to);
    }
  }
}

TEST_CASE("a copy that was changed since is not put back", "[keeper]") {
  TemporaryDirectory directory;
  const std::string from = directory / "from";
  std::ofstream(from) << "12345";
  const UniqueFd opened(open((directory / "").c_str(), O_RDONLY | O_DIRECTORY));
  CHECK(!PutBack({from, 1, 5}, opened.get(), "to"));
  CHECK(!PutBack({directory / "none", 1, 5}, opened.get(), "to"));
  CHECK(!fs::exists(directory / "to"));
}
