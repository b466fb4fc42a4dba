#include "collectors/files/file_events.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <set>

#include "tests/scan_fixture.h"
#include "tests/store_on_disk.h"

namespace {

const std::string kRow = "2016-02-01.evt";
const std::string kColumnar = "2016-02-01.parquet";

struct Watched {
  TemporaryDirectory directory;
  StoreOnDisk store{directory.path()};
  ShiftedClock clock;
  FileEvents events;
  HintsSoFar hints{events};
  explicit Watched(const EventOptions& options = {}, std::vector<std::string> except = {})
      : events(Formats(store, std::move(except)), options, clock) {}
  static std::vector<WatchedFormat> Formats(const StoreOnDisk& store,
                                            std::vector<std::string> except) {
    auto formats = store.formats();
    formats[0].except = std::move(except);
    return formats;
  }
};

bool MayNameProcesses() {
  if (FanotifyGroup::Open(FanotifyGroup::Kind::kNames, true)) return true;
  std::puts("\nSKIPPED file events: no CAP_SYS_ADMIN");
  return false;
}

}  // namespace

TEST_CASE("a read of a dead file is told with its reader", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  REQUIRE(watched.events.status().level == WatchLevel::kFull);
  const pid_t pid = Run({watched.store.Program("compactd"), watched.store / "row/p1/" + kRow});
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return !hints.reads.empty(); }));
  const DeadRead& read = watched.hints.all.reads[0];
  CHECK(read.bytes);
  CHECK(read.reads == 1);
  CHECK(read.directory == watched.store / "row/p1");
  CHECK(read.name == kRow);
  CHECK(read.project == "p1");
  CHECK(FormatDay(read.day) == "2016-02-01");
  CHECK(!read.handle.empty());
  CHECK(read.actor.pid == pid);
  CHECK(read.actor.executable == watched.store / "compactd");
  CHECK(read.actor.process == "compactd");
}

TEST_CASE("a living file's read is not told", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  Run({"/bin/cat", watched.store / "columnar/p1/" + kColumnar});
  Run({"/bin/cat", watched.store / "row/p1/" + kRow});
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return !hints.reads.empty(); }));
  watched.hints.Drain();
  CHECK(watched.hints.all.reads.size() == 1);
  CHECK(watched.hints.all.reads[0].name == kRow);
}

TEST_CASE("reads and replacements by processes that have ended keep their executables",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const std::string program = watched.store.Program("compactd");
  std::set<pid_t> pids;
  for (int i = 0; i < 100; ++i) {
    pids.insert(Run({program, watched.store / "row/p1/" + kRow}));
  }
  watched.hints.Until([](const FileHints& hints) { return hints.reads.size() >= 100; });
  size_t named = 0;
  for (const DeadRead& read : watched.hints.all.reads) {
    named += read.actor.executable == program && pids.contains(read.actor.pid);
  }
  CHECK(named >= 99);
}

TEST_CASE("every one of a hundred readers that live 100 ms is named", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const std::string program = watched.store.Program("compactd", "/bin/dash");
  for (int i = 0; i < 100; ++i) {
    const std::string script =
        "read line < " + (watched.store / "row/p1/" + kRow) + "; sleep 0.1 &";
    Run({program, "-c", script});
    watched.hints.Drain();
  }
  watched.hints.Until([](const FileHints& hints) { return hints.reads.size() >= 100; });
  REQUIRE(watched.hints.all.reads.size() == 100);
  for (const DeadRead& read : watched.hints.all.reads) CHECK(read.actor.executable == program);
}

TEST_CASE("a file that was opened and then replaced by the same process is told so",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const std::string program = watched.store.Program("compactd", "/bin/dash");
  const auto path = [&](const std::string& name) { return watched.store / "columnar/p1/" + name; };
  const std::string script = "read line < " + path(kColumnar) + "; echo new > " + path("tmp") +
                             "; exec /bin/mv -f " + path("tmp") + " " + path(kColumnar);
  Run({program, "-c", script});
  REQUIRE(watched.hints.UntilHinted(kColumnar));
  const PathHint& replaced = *watched.hints.Of(kColumnar);
  CHECK(replaced.opened_before);
  CHECK(replaced.actor.executable == std::filesystem::canonical("/bin/mv"));
  Shell("echo newer > " + path("tmp") + "; mv -f " + path("tmp") + " " + path(kColumnar));
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return hints.paths.size() >= 2; }));
  CHECK(!watched.hints.Of(kColumnar)->opened_before);
}

TEST_CASE("a file that is unlinked and made anew by its reader was opened before",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const std::string path = watched.store / "columnar/p1/" + kColumnar;
  InChild([&] {
    const int old = open(path.c_str(), O_RDONLY);
    unlink(path.c_str());
    return old >= 0 && open(path.c_str(), O_WRONLY | O_CREAT, 0600) >= 0;
  });
  REQUIRE(watched.hints.UntilHinted(kColumnar));
  CHECK(watched.hints.Of(kColumnar)->opened_before);
}

TEST_CASE("a file that its maker merely opens again was not opened before", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const std::string path = watched.store / "columnar/p1/2016-02-05.parquet";
  InChild([&] {
    close(open(path.c_str(), O_WRONLY | O_CREAT, 0600));
    return open(path.c_str(), O_RDONLY) >= 0;
  });
  REQUIRE(watched.hints.UntilHinted("2016-02-05.parquet"));
  CHECK(!watched.hints.Of("2016-02-05.parquet")->opened_before);
}

TEST_CASE("whatever happens to a canonical file is hinted at", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const std::string path = watched.store / "columnar/p1/" + kColumnar;
  SECTION("rewritten in place") {
    const pid_t pid = Shell("echo other > " + path);
    REQUIRE(watched.hints.UntilHinted(kColumnar));
    CHECK(watched.hints.Of(kColumnar)->actor.pid == pid);
  }
  SECTION("deleted") {
    const pid_t pid = Run({"/bin/rm", path});
    REQUIRE(watched.hints.UntilHinted(kColumnar));
    CHECK(watched.hints.Of(kColumnar)->actor.pid == pid);
    CHECK(watched.hints.Of(kColumnar)->renamed_to.empty());
  }
  SECTION("renamed away") {
    Run({"/bin/mv", path, watched.store / "elsewhere/kept"});
    REQUIRE(watched.hints.UntilHinted(kColumnar));
    CHECK(watched.hints.Of(kColumnar)->renamed_to == watched.store / "elsewhere/kept");
  }
  SECTION("reappeared") {
    Run({"/bin/rm", path});
    REQUIRE(watched.hints.UntilHinted(kColumnar));
    watched.hints.all.paths.clear();
    Shell("echo back > " + path);
    REQUIRE(watched.hints.UntilHinted(kColumnar));
  }
  SECTION("exchanged") {
    const std::string other = watched.store / "columnar/p1/2016-02-02.parquet";
    Shell("echo two > " + other);
    REQUIRE(watched.hints.UntilHinted("2016-02-02.parquet"));
    watched.hints.all.paths.clear();
    InChild([&] {
      return syscall(SYS_renameat2, AT_FDCWD, path.c_str(), AT_FDCWD, other.c_str(), 2) == 0;
    });
    REQUIRE(watched.hints.UntilHinted(kColumnar));
    REQUIRE(watched.hints.UntilHinted("2016-02-02.parquet"));
  }
  SECTION("linked from a nameless file") {
    const std::string made = watched.store / "columnar/p1/2016-02-03.parquet";
    InChild([&] {
      const int fd = open((watched.store / "columnar/p1").c_str(), O_TMPFILE | O_WRONLY, 0600);
      const std::string open_file = "/proc/self/fd/" + std::to_string(fd);
      return linkat(AT_FDCWD, open_file.c_str(), AT_FDCWD, made.c_str(), AT_SYMLINK_FOLLOW) == 0;
    });
    REQUIRE(watched.hints.UntilHinted("2016-02-03.parquet"));
  }
  SECTION("in a directory made since") {
    Shell("mkdir " + (watched.store / "columnar/p9") + "; echo x > " +
          (watched.store / "columnar/p9/" + kColumnar));
    REQUIRE(watched.hints.UntilHinted(kColumnar));
    CHECK(watched.hints.Of(kColumnar)->directory == watched.store / "columnar/p9");
    CHECK(!watched.hints.all.directories.empty());
  }
  SECTION("in a directory that was renamed") {
    Run({"/bin/mv", watched.store / "columnar/p1", watched.store / "columnar/p7"});
    Shell("echo x > " + (watched.store / "columnar/p7/2016-02-09.parquet"));
    REQUIRE(watched.hints.UntilHinted("2016-02-09.parquet"));
    CHECK(watched.hints.Of("2016-02-09.parquet")->directory == watched.store / "columnar/p7");
    CHECK(watched.hints.all.directories.size() == 2);
  }
}

TEST_CASE("a dead file in a directory made since is watched for reads", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  Shell("mkdir " + (watched.store / "row/p9") + "; echo x > " + (watched.store / "row/p9/" + kRow));
  REQUIRE(watched.hints.UntilHinted(kRow));
  Run({"/bin/cat", watched.store / "row/p9/" + kRow});
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return !hints.reads.empty(); }));
}

TEST_CASE("writing a dead file is no read, mapping it is an open", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const std::string path = watched.store / "row/p1/" + kRow;
  Shell("echo more >> " + path);
  REQUIRE(watched.hints.UntilHinted(kRow));
  CHECK(watched.hints.all.reads.empty());
  InChild([&] {
    const int fd = open(path.c_str(), O_RDONLY);
    void* const map = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    return map != MAP_FAILED && *static_cast<volatile char*>(map) == 'o';
  });
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return !hints.reads.empty(); }));
  CHECK(!watched.hints.all.reads[0].bytes);
}

TEST_CASE("an excepted executable is counted and told as excepted", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched({}, {"/bin/cat"});
  Run({"/bin/cat", watched.store / "row/p1/" + kRow});
  Run({watched.store.Program("compactd"), watched.store / "row/p1/" + kRow});
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return hints.reads.size() >= 2; }));
  CHECK(watched.hints.all.reads[0].excepted);
  CHECK(!watched.hints.all.reads[1].excepted);
  CHECK(watched.events.status().excepted_reads == 1);
}

TEST_CASE("reads of our own are left out and counted", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  const int64_t before = watched.events.status().own_events;
  std::ifstream(watched.store / "row/p1/" + kRow).get();
  Run({"/bin/cat", watched.store / "row/p1/2016-02-02.evt"});
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return !hints.reads.empty(); }));
  CHECK(watched.hints.all.reads[0].name == "2016-02-02.evt");
  CHECK(watched.hints.all.reads.size() == 1);
  CHECK(watched.events.status().own_events > before);
}

TEST_CASE("a file that is called like a canonical one elsewhere is misplaced, unless it moves on",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  Shell("echo x > " + (watched.store / "elsewhere/" + kRow));
  Shell("echo x > " + (watched.store / "elsewhere/2016-02-08.evt") + "; mv " +
        (watched.store / "elsewhere/2016-02-08.evt") + " " + (watched.store / "row/p1/"));
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return !hints.misplaced.empty(); }));
  REQUIRE(watched.hints.all.misplaced.size() == 1);
  CHECK(watched.hints.all.misplaced[0].path == watched.store / "elsewhere/" + kRow);
  CHECK(FormatDay(watched.hints.all.misplaced[0].day) == "2016-02-01");
}

TEST_CASE("a dead file is recognised through a hard link elsewhere, where reads are seen widely",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  EventOptions options;
  options.wide = true;
  Watched watched(options);
  const std::string directory = watched.store / "row/p1";
  const UniqueFd file(open((directory + "/" + kRow).c_str(), O_PATH));
  watched.events.Found(0, directory, HandleText(ObjectIdOf(file.get())));
  Run({"/bin/ln", directory + "/" + kRow, watched.store / "elsewhere/other-name"});
  const pid_t pid = Run({"/bin/cat", watched.store / "elsewhere/other-name"});
  Shell("echo made > " + directory + "/2016-02-20.evt");
  watched.hints.Drain();
  CHECK(watched.hints.all.reads.empty());
  watched.clock.Shift(DeadReads::kPatience);
  REQUIRE(watched.hints.Until([](const FileHints& hints) { return !hints.reads.empty(); }));
  CHECK(watched.hints.all.reads.size() == 1);
  CHECK(watched.hints.all.reads[0].directory == directory);
  CHECK(watched.hints.all.reads[0].name == kRow);
  CHECK(watched.hints.all.reads[0].actor.pid == pid);
}

TEST_CASE("more events than the kernel keeps are said to be lost", "[file_events]") {
  if (!MayNameProcesses()) return;
  Watched watched;
  InChild([&] {
    for (int i = 0; i < 30'000; ++i) {
      const std::string path = watched.store / "elsewhere/" + std::to_string(i);
      close(open(path.c_str(), O_WRONLY | O_CREAT, 0600));
    }
    return true;
  });
  CHECK(watched.hints.Until([](const FileHints& hints) { return hints.lost; }));
  CHECK(watched.events.status().overflows >= 1);
}
