// Compressed rotations continue the plain log: offsets are those of the decompressed stream.
#include <filesystem>

#include "tests/compressed.h"
#include "tests/tail_fixture.h"

namespace fs = std::filesystem;

namespace {

// A rotation of x.log, read to line 5000 of 10,000, while nobody watched.
void ContinueIn(const std::string& name, const std::string& archive, bool committed_all = false) {
  TemporaryDirectory dir;
  const std::string all = Lines("a", 10'000);
  Write(dir / "x.log", committed_all ? all : Lines("a", 5000));
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.tail.reset();
  fs::remove(dir / "x.log");
  Write(dir / name, archive);
  Write(dir / "x.log", Lines("b", 10));
  rig.Restart();
  rig.Read();
  CHECK((rig.Contents() == Strings{all, Lines("b", 10)}));
  CHECK(rig.blind.empty());
  CHECK(rig.positions[1].finished);
  rig.Restart();
  rig.Read();
  CHECK((rig.Contents() == Strings{all, Lines("b", 10)}));
}

}  // namespace

TEST_CASE("an archive that cannot be read is blind where nothing of the source was read before",
          "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log.1.xz",
        "\xfd"
        "7zXZ");
  Write(dir / "x.log", Lines("a", 10));
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("a", 10)});
  CHECK(rig.BlindReasons() == Strings{"compressed in a way that cannot be read"});
  rig.Restart();
  rig.Read();
  CHECK(rig.blind.size() == 1);
}

TEST_CASE("a gz continues the plain log it was made of", "[tail]") {
  ContinueIn("x.log.1.gz", Gzip(Lines("a", 10'000)));
}

TEST_CASE("a gz that was read to its end before is not read again", "[tail]") {
  ContinueIn("x.log.1.gz", Gzip(Lines("a", 10'000)), true);
}

TEST_CASE("a zst continues the plain log it was made of", "[tail]") {
  ContinueIn("x.log.1.zst", Zstd(Lines("a", 10'000)));
}

TEST_CASE("a gz of several members is read through", "[tail]") {
  ContinueIn("x.log.1.gz", Gzip(Lines("a", 7000)) + Gzip(Lines("a", 3000, 7000)));
}

TEST_CASE("a zst of several frames is read through", "[tail]") {
  ContinueIn("x.log.1.zst", Zstd(Lines("a", 7000)) + Zstd(Lines("a", 3000, 7000)));
}

TEST_CASE("a truncated gz waits for its end", "[tail]") {
  TemporaryDirectory dir;
  const std::string all = Lines("a", 10'000);
  const std::string archive = Gzip(all);
  Write(dir / "x.log", Lines("b", 10));
  Write(dir / "x.log.1.gz", archive.substr(0, archive.size() - 4));
  Rig rig({dir / "x.log"});
  rig.Read();
  rig.Wait();
  CHECK(rig.Contents() == Strings{Lines("b", 10)});
  REQUIRE(rig.tail->Problems().size() == 1);
  CHECK(rig.tail->Problems()[0].reason == "archive is incomplete");
  CHECK(rig.BlindReasons() == Strings{"archive is incomplete"});
  Append(dir / "x.log.1.gz", archive.substr(archive.size() - 4));
  rig.Read();
  rig.Wait();
  CHECK((rig.Contents() == Strings{Lines("b", 10), all}));
  CHECK(rig.tail->Problems().empty());
}

TEST_CASE("a truncated gz that is deleted is called blind", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log", Lines("b", 10));
  Write(dir / "x.log.1.gz", Gzip(Lines("a", 1000)).substr(0, 1000));
  Rig rig({dir / "x.log"});
  rig.Read();
  fs::remove(dir / "x.log.1.gz");
  rig.Read();
  CHECK(rig.BlindReasons() == Strings{"log vanished before it was read"});
}

// Some of its bytes are wrong, and nobody knows which.
TEST_CASE("a gz with a wrong checksum is blind and nothing of it is believed", "[tail]") {
  TemporaryDirectory dir;
  const std::string archive = Gzip(Lines("a", 1000));
  std::string damaged = archive;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);
  Write(dir / "x.log.1.gz", damaged);
  Rig rig({dir / "x.log*"});
  rig.Read();
  CHECK(rig.Contents() == Strings{});
  CHECK(rig.BlindReasons() == Strings{"archive is damaged"});
  Write(dir / "x.log.1.gz", archive);
  rig.Read();
  CHECK((rig.Contents() == Strings{Lines("a", 1000)}));
  CHECK(rig.tail->Problems().empty());
}

TEST_CASE("a damaged archive on standard input ends before its last, cut line", "[tail]") {
  std::string archive = Gzip(Lines("a", 10'000) + "cut");
  archive[archive.size() - 6] = static_cast<char>(archive[archive.size() - 6] ^ 1);
  TemporaryDirectory dir;
  Write(dir / "archive", archive);
  Rig rig({"-"}, false);
  rig.options.standard_input = open((dir / "archive").c_str(), O_RDONLY | O_CLOEXEC);
  rig.Read();
  close(rig.options.standard_input);
  CHECK((rig.Contents() == Strings{Lines("a", 10'000)}));
  CHECK(rig.BlindReasons() == Strings{"archive is damaged"});
}

TEST_CASE("an archive that begins with a frame to be skipped is unpacked", "[tail]") {
  ContinueIn("x.log.1.zst",
             std::string("\x50\x2a\x4d\x18\x04\0\0\0skip", 12) + Zstd(Lines("a", 10'000)));
}

TEST_CASE("an archive whose window is too large is called that", "[tail]") {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
  std::string archive(1 << 20, '\0');
  const std::string text = Lines("a", 1000);
  // Of unknown length, so that the window is not cut down to it.
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer out{archive.data(), archive.size(), 0};
  ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
  ZSTD_compressStream2(context, &out, &in, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  TemporaryDirectory dir;
  Write(dir / "x.log.1.zst", archive.substr(0, out.pos));
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.BlindReasons() == Strings{"archive needs more than 32 MiB to be unpacked"});
}

TEST_CASE("an archive that ends within its header is incomplete in one pass, too", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log.gz", Gzip(Lines("a", 10)).substr(0, 10));
  Rig rig({dir / "x.log.gz"}, false);
  rig.Read();
  CHECK(rig.BlindReasons() == Strings{"archive is incomplete"});
}

TEST_CASE("an empty archive is nothing to wait for", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log.1.gz", Gzip(""));
  Rig rig({dir / "x.log"});
  rig.Read();
  CHECK(rig.tail->LagBytes() == 0);
  fs::remove(dir / "x.log.1.gz");
  rig.Read();
  CHECK(rig.blind.empty());
}

// Each look unpacks it from its beginning: live lines would wait for that, again and again.
TEST_CASE("an archive being written is left alone until it is quiet", "[tail]") {
  TemporaryDirectory dir;
  const std::string archive = Gzip(Lines("a", 10'000));
  Write(dir / "x.log", Lines("b", 1));
  Write(dir / "x.log.1.gz", archive.substr(0, 1000));
  Rig rig({dir / "x.log"});
  rig.Read();
  Append(dir / "x.log.1.gz", archive.substr(1000));
  Append(dir / "x.log", Lines("b", 1, 1));
  rig.Read();
  CHECK(rig.Contents() == Strings{Lines("b", 2)});
  CHECK(rig.tail->Problems().empty());
  CHECK(rig.tail->LagBytes() == 0);
  rig.Wait(std::chrono::seconds(4));
  CHECK(rig.Contents() == Strings{Lines("b", 2)});
  rig.Wait(std::chrono::seconds(2));
  CHECK((rig.Contents() == Strings{Lines("b", 2), Lines("a", 10'000)}));
  CHECK(rig.blind.empty());
}

TEST_CASE("compression while running reads nothing twice", "[tail]") {
  TemporaryDirectory dir;
  const std::string all = Lines("a", 10'000);
  Write(dir / "x.log", all);
  Rig rig({dir / "x.log"});
  rig.Read();
  fs::rename(dir / "x.log", dir / "x.log.1");
  Write(dir / "x.log", Lines("b", 10));
  rig.Read();
  const std::string archive = Gzip(all);
  Write(dir / "x.log.1.gz", archive.substr(0, 5000));
  rig.Read();
  Append(dir / "x.log.1.gz", archive.substr(5000));
  rig.Read();
  fs::remove(dir / "x.log.1");
  rig.Read();
  rig.Wait();
  rig.Restart();
  rig.Read();
  CHECK((rig.Contents() == Strings{all, Lines("b", 10)}));
  CHECK(rig.blind.empty());
}

TEST_CASE("a gz's unterminated last line is final", "[tail]") {
  TemporaryDirectory dir;
  Write(dir / "x.log.1.gz", Gzip("one\ntwo"));
  Rig rig({dir / "x.log.1.gz"}, false);
  rig.Read();
  CHECK(rig.Contents() == Strings{"one\ntwo"});
  CHECK(rig.seen[1].unterminated);
}

TEST_CASE("an archive that expands enormously is streamed", "[tail]") {
  TemporaryDirectory dir;
  std::string zeros;
  for (int i = 0; i < 64; ++i) zeros += std::string(1023, '0') + "\n";
  Write(dir / "x.log.1.zst", "");
  int64_t expected = 0;
  const std::string frame = Zstd(zeros);
  for (int i = 0; i < 1000; ++i, expected += static_cast<int64_t>(zeros.size())) {
    Append(dir / "x.log.1.zst", frame);
  }
  Rig rig({dir / "x.log.1.zst"}, false);
  rig.Start();
  int64_t length = 0;
  while (auto event = rig.tail->Next()) length += event->length;
  CHECK(length == expected);
}
