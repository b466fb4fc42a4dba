// Lines that cannot be passed on. The oracle is what the test wrote, bad bytes replaced by '?'.
#include <sys/resource.h>

#include "collectors/line_blocks.h"
#include "tests/tail_fixture.h"

namespace {
Strings Reasons(const SeenLog& log) {
  Strings reasons;
  for (const TailEvent& event : log.quarantined) reasons.emplace_back(event.reason);
  return reasons;
}
std::string Marks(size_t count) { return std::string(count, '?'); }
}  // namespace

TEST_CASE("a line of exactly 64 KiB is a line and one more byte is too many", "[tail]") {
  TemporaryDirectory dir;
  const std::string longest(64 * 1024, 'l');
  Write(dir / "x.log", "a\n" + longest + "\n" + longest + "x\nb\n");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK((rig.seen[1].bytes == "a\n" + longest + "\n" + Marks(64 * 1024 + 2) + "b\n"));
  CHECK(Reasons(rig.seen[1]) == Strings{"line over 64 KiB"});
}

TEST_CASE("a line of 100 MB is one quarantined range and takes no memory", "[tail]") {
  TemporaryDirectory dir;
  constexpr int64_t kLength = 100'000'000;
  const std::string piece(1'000'000, 'l');
  Write(dir / "x.log", "a\n");
  for (int i = 0; i < 100; ++i) Append(dir / "x.log", piece);
  rusage before{};
  getrusage(RUSAGE_SELF, &before);
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\n"});
  CHECK(rig.tail->PendingBytes() == kLength);
  Append(dir / "x.log", "\nb\n");
  rig.Start();
  std::vector<TailEvent> events;
  while (auto event = rig.tail->Next()) {
    CHECK(event->kind ==
          (events.empty() ? TailEvent::Kind::kQuarantined : TailEvent::Kind::kLines));
    events.push_back(*event);
  }
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  REQUIRE(events.size() == 2);
  CHECK(events[0].offset == 2);
  CHECK(events[0].length == kLength + 1);
  CHECK(events[1].offset == kLength + 3);
  CHECK(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
}

TEST_CASE("a long line that comes in pieces is one range", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 200));
  Rig rig({dir / "x.log"});
  for (int i = 0; i < 20; ++i) {
    Append(dir / "x.log", std::string(50'000, 'l'));
    rig.Read();
  }
  Append(dir / "x.log", "\nb\n");
  rig.Read();
  CHECK((rig.seen[1].bytes == Lines("a", 200) + Marks(1'000'001) + "b\n"));
  CHECK(rig.seen[1].quarantined.size() == 1);
  rig.Restart();
  Append(dir / "x.log", "c\n");
  rig.Read();
  CHECK((rig.seen[1].bytes == Lines("a", 200) + Marks(1'000'001) + "b\nc\n"));
}

TEST_CASE("a NUL quarantines its line only", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "a\n" + std::string("b\0b", 3) + "\nc\n");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\n????c\n"});
  CHECK(Reasons(rig.seen[1]) == Strings{"NUL byte"});
}

TEST_CASE("NULs at the end of a file wait until something follows", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "a\n" + std::string(200'000, '\0'));
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\n"});
  // The bytes arrive where the NULs were.
  Write(dir / "x.log", "a\nb\n" + std::string(199'998, '\0'));
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\nb\n"});
  Append(dir / "x.log", "\nc\n");
  rig.Read();
  CHECK((rig.seen[1].bytes == "a\nb\n" + Marks(199'999) + "c\n"));
}

TEST_CASE("invalid UTF-8 quarantines its line only", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "grün\n\xc3\n\xff\xfe\nend\n\xed\xa0\x80\n");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"grün\n?????end\n????"});
  CHECK(Reasons(rig.seen[1]) == Strings{"invalid UTF-8", "invalid UTF-8", "invalid UTF-8"});
}

TEST_CASE("a character split between two reads is not invalid", "[tail]") {
  TemporaryDirectory dir;
  std::string text;
  for (int i = 0; i < 40'000; ++i)
    text += "ü€𝄞 " + std::string(static_cast<size_t>(i % 7), 'x') + "\n";
  Write(dir / "x.log", text);
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK((rig.seen[1].bytes == text));
  CHECK(rig.seen[1].quarantined.empty());
}

TEST_CASE("a log of nothing but bad lines is read to its end", "[tail]") {
  TemporaryDirectory dir;
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "bad \xff line\n";
  Write(dir / "x.log", text + "good\n");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK((rig.seen[1].bytes == Marks(text.size()) + "good\n"));
  CHECK(rig.seen[1].quarantined.size() == 20'000);
}
