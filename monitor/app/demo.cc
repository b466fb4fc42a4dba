#include "monitor/app/demo.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "monitor/app/reports.h"
#include "monitor/app/session.h"
#include "monitor/ledger_view.h"

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Beside this program in a build tree, else where it is installed.
std::string StoreProgram() {
  const fs::path self = fs::read_symlink("/proc/self/exe").parent_path();
  for (const fs::path& candidate :
       {self / "rollcall-demo-store", self / "../../deploy/demo/rollcall-demo-store",
        self / "../libexec/rollcall/rollcall-demo-store"}) {
    if (fs::exists(candidate)) return candidate.lexically_normal().string();
  }
  return {};
}

// The store as a child process whose standard output is read line by line.
class Store {
 public:
  Store(const std::string& program, const std::string& root, const std::string& seed) {
    int ends[2];
    if (pipe(ends) != 0) return;
    std::vector<std::string> words{program, "--root", root, "--pace", "15"};
    if (!seed.empty()) words.insert(words.end(), {"--seed", seed});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      execv(program.c_str(), argv.data());
      _exit(127);
    }
    close(ends[1]);
    output_ = ends[0];
  }
  ~Store() {
    if (output_ >= 0) close(output_);
    if (child_ > 0 && !ended_) {
      kill(child_, SIGTERM);
      waitpid(child_, nullptr, 0);
    }
  }

  // The next line; nothing within `patience`, or at the end (then ended() is true).
  std::optional<std::string> Line(milliseconds patience) {
    for (;;) {
      if (const size_t newline = pending_.find('\n'); newline != std::string::npos) {
        std::string line = pending_.substr(0, newline);
        pending_.erase(0, newline + 1);
        return line;
      }
      pollfd waiting{output_, POLLIN, 0};
      if (poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return std::nullopt;
      char buffer[4096];
      const ssize_t size = read(output_, buffer, sizeof buffer);
      if (size <= 0) {
        waitpid(child_, &exit_status_, 0);
        ended_ = true;
        return std::nullopt;
      }
      pending_.append(buffer, static_cast<size_t>(size));
    }
  }
  bool ended() const { return ended_; }
  bool succeeded() const {
    return ended_ && WIFEXITED(exit_status_) && WEXITSTATUS(exit_status_) == 0;
  }

 private:
  pid_t child_ = -1;
  int output_ = -1;
  std::string pending_;
  bool ended_ = false;
  int exit_status_ = 0;
};

std::string Word(const std::string& line, const std::string& key) {
  const size_t at = line.find(key + "=");
  if (at == std::string::npos) return {};
  const size_t begin = at + key.size() + 1;
  return line.substr(begin, line.find(' ', begin) - begin);
}

int64_t Active(const RollcallStatus& status, const std::string& rule) {
  for (const RuleStatus& known : status.rules) {
    if (known.rule == rule) return known.firing;
  }
  return 0;
}

// Tells the story as it happens: what the store does, and when the watcher saw it.
class Narrator {
 public:
  explicit Narrator(const Session& session, const Clock& clock)
      : session_(session), clock_(clock) {}

  void Hear(const std::string& line) {
    if (line.starts_with("PHASE")) {
      const size_t text = line.find(' ', line.find("t="));
      std::printf("%s  store     %s\n", Stamp(clock_.Now()).c_str(), line.substr(text + 1).c_str());
      std::fflush(stdout);
      return;
    }
    if (!line.starts_with("LOSS") || first_loss_) return;
    first_loss_ = ParseTime(Word(line, "t"));
    std::printf(
        "%s  store     first bad re-run: %s lost %s events of %s (the store does not know)\n",
        Stamp(*first_loss_).c_str(), Word(line, "project").c_str(), Word(line, "events").c_str(),
        Word(line, "day").c_str());
    std::fflush(stdout);
  }

  void Look() {
    const RollcallStatus status = session_.status();
    if (!moved_ && Active(status, "output_moved") > 0) {
      moved_ = true;
      std::printf(
          "%s  rollcall  ALERT output_moved: a new version writes elsewhere; nothing is lost yet\n",
          Stamp(clock_.Now()).c_str());
    }
    if (!dropped_ && first_loss_ && Active(status, "count_drop") > 0) {
      dropped_ = true;
      const auto after = clock_.Now() - *first_loss_;
      std::printf("%s  rollcall  ALERT count_drop, %lld ms after the line was written\n",
                  Stamp(clock_.Now()).c_str(), static_cast<long long>(after.count()));
    }
    std::fflush(stdout);
  }
  bool saw_everything() const { return moved_ && dropped_; }

 private:
  static std::string Stamp(Time time) { return FormatTime(time).substr(11, 12); }

  const Session& session_;
  const Clock& clock_;
  std::optional<Time> first_loss_;
  bool moved_ = false;
  bool dropped_ = false;
};

// Waits until the session has read everything the store wrote.
void CatchUp(const Session& session, const Clock& clock) {
  const auto deadline = clock.SinceBoot() + std::chrono::seconds(10);
  int64_t head = -1;
  int quiet = 0;
  while (clock.SinceBoot() < deadline && quiet < 5) {
    std::this_thread::sleep_for(milliseconds(100));
    const RollcallStatus status = session.status();
    int64_t lag = 0;
    for (const auto& [name, source] : status.sources) lag += source.lag_bytes;
    quiet = lag == 0 && status.ledger_head_sequence == head ? quiet + 1 : 0;
    head = status.ledger_head_sequence;
  }
}

Result<std::string> Root(const DemoOptions& options) {
  if (!options.directory.empty())
    return fs::absolute(options.directory).lexically_normal().string();
  std::string name = (fs::temp_directory_path() / "rollcall-demo-XXXXXX").string();
  if (!mkdtemp(name.data())) return Fail(Error::Kind::kInput, name + ": cannot be made");
  return name;
}

// The store writes its configuration first.
bool WaitForFile(const std::string& path, Store& store, const Clock& clock) {
  const auto deadline = clock.SinceBoot() + std::chrono::seconds(10);
  while (!fs::exists(path) && clock.SinceBoot() < deadline && !store.ended()) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  return fs::exists(path);
}

}  // namespace

int Demo(const Settings& settings, const DemoOptions& options) {
  const SystemClock clock;
  const std::string program = StoreProgram();
  if (program.empty()) {
    return Report(
        {Error::Kind::kInput, "rollcall-demo-store is neither beside rollcall nor in libexec"});
  }
  auto root = Root(options);
  if (!root) return Report(root.error());
  spdlog::set_level(spdlog::level::warn);
  Store store(program, *root, options.seed);
  Settings demo = settings;
  demo.config_file = *root + "/rollcall.yml";
  if (!WaitForFile(demo.config_file, store, clock)) {
    return Report({Error::Kind::kInput, *root + ": the store did not start"});
  }
  auto config = LoadConfig(demo);
  if (!config) return Report(config.error());
  const std::string ledger = config->ledger;
  {
    auto session = Session::Start(std::move(*config), clock);
    if (!session) return Report(session.error());
    Narrator narrator(**session, clock);
    while (!store.ended()) {
      if (const auto line = store.Line(milliseconds(5))) narrator.Hear(*line);
      narrator.Look();
    }
    CatchUp(**session, clock);
    narrator.Look();
    if (!store.succeeded() || !narrator.saw_everything()) {
      return Report({Error::Kind::kInput, "the demo did not go as it should"});
    }
  }
  std::printf("\n");
  demo.ledgers = {ledger};
  const int code = ReportImpact(demo, {});
  if (settings.format != "table") return code;
  std::printf(
      "\nLook further (the store and the ledger stay in %s):\n"
      "  rollcall alerts   --ledger %s\n"
      "  rollcall timeline --ledger %s project-101\n"
      "  sqlite3 %s 'SELECT * FROM losses LIMIT 5'\n",
      root->c_str(), ledger.c_str(), ledger.c_str(), ledger.c_str());
  return code;
}
