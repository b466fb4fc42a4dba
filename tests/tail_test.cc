#include "collectors/tail.h"

#include <poll.h>

#include "tests/tail_fixture.h"

TEST_CASE("a plain file is read from its first byte", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 1000));
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 1000)});
  CHECK(rig.blind.empty());
}

TEST_CASE("appended lines are read once", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "*.log"});
  rig.Read();
  Append(dir / "x.log", Lines("a", 10, 10));
  rig.Read();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 20)});
  CHECK(rig.tail->LagBytes() == 0);
}

TEST_CASE("a write makes the wake descriptor readable", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "a\n");
  Rig rig({dir / "x.log"});
  rig.Read();
  pollfd wake{rig.tail->wake_fd(), POLLIN, 0};
  CHECK(poll(&wake, 1, 0) == 0);
  Append(dir / "x.log", "b\n");
  CHECK(poll(&wake, 1, 10'000) == 1);
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\nb\n"});
  CHECK(poll(&wake, 1, 0) == 0);
}

TEST_CASE("an unfinished line waits for its newline", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "one\ntw");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"one\n"});
  CHECK(rig.tail->PendingBytes() == 2);
  Append(dir / "x.log", "o\n");
  rig.Read();
  CHECK(rig.Contents() == Strings{"one\ntwo\n"});
}

TEST_CASE("an unfinished line is read once across a restart", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "one\ntw");
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.Restart();
  rig.Read();
  Append(dir / "x.log", "o\n");
  rig.Read();
  CHECK(rig.Contents() == Strings{"one\ntwo\n"});
}

TEST_CASE("what was not committed is read again after a restart", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 50'000));
  Rig rig({dir / "x.log"});
  rig.Read(2);
  rig.Commit();
  rig.Read(1);
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 50'000)});
}
