// Random appends, rotations, compression, restarts and interrupted reads; nothing may be lost or
// doubled. Copy-and-truncate is left out, since no reader can be lossless there.
#include <zstd.h>

#include <filesystem>
#include <random>

#include "tests/tail_fixture.h"

namespace fs = std::filesystem;

namespace {

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 1));
  return out;
}

// A log directory with its writer, who keeps what it wrote.
class World {
 public:
  explicit World(uint32_t seed) : random_(seed), rig_({dir_ / "x.log"}) { logs_.emplace_back(); }

  void Step() {
    switch (Pick(11)) {
      case 0:
        return Rotate();
      case 1:
        return Compress();
      case 2:
        return rig_.Restart();
      case 3:
        return rig_.Read(static_cast<int>(Pick(3)));
      case 4:
        return rig_.Wait();
      case 5:
        return rig_.Rescan();
      case 6:
        return rig_.Read();
      default:
        return Write();
    }
  }

  void CheckAll() {
    if (!logs_.back().empty() && logs_.back().back() != '\n') Add("\n");
    rig_.Wait();
    rig_.Restart();
    rig_.Wait();
    Strings expected;
    for (const std::string& log : logs_) {
      if (!log.empty()) expected.push_back(Expected(log));
    }
    Strings seen = rig_.Contents();
    std::sort(expected.begin(), expected.end());
    std::sort(seen.begin(), seen.end());
    CHECK((seen == expected));
    CHECK(rig_.BlindReasons() == Strings{});
  }

 private:
  uint32_t Pick(uint32_t count) { return static_cast<uint32_t>(random_() % count); }

  void Add(const std::string& bytes) {
    Append(dir_ / "x.log", bytes);
    logs_.back() += bytes;
  }

  void Write() {
    const uint32_t lines = Pick(4) == 0 ? Pick(20'000) : Pick(20);
    std::string bytes;
    for (uint32_t i = 0; i < lines; ++i) {
      bytes += "line " + std::to_string(next_++) + std::string(Pick(100), '.');
      if (Pick(500) == 0) bytes += '\0';
      if (Pick(500) == 0) bytes += '\xff';
      if (Pick(4000) == 0) bytes += std::string(70'000, 'l');
      bytes += '\n';
    }
    if (Pick(3) == 0) bytes += "unfinished " + std::to_string(next_++);
    Add(bytes);
  }

  // The last line ends before a rotation: an unfinished one is a test of its own.
  void Rotate() {
    if (!logs_.back().empty() && logs_.back().back() != '\n') Add("\n");
    if (!fs::exists(dir_ / "x.log")) return;
    for (size_t i = archived_.size(); i > 0; --i) {
      fs::rename(dir_ / Name(i, archived_[i - 1]), dir_ / Name(i + 1, archived_[i - 1]));
    }
    fs::rename(dir_ / "x.log", dir_ / Name(1, false));
    archived_.insert(archived_.begin(), false);
    logs_.emplace_back();
    if (Pick(2) == 0) Append(dir_ / "x.log", "");
  }

  void Compress() {
    for (size_t i = 1; i <= archived_.size(); ++i) {
      if (archived_[i - 1] || Pick(2) == 0) continue;
      const std::string plain = dir_ / Name(i, false);
      std::ifstream file(plain, std::ios::binary);
      const std::string text((std::istreambuf_iterator<char>(file)), {});
      Append(dir_ / Name(i, true), Zstd(text));
      fs::remove(plain);
      archived_[i - 1] = true;
    }
  }

  static std::string Name(size_t number, bool archived) {
    return "x.log." + std::to_string(number) + (archived ? ".zst" : "");
  }

  static std::string Expected(const std::string& log) {
    std::string expected;
    for (size_t begin = 0; begin < log.size();) {
      const size_t end = log.find('\n', begin) + 1;
      const std::string line = log.substr(begin, end - begin);
      const bool bad =
          line.size() > 65'537 || line.find('\0') != line.npos || line.find('\xff') != line.npos;
      expected += bad ? std::string(line.size(), '?') : line;
      begin = end;
    }
    return expected;
  }

  std::mt19937 random_;
  TemporaryDirectory dir_;
  Rig rig_;
  Strings logs_;  // what was written, rotation by rotation
  std::vector<bool> archived_;
  uint64_t next_ = 0;
};

}  // namespace

TEST_CASE("random histories are read without loss or doubling", "[tail]") {
  const char* given = std::getenv("ROLLCALL_SEED");
  const uint32_t first =
      given != nullptr ? static_cast<uint32_t>(std::stoul(given)) : std::random_device{}();
  const uint32_t histories = given != nullptr ? 1 : 40;
  for (uint32_t i = 0; i < histories; ++i) {
    CAPTURE(first + i);  // ROLLCALL_SEED repeats it
    World world(first + i);
    for (int step = 0; step < 60; ++step) world.Step();
    world.CheckAll();
  }
}
