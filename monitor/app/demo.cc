#include "monitor/app/demo.h"

#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include "monitor/app/reports.h"
#include "monitor/app/watch.h"

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

// Beside this program in a build tree, else where it is installed.
std::string StoreProgram() {
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const fs::path& candidate :
       {self / "rollcall-demo-store", self / "../../deploy/demo/rollcall-demo-store",
        self / "../libexec/rollcall/rollcall-demo-store"}) {
    if (fs::exists(candidate, failed)) return candidate.lexically_normal().string();
  }
  return {};
}

// Ends the demo early: Ctrl-C, kill, a terminal or a pipe that is gone. Read from a descriptor, so
// that the store is ended and its directory removed on the way out.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
    descriptor_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~StopSignals() {
    close(descriptor_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    if (received_ != 0) raise(received_);  // whoever started us learns how it ended
  }
  bool received() {
    signalfd_siginfo signal{};
    if (received_ == 0 && read(descriptor_, &signal, sizeof signal) == sizeof signal) {
      received_ = static_cast<int>(signal.ssi_signo);
    }
    return received_ != 0;
  }
  const sigset_t& before() const { return before_; }

 private:
  sigset_t signals_{}, before_{};
  int descriptor_ = -1;
  int received_ = 0;
};

// The store as a child process whose standard output is read line by line.
class Store {
 public:
  Store(const std::string& program, const std::string& root, uint64_t seed,
        const sigset_t& signal_mask) {
    int ends[2];
    if (pipe(ends) != 0) return;
    std::vector<std::string> words{
        program, "--root", root, "--pace", "15", "--seed", std::to_string(seed)};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = fork();
    if (child_ == 0) {
      pthread_sigmask(SIG_SETMASK, &signal_mask, nullptr);
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
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

  // Waits at most `patience` for more, or for the end.
  void Read(milliseconds patience) {
    pollfd waiting{output_, POLLIN, 0};
    if (ended_ || poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return;
    char buffer[4096];
    const ssize_t size = read(output_, buffer, sizeof buffer);
    if (size > 0) return (void)pending_.append(buffer, static_cast<size_t>(size));
    waitpid(child_, &exit_status_, 0);
    ended_ = true;
  }
  // The next whole line of what was read.
  std::optional<std::string> Line() {
    const size_t newline = pending_.find('\n');
    if (newline == std::string::npos) return std::nullopt;
    std::string line = pending_.substr(0, newline);
    pending_.erase(0, newline + 1);
    return line;
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

// Where the store lives; removed unless Keep() says that it is of use.
class Place {
 public:
  static Result<Place> Make(const std::string& directory) {
    std::error_code failed;
    Place place;
    if (directory.empty()) {
      place.path_ = (fs::temp_directory_path(failed) / "rollcall-demo-XXXXXX").string();
      place.made_ = mkdtemp(place.path_.data()) != nullptr;
      if (place.made_) return place;
      return Fail(Error::Kind::kInput, place.path_ + ": cannot be made");
    }
    place.path_ = fs::absolute(directory, failed).lexically_normal().string();
    place.made_ = fs::create_directories(place.path_, failed);
    if (failed) return Fail(Error::Kind::kInput, place.path_ + ": " + failed.message());
    if (place.made_ || fs::is_empty(place.path_, failed)) return place;
    return Fail(Error::Kind::kUsage, place.path_ + " is not empty; the demo needs a new directory");
  }
  Place(Place&& other) noexcept
      : path_(std::move(other.path_)), made_(std::exchange(other.made_, false)) {}
  Place& operator=(Place&&) = delete;
  ~Place() {
    std::error_code ignored;
    if (made_) fs::remove_all(path_, ignored);
  }
  void Keep() { made_ = false; }
  const std::string& path() const { return path_; }

 private:
  Place() = default;
  std::string path_;
  bool made_ = false;  // by us, and to be removed
};

std::string Word(const std::string& line, const std::string& key) {
  const size_t at = line.find(key + "=");
  if (at == std::string::npos) return {};
  const size_t begin = at + key.size() + 1;
  return line.substr(begin, line.find(' ', begin) - begin);
}

int64_t Firing(const RollcallStatus& status, const std::string& rule) {
  for (const RuleStatus& known : status.rules) {
    if (known.rule == rule) return known.firing;
  }
  return 0;
}

// Tells what the store does and when the watch notices what, as it happens.
class Narrator {
 public:
  Narrator(Watch& watch, const Clock& clock, FILE* out) : watch_(watch), clock_(clock), out_(out) {}

  void Hear(const std::string& line) {
    if (line.starts_with("PHASE")) {
      Say(clock_.Now(), "store     " + line.substr(line.find(' ', line.find("t=")) + 1));
    }
    if (!line.starts_with("LOSS") || first_loss_) return;
    first_loss_ = ParseTime(Word(line, "t"));
    if (!first_loss_) return;
    Say(*first_loss_, "store     first bad re-run: " + Word(line, "project") + " lost " +
                          Word(line, "events") + " events of " + Word(line, "day") +
                          " (the store does not know)");
  }

  void Look() {
    const RollcallStatus status = watch_.status();
    if (!moved_ && Firing(status, "output_moved") > 0) {
      moved_ = true;
      Say(clock_.Now(),
          "rollcall  ALERT output_moved: a new version writes elsewhere; nothing is lost yet");
    }
    if (dropped_ || !first_loss_ || Firing(status, "count_drop") == 0) return;
    dropped_ = true;
    const Time now = clock_.Now();
    Say(now, "rollcall  ALERT count_drop, " + std::to_string((now - *first_loss_).count()) +
                 " ms after the line was written");
  }
  bool saw_everything() const { return moved_ && dropped_; }

 private:
  void Say(Time time, const std::string& what) const {
    std::fprintf(out_, "%s  %s\n", FormatTime(time).substr(11, 12).c_str(), what.c_str());
    std::fflush(out_);
  }

  Watch& watch_;
  const Clock& clock_;
  FILE* const out_;
  std::optional<Time> first_loss_;
  bool moved_ = false;
  bool dropped_ = false;
};

// Waits until the watch has read everything the store wrote.
void CatchUp(Watch& watch, const Clock& clock) {
  const auto deadline = clock.SinceBoot() + std::chrono::seconds(10);
  int64_t head = -1;
  int quiet = 0;
  while (clock.SinceBoot() < deadline && quiet < 5) {
    std::this_thread::sleep_for(milliseconds(100));
    const RollcallStatus status = watch.status();
    int64_t lag = 0;
    for (const auto& [name, source] : status.sources) lag += source.lag_bytes;
    quiet = lag == 0 && status.ledger_head_sequence == head ? quiet + 1 : 0;
    head = status.ledger_head_sequence;
  }
}

// The store writes its configuration first.
bool WaitForFile(const std::string& path, Store& store, const Clock& clock) {
  const auto deadline = clock.SinceBoot() + std::chrono::seconds(10);
  std::error_code ignored;
  while (!fs::exists(path, ignored) && clock.SinceBoot() < deadline && !store.ended()) {
    store.Read(milliseconds(5));
  }
  return fs::exists(path, ignored);
}

// From the first run to the end. False: it was stopped, or nobody can read what it says.
Result<bool> Live(Store& store, Watch& watch, StopSignals& stop, const Clock& clock, FILE* out) {
  Narrator narrator(watch, clock, out);
  while (!store.ended()) {
    if (stop.received() || std::ferror(out) != 0) return false;
    store.Read(milliseconds(5));
    while (const auto line = store.Line()) narrator.Hear(*line);
    narrator.Look();
  }
  CatchUp(watch, clock);
  narrator.Look();
  if (!store.succeeded()) return Fail(Error::Kind::kInput, "the store of the demo failed");
  if (narrator.saw_everything()) return true;
  return Fail(Error::Kind::kInput, "the watch of the demo did not raise both alerts");
}

// As a shell takes it for one word.
std::string ShellWord(const std::string& text) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%:,";
  if (text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char byte : text) word += byte == '\'' ? "'\\''" : std::string(1, byte);
  return word + "'";
}

void PrintWhereToLook(const std::string& root, const std::string& file) {
  const std::string ledger = ShellWord(file);
  std::printf(
      "\nLook further:\n"
      "  rollcall alerts   --ledger %s\n"
      "  rollcall timeline --ledger %s project-101\n"
      "  sqlite3 %s 'SELECT * FROM losses LIMIT 5'\n"
      "The store and its ledger stay in %s until you remove it.\n",
      ledger.c_str(), ledger.c_str(), ledger.c_str(), root.c_str());
}

}  // namespace

int Demo(const Settings& settings, const DemoOptions& options) {
  const SystemClock clock;
  const std::string program = StoreProgram();
  if (program.empty()) {
    return Report(
        {Error::Kind::kInput, "rollcall-demo-store is neither beside rollcall nor in libexec"});
  }
  StopSignals stop;
  auto place = Place::Make(options.directory);
  if (!place) return Report(place.error());
  spdlog::set_level(spdlog::level::warn);
  Store store(program, place->path(), options.seed, stop.before());
  Settings watched = settings;
  watched.config_file = place->path() + "/rollcall.yml";
  watched.listen = "127.0.0.1:0";  // beside whatever else runs here
  if (!WaitForFile(watched.config_file, store, clock)) {
    return Report({Error::Kind::kInput, place->path() + ": the store did not start"});
  }
  FILE* const out = settings.format == "table" ? stdout : stderr;
  {
    auto watch = Watch::Start(watched, clock);
    if (!watch) return Report(watch.error());
    std::fprintf(out,
                 "A small event store runs in %s;\nrollcall watches its logs, and serves "
                 "http://127.0.0.1:%d/metrics meanwhile.\n\n",
                 place->path().c_str(), (*watch)->port());
    const auto lived = Live(store, **watch, stop, clock, out);
    if (!lived) return Report(lived.error());
    if (!*lived) return kUnusable;
  }
  place->Keep();
  watched.ledgers = {place->path() + "/ledger.db"};
  if (settings.format == "table") std::printf("\n");
  const int code = ReportImpact(watched, {});
  if (settings.format == "table") PrintWhereToLook(place->path(), watched.ledgers.front());
  return code;
}
