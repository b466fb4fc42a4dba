#include "dashboards/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>

namespace {

// Enough for the 780 new connections a second of the attack the server is measured against.
constexpr int kBacklog = 511;

struct Bound {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Bound ToSockaddr(const ListenAddress& address) {
  Bound bound;
  if (address.ipv6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(address.port);
    inet_pton(AF_INET6, address.host.c_str(), &in.sin6_addr);
    std::memcpy(&bound.storage, &in, sizeof in);
    bound.size = sizeof in;
    return bound;
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(address.port);
  inet_pton(AF_INET, address.host.c_str(), &in.sin_addr);
  std::memcpy(&bound.storage, &in, sizeof in);
  bound.size = sizeof in;
  return bound;
}

bool IsIpv4(const std::string& text, in_addr& out) {
  return inet_pton(AF_INET, text.c_str(), &out) == 1;
}

bool IsIpv6(const std::string& text, in6_addr& out) {
  return inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

tl::unexpected<Error> NoListenAddress(std::string_view text) {
  return Fail(Error::Kind::kUsage, "'" + std::string(text) +
                                       "' is no address to listen on: write 127.0.0.1:9717, "
                                       "[::1]:9717 or localhost:9717");
}

tl::unexpected<Error> CannotListen(const ListenAddress& address) {
  const int reason = errno;
  std::string message =
      "cannot listen on " + FormatAddress(address) + ": " + std::generic_category().message(reason);
  if (reason == EADDRINUSE) message += "; another process holds this port, choose another `listen`";
  if (reason == EACCES) message += "; ports below 1024 need CAP_NET_BIND_SERVICE";
  return Fail(Error::Kind::kUsage, message);
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

Result<ListenAddress> ParseListenAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return NoListenAddress(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  ListenAddress address;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return NoListenAddress(text);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    address.ipv6 = true;
  }
  address.host = host == "localhost" ? "127.0.0.1" : std::string(host);
  in_addr four;
  in6_addr six;
  const bool numeric = address.ipv6 ? IsIpv6(address.host, six) : IsIpv4(address.host, four);
  if (!numeric) return NoListenAddress(text);
  return address;
}

std::string FormatAddress(const ListenAddress& address) {
  const std::string host = address.ipv6 ? "[" + address.host + "]" : address.host;
  return host + ":" + std::to_string(address.port);
}

Result<Socket> Listen(const ListenAddress& address) {
  const int family = address.ipv6 ? AF_INET6 : AF_INET;
  Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) return CannotListen(address);
  const int on = 1;  // a restart must not wait for the connections of its predecessor to time out
  setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const Bound bound = ToSockaddr(address);
  if (bind(socket.fd(), reinterpret_cast<const sockaddr*>(&bound.storage), bound.size) != 0 ||
      listen(socket.fd(), kBacklog) != 0) {
    return CannotListen(address);
  }
  return socket;
}

uint16_t LocalPort(const Socket& socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

bool IsAddress(const std::string& text) {
  in_addr four;
  in6_addr six;
  return IsIpv4(text, four) || IsIpv6(text, six);
}

bool IsLoopback(const std::string& address) {
  in_addr four;
  if (IsIpv4(address, four)) return ntohl(four.s_addr) >> 24 == 127;
  in6_addr six;
  return IsIpv6(address, six) && IN6_IS_ADDR_LOOPBACK(&six);
}

bool IsWildcard(const std::string& address) {
  in_addr four;
  if (IsIpv4(address, four)) return four.s_addr == htonl(INADDR_ANY);
  in6_addr six;
  return IsIpv6(address, six) && IN6_IS_ADDR_UNSPECIFIED(&six);
}
