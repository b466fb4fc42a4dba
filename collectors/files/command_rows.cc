// Between the two processes goes, over a socket that keeps messages apart: a request, the program
// and its arguments, each with a zero byte behind it (so it begins with a slash); for each request
// one answer, "=" and the rows or "!" and the problem; and at any time kCancel, which ends the
// program that runs, if one does.
#include "collectors/files/command_rows.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "collectors/files/command_run.h"

using std::chrono::milliseconds;

namespace {

constexpr std::string_view kCancel = "x";
constexpr size_t kLongestRequest = 32 * 1024;

std::string Because(const char* what) { return std::string(what) + ": " + std::strerror(errno); }

// --- in the process that was forked ---

// Reading any file is all that it may do beyond what everybody may.
void KeepOnlyReading() {
  for (cap_value_t cap = 0; cap < cap_max_bits(); ++cap) {
    if (cap != CAP_DAC_READ_SEARCH) cap_drop_bound(cap);
  }
  const cap_t now = cap_get_proc();
  const cap_t kept = cap_init();
  cap_flag_value_t has = CAP_CLEAR;
  const cap_value_t reading = CAP_DAC_READ_SEARCH;
  if (cap_get_flag(now, reading, CAP_PERMITTED, &has) == 0 && has == CAP_SET) {
    for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE, CAP_INHERITABLE}) {
      cap_set_flag(kept, flag, 1, &reading, CAP_SET);
    }
  }
  cap_set_proc(kept);
  cap_set_ambient(reading, has);  // or a program that is not root's would lose it
  cap_free(kept);
  cap_free(now);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

[[noreturn]] void Serve(int socket, milliseconds time_limit) {
  std::string request;
  for (;;) {
    request.resize(kLongestRequest);
    const ssize_t got = recv(socket, request.data(), request.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) _exit(0);
    request.resize(static_cast<size_t>(got));
    if (request == kCancel) continue;  // it had ended just before
    std::vector<char*> arguments;
    for (size_t at = 0; at < request.size(); at = request.find('\0', at) + 1) {
      arguments.push_back(request.data() + at);
    }
    arguments.push_back(nullptr);
    const RowCount count = RunCommand(arguments, socket, time_limit);
    const std::string answer =
        count.problem.empty() ? "=" + std::to_string(count.rows) : "!" + count.problem;
    send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
}

[[noreturn]] void Become(int socket, milliseconds time_limit) {
  prctl(PR_SET_NAME, "rollcall-count", 0, 0, 0);
  setsid();  // the terminal's signals are for the monitor, whose end is the end here
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) signal(number, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  constexpr int kSocket = 3;  // what else is open is not of concern here
  if (socket != kSocket) dup2(socket, kSocket);
  fcntl(kSocket, F_SETFD, FD_CLOEXEC);
  syscall(SYS_close_range, kSocket + 1, ~0U, 0);
  KeepOnlyReading();
  GiveWayToAll();
  Serve(kSocket, time_limit);
}

}  // namespace

Result<CommandRunner> CommandRunner::Start(milliseconds time_limit) {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Fail(Error::Kind::kInput, Because("recount: no socket"));
  }
  UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const pid_t pid = fork();
  if (pid < 0) return Fail(Error::Kind::kInput, Because("recount: no process"));
  if (pid == 0) Become(theirs.get(), time_limit);
  return CommandRunner(std::move(ours), pid);
}

CommandRunner::~CommandRunner() {
  if (!socket_) return;
  socket_.Close();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

RowCount CommandRunner::Count(std::vector<std::string> command, const std::string& path,
                              const ReadPace& pace) {
  constexpr std::string_view kPath = "{path}";
  std::string request;
  for (size_t i = 0; i < command.size(); ++i) {
    std::string& argument = command[i];
    for (size_t at = 0; i > 0 && (at = argument.find(kPath, at)) != argument.npos;) {
      argument.replace(at, kPath.size(), path);
      at += path.size();
    }
    request += argument + '\0';
  }
  if (request.size() > kLongestRequest || !request.starts_with('/')) {
    return {.problem = "was not counted: the command is too long or not an absolute path"};
  }
  RowCount gone{.problem = "was not counted: the process that runs commands has ended"};
  if (send(socket_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return gone;
  for (bool cancelled = false;;) {
    std::array<pollfd, 2> wait{
        {{socket_.get(), POLLIN, 0}, {cancelled ? -1 : pace.stop_fd(), POLLIN, 0}}};
    poll(wait.data(), wait.size(), 100);
    if (pace.stopped() && !cancelled) {
      send(socket_.get(), kCancel.data(), kCancel.size(), MSG_NOSIGNAL);
      cancelled = true;
    }
    if (wait[0].revents == 0) continue;
    std::array<char, 4096> answer;
    const ssize_t got = recv(socket_.get(), answer.data(), answer.size(), 0);
    if (got <= 0) return gone;
    const std::string_view text(answer.data() + 1, static_cast<size_t>(got) - 1);
    if (answer[0] == '!') return {.problem = std::string(text)};
    RowCount count;
    std::from_chars(text.data(), text.data() + text.size(), count.rows);
    return count;
  }
}
