#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "tests/catch.h"
#include "tests/scan_fixture.h"
#include "tests/temporary_directory.h"

// Others change the directories while they are scanned.

namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using std::chrono::steady_clock;

// Does `change` over and over in a thread of its own.
class Meanwhile {
 public:
  template <class Change>
  explicit Meanwhile(Change change)
      : thread_([this, change] {
          for (int round = 0; !stop_; ++round) change(round);
        }) {}
  ~Meanwhile() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a directory that is swapped for a link while it is scanned leads nowhere",
          "[file_scan]") {
  const TemporaryDirectory directory;
  const std::string data = directory / "data";
  WriteFile(data + "/disk/acme/2016-02-22.evt", "x");
  WriteFile(directory / "forbidden/acme/2016-02-22.evt", "forbidden");
  fs::create_directory_symlink(directory / "forbidden", data + "/link");
  ShiftedClock clock;
  // Once in its way, once its root.
  FileScan scan(
      PatternsOf({data + "/{project}/acme/{day}.evt", data + "/disk/{project}/{day}.evt"}), {},
      clock, kUnlimited);
  Batch first;
  while (scan.Step(first, 1000)) {
  }
  REQUIRE(first.files.sightings.size() == 2);
  const Meanwhile swap([&](int) {
    renameat2(AT_FDCWD, (data + "/link").c_str(), AT_FDCWD, (data + "/disk").c_str(),
              RENAME_EXCHANGE);
  });
  int present = 0, absent = 0;
  const auto deadline = steady_clock::now() + seconds(60);
  while (present < 200 || absent < 200) {
    REQUIRE(steady_clock::now() < deadline);
    scan.LookAgain();
    scan.Look(data + "/disk/acme");
    Batch batch;
    while (scan.Step(batch, 1000)) {
    }
    for (const FileSighting& seen : batch.files.sightings) {
      REQUIRE(seen.generation.size_bytes == 1);
    }
    ++(batch.files.sightings.empty() ? absent : present);
  }
}

TEST_CASE("a file that is replaced while it is looked at is told as one of both, not a mixture",
          "[file_scan]") {
  const TemporaryDirectory directory;
  const std::string data = directory / "data", path = data + "/acme/2016-02-22.evt";
  WriteFile(path);
  ShiftedClock clock;
  clock.Shift(seconds(10));  // as if the directory had been quiet
  FileScan scan(PatternsOf({data + "/{project}/{day}.evt"}), {}, clock, kUnlimited);
  std::mutex mutex;
  std::map<std::string, int64_t> sizes;  // by handle
  const auto note = [&](const std::string& name) {
    FileStatus status;
    const UniqueFd fd(open(name.c_str(), O_PATH | O_CLOEXEC));
    if (LookAt(fd.get(), status) != 0) return;
    const std::lock_guard one(mutex);
    sizes[status.handle] = status.size_bytes;
  };
  note(path);
  const Meanwhile replace([&](int round) {
    WriteFile(path + ".tmp", std::string(static_cast<size_t>(round % 1000), 'x'));
    note(path + ".tmp");
    fs::rename(path + ".tmp", path);
  });
  std::set<std::string> handles;
  const auto deadline = steady_clock::now() + seconds(60);
  while (handles.size() < 2000 && steady_clock::now() < deadline) {
    scan.Look(data + "/acme");
    Batch batch;
    while (scan.Step(batch, 1000)) {
    }
    const std::lock_guard one(mutex);
    for (const FileSighting& seen : batch.files.sightings) {
      const std::string handle(batch.View(seen.generation.handle));
      handles.insert(handle);
      REQUIRE(sizes.at(handle) == seen.generation.size_bytes);
    }
  }
  CHECK(handles.size() >= 2000);
}

TEST_CASE("30,000 files that are made between two passes are all seen", "[file_scan]") {
  const TemporaryDirectory directory;
  const std::string data = directory / "data";
  WriteFile(data + "/p0/2016-02-22.evt");
  ShiftedClock clock;
  FileScan scan(PatternsOf({data + "/{project}/{day}.evt"}), {}, clock);
  SeenFiles seen;
  ScanAll(scan, seen);
  std::set<std::string> truth = seen.paths();
  for (int project = 0; project < 30; ++project) {
    const std::string below = data + "/p" + std::to_string(project);
    fs::create_directory(below);
    for (int day = 0; day < 1000; ++day) {
      const std::string path = below + "/" + FormatDay(Day{day}) + ".evt";
      const UniqueFd fd(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
      REQUIRE(fd);
      truth.insert(path);
    }
  }
  scan.LookAgain();
  const auto began = steady_clock::now();
  ScanAll(scan, seen);
  WARN("30,000 files were seen in "
       << std::chrono::duration<double>(steady_clock::now() - began).count() << " s");
  CHECK(seen.paths() == truth);
}
