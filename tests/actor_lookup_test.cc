#include "collectors/files/actor_lookup.h"

#include <filesystem>

#include "tests/store_on_disk.h"

TEST_CASE("a unit is the last service or scope of a process's control group", "[actor_lookup]") {
  CHECK(UnitIn("0::/system.slice/compactd.service\n") == "compactd.service");
  CHECK(UnitIn("0::/system.slice/compactd.service/workers\n") == "compactd.service");
  CHECK(UnitIn("0::/user.slice/user-0.slice/user@0.service/app.slice/run-7.scope\n") ==
        "run-7.scope");
  CHECK(UnitIn("0::/kubepods/burstable/pod1/abc\n") == "/kubepods/burstable/pod1/abc");
  CHECK(UnitIn("9:name=systemd:/a/b.service\n4:memory:/c\n0::/\n") == "b.service");
  CHECK(UnitIn("9:name=systemd:/\n4:memory:/c/d\n0::/\n") == "/c/d");
  CHECK(UnitIn("0::/\n").empty());
  CHECK(UnitIn("").empty());
  CHECK(UnitIn("nonsense").empty());
}

TEST_CASE("a process that lives is held", "[actor_lookup]") {
  ExecCache executions;
  ActorLookup actors(&executions);
  const Actor self = actors.Find(getpid(), HoldProcess(getpid()));
  CHECK(self.confidence == Confidence::kHeld);
  CHECK(self.pid == getpid());
  CHECK(self.user == getuid());
  CHECK(self.executable == std::filesystem::read_symlink("/proc/self/exe"));
  CHECK(!self.process.empty());
}

TEST_CASE("one that has ended is known by what it executed, or by its number", "[actor_lookup]") {
  ExecCache executions;
  ActorLookup actors(&executions);
  const pid_t pid = InChild([] { return true; });
  CHECK(actors.Find(pid, UniqueFd()).confidence == Confidence::kPid);
  executions.Put(pid, "/usr/lib/store/bin/compactor-of-events");
  const Actor gone = actors.Find(pid, UniqueFd());
  CHECK(gone.confidence == Confidence::kExecuted);
  CHECK(gone.executable == "/usr/lib/store/bin/compactor-of-events");
  CHECK(gone.process == "compactor-of-ev");
  CHECK(gone.user == -1);
  CHECK(actors.Find(0, UniqueFd()).confidence == Confidence::kUnknown);
}

TEST_CASE("a number that was given to another process names nobody", "[actor_lookup]") {
  ExecCache executions;
  ActorLookup actors(&executions);
  UniqueFd ended;
  InChild([] { return true; });
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  ended = HoldProcess(pid);
  waitpid(pid, nullptr, 0);
  // What /proc says of a number is of another process once the one that was held is gone.
  const Actor other = actors.Find(getpid(), ended);
  CHECK(other.process.empty());
  CHECK(other.executable.empty());
}

TEST_CASE("of executions the newest of each process are kept, of so many processes",
          "[exec_cache]") {
  ExecCache executions(2);
  executions.Put(1, "/a");
  executions.Put(2, "/b");
  executions.Put(1, "/c");
  CHECK(executions.ExecutableOf(1) == "/c");
  executions.Put(3, "/d");
  CHECK(!executions.ExecutableOf(2));
  CHECK(executions.ExecutableOf(1) == "/c");
  CHECK(executions.ExecutableOf(3) == "/d");
}
