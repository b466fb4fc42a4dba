#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "monitor/error.h"

// Owns one descriptor. Moved, never copied; not shared between threads.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// Where to listen. Addresses are numeric: a name would make what is exposed depend on a resolver.
struct ListenAddress {
  std::string host;  // numeric, without brackets
  uint16_t port = 0;
  bool ipv6 = false;
};

// "127.0.0.1:9717", "[::1]:9717", "localhost:9717" (which is 127.0.0.1), port 0 for any.
[[nodiscard]] Result<ListenAddress> ParseListenAddress(std::string_view text);
std::string FormatAddress(const ListenAddress& address);

// Binds and listens without blocking and without SO_REUSEPORT, so that a second daemon on the same
// port is an Error and not a silent sharer of its connections.
[[nodiscard]] Result<Socket> Listen(const ListenAddress& address);
uint16_t LocalPort(const Socket& socket);

// Of numeric addresses without brackets; false for names.
bool IsAddress(const std::string& text);
bool IsLoopback(const std::string& address);
bool IsWildcard(const std::string& address);
