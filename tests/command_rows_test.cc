#include "collectors/files/command_rows.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "tests/catch.h"
#include "tests/temporary_directory.h"

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// A runner, and a shell script that is the program.
class Rig {
 public:
  explicit Rig(milliseconds time_limit = seconds(60))
      : commands_(CommandRunner::Start(time_limit).value()) {}
  RowCount Run(const std::string& script, const std::string& path = "/data/a b/{path}.evt") {
    const std::string program = directory_ / "count";
    std::ofstream(program) << "#!/bin/sh\n" << script << "\n";
    chmod(program.c_str(), 0755);
    return commands_.Count({program, "--file={path}", "{path}", "x"}, path, pace_);
  }
  // What the program wrote into a file.
  std::string Written(const std::string& name) {
    std::ifstream file(directory_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string Said(const std::string& why) {
    return "was not counted by " + (directory_ / "count") + ": " + why;
  }
  const std::string& directory() { return directory_.path(); }
  ReadPace& pace() { return pace_; }

 private:
  SystemClock clock_;
  ReadPace pace_{clock_};
  TemporaryDirectory directory_;
  CommandRunner commands_;
};

// Until `done`, or too late.
template <class Done>
bool Wait(Done done) {
  for (int i = 0; i < 5000 && !done(); ++i) std::this_thread::sleep_for(milliseconds(1));
  return done();
}

// Neither running nor waiting to be reaped by another process.
bool Ended(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string number, name, state;
  return !(file >> number >> name >> state) || state == "Z";
}

}  // namespace

TEST_CASE("a program's number is the count", "[command_rows]") {
  Rig rig;
  CHECK(rig.Run("echo 0").rows == 0);
  CHECK(rig.Run("echo 123456").rows == 123456);
  CHECK(rig.Run("echo 9007199254740992").rows == kMaxCount);
}

TEST_CASE("anything but one number and a newline is a problem", "[command_rows]") {
  Rig rig;
  const std::string no_number = rig.Said("it did not write one number and a newline");
  for (const std::string script :
       {"true", "echo", "echo -1", "echo +1", "echo 1 2", "echo ' 1'", "echo 1.0", "echo 1e3",
        "printf 12", "printf '1\\n2\\n'", "printf '1\\n\\n'", "printf '1\\000\\n'"}) {
    CAPTURE(script);
    CHECK(rig.Run(script).problem == no_number);
  }
  CHECK(rig.Run("echo 9007199254740993").problem == rig.Said("its number is too large"));
  CHECK(rig.Run("echo 99999999999999999999999").problem == rig.Said("its number is too large"));
  CHECK(rig.Run("printf '%064d\\n' 1").problem == rig.Said("it wrote more than a number"));
  CHECK(rig.Run("yes").problem == rig.Said("it wrote more than a number"));
}

TEST_CASE("a program that fails is a problem, with what it said", "[command_rows]") {
  Rig rig;
  CHECK(rig.Run("echo 7; echo 'no such\tfile' >&2; exit 3").problem ==
        rig.Said("it exited with 3 (no such file)"));
  CHECK(rig.Run("echo 7; kill -SEGV $$").problem == rig.Said("it was ended by signal 11"));
  const std::string much = rig.Run("yes e | head -c 1000000 >&2; exit 1").problem;
  CHECK(much.size() < rig.Said("it exited with 1 ()").size() + 201);
  CHECK(rig.Run("echo talkative >&2; echo 5").rows == 5);
}

TEST_CASE("a program that is not there is a problem", "[command_rows]") {
  const SystemClock clock;
  ReadPace pace(clock);
  auto commands = CommandRunner::Start().value();
  CHECK(commands.Count({"/nowhere/count", "{path}"}, "/x", pace).problem ==
        "was not counted by /nowhere/count: it exited with 127 (it cannot be executed: No such "
        "file or directory)");
  CHECK(commands.Count({"count", "{path}"}, "/x", pace).rows == kUnknownCount);
}

TEST_CASE("the path stands for {path} in arguments, and no shell reads it", "[command_rows]") {
  Rig rig;
  const std::string path = "/data/a b/$(touch x);'{path}.evt";
  CHECK(rig.Run("printf '%s|' \"$@\" > " + rig.directory() + "/seen; echo 1", path).rows == 1);
  CHECK(rig.Written("seen") == "--file=" + path + "|" + path + "|x|");
}

TEST_CASE("a program has PATH and LANG alone, no input, and the lowest priority",
          "[command_rows]") {
  setenv("ROLLCALL_SECRET", "1", 1);
  Rig rig;
  CHECK(rig.Run("exec 2>" + rig.directory() +
                "/seen; cat >&2; nice >&2; ionice >&2; ls /proc/$$/fd >&2; " +
                "tr '\\0' '\\n' < /proc/$$/environ | cut -d= -f1 >&2; echo 1")
            .rows == 1);
  const std::string seen = rig.Written("seen");
  CHECK(seen.substr(0, 8) == "19\nidle\n");
  CHECK(seen.find("SECRET") == seen.npos);
  CHECK(seen.find("PATH\n") != seen.npos);
  CHECK(seen.find("HOME\n") == seen.npos);
}

TEST_CASE("a program keeps no privilege but that of reading any file", "[command_rows]") {
  Rig rig;
  CHECK(rig.Run("grep -E 'Cap(Prm|Eff|Bnd|Amb)' /proc/self/status > " + rig.directory() +
                "/seen; echo 1")
            .rows == 1);
  std::ifstream seen(rig.directory() + "/seen");
  constexpr uint64_t kReading = uint64_t{1} << 2;  // CAP_DAC_READ_SEARCH
  for (std::string name, value; seen >> name >> value;) {
    if (name == "CapBnd:" && geteuid() != 0) continue;
    CAPTURE(name, value);
    CHECK((std::stoull(value, nullptr, 16) & ~kReading) == 0);
  }
}

TEST_CASE("a program that takes too long is killed with what it started", "[command_rows]") {
  Rig rig(milliseconds(300));
  const std::string script = "sleep 1000 & echo $! > " + rig.directory() + "/child; echo $$ > " +
                             rig.directory() + "/self; wait";
  CHECK(rig.Run(script).problem == rig.Said("it took longer than 300 ms"));
  for (const std::string name : {"child", "self"}) {
    std::string pid = rig.Written(name);
    REQUIRE(!pid.empty());
    pid.pop_back();
    CHECK(Wait([&] { return Ended(pid); }));
  }
  CHECK(rig.Run("echo 4").rows == 4);
}

TEST_CASE("what a program leaves behind neither delays its count nor stays", "[command_rows]") {
  Rig rig;
  CHECK(rig.Run("sleep 1000 & echo $! > " + rig.directory() + "/child; echo 6").rows == 6);
  std::string pid = rig.Written("child");
  pid.pop_back();
  CHECK(Wait([&] { return Ended(pid); }));
}

TEST_CASE("a stop ends a program at once, and the next one runs", "[command_rows]") {
  Rig rig;
  const SystemClock clock;
  std::thread stopper([&] {
    Wait([&] { return std::filesystem::exists(rig.directory() + "/began"); });
    rig.pace().Stop();
  });
  const auto began = clock.SinceBoot();
  CHECK(rig.Run("touch " + rig.directory() + "/began; sleep 1000").problem == kStopped);
  stopper.join();
  CHECK(clock.SinceBoot() - began < seconds(10));
}

TEST_CASE("a program does not outlive its monitor", "[command_rows]") {
  std::string pid;
  TemporaryDirectory directory;
  const std::string file = directory / "pid";
  const pid_t monitor = fork();
  if (monitor == 0) {
    const SystemClock clock;
    ReadPace pace(clock);
    auto commands = CommandRunner::Start().value();
    commands.Count({"/bin/sh", "-c", "echo $$ > {path}.new; mv {path}.new {path}; sleep 1000"},
                   file, pace);
    _exit(0);
  }
  REQUIRE(Wait([&] { return std::filesystem::exists(file); }));
  std::ifstream(file) >> pid;
  CHECK(!Ended(pid));
  kill(monitor, SIGKILL);
  waitpid(monitor, nullptr, 0);
  CHECK(Wait([&] { return Ended(pid); }));
}
