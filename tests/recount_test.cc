#include "collectors/files/recount.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "collectors/files/file_look.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// Canonical files at ROOT/acme/NAME. Each part of a test counts by one method.
class Rig {
 public:
  Rig() { fs::create_directories(directory_ / "acme"); }
  std::string Path(const std::string& name) const { return directory_ / ("acme/" + name); }
  // The file as it is now.
  FileToCount File(const std::string& name) const {
    const UniqueFd fd(open(Path(name).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    FileStatus status;
    if (fd && LookAt(fd.get(), status) > 0) FAIL("cannot look at " << name);
    return {0,
            directory_ / "acme",
            name,
            status.handle,
            status.inode,
            status.born_ns,
            status.modified_ns,
            status.size_bytes};
  }
  FileToCount Write(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name)) << content;
    return File(name);
  }
  RecountMethod Method(const std::vector<std::string>& recount) const {
    return {directory_.path(), recount};
  }
  std::vector<CanonicalFilesConfig> Config(const std::vector<std::string>& recount) const {
    CanonicalFilesConfig config;
    config.path = directory_ / "{project}/{day}";
    config.recount = recount;
    return {config};
  }
  RecountedFile CountBy(const FileToCount& file, const std::vector<std::string>& recount) {
    return CountRows(file, Method(recount), pace_, &commands_, clock_);
  }
  RecountedFile Count(const FileToCount& file) { return CountBy(file, {"lines"}); }
  RecountedFile CountByShell(const FileToCount& file, const std::string& script) {
    return CountBy(file, {"exec", "/bin/sh", "-c", script, "sh", "{path}"});
  }
  const SystemClock& clock() const { return clock_; }
  CommandRunner& commands() { return commands_; }
  const std::string& root() const { return directory_.path(); }

 private:
  SystemClock clock_;
  ReadPace pace_{clock_};
  CommandRunner commands_ = CommandRunner::Start().value();
  TemporaryDirectory directory_;
};

bool Readable(int fd, milliseconds patience) {
  pollfd wake{fd, POLLIN, 0};
  return poll(&wake, 1, static_cast<int>(patience.count())) == 1;
}

}  // namespace

TEST_CASE("a file is counted by the method of its format", "[recount]") {
  Rig rig;
  const FileToCount file = rig.Write("x", "a\nb\n");
  const RecountedFile recounted = rig.CountBy(file, {"lines"});
  CHECK(recounted.count.rows == 2);
  CHECK(recounted.count.problem.empty());
  CHECK(rig.CountByShell(file, "wc -l < \"$1\"").count.rows == 2);
  CHECK(rig.CountBy(file, {"parquet"}).count.problem == "is too short to be a Parquet file");
  CHECK(rig.CountBy(file, {"none"}).count.problem == "was not counted: it has no method");
  fs::copy(ROLLCALL_SOURCE_DIR "/tests/data/parquet/groups.parquet", rig.Path("x.parquet"));
  CHECK(rig.CountBy(rig.File("x.parquet"), {"parquet"}).count.rows == 10000);
}

TEST_CASE("another generation than the one asked for is not counted", "[recount]") {
  Rig rig;
  const FileToCount file = rig.Write("x", "a\nb\n");
  CHECK(rig.Count(file).count.rows == 2);
  rig.Write("new", "a\n");
  fs::rename(rig.Path("new"), rig.Path("x"));
  const RecountedFile recounted = rig.Count(file);
  CHECK(recounted.count.rows == kUnknownCount);
  CHECK(recounted.count.problem == "changed before it was counted");
}

TEST_CASE("a file that changes while it is counted has no count", "[recount]") {
  Rig rig;
  for (const std::string change :
       {"echo b >> \"$1\"", "rm \"$1\"", "touch -d 2016-02-22 \"$1\"", "mv \"$1\" \"$1.away\"",
        "cp -p \"$1\" \"$1.new\" && mv \"$1.new\" \"$1\""}) {
    const FileToCount file = rig.Write("x", "a\n");
    CAPTURE(change);
    const RecountedFile recounted = rig.CountByShell(file, change + "; echo 1");
    CHECK(recounted.count.problem == "changed while it was counted");
    CHECK(recounted.count.rows == kUnknownCount);
  }
}

TEST_CASE("only regular files beneath the root are opened", "[recount]") {
  Rig rig;
  FileToCount file = rig.Write("real", "a\n");
  fs::create_symlink(rig.Path("real"), rig.Path("link"));
  fs::create_directory(rig.Path("directory"));
  REQUIRE(mkfifo(rig.Path("fifo").c_str(), 0600) == 0);
  const auto problem = [&](const std::string& name) {
    return rig.Count(rig.File(name)).count.problem;
  };
  CHECK(problem("real").empty());
  CHECK(problem("link") == "is not a regular file");
  CHECK(problem("directory") == "is not a regular file");
  CHECK(problem("fifo") == "is not a regular file");
  CHECK(problem("nowhere") == "cannot be opened: no such file");
  fs::create_directory_symlink(rig.root() + "/acme", rig.root() + "/other");
  file.directory = rig.root() + "/other";
  CHECK(rig.Count(file).count.rows == kUnknownCount);
}

TEST_CASE("counting does not move the access time", "[recount]") {
  Rig rig;
  rig.Write("x", "a\n");
  // Before the last change, so that any reader would move it.
  const timespec times[2] = {{1'456'000'000, 0}, {1'456'100'000, 0}};
  REQUIRE(utimensat(AT_FDCWD, rig.Path("x").c_str(), times, 0) == 0);
  CHECK(rig.Count(rig.File("x")).count.rows == 1);
  struct stat status;
  REQUIRE(stat(rig.Path("x").c_str(), &status) == 0);
  CHECK(status.st_atim.tv_sec == 1'456'000'000);
}

TEST_CASE("a file whose access time would move is not opened", "[recount]") {
  if (geteuid() != 0) {
    std::cout << "SKIPPED recount of a file of another user: this is not root\n";
    return;
  }
  Rig rig;
  const FileToCount file = rig.Write("x", "a\n");
  fs::permissions(fs::path(rig.root()), fs::perms::all);
  const pid_t other = fork();
  if (other == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(2);
    const std::string problem = rig.Count(file).count.problem;
    _exit(problem.starts_with("cannot be read without changing its access time") ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(other, &status, 0) == other);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a count goes into a batch with its generation", "[recount]") {
  Rig rig;
  const RecountedFile recounted = rig.Count(rig.Write("x", "a\nb\n"));
  Batch batch;
  AddTo(batch, recounted);
  REQUIRE(batch.files.counts.size() == 1);
  const FileCount& count = batch.files.counts[0];
  CHECK(count.files == 0);
  CHECK(batch.View(count.directory) == rig.root() + "/acme");
  CHECK(batch.View(count.name) == "x");
  CHECK(batch.View(count.handle) == recounted.file.handle);
  CHECK(count.inode == recounted.file.inode);
  CHECK(count.born_ns == recounted.file.born_ns);
  CHECK(count.modified_ns == recounted.file.modified_ns);
  CHECK(count.size_bytes == 4);
  CHECK(count.rows == 2);
  CHECK(count.problem.empty());
  CHECK(count.counted_at == recounted.counted_at);
  CHECK(count.counted_at > Time{});
}

TEST_CASE("a thread counts what was added, in that order", "[recount]") {
  Rig rig;
  Recounter recounter({}, rig.Config({"lines"}), nullptr, rig.clock());
  CHECK(recounter.Take().empty());
  std::string content;
  for (int i = 0; i < 20; ++i) {
    CHECK(recounter.Add(rig.Write(std::to_string(i), content += "line\n")));
  }
  std::vector<RecountedFile> counted;
  while (counted.size() < 20 && Readable(recounter.wake_fd(), seconds(10))) {
    for (RecountedFile& file : recounter.Take()) counted.push_back(std::move(file));
  }
  REQUIRE(counted.size() == 20);
  for (int i = 0; i < 20; ++i) CHECK(counted[static_cast<size_t>(i)].count.rows == i + 1);
}

TEST_CASE("a recount wakes its caller until what was counted is taken", "[recount]") {
  Rig rig;
  Recounter recounter({}, rig.Config({"lines"}), nullptr, rig.clock());
  CHECK(!Readable(recounter.wake_fd(), milliseconds(0)));
  REQUIRE(recounter.Add(rig.Write("x", "a\n")));
  REQUIRE(Readable(recounter.wake_fd(), seconds(10)));
  CHECK(recounter.Take().size() == 1);
  CHECK(!Readable(recounter.wake_fd(), milliseconds(0)));
}

TEST_CASE("more than a recount can hold is refused", "[recount]") {
  Rig rig;
  Recounter recounter({.bytes_per_second = 1, .files = 2}, rig.Config({"lines"}), nullptr,
                      rig.clock());
  const FileToCount file = rig.Write("x", "a\n");
  int taken = 0;
  while (taken < 10 && recounter.Add(file)) ++taken;
  CHECK(taken >= 2);
  CHECK(taken <= 4);
}

TEST_CASE("a recount ends at once, whatever it is doing", "[recount]") {
  Rig rig;
  const FileToCount file = rig.Write("x", "a\n");
  const milliseconds began = rig.clock().SinceBoot();
  {
    // The second file waits for what the first has cost, which is more than a day.
    Recounter recounter({.bytes_per_second = 1}, rig.Config({"lines"}), nullptr, rig.clock());
    REQUIRE(recounter.Add(file));
    REQUIRE(recounter.Add(file));
  }
  {
    const std::string script = "touch \"$1.began\"; sleep 1000";
    Recounter recounter({}, rig.Config({"exec", "/bin/sh", "-c", script, "sh", "{path}"}),
                        &rig.commands(), rig.clock());
    REQUIRE(recounter.Add(file));
    while (!fs::exists(rig.Path("x.began"))) std::this_thread::yield();
  }
  CHECK(rig.clock().SinceBoot() - began < seconds(10));
  CHECK(rig.CountByShell(file, "echo 5").count.rows == 5);
}

TEST_CASE("files are read no faster than is allowed", "[recount]") {
  Rig rig;
  const FileToCount file = rig.Write("x", std::string(1 << 20, '\n'));
  ReadPace pace(rig.clock(), 2 << 20);
  const milliseconds began = rig.clock().SinceBoot();
  const auto counted = CountRows(file, rig.Method({"lines"}), pace, nullptr, rig.clock());
  CHECK(counted.count.rows == 1 << 20);
  CHECK(rig.clock().SinceBoot() - began >= milliseconds(400));
}
