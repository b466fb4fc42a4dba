// What lies where a log is expected, and is none.
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <filesystem>

#include "collectors/log_file.h"
#include "tests/tail_fixture.h"

namespace fs = std::filesystem;

TEST_CASE("a named pipe does not hang the reader", "[tail]") {
  TemporaryDirectory dir;
  REQUIRE(mkfifo((dir / "x.log").c_str(), 0600) == 0);
  Write(dir / "y.log", "y\n");
  Rig rig({dir / "*.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"y\n"});
  CHECK(rig.BlindReasons() == Strings{"is a named pipe"});
  rig.Rescan();
  CHECK(rig.blind.size() == 1);
  fs::remove(dir / "x.log");
  Write(dir / "x.log", "x\n");
  rig.Read();
  CHECK(rig.Contents() == Strings{"y\n", "x\n"});
  CHECK(rig.tail->Problems().empty());
}

TEST_CASE("a symbolic link in the place of a log is refused", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "secret", "secret\n");
  fs::create_symlink(dir / "secret", dir / "x.log");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents().empty());
  CHECK(rig.BlindReasons() == Strings{"is a symbolic link"});
}

TEST_CASE("a symbolic link in the place of a matched directory is not followed", "[tail]") {
  TemporaryDirectory dir;
  fs::create_directories(dir / "elsewhere");
  fs::create_directories(dir / "logs/real");
  Write(dir / "elsewhere/x.log", "secret\n");
  Write(dir / "logs/real/x.log", "real\n");
  fs::create_directory_symlink(dir / "elsewhere", dir / "logs/link");
  Rig rig({dir / "logs/*/x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"real\n"});
}

TEST_CASE("the configured directory may be a symbolic link", "[tail]") {
  TemporaryDirectory dir;
  fs::create_directory(dir / "data");
  Write(dir / "data/x.log", "x\n");
  fs::create_directory_symlink(dir / "data", dir / "logs");
  Rig rig({dir / "logs/*.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"x\n"});
}

TEST_CASE("a directory with the name of a log is passed over", "[tail]") {
  TemporaryDirectory dir;
  fs::create_directory(dir / "x.log");
  Write(dir / "y.log", "y\n");
  Rig rig({dir / "*.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"y\n"});
  REQUIRE(rig.tail->Problems().size() == 1);
  CHECK(rig.tail->Problems()[0].reason == "is a directory");
}

TEST_CASE("a log swapped for a symbolic link in a race is never followed", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "secret", "secret\n");
  Write(dir / "x.log", "public\n");
  fs::create_symlink(dir / "secret", dir / "link");
  const pid_t swapper = fork();
  if (swapper == 0) {
    for (;;) {
      renameat2(AT_FDCWD, (dir / "link").c_str(), AT_FDCWD, (dir / "x.log").c_str(),
                RENAME_EXCHANGE);
    }
  }
  int opened_public = 0;
  bool opened_secret = false;
  for (int i = 0; i < 20'000; ++i) {
    auto opened = OpenLog(dir.path(), "x.log");
    if (!opened) continue;
    char first = 0;
    REQUIRE(pread(opened->fd.get(), &first, 1, 0) == 1);
    opened_secret |= first == 's';
    opened_public += first == 'p';
  }
  kill(swapper, SIGKILL);
  waitpid(swapper, nullptr, 0);
  CHECK_FALSE(opened_secret);
  CHECK(opened_public > 0);
}

TEST_CASE("opening a pipe, a socket or a device by a log's name says what it is", "[tail]") {
  TemporaryDirectory dir;
  REQUIRE(mkfifo((dir / "pipe").c_str(), 0600) == 0);
  CHECK(OpenLog(dir.path(), "pipe").error().reason == "is a named pipe");
  CHECK(OpenLog("/dev", "null").error().reason == "is a device");
  CHECK(OpenLog(dir.path(), ".").error().reason == "is a directory");
  CHECK_FALSE(OpenLog(dir.path(), "../" + dir.path().substr(dir.path().rfind('/') + 1) + "/pipe"));
}

TEST_CASE("an unreadable file is called blind and read once it is readable", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "x\n");
  fs::permissions(dir / "x.log", fs::perms::none);
  fs::permissions(dir.path(), fs::perms::all);
  // Root may read everything: the reader runs as nobody.
  REQUIRE((geteuid() != 0 || seteuid(65534) == 0));
  Rig rig({dir / "x.log"});
  rig.Read();
  const Strings blind = rig.BlindReasons();
  const size_t problems = rig.tail->Problems().size();
  rig.Rescan();
  const size_t blind_after_retry = rig.blind.size();
  REQUIRE((getuid() != 0 || seteuid(0) == 0));
  CHECK(blind == Strings{"cannot be opened: permission denied"});
  CHECK(problems == 1);
  CHECK(blind_after_retry == 1);
  fs::permissions(dir / "x.log", fs::perms::owner_all);
  rig.Read();
  CHECK(rig.Contents() == Strings{"x\n"});
  CHECK(rig.tail->Problems().empty());
}

TEST_CASE("reading does not move a file's access time", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "x\n");
  const timespec old[2] = {{1'000'000'000, 0}, {1'456'160'531, 0}};
  REQUIRE(utimensat(AT_FDCWD, (dir / "x.log").c_str(), old, 0) == 0);
  Rig rig({dir / "x.log"});
  rig.Read();
  struct stat status;
  REQUIRE(stat((dir / "x.log").c_str(), &status) == 0);
  CHECK(status.st_atim.tv_sec == 1'000'000'000);
  CHECK(rig.Contents() == Strings{"x\n"});
}
