#include "monitor/app/demo.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>

#include "monitor/app/demo_stage.h"
#include "monitor/app/reports.h"
#include "monitor/app/watch.h"

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

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
bool WaitForFile(const std::string& path, DemoStore& store, const Clock& clock) {
  const auto deadline = clock.SinceBoot() + std::chrono::seconds(10);
  std::error_code ignored;
  while (!fs::exists(path, ignored) && clock.SinceBoot() < deadline && !store.ended()) {
    store.Read(milliseconds(5));
  }
  return fs::exists(path, ignored);
}

// From the first run to the end. False: it was stopped, or nobody can read what it says.
Result<bool> Live(DemoStore& store, Watch& watch, StopSignals& stop, const Clock& clock,
                  FILE* out) {
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

// As a shell here finds this program: what was built is on no PATH.
std::string ThisProgram() {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return "rollcall";
  const auto nearby = std::filesystem::proximate(program, error);
  return ShellWord(nearby.string().starts_with("..") ? program : nearby);
}

void PrintWhereToLook(const std::string& root, const std::string& file) {
  const std::string ledger = ShellWord(file), program = ThisProgram();
  std::printf(
      "\nLook further:\n"
      "  %s alerts   --ledger %s\n"
      "  %s timeline --ledger %s project-101\n"
      "  sqlite3 %s 'SELECT * FROM losses LIMIT 5'\n"
      "The store and its ledger stay in %s until you remove it.\n",
      program.c_str(), ledger.c_str(), program.c_str(), ledger.c_str(), ledger.c_str(),
      root.c_str());
}

}  // namespace

int Demo(const Settings& settings, const DemoOptions& options) {
  const SystemClock clock;
  const std::string program = DemoStoreProgram();
  if (program.empty()) {
    return Report(
        {Error::Kind::kInput, "rollcall-demo-store is neither beside rollcall nor in libexec"});
  }
  StopSignals stop;
  auto place = DemoPlace::Make(options.directory);
  if (!place) return Report(place.error());
  spdlog::set_level(spdlog::level::warn);
  DemoStore store(program, place->path(), options.seed, stop.mask_before());
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
