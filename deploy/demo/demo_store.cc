#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <ctime>
#include <iostream>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "deploy/demo/compactor.h"
#include "deploy/demo/reports.h"

// rollcall-demo-store: a tiny event store that compacts real files in a directory, lives through
// the release that loses events, and ends. It is the thing watched, so it shares nothing with
// rollcall. Standard output: one PHASE line for each chapter, one LOSS line for each lossy run and
// format, at the moment its log line is written.

namespace fs = std::filesystem;

namespace {

struct Options {
  fs::path root;
  int servers = 3;
  int projects = 12;
  int days = 3;
  int events = 200;  // a project and day, on average
  uint64_t seed = 1;
  int pace_ms = 20;  // between runs
  bool check = false;
};

constexpr char kUsage[] =
    "usage: rollcall-demo-store --root DIR [--servers N] [--projects N] [--days N] [--events N]\n"
    "                           [--seed N] [--pace MS]\n"
    "       rollcall-demo-store --root DIR --check\n"
    "DIR must not hold a store yet. --events: a project and day, on average. --pace: between "
    "runs.\n"
    "--check prints the events in each canonical file of a store that has run.\n";

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename Number>
void ReadNumber(const char* text, Number least, Number& number) {
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, number);
  if (error != std::errc{} || at != end || number < least) {
    throw UsageError(std::string("not a number that can be used: ") + text);
  }
}

Options ReadOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--check") {
      options.check = true;
      continue;
    }
    if (i + 1 == argc) throw UsageError("no value for " + flag);
    const char* value = argv[++i];
    if (flag == "--root") {
      options.root = fs::absolute(value).lexically_normal();
    } else if (flag == "--servers") {
      ReadNumber(value, 1, options.servers);
    } else if (flag == "--projects") {
      ReadNumber(value, 1, options.projects);
    } else if (flag == "--days") {
      ReadNumber(value, 2, options.days);
    } else if (flag == "--events") {
      ReadNumber(value, 1, options.events);
    } else if (flag == "--seed") {
      ReadNumber(value, uint64_t{0}, options.seed);
    } else if (flag == "--pace") {
      ReadNumber(value, 0, options.pace_ms);
    } else {
      throw UsageError("unknown flag " + flag);
    }
  }
  if (options.root.empty()) throw UsageError("no --root");
  if (options.root.string().find_first_of("\"\\\n{}*[") != std::string::npos) {
    throw UsageError("--root has a character that a configuration cannot hold");
  }
  return options;
}

std::string DayBefore(int days) {
  const std::time_t time = std::time(nullptr) - std::time_t{86400} * days;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

// One project's day: the events ever sent, the same to each server that holds it.
struct ProjectDay {
  PartitionName name;
  std::vector<size_t> homes;  // servers
  int64_t volume = 0;
  std::vector<std::pair<uint64_t, Event>> sent;
  std::set<uint32_t> erased;  // users whose deletion was asked for: nothing of them is sent again
};

// What happens to the store, chapter by chapter.
class Life {
 public:
  explicit Life(const Options& options);
  void Live();

 private:
  void Phase(const std::string& what);
  void Upgrade(size_t server, const Release& release);
  void FirstRuns(size_t first_day, size_t last_day);
  // Late data for every project-day; harmless extras (repetitions, deletions, failures) only while
  // every merge reads its right base, so that the truth is beyond argument.
  void LateRuns(bool with_extras);
  Events NewEvents(ProjectDay& day, int64_t count);
  std::set<uint32_t> AskForDeletion(ProjectDay& day);
  void Run(const ProjectDay& day, size_t server, const std::set<uint32_t>& erased);
  uint64_t Random(uint64_t below) { return random_() % below; }

  Options options_;
  std::mt19937_64 random_;
  std::vector<Compactor> servers_;
  std::vector<const Release*> releases_;       // by server
  std::vector<std::vector<ProjectDay>> days_;  // by day, by project
  uint64_t next_event_ = 1;
};

Life::Life(const Options& options) : options_(options), random_(options.seed) {
  for (int i = 0; i < options.servers; ++i) {
    servers_.emplace_back(options.root,
                          "data-" + std::string(i < 9 ? "0" : "") + std::to_string(i + 1));
  }
  releases_.assign(servers_.size(), &kSteady);
  days_.resize(static_cast<size_t>(options.days));
  for (size_t d = 0; d < days_.size(); ++d) {
    const std::string day = DayBefore(static_cast<int>(days_.size() - d));
    for (size_t p = 0; p < static_cast<size_t>(options.projects); ++p) {
      ProjectDay& entry = days_[d].emplace_back();
      entry.name = {"project-" + std::to_string(101 + p), day};
      entry.homes = {p % servers_.size()};
      if (servers_.size() > 1) entry.homes.push_back((p + 1) % servers_.size());
      // A few large projects, many small ones; the mean is about what was asked for.
      entry.volume = std::max<int64_t>(2, options.events * 3 / static_cast<int64_t>(1 + p % 7));
    }
  }
}

void Life::Phase(const std::string& what) {
  std::cout << "PHASE t=" << Now() << ' ' << what << std::endl;
}

void Life::Upgrade(size_t server, const Release& release) {
  releases_[server] = &release;
  servers_[server].LogStart(release);
}

Events Life::NewEvents(ProjectDay& day, int64_t count) {
  Events events;
  for (int64_t i = 0; i < count; ++i) {
    uint32_t user = 0;
    do {
      user = static_cast<uint32_t>(1 + Random(5000));
    } while (day.erased.contains(user));
    const auto cents = static_cast<uint32_t>(Random(100'000));
    events[next_event_] = {user, cents};
    day.sent.emplace_back(next_event_++, Event{user, cents});
  }
  return events;
}

std::set<uint32_t> Life::AskForDeletion(ProjectDay& day) {
  std::set<uint32_t> users;
  const uint64_t count = 1 + Random(1 + day.sent.size() / 10);
  for (uint64_t i = 0; i < count; ++i) users.insert(day.sent[Random(day.sent.size())].second.user);
  std::erase_if(day.sent, [&](const auto& event) { return users.contains(event.second.user); });
  day.erased.insert(users.begin(), users.end());
  return users;
}

void Life::Run(const ProjectDay& day, size_t server, const std::set<uint32_t>& erased) {
  for (const Loss& loss : servers_[server].Compact(day.name, *releases_[server], erased)) {
    std::cout << "LOSS t=" << loss.at << " server=" << servers_[server].server()
              << " project=" << day.name.project << " day=" << day.name.day
              << " format=" << loss.format << " events=" << loss.events << std::endl;
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(options_.pace_ms));
}

void Life::FirstRuns(size_t first_day, size_t last_day) {
  for (size_t d = first_day; d <= last_day; ++d) {
    for (ProjectDay& day : days_[d]) {
      const Events events = NewEvents(day, day.volume);
      for (const size_t server : day.homes) {
        servers_[server].Append(day.name, events);
        Run(day, server, {});
      }
    }
  }
}

void Life::LateRuns(bool with_extras) {
  for (auto& projects : days_) {
    for (ProjectDay& day : projects) {
      if (day.sent.empty()) continue;  // not compacted yet
      std::set<uint32_t> erased;
      Events repeated;
      if (with_extras && Random(4) == 0) erased = AskForDeletion(day);
      if (with_extras && Random(3) == 0 && !day.sent.empty()) {
        repeated.insert(day.sent[Random(day.sent.size())]);
      }
      const int64_t late = 1 + day.volume / 50 + static_cast<int64_t>(Random(5));
      const Events events = NewEvents(day, late);
      for (const size_t server : day.homes) {
        servers_[server].Append(day.name, events);
        servers_[server].Append(day.name, repeated);
        if (with_extras && Random(20) == 0) servers_[server].Fail(day.name, *releases_[server]);
        Run(day, server, erased);
      }
    }
  }
}

void Life::Live() {
  WriteConfigurations(options_.root, servers_);
  for (size_t i = 0; i < servers_.size(); ++i) Upgrade(i, kSteady);
  Phase("first runs on " + std::string(kSteady.name));
  FirstRuns(0, days_.size() - 2);
  Phase("late data, repeated events, deletions, failed runs");
  LateRuns(true);
  Phase("the canary " + servers_[0].server() + " runs " + std::string(kLossy.name));
  Upgrade(0, kLossy);
  FirstRuns(days_.size() - 1, days_.size() - 1);
  Phase("every server runs " + std::string(kLossy.name));
  for (size_t i = 1; i < servers_.size(); ++i) Upgrade(i, kLossy);
  LateRuns(false);
  LateRuns(false);
  Phase("every server runs " + std::string(kSteady.name) + " again");
  for (size_t i = 0; i < servers_.size(); ++i) Upgrade(i, kSteady);
  LateRuns(false);
  WriteTruth(options_.root, servers_);
  Phase("end");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = ReadOptions(argc, argv);
    if (options.check) {
      PrintFiles(options.root, std::cout);
      return 0;
    }
    if (fs::exists(options.root / "logs")) {
      throw std::runtime_error(options.root.string() + " holds a store already");
    }
    Life(options).Live();
    return 0;
  } catch (const UsageError& error) {
    std::cerr << "rollcall-demo-store: " << error.what() << '\n' << kUsage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "rollcall-demo-store: " << error.what() << '\n';
    return 1;
  }
}
