// Ingest: one pass over exactly the given paths, and standard input.
#include <sys/wait.h>

#include <filesystem>

#include "tests/tail_fixture.h"

namespace {

// A pipe that another process fills and closes.
class FilledPipe {
 public:
  explicit FilledPipe(const std::string& bytes) {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    writer_ = fork();
    if (writer_ == 0) {
      close(ends[0]);
      size_t done = 0;
      while (done < bytes.size()) {
        const ssize_t wrote = write(ends[1], bytes.data() + done, bytes.size() - done);
        if (wrote < 0) _exit(0);
        done += static_cast<size_t>(wrote);
      }
      _exit(0);
    }
    close(ends[1]);
    fd_ = ends[0];
  }
  ~FilledPipe() {
    close(fd_);
    waitpid(writer_, nullptr, 0);
  }
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  pid_t writer_ = -1;
};

void ReadPipe(Rig& rig, const std::string& bytes) {
  FilledPipe pipe(bytes);
  rig.options.standard_input = pipe.fd();
  rig.Start();
  rig.Read();
}

}  // namespace

TEST_CASE("one pass reads the given files and no siblings", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "x\nrest");
  Write(dir / "x.log.1", "sibling\n");
  Write(dir / "[y].log", "y\n");
  Rig rig({dir / "x.log", dir / "[y].log"}, false);
  rig.Read();
  CHECK(rig.Contents() == Strings{"y\n", "x\n"});
  CHECK(rig.tail->PendingBytes() == 4);
  CHECK(rig.tail->wake_fd() == -1);
}

TEST_CASE("one pass over a file and its copy reads it once", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "a.log", Lines("a", 100) + "rest");
  Write(dir / "b.log", Lines("a", 100) + "rest");
  Rig rig({dir / "a.log", dir / "b.log"}, false);
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 100)});
}

TEST_CASE("a second pass over the same file reads only what is new", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 100));
  Rig rig({dir / "x.log"}, false);
  rig.Read();
  Append(dir / "x.log", Lines("a", 10, 100));
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 110)});
}

TEST_CASE("a given file that does not exist is called blind", "[tail]") {
  TemporaryDirectory dir;
  Rig rig({dir / "x.log"}, false);
  rig.Read();
  CHECK(rig.BlindReasons() == Strings{"cannot be opened: no such file"});
}

TEST_CASE("standard input is read to its end", "[tail]") {
  Rig rig({"-"}, false);
  ReadPipe(rig, Lines("a", 50'000) + "last");
  CHECK((rig.Contents() == Strings{Lines("a", 50'000) + "last"}));
  CHECK(rig.seen[1].unterminated);
}

TEST_CASE("the same standard input again is skipped and continued", "[tail]") {
  Rig rig({"-"}, false);
  ReadPipe(rig, Lines("a", 20'000));
  ReadPipe(rig, Lines("a", 50'000));
  CHECK((rig.Contents() == Strings{Lines("a", 50'000)}));
}

TEST_CASE("another standard input with the same header is another log", "[tail]") {
  const std::string header(3000, '#');
  Rig rig({"-"}, false);
  ReadPipe(rig, header + "\n" + Lines("a", 20'000));
  ReadPipe(rig, header + "\n" + Lines("b", 50'000));
  CHECK((rig.Contents() ==
         Strings{header + "\n" + Lines("a", 20'000), header + "\n" + Lines("b", 50'000)}));
}

TEST_CASE("a path that names no file is a usage error", "[tail]") {
  Rig rig({"/var/log/"}, false);
  uint32_t next = 1;
  auto opened = Tail::Open(0, {"/var/log/"}, {}, rig.options, &next);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == Error::Kind::kUsage);
}
