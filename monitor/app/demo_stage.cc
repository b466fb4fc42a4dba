#include "monitor/app/demo_stage.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>
#include <vector>

namespace fs = std::filesystem;

std::string DemoStoreProgram() {
  std::error_code failed;
  const fs::path self = fs::read_symlink("/proc/self/exe", failed).parent_path();
  for (const fs::path& candidate :
       {self / "rollcall-demo-store", self / "../../deploy/demo/rollcall-demo-store",
        self / "../libexec/rollcall/rollcall-demo-store"}) {
    if (fs::exists(candidate, failed)) return candidate.lexically_normal().string();
  }
  return {};
}

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  descriptor_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
}

StopSignals::~StopSignals() {
  close(descriptor_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  if (received_ != 0) raise(received_);  // whoever started us learns how it ended
}

bool StopSignals::received() {
  signalfd_siginfo signal{};
  if (received_ == 0 && read(descriptor_, &signal, sizeof signal) == sizeof signal) {
    received_ = static_cast<int>(signal.ssi_signo);
  }
  return received_ != 0;
}

DemoStore::DemoStore(const std::string& program, const std::string& root, uint64_t seed,
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
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // also when nobody is left to end it
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execv(program.c_str(), argv.data());
    _exit(127);
  }
  close(ends[1]);
  output_ = ends[0];
}

DemoStore::~DemoStore() {
  if (output_ >= 0) close(output_);
  if (child_ > 0 && !ended_) {
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
  }
}

void DemoStore::Read(std::chrono::milliseconds patience) {
  pollfd waiting{output_, POLLIN, 0};
  if (ended_ || poll(&waiting, 1, static_cast<int>(patience.count())) <= 0) return;
  char buffer[4096];
  const ssize_t size = read(output_, buffer, sizeof buffer);
  if (size > 0) {
    pending_.append(buffer, static_cast<size_t>(size));
    return;
  }
  waitpid(child_, &exit_status_, 0);
  ended_ = true;
}

std::optional<std::string> DemoStore::Line() {
  const size_t newline = pending_.find('\n');
  if (newline == std::string::npos) return std::nullopt;
  std::string line = pending_.substr(0, newline);
  pending_.erase(0, newline + 1);
  return line;
}

bool DemoStore::succeeded() const {
  return ended_ && WIFEXITED(exit_status_) && WEXITSTATUS(exit_status_) == 0;
}

Result<DemoPlace> DemoPlace::Make(const std::string& directory) {
  std::error_code failed;
  DemoPlace place;
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

DemoPlace::DemoPlace(DemoPlace&& other) noexcept
    : path_(std::move(other.path_)), made_(std::exchange(other.made_, false)) {}

DemoPlace::~DemoPlace() {
  std::error_code ignored;
  if (made_) fs::remove_all(path_, ignored);
}
