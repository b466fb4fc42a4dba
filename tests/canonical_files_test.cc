#include "collectors/files/canonical_files.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <nlohmann/json.hpp>

#include "collectors/files/privileges.h"
#include "tests/canonical_files_fixture.h"
#include "tests/file_systems.h"

namespace {

const std::string kRow = "row/p1/2016-02-01.evt";
const std::string kColumnar = "columnar/p1/2016-02-01.parquet";

bool MayNameProcesses() {
  if (FanotifyGroup::Open(FanotifyGroup::Kind::kNames, true)) return true;
  std::puts("\nSKIPPED file events: no CAP_SYS_ADMIN");
  return false;
}

// The incident in small: the compactor reads the old file, and then replaces the new one.
bool ReadsAndReplaces(const StoreOnDisk& store) {
  const std::string old = store / kRow, now = store / kColumnar, made = now + ".tmp";
  char byte = 0;
  const int reading = open(old.c_str(), O_RDONLY);
  const int existing = open(now.c_str(), O_RDONLY);
  const int writing = open(made.c_str(), O_WRONLY | O_CREAT, 0600);
  return read(reading, &byte, 1) == 1 && existing >= 0 && write(writing, "PAR1new", 7) == 7 &&
         rename(made.c_str(), now.c_str()) == 0;
}

// Mounts a file system, and unmounts it again, when it is told to.
class MountingProcess {
 public:
  explicit MountingProcess(const std::string& point) {
    REQUIRE(pipe2(pipe_, O_CLOEXEC) == 0);
    pid_ = fork();
    if (pid_ != 0) return;
    char byte = 0;
    const bool mounted =
        read(pipe_[0], &byte, 1) == 1 && mount("none", point.c_str(), "tmpfs", 0, nullptr) == 0;
    _exit(mounted && read(pipe_[0], &byte, 1) == 1 && umount(point.c_str()) == 0 ? 0 : 1);
  }
  MountingProcess(const MountingProcess&) = delete;
  ~MountingProcess() {
    close(pipe_[1]);
    waitpid(pid_, nullptr, 0);
  }
  void Next() const { REQUIRE(write(pipe_[1], "x", 1) == 1); }

 private:
  int pipe_[2] = {-1, -1};
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("what is there is found, and what happens is seen with who did it", "[canonical_files]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  WatchedStore watched(directory.path());
  CHECK(watched.collector->status().level == WatchLevel::kFull);
  REQUIRE(watched.UntilScanned(1));
  CHECK(watched.Present() == watched.Truth());
  CHECK(!watched.Find(kColumnar)->by);
  const std::string before = watched.Find(kColumnar)->handle;
  const pid_t pid = InChild([&] { return ReadsAndReplaces(watched.store); });
  REQUIRE(watched.Until([&] { return watched.Find(kColumnar)->handle != before; }));
  REQUIRE(watched.Find(kColumnar)->by);
  CHECK(watched.Find(kColumnar)->by->pid == pid);
  CHECK(watched.Find(kColumnar)->opened_before);
  CHECK(watched.Find(kColumnar)->size_bytes == 7);
  REQUIRE(watched.Until([&] { return !watched.reads.empty(); }));
  CHECK(watched.reads[0].path == watched.store / kRow);
  CHECK(watched.reads[0].handle == watched.Find(kRow)->handle);
  CHECK(watched.reads[0].bytes);
  CHECK(watched.reads[0].by.pid == pid);
}

TEST_CASE("the same is seen on every file system", "[canonical_files]") {
  if (!MayNameProcesses()) return;
  OnEachFileSystem("file events", [](const std::string& type, const std::string& directory) {
    INFO(type);
    WatchedStore watched(directory);
    const FilesStatus status = watched.collector->status();
    INFO(NameOf(status.level));
    REQUIRE(watched.UntilScanned(1));
    const pid_t compactor = InChild([&] { return ReadsAndReplaces(watched.store); });
    REQUIRE(watched.Until(
        [&] { return watched.Find(kColumnar)->by.has_value() && !watched.reads.empty(); }));
    CHECK(watched.Find(kColumnar)->by->pid == compactor);
    CHECK(watched.Find(kColumnar)->opened_before);
    CHECK(watched.reads[0].by.pid == compactor);
    const pid_t writer = Shell("echo more >> " + (watched.store / kRow));
    REQUIRE(watched.Until([&] { return watched.Find(kRow)->by.has_value(); }));
    CHECK(watched.Find(kRow)->by->pid == writer);
    const pid_t mover = Run({"/bin/mv", watched.store / kRow, watched.store / "elsewhere/kept"});
    REQUIRE(watched.Until([&] { return !watched.Find(kRow)->present; }));
    REQUIRE(watched.Find(kRow)->by);
    CHECK(watched.Find(kRow)->by->pid == mover);
    if (type != "overlayfs") {
      CHECK(status.level == WatchLevel::kFull);
      CHECK(watched.Find(kRow)->renamed_to == watched.store / "elsewhere/kept");
    }
    Shell("mkdir " + (watched.store / "row/p4") + "; echo x > " +
          (watched.store / "row/p4/2016-02-04.evt"));
    REQUIRE(watched.Until([&] { return watched.Find("row/p4/2016-02-04.evt") != nullptr; }));
    // Where directories are marked one by one, a new one is marked a moment after it was made.
    CHECK((type == "overlayfs" || watched.Find("row/p4/2016-02-04.evt")->by));
    const pid_t remover = Run({"/bin/rm", watched.store / kColumnar});
    REQUIRE(watched.Until([&] { return !watched.Find(kColumnar)->present; }));
    CHECK(watched.Find(kColumnar)->by->pid == remover);
    CHECK(watched.Present() == watched.Truth());
  });
}

TEST_CASE("a subvolume of btrfs is watched by its directories, and says so", "[canonical_files]") {
  if (!MayNameProcesses()) return;
  const MountedFileSystem system("btrfs");
  if (!system.problem().empty()) {
    std::printf("\nSKIPPED file events on btrfs: %s\n", system.problem().c_str());
    return;
  }
  Run({"/bin/btrfs", "subvolume", "create", system.path() + "/data"});
  WatchedStore watched(system.path() + "/data");
  CHECK(!watched.collector->status().notes.empty());
  REQUIRE(watched.UntilScanned(1));
  const pid_t pid = InChild([&] { return ReadsAndReplaces(watched.store); });
  REQUIRE(watched.Until(
      [&] { return watched.Find(kColumnar)->by.has_value() && !watched.reads.empty(); }));
  CHECK(watched.Find(kColumnar)->by->pid == pid);
  CHECK(watched.reads[0].by.pid == pid);
}

TEST_CASE("events that were lost are a blind interval, and a look at everything",
          "[canonical_files]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  WatchedStore watched(directory.path());
  REQUIRE(watched.UntilScanned(1));
  InChild([&] {
    for (int i = 0; i < 30'000; ++i) {
      const std::string project = watched.store / "columnar/q" + std::to_string(i / 100);
      if (i % 100 == 0) mkdir(project.c_str(), 0700);
      const Day day{15'000 + i % 100};
      close(open((project + "/" + FormatDay(day) + ".parquet").c_str(), O_WRONLY | O_CREAT, 0600));
    }
    return unlink((watched.store / kRow).c_str()) == 0;
  });
  const std::set<std::string> truth = watched.Truth();
  const auto resumed = std::chrono::steady_clock::now();
  REQUIRE(watched.Until([&] { return watched.Present() == truth; }));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - resumed;
  std::printf("30,000 files made unwatched: all seen %.2f s after resuming\n", took.count());
  CHECK(watched.Present().size() == 30'002);
  REQUIRE(!watched.blind.empty());
  const auto detail = nlohmann::json::parse(watched.blind[0]);
  CHECK(detail["reason"] == "the kernel's queue of file events was full");
  CHECK(detail["from"] < detail["to"]);
  CHECK(watched.collector->status().overflows >= 1);
}

TEST_CASE("what a scan comes upon has its maker, though the event waits", "[canonical_files]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  WatchedStore watched(directory.path());
  REQUIRE(watched.UntilScanned(1));
  // A directory that is made and listed while its files are young.
  const pid_t pid = InChild([&] {
    const std::string project = watched.store / "columnar/p9";
    return mkdir(project.c_str(), 0700) == 0 &&
           open((project + "/2016-02-01.parquet").c_str(), O_WRONLY | O_CREAT, 0600) >= 0;
  });
  REQUIRE(watched.Until([&] { return watched.Find("columnar/p9/2016-02-01.parquet") != nullptr; }));
  REQUIRE(watched.Find("columnar/p9/2016-02-01.parquet")->by);
  CHECK(watched.Find("columnar/p9/2016-02-01.parquet")->by->pid == pid);
}

TEST_CASE("a misplaced file is told once it has settled", "[canonical_files]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  WatchedStore watched(directory.path());
  Shell("echo x > " + (watched.store / "elsewhere/2016-02-01.evt"));
  REQUIRE(watched.Until([&] { return !watched.misplaced.empty(); }));
  CHECK(watched.misplaced[0] == watched.store / "elsewhere/2016-02-01.evt");
}

TEST_CASE("a mount that cannot be marked is blind until it goes", "[canonical_files]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  const std::string point = directory / "row/p2";
  std::filesystem::create_directories(point);
  InChild([&] {
    if (unshare(CLONE_NEWNS) != 0) return false;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    const MountingProcess other(point);  // keeps the privilege that is given up here
    WatchedStore watched(directory.path(), {}, false);
    const auto told = [&] {  // of this mount; a busy machine may lose events besides
      return std::count_if(watched.blind.begin(), watched.blind.end(),
                           [&](const std::string& text) {
                             return nlohmann::json::parse(text).value("path", "") == point;
                           });
    };
    if (!watched.UntilScanned(1) || told() != 0 || HoldsSysAdmin()) return false;
    other.Next();
    if (!watched.Until([&] { return told() == 1; })) return false;
    if (watched.collector->status().blind_path != point) return false;
    other.Next();
    return watched.Until([&] { return told() == 2; }) &&
           watched.collector->status().blind_reason.empty();
  });
}

TEST_CASE("without any events everything is still found, and reads are blind",
          "[canonical_files]") {
  TemporaryDirectory directory;
  EventOptions options;
  options.best = WatchLevel::kScanOnly;
  WatchedStore watched(directory.path(), options);
  REQUIRE(watched.UntilScanned(1));
  CHECK(watched.Present() == watched.Truth());
  CHECK(watched.collector->status().level == WatchLevel::kScanOnly);
  CHECK(!watched.collector->status().blind_reason.empty());
  REQUIRE(watched.blind.size() == 1);
}

TEST_CASE("a format whose root is not there has a problem", "[canonical_files]") {
  TemporaryDirectory directory;
  WatchedStore watched(directory.path());
  std::filesystem::rename(watched.store / "row", watched.store / "away");
  REQUIRE(watched.Until([&] { return !watched.collector->status().formats[0].problem.empty(); }));
  CHECK(watched.collector->status().formats[1].problem.empty());
}
