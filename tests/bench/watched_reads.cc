#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "collectors/files/file_events.h"

// rollcall-watched-reads DIRECTORY [PAIRS]: what it costs a reader that rollcall watches. The
// reader opens a file, reads 4 KiB and closes it, over and over; once with rollcall's groups being
// drained by another process and once without, in turn. Prints a table.

namespace {

using Clocked = std::chrono::steady_clock;
constexpr int kReads = 100'000;
constexpr int kFiles = 64, kProjects = 1000;

struct Cost {
  double wall_us = 0, cpu_us = 0;  // of one round
};

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Cost ReadOver(const std::vector<std::string>& paths) {
  std::array<char, 4096> bytes;
  rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  const auto began = Clocked::now();
  for (int i = 0; i < kReads; ++i) {
    const int fd = open(paths[static_cast<size_t>(i) % paths.size()].c_str(), O_RDONLY | O_CLOEXEC);
    if (read(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) _exit(1);
    close(fd);
  }
  const std::chrono::duration<double> wall = Clocked::now() - began;
  getrusage(RUSAGE_SELF, &after);
  const double cpu = Seconds(after.ru_utime) + Seconds(after.ru_stime) - Seconds(before.ru_utime) -
                     Seconds(before.ru_stime);
  return {wall.count() / kReads * 1e6, cpu / kReads * 1e6};
}

// Runs the reader in a process of its own, while `drain` is called until it has ended.
Cost Measure(const std::vector<std::string>& paths, const std::function<void(int)>& drain) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) std::exit(1);
  const pid_t pid = fork();
  if (pid == 0) {
    const Cost cost = ReadOver(paths);
    _exit(write(ends[1], &cost, sizeof cost) == sizeof cost ? 0 : 1);
  }
  close(ends[1]);
  drain(ends[0]);
  Cost cost;
  if (read(ends[0], &cost, sizeof cost) != sizeof cost) std::exit(1);
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  return cost;
}

void AwaitReader(int reader) {
  pollfd ended{reader, POLLIN, 0};
  poll(&ended, 1, -1);
}

struct Watched {
  std::vector<WatchedFormat> formats;
  EventOptions options;
};

Cost MeasureWatched(const Watched& watched, const std::vector<std::string>& paths,
                    FileEventsStatus& status) {
  const SystemClock clock;
  FileEvents events(watched.formats, watched.options, clock);
  const Cost cost = Measure(paths, [&](int reader) {
    std::array<pollfd, 2> waiting{pollfd{reader, POLLIN, 0}, pollfd{events.wake_fd(), POLLIN, 0}};
    do {
      poll(waiting.data(), waiting.size(), -1);
      events.Drain();
    } while (!(waiting[0].revents & POLLIN));
  });
  status = events.status();
  return cost;
}

std::string Spread(std::vector<double> ratios) {
  std::sort(ratios.begin(), ratios.end());
  std::array<char, 64> text;
  std::snprintf(text.data(), text.size(), "%.2f [%.2f-%.2f]", ratios[ratios.size() / 2],
                ratios.front(), ratios.back());
  return text.data();
}

void Compare(const char* name, const Watched& watched, const std::vector<std::string>& paths,
             int pairs) {
  std::vector<double> wall, cpu;
  double bare = 1e9;
  FileEventsStatus status;
  for (int i = 0; i < pairs; ++i) {
    const Cost without = Measure(paths, AwaitReader);
    const Cost with = MeasureWatched(watched, paths, status);
    wall.push_back(with.wall_us / without.wall_us);
    cpu.push_back(with.cpu_us / without.cpu_us);
    bare = std::min(bare, without.wall_us);
  }
  std::printf("| %s | %.2f | %s | %s | %lld | %lld |\n", name, bare, Spread(wall).c_str(),
              Spread(cpu).c_str(), static_cast<long long>(status.events),
              static_cast<long long>(status.overflows));
}

// A queue full of events, understood: those of names are looked up, too.
void DrainRate(const char* name, const Watched& watched, const std::function<void()>& cause) {
  const SystemClock clock;
  std::vector<double> rates;
  for (int i = 0; i < 5; ++i) {
    FileEvents events(watched.formats, watched.options, clock);
    const pid_t pid = fork();
    if (pid == 0) {
      cause();
      _exit(0);
    }
    waitpid(pid, nullptr, 0);
    const auto began = Clocked::now();
    while (events.Drain().more) {
    }
    const std::chrono::duration<double> took = Clocked::now() - began;
    rates.push_back(static_cast<double>(events.status().events) / took.count());
  }
  std::sort(rates.begin(), rates.end());
  std::printf("| %s | %.0f |\n", name, rates[rates.size() / 2]);
}

std::vector<std::string> MakeFiles(const std::string& directory, const std::string& extension) {
  std::filesystem::create_directories(directory);
  std::vector<std::string> paths;
  for (int i = 0; i < kFiles; ++i) {
    paths.push_back(directory + "/" + FormatDay({16'000 + i}) + extension);
    std::ofstream(paths.back()) << std::string(4096, 'x');
  }
  return paths;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::string root = argv[1];
  const int pairs = argc > 2 ? std::atoi(argv[2]) : 9;
  for (int i = 0; i < kProjects; ++i) {
    std::filesystem::create_directories(root + "/row/p" + std::to_string(i));
    std::filesystem::create_directories(root + "/columnar/p" + std::to_string(i));
  }
  const auto elsewhere = MakeFiles(root + "/elsewhere", ".txt");
  const auto living = MakeFiles(root + "/columnar/p1", ".parquet");
  const auto dead = MakeFiles(root + "/row/p1", ".evt");
  Watched scoped;
  scoped.formats = {
      {*FilePattern::Parse(root + "/row/{project}/{day}.evt"), true, {}, {}},
      {*FilePattern::Parse(root + "/columnar/{project}/{day}.parquet"), false, {}, {}}};
  Watched wide = scoped;
  wide.options.wide = true;
  std::printf(
      "| open, read 4 KiB, close | bare, µs | wall, times | CPU, times | events | lost |\n");
  std::printf("| --- | ---: | ---: | ---: | ---: | ---: |\n");
  Compare("scoped, other files", scoped, elsewhere, pairs);
  Compare("scoped, files of a living format", scoped, living, pairs);
  Compare("scoped, dead files", scoped, dead, pairs);
  Compare("wide, other files", wide, elsewhere, pairs);
  std::printf("\n| drained by one thread | events/s |\n| --- | ---: |\n");
  DrainRate("names of other files", scoped, [&] {
    for (int i = 0; i < 7'000; ++i) {
      const std::string path = root + "/elsewhere/" + std::to_string(i);
      close(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      unlink(path.c_str());
    }
  });
  DrainRate("reads of dead files", scoped, [&] {
    for (int i = 0; i < 50'000; ++i) {
      close(open(dead[static_cast<size_t>(i) % dead.size()].c_str(), O_RDONLY | O_CLOEXEC));
    }
  });
  DrainRate("wide, reads of other files", wide, [&] {
    for (int i = 0; i < 50'000; ++i) {
      close(
          open(elsewhere[static_cast<size_t>(i) % elsewhere.size()].c_str(), O_RDONLY | O_CLOEXEC));
    }
  });
  return 0;
}
