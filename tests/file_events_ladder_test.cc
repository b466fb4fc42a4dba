#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "collectors/files/privileges.h"
#include "tests/store_on_disk.h"

// What is left of file events with fewer privileges. Each in a process of its own, which gives the
// privileges up first.

namespace {

const std::string kRow = "2016-02-01.evt";
const std::string kColumnar = "2016-02-01.parquet";

bool MayNameProcesses() {
  if (FanotifyGroup::Open(FanotifyGroup::Kind::kNames, true)) return true;
  std::puts("\nSKIPPED file events: no CAP_SYS_ADMIN");
  return false;
}

void GiveUp(std::vector<cap_value_t> capabilities) {
  const cap_t all = cap_get_proc();
  for (const cap_flag_t set : {CAP_EFFECTIVE, CAP_PERMITTED, CAP_INHERITABLE}) {
    cap_set_flag(all, set, static_cast<int>(capabilities.size()), capabilities.data(), CAP_CLEAR);
  }
  cap_set_proc(all);
  cap_free(all);
}

void GiveUpAll() {
  const cap_t none = cap_init();
  cap_set_proc(none);
  cap_free(none);
}

// Says why, since a process of its own tells no more than that it failed.
bool Fails(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  return false;
}

// Sees a read, a replacement and a file in a new directory, all at the level that is wanted.
bool SeesAt(const StoreOnDisk& store, const EventOptions& options, WatchLevel level, bool named) {
  const SystemClock clock;
  FileEvents events(store.formats(), options, clock);
  HintsSoFar hints(events);
  if (events.status().level != level) {
    return Fails("the level is " + std::string(NameOf(events.status().level)));
  }
  const pid_t pid = Run({"/bin/cat", store / "row/p1/" + kRow});
  if (!hints.Until([](const FileHints& all) { return !all.reads.empty(); }))
    return Fails("no read");
  const Actor& reader = hints.all.reads[0].actor;
  if (reader.pid != (named ? pid : 0)) return Fails("another reader");
  if (!named && reader.confidence != Confidence::kUnknown) return Fails("a reader of confidence");
  const std::string columnar = store / "columnar/";
  Shell("echo new > " + columnar + "tmp; mv -f " + columnar + "tmp " + columnar + "p1/" +
        kColumnar);
  if (!hints.UntilHinted(kColumnar)) return Fails("no replacement");
  Run({"/bin/mkdir", store / "row/p5"});
  if (!hints.Until([](const FileHints& all) { return !all.directories.empty(); }))
    return Fails("no new directory");
  Shell("echo x > " + (store / "row/p5/2016-02-05.evt"));
  if (!hints.UntilHinted("2016-02-05.evt")) return Fails("no file in it");
  hints.all.reads.clear();
  Run({"/bin/cat", store / "row/p5/2016-02-05.evt"});
  return hints.Until([](const FileHints& all) { return !all.reads.empty(); }) ||
         Fails("no read in it");
}

}  // namespace

TEST_CASE("without CAP_DAC_READ_SEARCH files are known by the directories that were found",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  InChild([&] {
    GiveUp({CAP_DAC_READ_SEARCH});
    return SeesAt(store, {}, WatchLevel::kNoPaths, true);
  });
}

TEST_CASE("without capabilities nobody is named", "[file_events]") {
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  InChild([&] {
    GiveUpAll();
    return SeesAt(store, {}, WatchLevel::kUnprivileged, false);
  });
}

TEST_CASE("in a user namespace nobody is named", "[file_events]") {
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  InChild([&] {
    if (unshare(CLONE_NEWUSER) != 0) {
      std::puts("\nSKIPPED file events in a user namespace: it cannot be made");
      std::fflush(stdout);
      return true;
    }
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << geteuid() << " 1";
    return SeesAt(store, {}, WatchLevel::kUnprivileged, false);
  });
}

TEST_CASE("without fanotify inotify tells, and names nobody", "[file_events]") {
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  EventOptions options;
  options.best = WatchLevel::kInotify;
  InChild([&] { return SeesAt(store, options, WatchLevel::kInotify, false); });
}

TEST_CASE("where nothing tells, the level says so", "[file_events]") {
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  EventOptions options;
  options.best = WatchLevel::kScanOnly;
  const SystemClock clock;
  FileEvents events(store.formats(), options, clock);
  CHECK(events.status().level == WatchLevel::kScanOnly);
  CHECK(!CannotSee(events.status().level).empty());
}

TEST_CASE("after CAP_SYS_ADMIN was dropped what is marked still tells, new directories too",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  InChild([&] {
    const SystemClock clock;
    FileEvents events(store.formats(), {}, clock);
    HintsSoFar hints(events);
    if (!HoldsSysAdmin() || !DropSysAdmin() || HoldsSysAdmin() || !DropSysAdmin()) return false;
    Shell("mkdir " + (store / "row/p5") + "; echo x > " + (store / "row/p5/2016-02-05.evt"));
    if (!hints.UntilHinted("2016-02-05.evt")) return false;
    const pid_t pid = Run({"/bin/cat", store / "row/p5/2016-02-05.evt"});
    return hints.Until([](const FileHints& all) { return !all.reads.empty(); }) &&
           hints.all.reads[0].actor.pid == pid;
  });
}

TEST_CASE("a mount that appears later is marked with CAP_SYS_ADMIN and blind without",
          "[file_events]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  const auto mount_late = [&](bool drop) {
    if (unshare(CLONE_NEWNS) != 0) return false;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    const SystemClock clock;
    FileEvents events(store.formats(), {}, clock);
    HintsSoFar hints(events);
    const std::string point = store / "row/p2";
    if (mount("none", point.c_str(), "tmpfs", 0, nullptr) != 0) return false;
    if (drop && !DropSysAdmin()) return false;
    FileHints told;
    events.Tick(told);
    if (!told.mounts_changed) return false;
    if (drop) return events.status().blind == std::vector<std::string>{point};
    if (!events.status().blind.empty()) return false;
    Shell("echo x > " + point + "/2016-02-07.evt");
    if (!hints.UntilHinted("2016-02-07.evt")) return false;
    Run({"/bin/cat", point + "/2016-02-07.evt"});
    return hints.Until([](const FileHints& all) { return !all.reads.empty(); });
  };
  InChild([&] { return mount_late(false); });
  InChild([&] { return mount_late(true); });
}

TEST_CASE("a root that comes later is watched from then on", "[file_events]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  std::filesystem::rename(store / "columnar", store / "columnar.off");
  const SystemClock clock;
  FileEvents events(store.formats(), {}, clock);
  HintsSoFar hints(events);
  CHECK(!events.has_root(1));
  std::filesystem::rename(store / "columnar.off", store / "columnar");
  FileHints told;
  events.Tick(told);
  CHECK(events.has_root(1));
  REQUIRE(told.directories.size() == 1);
  Shell("echo x > " + (store / "columnar/p1/" + kColumnar));
  CHECK(hints.UntilHinted(kColumnar));
}

TEST_CASE("directories that go while they are marked leave nothing unwatched", "[file_events]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  const SystemClock clock;
  FileEvents events(store.formats(), {}, clock);
  InChild([&] {
    for (int i = 0; i < 500; ++i) {
      const std::string path = store / "row/q" + std::to_string(i);
      if (mkdir(path.c_str(), 0700) != 0 || rmdir(path.c_str()) != 0) return false;
    }
    return true;
  });
  HintsSoFar hints(events);
  CHECK(hints.Until([](const FileHints& all) { return all.directories.size() >= 500; }));
  CHECK(events.status().unwatched.empty());
}

TEST_CASE("with process ids of its own it says that it cannot name the others", "[file_events]") {
  if (!MayNameProcesses()) return;
  TemporaryDirectory directory;
  const StoreOnDisk store(directory.path());
  InChild([&] {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) return false;
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
    InChild([&] {
      if (mount("proc", "/proc", "proc", 0, nullptr) != 0) return false;
      const SystemClock clock;
      FileEvents events(store.formats(), {}, clock);
      return !events.status().notes.empty();
    });
    return true;
  });
}
