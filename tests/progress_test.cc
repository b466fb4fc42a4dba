#include "monitor/app/progress.h"

#include <zlib.h>
#include <zstd.h>

#include <fstream>

#include "monitor/app/log_sizes.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"

namespace {

using namespace std::chrono_literals;

ProgressState Half() {
  return {.bytes = 50'000'000, .total_bytes = 100'000'000, .lines = 200'000, .elapsed = 65s};
}

}  // namespace

TEST_CASE("progress has a bar, a share, the time left and the rate", "[progress]") {
  CHECK(ProgressLine(Half(), 0) ==
        "[############............]  50 %, 1:05 left, 200,000 lines, 50 MB, 3,076 lines/s");
  ProgressState slow = Half();
  slow.elapsed = 2h;
  CHECK(ProgressLine(slow, 0).find(" 50 %, 2:00:00 left") != std::string::npos);
}

TEST_CASE("without a known end there is no bar", "[progress]") {
  ProgressState state = Half();
  state.total_bytes = 0;
  CHECK(ProgressLine(state, 0) == "200,000 lines, 50 MB, 3,076 lines/s");
}

TEST_CASE("progress fits its terminal: first the bar gives way", "[progress]") {
  CHECK(ProgressLine(Half(), 79).size() <= 79);
  CHECK(ProgressLine(Half(), 79).find("[#") == 0);
  CHECK(ProgressLine(Half(), 60) == " 50 %, 1:05 left, 200,000 lines, 50 MB, 3,076 lines/s");
  CHECK(ProgressLine(Half(), 20) == " 50 %, 1:05 left, 20");
}

TEST_CASE("nothing read yet leaves the time open", "[progress]") {
  CHECK(ProgressLine({.total_bytes = 100}, 0) ==
        "[........................]   0 %, 0 lines, 0 B, 0 lines/s");
}

TEST_CASE("archives count with what they hold", "[progress]") {
  TemporaryDirectory directory;
  const std::string text(100'000, 'x');
  std::ofstream(directory / "plain.log") << text;
  gzFile gz = gzopen((directory / "a.gz").c_str(), "wb");
  gzwrite(gz, text.data(), static_cast<unsigned>(text.size()));
  gzclose(gz);
  std::string zstd(ZSTD_compressBound(text.size()), '\0');
  zstd.resize(ZSTD_compress(zstd.data(), zstd.size(), text.data(), text.size(), 1));
  std::ofstream(directory / "a.zst") << zstd;
  CHECK(LogBytes({directory / "plain.log", directory / "a.gz", directory / "a.zst"}) == 300'000);
}

TEST_CASE("where one file does not tell, nobody can", "[progress]") {
  TemporaryDirectory directory;
  std::ofstream(directory / "plain.log") << "x";
  CHECK(LogBytes({directory / "plain.log", "-"}) == 0);
  CHECK(LogBytes({directory / "none.log"}) == 0);
  std::ofstream(directory / "cut.gz") << "\x1f\x8b";
  CHECK(LogBytes({directory / "cut.gz"}) == 0);
  CHECK(LogBytes({}) == 0);
}

TEST_CASE("a source's files are its paths and their rotated siblings", "[progress]") {
  TemporaryDirectory directory;
  for (const char* name : {"a.log", "a.log.1", "a.log.2.gz", "b.txt"}) {
    std::ofstream(directory / name) << "x";
  }
  CompactionLogConfig source;
  source.paths = {directory / "*.log"};
  CHECK(LogFilesOf(source) == std::vector<std::string>{directory / "a.log", directory / "a.log.1",
                                                       directory / "a.log.2.gz"});
}
