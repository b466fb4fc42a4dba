#include "dashboards/request_collector.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kReadSize = 16 * 1024;
constexpr int kAcceptsPerTurn =
    64;  // so that a flood of connections does not starve those that are in
constexpr milliseconds kAcceptPause{50};

// Numeric, and IPv4 as IPv4 where it arrives on a dual-stack socket.
std::string PeerAddress(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &in->sin_addr, text.data(), text.size());
    return text.data();
  }
  const auto* in = reinterpret_cast<const sockaddr_in6*>(&storage);
  if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
    inet_ntop(AF_INET, in->sin6_addr.s6_addr + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &in->sin6_addr, text.data(), text.size());
  }
  return text.data();
}

bool OutOfDescriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

bool WouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

RequestCollector::RequestCollector(Socket listener, Limits limits, Deliver deliver)
    : listener_(std::move(listener)),
      limits_(limits),
      deliver_(std::move(deliver)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void RequestCollector::Run() {
  for (;;) {
    FillPolls();
    if (poll(polls_.data(), polls_.size(), PollTimeout()) < 0) continue;  // EINTR alone is possible
    if (polls_[0].revents != 0) {
      uint64_t count = 0;
      std::ignore = read(wake_.fd(), &count, sizeof count);
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    for (size_t i = 0; i < polled_.size(); ++i) {
      if (polls_[i + 2].revents == 0) continue;
      const auto connection = connections_.find(polled_[i]);
      if (connection != connections_.end()) Advance(connection);
    }
    TakeReplies();
    if (polls_[1].revents != 0) Accept();
    CloseExpired();
  }
  connections_.clear();
}

void RequestCollector::Reply(uint64_t connection, std::string response) {
  const std::lock_guard lock(mutex_);
  replies_.emplace_back(connection, std::move(response));
  const uint64_t one = 1;
  std::ignore = write(wake_.fd(), &one, sizeof one);
}

void RequestCollector::Stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  const uint64_t one = 1;
  std::ignore = write(wake_.fd(), &one, sizeof one);
}

void RequestCollector::FillPolls() {
  polls_.clear();
  polled_.clear();
  polls_.push_back({wake_.fd(), POLLIN, 0});
  // poll() skips negative descriptors.
  const bool accepting = steady_clock::now() >= accept_after_;
  polls_.push_back({accepting ? listener_.fd() : -1, POLLIN, 0});
  for (const auto& [id, connection] : connections_) {
    if (connection.state == State::kWorking) continue;
    const bool writing = connection.state == State::kWriting;
    polls_.push_back({connection.socket.fd(), static_cast<short>(writing ? POLLOUT : POLLIN), 0});
    polled_.push_back(id);
  }
}

// Milliseconds to the next deadline, rounded up; -1 where nothing is waited for.
int RequestCollector::PollTimeout() const {
  const Moment now = steady_clock::now();
  Moment next = Moment::max();
  if (accept_after_ > now) next = accept_after_;
  for (const auto& [id, connection] : connections_) {
    if (connection.state != State::kWorking) next = std::min(next, connection.deadline);
  }
  if (next == Moment::max()) return -1;
  return static_cast<int>(
      std::max(milliseconds(0), std::chrono::ceil<milliseconds>(next - now)).count());
}

void RequestCollector::Accept() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    Socket socket(accept4(listener_.fd(), reinterpret_cast<sockaddr*>(&peer), &size,
                          SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.fd() >= 0) {
      Add(std::move(socket), PeerAddress(peer));
      continue;
    }
    if (WouldBlock(errno) && errno != EINTR) return;
    if (!OutOfDescriptors(errno)) continue;  // this one connection failed, the listener is well
    if (EvictOldest([](State state) { return state != State::kWorking; })) continue;
    accept_after_ = steady_clock::now() + kAcceptPause;
    return;
  }
}

void RequestCollector::Add(Socket socket, std::string remote_address) {
  if (connections_.size() >= limits_.connections &&
      !EvictOldest([](State state) { return state != State::kWorking; })) {
    return;
  }
  Connection connection;
  connection.socket = std::move(socket);
  connection.remote_address = std::move(remote_address);
  connection.deadline = steady_clock::now() + limits_.request_deadline;
  Read(
      connections_.emplace_hint(connections_.end(), ++last_id_,
                                std::move(connection)));  // most often the request is there already
}

void RequestCollector::Advance(Connections::iterator connection) {
  switch (connection->second.state) {
    case State::kReading:
      return Read(connection);
    case State::kWriting:
      return Write(connection);
    case State::kDraining:
      return Drain(connection);
    case State::kWorking:
      return;
  }
}

void RequestCollector::Read(Connections::iterator connection) {
  Connection& c = connection->second;
  std::array<char, kReadSize> buffer;
  const size_t room = limits_.request_bytes - c.bytes.size();
  const ssize_t count = recv(c.socket.fd(), buffer.data(), std::min(room, buffer.size()), 0);
  if (count < 0 && WouldBlock(errno)) return;
  if (count <= 0) return Close(connection);
  const size_t searched = c.bytes.size() < 3 ? 0 : c.bytes.size() - 3;
  c.bytes.append(buffer.data(), static_cast<size_t>(count));
  if (c.head_size == 0) {
    const size_t end = c.bytes.find("\r\n\r\n", searched);
    if (end == std::string::npos) {
      if (c.bytes.size() < limits_.request_bytes) return;
      return Hand(connection, HttpProblem{431, "head_too_large", "the head has no end in 16 KiB"});
    }
    c.head_size = end + 4;
    auto head = ParseRequestHead(std::string_view(c.bytes).substr(0, c.head_size));
    if (!head) return Hand(connection, head.error());
    c.head = std::move(*head);
    if (c.head.body_size > limits_.request_bytes - c.head_size) {
      return Hand(connection,
                  HttpProblem{413, "too_large", "head and body may hold 16 KiB together"});
    }
  }
  if (c.bytes.size() - c.head_size >= c.head.body_size) Hand(connection, std::nullopt);
}

void RequestCollector::Hand(Connections::iterator connection, std::optional<HttpProblem> problem) {
  Connection& c = connection->second;
  CollectedRequest request{connection->first, c.remote_address, {}, {}, problem};
  if (!problem) {
    request.body = c.bytes.substr(c.head_size, c.head.body_size);
    request.head = std::move(c.head);
  }
  c.bytes = std::string();
  c.state = State::kWorking;
  if (!deliver_(std::move(request))) Close(connection);
}

void RequestCollector::Write(Connections::iterator connection) {
  Connection& c = connection->second;
  const ssize_t count =
      send(c.socket.fd(), c.bytes.data() + c.sent, c.bytes.size() - c.sent, MSG_NOSIGNAL);
  if (count < 0 && WouldBlock(errno)) return;
  if (count < 0) return Close(connection);
  c.sent += static_cast<size_t>(count);
  if (c.sent < c.bytes.size()) return;
  // Closing with unread bytes would reset the connection and may take the reply from the client.
  unsent_bytes_ -= c.bytes.size();
  c.bytes = std::string();
  c.state = State::kDraining;
  shutdown(c.socket.fd(), SHUT_WR);
}

void RequestCollector::Drain(Connections::iterator connection) {
  std::array<char, kReadSize> rest;
  const ssize_t count = recv(connection->second.socket.fd(), rest.data(), rest.size(), 0);
  if (count > 0 || (count < 0 && WouldBlock(errno))) return;
  Close(connection);
}

void RequestCollector::TakeReplies() {
  std::vector<std::pair<uint64_t, std::string>> replies;
  {
    const std::lock_guard lock(mutex_);
    replies.swap(replies_);
  }
  for (auto& [id, response] : replies) {
    const auto connection = connections_.find(id);
    if (connection == connections_.end()) continue;
    const size_t size = response.size();
    unsent_bytes_ += size;
    connection->second.bytes = std::move(response);
    connection->second.deadline = steady_clock::now() + limits_.reply_deadline;
    connection->second.state = State::kWriting;
    Write(connection);
    while (unsent_bytes_ > std::max(limits_.unsent_bytes, size) &&
           EvictOldest([](State state) { return state == State::kWriting; })) {
    }
  }
}

void RequestCollector::Close(Connections::iterator connection) {
  if (connection->second.state == State::kWriting) unsent_bytes_ -= connection->second.bytes.size();
  connections_.erase(connection);
}

void RequestCollector::CloseExpired() {
  const Moment now = steady_clock::now();
  for (auto connection = connections_.begin(); connection != connections_.end();) {
    const auto here = connection++;
    if (here->second.state != State::kWorking && here->second.deadline <= now) Close(here);
  }
}

bool RequestCollector::EvictOldest(bool (*evictable)(State)) {
  const auto oldest =
      std::find_if(connections_.begin(), connections_.end(),
                   [&](const auto& entry) { return evictable(entry.second.state); });
  if (oldest == connections_.end()) return false;
  Close(oldest);
  return true;
}
