#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/catch.h"
#include "tests/file_systems.h"
#include "tests/scan_fixture.h"

// What a scan sees, on every file system alike.

namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::seconds;

class SystemScan {
 public:
  explicit SystemScan(const std::string& directory) : data_(directory + "/data") {
    fs::create_directory(data_);
    clock_.Shift(seconds(10));
    scan_.emplace(PatternsOf({data_ + "/{project}/{day}.evt"}), std::vector<KnownDirectory>{},
                  clock_, kUnlimited);
  }
  const std::map<std::string, SeenFiles::File>& All() {
    scan_->LookAgain();
    ScanAll(*scan_, seen_);
    return seen_.files();
  }
  const std::map<std::string, SeenFiles::File>& Rotate() {
    clock_.Shift(hours(21));
    ScanAll(*scan_, seen_);
    return seen_.files();
  }
  std::string Path(const std::string& path) const { return data_ + "/" + path; }
  SeenFiles::File File(const std::string& path) { return seen_.files().at(Path(path)); }

 private:
  std::string data_;
  ShiftedClock clock_;
  std::optional<FileScan> scan_;
  SeenFiles seen_;
};

bool OtherGeneration(const SeenFiles::File& a, const SeenFiles::File& b) {
  return a.handle != b.handle ||
         (a.handle.empty() && (a.inode != b.inode || a.born_ns != b.born_ns));
}

}  // namespace

TEST_CASE("files are found with their identity on every file system", "[file_scan]") {
  OnEachFileSystem("file scan", [](const std::string& type, const std::string& directory) {
    INFO(type);
    SystemScan scan(directory);
    WriteFile(scan.Path("acme/2016-02-22.evt"), "four");
    WriteFile(scan.Path("acme/2016-02-23.evt"));
    REQUIRE(scan.All().size() == 2);
    struct stat status;
    REQUIRE(stat(scan.Path("acme/2016-02-22.evt").c_str(), &status) == 0);
    const auto file = scan.File("acme/2016-02-22.evt");
    CHECK(file.size_bytes == 4);
    CHECK(file.inode == status.st_ino);
    CHECK(file.modified_ns == status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec);
    CHECK(file.born_ns > 0);
    // An overlay has handles only where it is mounted for export.
    CHECK((type == "overlayfs" || file.handle.size() > 8));
    CHECK(file.handle !=
          scan.File("acme/2016-02-23.evt").handle + (file.handle.empty() ? "x" : ""));
    CHECK(scan.All().size() == 2);
    CHECK(scan.File("acme/2016-02-22.evt") == file);
  });
}

TEST_CASE("a replaced file is another generation on every file system", "[file_scan]") {
  OnEachFileSystem("file scan", [](const std::string& type, const std::string& directory) {
    INFO(type);
    SystemScan scan(directory);
    const std::string path = scan.Path("acme/2016-02-22.evt");
    WriteFile(path);
    scan.All();
    const auto first = scan.File("acme/2016-02-22.evt");
    WriteFile(path + ".tmp", "new");
    fs::rename(path + ".tmp", path);
    scan.All();
    const auto second = scan.File("acme/2016-02-22.evt");
    CHECK(OtherGeneration(first, second));
    CHECK(second.size_bytes == 3);
  });
}

TEST_CASE("an inode number that is used again is another generation on every file system",
          "[file_scan]") {
  OnEachFileSystem("file scan", [](const std::string& type, const std::string& directory) {
    INFO(type);
    SystemScan scan(directory);
    const std::string path = scan.Path("acme/2016-02-22.evt");
    WriteFile(path);
    scan.All();
    int reused = 0;
    for (int round = 0; round < 20; ++round) {
      const auto before = scan.File("acme/2016-02-22.evt");
      fs::remove(path);
      WriteFile(path);
      scan.All();
      const auto after = scan.File("acme/2016-02-22.evt");
      reused += before.inode == after.inode;
      CHECK(OtherGeneration(before, after));
    }
    CHECK((type != "ext4" || reused == 20));
  });
}

TEST_CASE("a file written anew in place keeps its identity on every file system", "[file_scan]") {
  OnEachFileSystem("file scan", [](const std::string& type, const std::string& directory) {
    INFO(type);
    SystemScan scan(directory);
    const std::string path = scan.Path("acme/2016-02-22.evt");
    WriteFile(path);
    scan.All();
    const auto before = scan.File("acme/2016-02-22.evt");
    WriteFile(path, "longer");
    scan.All();
    CHECK(scan.File("acme/2016-02-22.evt") == before);  // no directory moved
    scan.Rotate();
    const auto after = scan.File("acme/2016-02-22.evt");
    CHECK_FALSE(OtherGeneration(before, after));
    CHECK(after.size_bytes == 6);
    CHECK(after.modified_ns > before.modified_ns);
  });
}

TEST_CASE("what is deleted, renamed or moved is seen by the next pass on every file system",
          "[file_scan]") {
  OnEachFileSystem("file scan", [](const std::string& type, const std::string& directory) {
    INFO(type);
    SystemScan scan(directory);
    for (int i = 10; i < 30; ++i) {
      WriteFile(scan.Path("acme/2016-01-" + std::to_string(i) + ".evt"));
      WriteFile(scan.Path("gone/2016-01-" + std::to_string(i) + ".evt"));
    }
    CHECK(scan.All().size() == 40);
    const auto moved = scan.File("acme/2016-01-10.evt");
    fs::create_directory(scan.Path("zeta"));
    fs::rename(scan.Path("acme/2016-01-10.evt"), scan.Path("zeta/2016-01-10.evt"));
    fs::remove(scan.Path("acme/2016-01-11.evt"));
    fs::rename(scan.Path("acme/2016-01-12.evt"), scan.Path("acme/2016-01-12.old"));
    fs::remove_all(scan.Path("gone"));
    CHECK(scan.All().size() == 18);
    CHECK_FALSE(OtherGeneration(scan.File("zeta/2016-01-10.evt"), moved));
  });
}

TEST_CASE("a mount beneath the root is followed on every file system", "[file_scan]") {
  OnEachFileSystem("file scan", [](const std::string& type, const std::string& directory) {
    INFO(type);
    SystemScan scan(directory);
    WriteFile(scan.Path("acme/2016-02-22.evt"));
    fs::create_directory(scan.Path("disk"));
    REQUIRE(mount("tmpfs", scan.Path("disk").c_str(), "tmpfs", 0, nullptr) == 0);
    WriteFile(scan.Path("disk/2016-02-22.evt"));
    CHECK(scan.All().size() == 2);
    // Nothing is held open that would keep it busy.
    CHECK(umount2(scan.Path("disk").c_str(), 0) == 0);
    CHECK(scan.All().size() == 1);
  });
}
