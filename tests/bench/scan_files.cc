#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "collectors/files/file_scan.h"

// rollcall-scan-files: makes a tree of canonical files, DIRECTORY/p12/2016-02-22.evt, or scans it
// and prints, with tabs between them: files, seconds and processor seconds of the first pass, those
// of a second one that lists only what moved, and the peak of resident memory in KiB.

namespace {

constexpr char kUsage[] =
    "usage: rollcall-scan-files make DIRECTORY DIRECTORIES FILES-IN-EACH\n"
    "       rollcall-scan-files scan DIRECTORY\n";

struct Spent {
  double wall = 0, processor = 0;
};

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Spent Now() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now().time_since_epoch();
  return {wall.count(), Seconds(usage.ru_utime) + Seconds(usage.ru_stime)};
}

bool Make(const std::string& root, int directories, int files) {
  mkdir(root.c_str(), 0755);
  for (int i = 0; i < directories; ++i) {
    const std::string directory = root + "/p" + std::to_string(i);
    mkdir(directory.c_str(), 0755);
    for (int day = 0; day < files; ++day) {
      const std::string path = directory + "/" + FormatDay(Day{16'000 + day}) + ".evt";
      const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
      if (fd < 0) {
        std::perror(path.c_str());
        return false;
      }
      close(fd);
    }
  }
  return true;
}

// A whole pass; the files it told.
int64_t Pass(FileScan& scan, Spent& spent) {
  const Spent before = Now();
  int64_t files = 0;
  for (bool more = true; more;) {
    Batch batch;
    more = scan.Step(batch, 1000);
    files += static_cast<int64_t>(batch.files.sightings.size());
    for (const ScanEnd& end : batch.files.scans) {
      if (!end.reason.empty()) std::fprintf(stderr, "%s\n", end.reason.c_str());
    }
  }
  const Spent after = Now();
  spent = {after.wall - before.wall, after.processor - before.processor};
  return files;
}

bool Scan(const std::string& root) {
  auto pattern = FilePattern::Parse(root + "/{project}/{day}.evt");
  if (!pattern) {
    std::fprintf(stderr, "%s\n", pattern.error().message.c_str());
    return false;
  }
  const SystemClock clock;
  FileScan scan({*std::move(pattern)}, {}, clock, {0, 0, std::chrono::hours(20)});
  Spent first, again;
  const int64_t files = Pass(scan, first);
  scan.LookAgain();
  Pass(scan, again);
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%lld\t%.3f\t%.3f\t%.3f\t%.3f\t%ld\n", static_cast<long long>(files), first.wall,
              first.processor, again.wall, again.processor, usage.ru_maxrss);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 2 ? argv[1] : "";
  if (verb == "make" && argc == 5) {
    return Make(argv[2], std::atoi(argv[3]), std::atoi(argv[4])) ? 0 : 1;
  }
  if (verb == "scan" && argc == 3) return Scan(argv[2]) ? 0 : 1;
  std::fputs(kUsage, stderr);
  return 2;
}
