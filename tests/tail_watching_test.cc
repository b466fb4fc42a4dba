// What wakes a Tail, and what it looks at then.
#include <sys/inotify.h>

#include <filesystem>

#include "collectors/log_listing.h"
#include "tests/tail_fixture.h"

namespace fs = std::filesystem;

namespace {

// Counts who opens a directory or what is in it.
class Opens {
 public:
  explicit Opens(const std::string& directory) : fd_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    REQUIRE(inotify_add_watch(fd_, directory.c_str(), IN_OPEN) >= 0);
  }
  ~Opens() { close(fd_); }
  int Take() {
    int opens = 0;
    alignas(inotify_event) char buffer[64 * 1024];
    for (ssize_t got = 0; (got = read(fd_, buffer, sizeof buffer)) > 0;) {
      for (ssize_t at = 0; at < got; ++opens) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        at += static_cast<ssize_t>(sizeof *event + event->len);
      }
    }
    return opens;
  }

 private:
  int fd_;
};

// A limit of the kernel that a test makes its own; only root may.
class KernelLimit {
 public:
  KernelLimit(const std::string& name, const std::string& value)
      : path_("/proc/sys/fs/inotify/" + name) {
    std::getline(std::ifstream(path_), old_);
    set_ = static_cast<bool>(std::ofstream(path_) << value << std::flush);
  }
  ~KernelLimit() { Restore(); }
  void Restore() { std::ofstream(path_) << old_; }
  bool set() const { return set_; }

 private:
  std::string path_, old_;
  bool set_ = false;
};

bool ConcernsPath(const std::string& glob, const std::string& path) {
  return Concerns(*ParseLogPattern(glob), path);
}

}  // namespace

TEST_CASE("names concern a glob that they or their stems match", "[tail]") {
  CHECK(ConcernsPath("/logs/*.log", "/logs/x.log"));
  CHECK(ConcernsPath("/logs/*.log", "/logs/x.log.1"));
  CHECK(ConcernsPath("/logs/*.log", "/logs/x.log-20160222.gz"));
  CHECK_FALSE(ConcernsPath("/logs/*.log", "/logs/x.tmp"));
  CHECK_FALSE(ConcernsPath("/logs/*.log", "/logs/sub/x.log"));
  CHECK_FALSE(ConcernsPath("/logs/*.log", "/logs2/x.log"));
  CHECK(ConcernsPath("/logs/app*/x.log", "/logs/app1"));
  CHECK(ConcernsPath("/logs/app*/x.log", "/logs/app1/x.log"));
  CHECK_FALSE(ConcernsPath("/logs/app*/x.log", "/logs/db"));
  // What leads to the directory itself.
  CHECK(ConcernsPath("/var/logs/*.log", "/var/logs"));
  CHECK(ConcernsPath("/var/logs/*.log", "/var"));
  CHECK(ConcernsPath("/var/logs/*.log", "/"));
  CHECK_FALSE(ConcernsPath("/var/logs/*.log", "/var/lib"));
}

TEST_CASE("a listing has the logs that a glob or a rotation of its matches names", "[tail]") {
  const auto lists = [](const std::string& glob, const std::string& path) {
    return Lists(*ParseLogPattern(glob), path);
  };
  for (const char* name :
       {"x.log", "x.log.1", "x.log-20160222", "x.log-20160222.gz", "x.log.zst"}) {
    CHECK(lists("/logs/*.log", std::string("/logs/") + name));
  }
  CHECK(lists("/*.log", "/x.log"));
  CHECK(lists("/logs/app*/x.log", "/logs/app1/x.log.1"));
  CHECK_FALSE(lists("/logs/*.log", "/logs/x.tmp"));
  CHECK_FALSE(lists("/logs/*.log", "/logs/sub/x.log"));
  CHECK_FALSE(lists("/logs/*.log", "/other/x.log"));
  // What only leads to them.
  CHECK_FALSE(lists("/logs/*/x.log", "/logs/y.log"));
  CHECK_FALSE(lists("/logs/*.log", "/logs"));
}

TEST_CASE("what others do in the same directory does not make it be listed", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  for (int i = 0; i < 10; ++i) Write(dir / "other", "not ours\n");
  fs::rename(dir / "other", dir / "another");
  fs::remove(dir / "another");
  Opens opens(dir.path());
  rig.Read();
  CHECK(opens.Take() == 0);
  Write(dir / "x.log.1", Lines("b", 10));
  rig.Read();
  CHECK(opens.Take() > 0);
  CHECK(rig.Contents() == Strings{Lines("a", 10), Lines("b", 10)});
}

TEST_CASE("directories are listed now and then without any hint", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  Opens opens(dir.path());
  rig.Rescan();
  CHECK(opens.Take() == 0);
  rig.clock.since_boot += std::chrono::seconds(10);
  rig.Rescan();
  CHECK(opens.Take() > 0);
}

TEST_CASE("files that were read and closed are not opened again until they change", "[tail]") {
  TemporaryDirectory dir;
  const auto name = [&](int i) { return dir / (std::to_string(i) + ".log"); };
  for (int i = 0; i < 300; ++i) Write(name(i), Lines("a", 3 + i));
  Rig rig({dir / "*.log"});
  rig.Read();
  rig.Wait();
  Opens opens(dir.path());
  rig.Wait(std::chrono::seconds(10));
  CHECK(opens.Take() == 1);  // the directory
  for (int i = 0; i < 300; ++i) Append(name(i), "more\n");
  rig.Read();
  std::set<std::string> expected;
  for (int i = 0; i < 300; ++i) expected.insert(Lines("a", 3 + i) + "more\n");
  const Strings seen = rig.Contents();
  CHECK((std::set<std::string>(seen.begin(), seen.end()) == expected));
}

TEST_CASE("lost events are a blind interval and nothing else is lost", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "x\n");
  Write(dir / "y.log", "y\n");
  Rig rig({dir / "*.log"});
  rig.Read();
  std::ofstream x(dir / "x.log", std::ios::app), y(dir / "y.log", std::ios::app);
  std::string all_x = "x\n", all_y = "y\n";
  // Events of one file in a row are one event; a queue holds 16,384.
  for (int i = 0; i < 20'000; ++i) {
    x << "x\n" << std::flush;
    y << "y\n" << std::flush;
    all_x += "x\n";
    all_y += "y\n";
  }
  Write(dir / "z.log", "z\n");
  rig.Read();
  CHECK((rig.Contents() == Strings{all_x, all_y, "z\n"}));
  CHECK(rig.BlindReasons() == Strings{"events were lost: logs may have come and gone"});
}

TEST_CASE("without an inotify watch logs are followed by listing, and with one again later",
          "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "a\n");
  KernelLimit limit(GENERATE(as<std::string>{}, "max_user_watches", "max_user_instances"), "0");
  if (!limit.set()) {
    std::puts("SKIPPED inotify limits: only root may lower them");
    return;
  }
  Rig rig({dir / "*.log"});
  rig.Read();
  CHECK(rig.tail->wake_fd() == -1);
  REQUIRE(rig.tail->Problems().size() == 1);
  CHECK(rig.tail->Problems()[0].expected);
  Append(dir / "x.log", "b\n");
  Write(dir / "y.log", "y\n");
  rig.Rescan();
  CHECK(rig.Contents() == Strings{"a\nb\n", "y\n"});
  limit.Restore();
  rig.Rescan();
  CHECK(rig.tail->wake_fd() >= 0);
  CHECK(rig.tail->Problems().empty());
  Append(dir / "x.log", "c\n");
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\nb\nc\n", "y\n"});
}
