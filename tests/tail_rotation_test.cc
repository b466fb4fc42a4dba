// One test for each way in which logs are rotated. The oracle is what the test itself wrote.
#include <filesystem>

#include "tests/tail_fixture.h"

namespace fs = std::filesystem;

namespace {
const std::string kGap = "truncated after a copy: lines written in between are lost";
const std::string kLost = "log vanished before it was read";
}  // namespace

TEST_CASE("a renamed log is read to its end and its successor from its beginning", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  Append(dir / "x.log", Lines("a", 10, 10));
  fs::rename(dir / "x.log", dir / "x.log.1");
  Write(dir / "x.log", Lines("b", 10));
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 20), Lines("b", 10)});
  CHECK(rig.blind.empty());
  CHECK(rig.positions[1].path == dir / "x.log.1");
}

TEST_CASE("bytes still written to a renamed log are read", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  std::ofstream writer(dir / "x.log", std::ios::app);
  fs::rename(dir / "x.log", dir / "x.log.1");
  Write(dir / "x.log", Lines("b", 10));
  rig.Read();
  writer << Lines("a", 5, 10) << std::flush;
  rig.Read();
  rig.Wait();
  CHECK(rig.positions[1].finished);
  writer << Lines("a", 5, 15) << std::flush;
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 20), Lines("b", 10)});
  CHECK_FALSE(rig.positions[1].finished);
}

TEST_CASE("bytes still written to a log renamed into another directory are read", "[tail]") {
  TemporaryDirectory dir;
  fs::create_directory(dir / "old");
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  std::ofstream writer(dir / "x.log", std::ios::app);
  fs::rename(dir / "x.log", dir / "old/x.log");
  writer << Lines("a", 5, 10) << std::flush;
  rig.Read();
  writer << Lines("a", 5, 15) << std::flush;
  rig.Rescan();
  CHECK(rig.Contents() == Strings{Lines("a", 20)});
}

TEST_CASE("a rotated log's unterminated last line is read once it is final", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "one\ntwo");
  Rig rig({dir / "x.log"});
  rig.Read();
  fs::rename(dir / "x.log", dir / "x.log.1");
  rig.Read();
  rig.Wait();
  CHECK(rig.Contents() == Strings{"one\n"});
  Write(dir / "x.log", "three\n");
  rig.Read();
  CHECK(rig.seen[1].bytes == "one\n");
  rig.Wait();
  CHECK(rig.seen[1].bytes == "one\ntwo");
  CHECK(rig.seen[1].unterminated);
  CHECK(rig.positions[1].finished);
  CHECK(rig.seen[2].bytes == "three\n");
}

TEST_CASE("a log that is copied and truncated is drained from the copy", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 100));
  Rig rig({dir / "x.log"});
  rig.Read();
  Append(dir / "x.log", Lines("a", 50, 100));
  fs::copy_file(dir / "x.log", dir / "x.log.1");
  Write(dir / "x.log", "");
  rig.Read();
  Append(dir / "x.log", Lines("b", 10));
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 150), Lines("b", 10)});
  CHECK(rig.BlindReasons() == Strings{kGap});
}

TEST_CASE("a copy that ends before what was read is not read again", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 100));
  Rig rig({dir / "x.log"});
  rig.Read();
  fs::copy_file(dir / "x.log", dir / "x.log.1");
  Append(dir / "x.log", Lines("a", 1, 100));
  rig.Read();
  Write(dir / "x.log", Lines("b", 10));
  rig.Read();
  rig.Wait();
  CHECK(rig.Contents() == Strings{Lines("a", 101), Lines("b", 10)});
  CHECK(rig.BlindReasons() == Strings{kGap});
}

TEST_CASE("a log truncated and grown past the offset is read from its start", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  Write(dir / "x.log", Lines("b", 500));
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 10), Lines("b", 500)});
  CHECK(rig.BlindReasons() == Strings{"truncated: lines written before that may be lost"});
}

TEST_CASE("truncation with an equal header is noticed", "[tail]") {
  TemporaryDirectory dir;
  const std::string header(1999, '#');
  Write(dir / "x.log", header + "\n" + Lines("a", 100));
  Rig rig({dir / "x.log"});
  rig.Read();
  Write(dir / "x.log", header + "\n" + Lines("b", 10));
  rig.Read();
  rig.Wait();
  CHECK(rig.Contents() == Strings{header + "\n" + Lines("a", 100), header + "\n" + Lines("b", 10)});
  CHECK(rig.blind.size() == 1);
}

TEST_CASE("a file that looks shorter for a moment is not taken for truncated", "[tail]") {
  TemporaryDirectory dir;
  const std::string text = Lines("a", 1000);
  Write(dir / "x.log", text);
  Rig rig({dir / "x.log"});
  rig.Read();
  Write(dir / "x.log", text.substr(0, 20'000));
  rig.Read();
  Write(dir / "x.log", text + "more\n");
  rig.Read();
  CHECK(rig.Contents() == Strings{text + "more\n"});
  CHECK(rig.blind.empty());
}

TEST_CASE("a deleted and created log is another log", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  Append(dir / "x.log", Lines("a", 10, 10));
  fs::remove(dir / "x.log");
  Write(dir / "x.log", Lines("b", 100));
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 20), Lines("b", 100)});
  CHECK(rig.blind.empty());
}

TEST_CASE("a deleted file is let go after it was quiet", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "one\ntwo");
  Rig rig({dir / "*.log"});
  rig.Read();
  fs::remove(dir / "x.log");
  rig.Wait(std::chrono::seconds(6));
  CHECK(rig.seen[1].bytes == "one\n");
  rig.Wait(std::chrono::seconds(60));
  CHECK(rig.seen[1].bytes == "one\ntwo");
  CHECK(rig.positions[1].finished);
  CHECK(rig.tail->LagBytes() == 0);
}

TEST_CASE("a reused inode with other content is another log", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.tail.reset();
  // The same inode on purpose, whatever the file system would have given.
  Write(dir / "x.log", Lines("b", 100));
  REQUIRE(fs::exists(dir / "x.log"));
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 10), Lines("b", 100)});
  CHECK(rig.BlindReasons() == Strings{kLost});
}

TEST_CASE("a log that appears late is read from its first byte", "[tail]") {
  TemporaryDirectory dir;
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents().empty());
  REQUIRE(rig.tail->Problems().size() == 1);
  CHECK(rig.tail->Problems()[0].expected);
  Write(dir / "x.log", "a\n");
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\n"});
  CHECK(rig.tail->Problems().empty());
}

TEST_CASE("a directory that appears late is watched", "[tail]") {
  TemporaryDirectory dir;
  Rig rig({dir / "logs/app*/x.log"});
  rig.Read();
  fs::create_directories(dir / "logs/app1");
  rig.Read();
  Write(dir / "logs/app1/x.log", "a\n");
  rig.Read();
  fs::create_directories(dir / "logs/app2");
  Write(dir / "logs/app2/x.log", "b\n");
  rig.Read();
  Append(dir / "logs/app2/x.log", "c\n");
  rig.Read();
  CHECK(rig.Contents() == Strings{"a\n", "b\nc\n"});
}

TEST_CASE("a log rotated while down is continued under its new name", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.tail.reset();
  Append(dir / "x.log", Lines("a", 10, 10));
  fs::rename(dir / "x.log", dir / "x.log.1");
  Write(dir / "x.log", Lines("b", 10));
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 20), Lines("b", 10)});
  CHECK(rig.blind.empty());
}

TEST_CASE("two rotations while down are caught up, oldest first", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.tail.reset();
  Append(dir / "x.log", Lines("a", 10, 10));
  fs::rename(dir / "x.log", dir / "x.log.2");
  Write(dir / "x.log.1", Lines("b", 10));
  Write(dir / "x.log", Lines("c", 10));
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 20), Lines("b", 10), Lines("c", 10)});
  CHECK(rig.blind.empty());
}

TEST_CASE("a log copied and truncated while down is drained and called blind", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.tail.reset();
  Append(dir / "x.log", Lines("a", 10, 10));
  fs::copy_file(dir / "x.log", dir / "x.log.1");
  Write(dir / "x.log", Lines("b", 10));
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 20), Lines("b", 10)});
  CHECK(rig.BlindReasons() == Strings{kGap});
}

TEST_CASE("a log that vanished while down is called blind once", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.tail.reset();
  fs::remove(dir / "x.log");
  rig.Restart();
  rig.Read();
  CHECK(rig.BlindReasons() == Strings{kLost});
  rig.Restart();
  rig.Read();
  CHECK(rig.blind.size() == 1);
}

TEST_CASE("rotated siblings are read at first sight, oldest first", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "4\n");
  Write(dir / "x.log.1", "3\n");
  Write(dir / "x.log.2", "2\n");
  Write(dir / "x.log.10", "1\n");
  Write(dir / "x.log.swp", "no\n");
  Write(dir / "x.logger", "no\n");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"1\n", "2\n", "3\n", "4\n"});
}

TEST_CASE("dated siblings are read in the order of their dates", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "4\n");
  Write(dir / "x.log-20160223", "3\n");
  Write(dir / "x.log-20160222", "2\n");
  Write(dir / "x.log-20151231", "1\n");
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{"1\n", "2\n", "3\n", "4\n"});
}

TEST_CASE("a glob that matches the rotated names reads nothing twice", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log*", dir / "*.log", dir / "x.log"});
  rig.Read();
  fs::rename(dir / "x.log", dir / "x.log.1");
  Write(dir / "x.log", Lines("b", 10));
  rig.Read();
  fs::rename(dir / "x.log.1", dir / "x.log.2");
  fs::rename(dir / "x.log", dir / "x.log.1");
  rig.Read();
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 10), Lines("b", 10)});
  CHECK(rig.blind.empty());
}

TEST_CASE("a copy under another name is the same log", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 100));
  Rig rig({dir / "*.log"});
  rig.Read();
  fs::copy_file(dir / "x.log", dir / "y.log");
  rig.Read();
  Append(dir / "x.log", "more\n");
  rig.Read();
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 100) + "more\n"});
}

TEST_CASE("a log moved to another file system continues there", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 100));
  Rig rig({dir / "*.log"});
  rig.Read();
  rig.tail.reset();
  fs::copy_file(dir / "x.log", dir / "y.log");
  fs::remove(dir / "x.log");
  Append(dir / "y.log", "more\n");
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 100) + "more\n"});
  CHECK(rig.blind.empty());
}

TEST_CASE("logs with equal headers are told apart", "[tail]") {
  TemporaryDirectory dir;
  const std::string header(2000, '#');
  const std::string a = header + "\n" + Lines("a", 500);
  const std::string b = header + "\n" + Lines("b", 100);
  Write(dir / "a.log", a);
  Write(dir / "b.log", b);
  Rig rig({dir / "*.log"});
  rig.Read();
  rig.Wait();
  CHECK(rig.Contents() == Strings{a, b});
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{a, b});
}

TEST_CASE("where nothing is waited for, logs with equal headers are read at once", "[tail]") {
  TemporaryDirectory dir;
  const std::string header(2000, '#');
  Strings expected;
  for (int i = 0; i < 5; ++i) {
    expected.push_back(header + "\n" + Lines(std::to_string(i), 500 - 50 * i));
    Write(dir / (std::to_string(i) + ".log"), expected.back());
  }
  Write(dir / "0.log.1", header + "\n" + Lines("rotated", 10) + "last");
  expected.insert(expected.begin(), header + "\n" + Lines("rotated", 10) + "last");
  Rig rig({dir / "*.log"});
  rig.options.quiet_period = {};
  rig.Read();
  CHECK((rig.Contents() == expected));
}

TEST_CASE("logs that begin with the same short line become two when they differ", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "a.log", "start\n");
  Write(dir / "b.log", "start\n");
  Rig rig({dir / "*.log"});
  rig.Read();
  Append(dir / "b.log", "b\n");
  rig.Read();
  Append(dir / "a.log", "a\n");
  rig.Read();
  rig.Restart();
  rig.Read();
  CHECK(rig.Contents() == Strings{"start\na\n", "start\nb\n"});
}

TEST_CASE("a copy that is seen while it is shorter than 1 KiB is no log of its own", "[tail]") {
  TemporaryDirectory dir;
  const std::string text = Lines("a", 100);
  Write(dir / "x.log", text);
  Rig rig({dir / "x.log"});
  rig.Read();
  for (size_t at = 0; at < text.size(); at += 100) {
    Append(dir / "x.log.1", text.substr(at, 100));
    rig.Read();
  }
  rig.Wait();
  Write(dir / "x.log", Lines("b", 10));
  rig.Read();
  CHECK(rig.Contents() == Strings{text, Lines("b", 10)});
  CHECK(rig.BlindReasons() == Strings{kGap});
}

TEST_CASE("logs that are copied and truncated at once are drained from their copies", "[tail]") {
  TemporaryDirectory dir;
  Strings expected;
  const auto tag = [](const char* what, int i) { return what + std::to_string(i); };
  for (int i = 0; i < 20; ++i) Write(dir / (std::to_string(i) + ".log"), Lines(tag("a", i), 50));
  Rig rig({dir / "*.log"});
  rig.Read();
  for (int i = 0; i < 20; ++i) {
    const std::string name = dir / (std::to_string(i) + ".log");
    Append(name, Lines(tag("a", i), 10, 50));
    fs::copy_file(name, name + ".1");
    Write(name, Lines(tag("b", i), 10));
    Write(dir / ("new" + std::to_string(i) + ".log"), Lines(tag("c", i), 10));
    expected.push_back(Lines(tag("a", i), 60));
    expected.push_back(Lines(tag("b", i), 10));
    expected.push_back(Lines(tag("c", i), 10));
  }
  rig.Read();
  rig.Wait();
  Strings seen = rig.Contents();
  std::sort(seen.begin(), seen.end());
  std::sort(expected.begin(), expected.end());
  CHECK(seen == expected);
  CHECK(rig.BlindReasons() == Strings(20, kGap));
}

TEST_CASE("a truncated log that is deleted before it is read again is called blind", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Write(dir / "y.log", Lines("y", 10));
  Rig rig({dir / "*.log"});
  rig.Read();
  Write(dir / "x.log", "");
  Append(dir / "y.log", Lines("y", 10, 10));
  rig.Read(1);
  fs::remove(dir / "x.log");
  rig.Wait(std::chrono::seconds(60));
  CHECK(rig.BlindReasons() == Strings{"truncated: lines written before that may be lost"});
}

TEST_CASE("a file that came and went before it was listed is called blind", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  // As often as a whole rotation goes round while the ledger's disk is full.
  for (const char* tag : {"b", "c", "d"}) {
    fs::rename(dir / "x.log", dir / "x.log.1");
    Write(dir / "x.log", Lines(tag, 10));
  }
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 10), Lines("c", 10), Lines("d", 10)});
  REQUIRE(rig.BlindReasons() == Strings{kLost});
  CHECK(rig.blind[0].path == dir / "x.log.1");
}

TEST_CASE("a file that came, was moved and went before it was listed is called blind", "[tail]") {
  TemporaryDirectory dir;
  fs::create_directory(dir / "elsewhere");
  Write(dir / "elsewhere/in", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  fs::rename(dir / "elsewhere/in", dir / "x.log");
  fs::rename(dir / "x.log", dir / "x.log.1");
  fs::rename(dir / "x.log.1", dir / "elsewhere/out");
  rig.Read();
  rig.Rescan();
  REQUIRE(rig.BlindReasons() == Strings{kLost});
  CHECK(rig.blind[0].path == dir / "x.log.1");
}

TEST_CASE("nothing is lost with a file that came empty and went", "[tail]") {
  TemporaryDirectory dir;
  Rig rig({dir / "x.log"});
  rig.Read();
  Write(dir / "x.log", "");
  fs::rename(dir / "x.log", dir / "x.log.1");
  fs::remove(dir / "x.log.1");
  Write(dir / "other", "not ours");
  fs::remove(dir / "other");
  rig.Read();
  CHECK(rig.blind.empty());
}

TEST_CASE("a file that was compressed before it was listed is read from its archive", "[tail]") {
  TemporaryDirectory dir;
  Rig rig({dir / "x.log"});
  rig.Read();
  Write(dir / "x.log.1", Lines("a", 10));
  Write(dir / "x.log.1.gz", Lines("a", 10));  // what is in it decides, not its name
  fs::remove(dir / "x.log.1");
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 10)});
  CHECK(rig.blind.empty());
}

TEST_CASE("a log written after it was deleted and let go is called blind", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  std::ofstream writer(dir / "x.log", std::ios::app);
  fs::remove(dir / "x.log");
  rig.Wait(std::chrono::seconds(60));
  CHECK(rig.positions[1].finished);
  CHECK(rig.blind.empty());
  writer << Lines("a", 1, 10) << std::flush;
  rig.Read();
  writer << Lines("a", 1, 11) << std::flush;
  rig.Read();
  CHECK(rig.BlindReasons() == Strings{"log was written after it was moved away or deleted"});
}

TEST_CASE("a log written after it was moved away and let go is called blind", "[tail]") {
  TemporaryDirectory dir;
  fs::create_directory(dir / "old");
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  std::ofstream writer(dir / "x.log", std::ios::app);
  fs::rename(dir / "x.log", dir / "old/x.log");
  Write(dir / "x.log", Lines("b", 10));
  rig.Read();
  rig.Wait();
  CHECK(rig.positions[1].finished);
  writer << Lines("a", 1, 10) << std::flush;
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 10), Lines("b", 10)});
  CHECK(rig.BlindReasons() == Strings{"log was written after it was moved away or deleted"});
}

TEST_CASE("a file deleted before its turn is read all the same", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", "first\n");
  Rig rig({dir / "*.log"});
  rig.Start();
  Write(dir / "y.log", Lines("y", 10));
  rig.Read(1);  // x.log; y.log is listed and waits
  fs::remove(dir / "y.log");
  rig.Read();
  CHECK(rig.Contents() == Strings{"first\n", Lines("y", 10)});
  CHECK(rig.blind.empty());
}

TEST_CASE("a file deleted before it could be opened is called blind", "[tail]") {
  TemporaryDirectory dir;
  Rig rig({dir / "*.log"});
  rig.Start();
  for (int i = 1000; i < 1300; ++i) Write(dir / (std::to_string(i) + ".log"), Lines("y", i));
  rig.Read(1);  // all are listed, the first 256 are open
  fs::remove(dir / "1299.log");
  rig.Read();
  REQUIRE(rig.BlindReasons() == Strings{kLost});
  CHECK(rig.blind[0].path == dir / "1299.log");
  CHECK(rig.blind[0].length == static_cast<int64_t>(Lines("y", 1299).size()));
}
