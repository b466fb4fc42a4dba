#include "collectors/files/command_run.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "monitor/time.h"
#include "monitor/unique_fd.h"

using std::chrono::milliseconds;

namespace {

constexpr size_t kLongestNumber = 64;
constexpr size_t kKeptErrors = 200;

std::string Because(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

std::string Plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, ' ');
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string InWords(milliseconds limit) {
  const int64_t ms = limit.count();
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

RowCount ParseNumber(std::string_view text) {
  RowCount count;
  const char* end = text.data() + text.size() - 1;
  if (text.size() < 2 || *end != '\n' ||
      !std::all_of(text.data(), end, [](char c) { return c >= '0' && c <= '9'; })) {
    return {.problem = "it did not write one number and a newline"};
  }
  const auto [stop, error] = std::from_chars(text.data(), end, count.rows);
  if (error != std::errc() || count.rows > kMaxCount) return {.problem = "its number is too large"};
  return count;
}

[[noreturn]] void Execute(const std::vector<char*>& arguments, int out, int errors) {
  setpgid(0, 0);
  const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(nothing, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(errors, STDERR_FILENO);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_DFL);
  std::vector<std::string> kept;
  for (const char* name : {"PATH", "LANG"}) {
    if (const char* value = getenv(name)) kept.push_back(std::string(name) + "=" + value);
  }
  std::vector<char*> environment;
  for (std::string& variable : kept) environment.push_back(variable.data());
  environment.push_back(nullptr);
  execve(arguments[0], arguments.data(), environment.data());
  const std::string why = Because("it cannot be executed");
  (void)!write(STDERR_FILENO, why.data(), why.size());
  _exit(127);
}

// One program that runs. Whatever happens, nothing of its group is left behind.
class Command {
 public:
  explicit Command(const std::vector<char*>& arguments) : program_(arguments[0]) {
    std::array<int, 2> out{-1, -1}, errors{-1, -1};
    const bool piped = pipe2(out.data(), O_CLOEXEC | O_NONBLOCK) == 0 &&
                       pipe2(errors.data(), O_CLOEXEC | O_NONBLOCK) == 0;
    out_ = UniqueFd(out[0]);
    errors_ = UniqueFd(errors[0]);
    const UniqueFd write_out(out[1]), write_errors(errors[1]);
    if (!piped || (pid_ = fork()) < 0) return;
    if (pid_ == 0) {
      // Programs do not expect pipes that do not block.
      for (const int fd : {out[1], errors[1]}) fcntl(fd, F_SETFL, 0);
      Execute(arguments, out[1], errors[1]);
    }
    setpgid(pid_, pid_);  // whoever of the two comes first
    ended_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  }
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command() { End(); }

  // Until it has ended, or must.
  RowCount Await(int socket, milliseconds time_limit) {
    if (!ended_) return Problem(Because("it could not be started"));
    const SystemClock clock;
    const milliseconds deadline = clock.SinceBoot() + time_limit;
    for (;;) {
      const milliseconds left = deadline - clock.SinceBoot();
      if (left <= milliseconds(0)) {
        return Problem("it took longer than " + InWords(time_limit));
      }
      std::array<pollfd, 4> wait{{{ended_.get(), POLLIN, 0},
                                  {socket, POLLIN, 0},
                                  {out_.get(), POLLIN, 0},
                                  {errors_.get(), POLLIN, 0}}};
      poll(wait.data(), wait.size(), static_cast<int>(left.count()));
      if (wait[1].revents != 0 && Cancelled(socket)) return {.problem = std::string(kStopped)};
      Read();
      if (number_.size() > kLongestNumber) return Problem("it wrote more than a number");
      if (wait[0].revents != 0) break;
    }
    Read();  // what it wrote last
    return Judge(End());
  }

 private:
  RowCount Problem(std::string why) const {
    std::string problem = "was not counted by " + program_ + ": " + std::move(why);
    const std::string errors = Plain(said_);
    if (!errors.empty()) problem += " (" + errors + ")";
    return {.problem = problem};
  }

  RowCount Judge(int status) const {
    if (WIFSIGNALED(status)) {
      return Problem("it was ended by signal " + std::to_string(WTERMSIG(status)));
    }
    if (WEXITSTATUS(status) != 0) {
      return Problem("it exited with " + std::to_string(WEXITSTATUS(status)));
    }
    if (number_.size() > kLongestNumber) return Problem("it wrote more than a number");
    RowCount count = ParseNumber(number_);
    return count.problem.empty() ? count : Problem(count.problem);
  }

  bool Cancelled(int socket) {
    char byte = 0;
    const ssize_t got = recv(socket, &byte, 1, MSG_DONTWAIT);
    if (got == 0) {  // nobody is there any more
      End();
      _exit(0);
    }
    return got > 0;
  }

  void Read() {
    ReadInto(out_, number_, kLongestNumber + 1);
    ReadInto(errors_, said_, kKeptErrors);
  }
  // Takes what is there, keeps the beginning of it.
  static void ReadInto(UniqueFd& from, std::string& text, size_t most) {
    std::array<char, 4096> block;
    const ssize_t got = from ? read(from.get(), block.data(), block.size()) : -1;
    if (got == 0) from.Close();
    if (got <= 0) return;
    text.append(block.data(), std::min(static_cast<size_t>(got), most - text.size()));
  }

  // The status it ended with. Its group cannot be another's before it has been waited for.
  int End() {
    int status = 0;
    if (pid_ <= 0) return status;
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }

  const std::string program_;
  pid_t pid_ = -1;
  UniqueFd out_, errors_, ended_;
  std::string number_, said_;
};

}  // namespace

RowCount RunCommand(const std::vector<char*>& arguments, int socket, milliseconds time_limit) {
  return Command(arguments).Await(socket, time_limit);
}
