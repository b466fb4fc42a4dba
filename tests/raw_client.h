#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "dashboards/socket.h"

// A client that sends exactly the bytes it is told to, over loopback. One thread.
class RawClient {
 public:
  explicit RawClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  int fd() const { return socket_.fd(); }

  // All of it, or false once the server is gone or has taken nothing for ten seconds.
  bool Send(std::string_view bytes) {
    while (!bytes.empty()) {
      if (!Wait(POLLOUT, std::chrono::seconds(10))) return false;
      const ssize_t count =
          send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  // Everything until the server closes, or until it has been silent for a minute.
  std::string ReadAll() {
    std::string all;
    char buffer[65536];
    while (Wait(POLLIN, std::chrono::seconds(60))) {
      const ssize_t count = recv(socket_.fd(), buffer, sizeof buffer, 0);
      if (count <= 0) {
        closed_ = true;
        break;
      }
      all.append(buffer, static_cast<size_t>(count));
    }
    return all;
  }

  // The server has ended the connection within the time.
  bool ClosedWithin(std::chrono::milliseconds time) {
    char byte;
    return Wait(POLLIN, time) && recv(socket_.fd(), &byte, 1, MSG_DONTWAIT) <= 0;
  }
  bool closed() const { return closed_; }

 private:
  bool Wait(short events, std::chrono::milliseconds time) const {
    pollfd polled{socket_.fd(), events, 0};
    return poll(&polled, 1, static_cast<int>(time.count())) > 0;
  }

  Socket socket_;
  bool connected_ = false;
  bool closed_ = false;
};

inline std::string Ask(uint16_t port, std::string_view request) {
  RawClient client(port);
  client.Send(request);
  return client.ReadAll();
}

inline std::string GetPath(uint16_t port, const std::string& path,
                           const std::string& headers = "") {
  return Ask(port, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
}

// 0 where there is no answer.
inline int StatusOf(std::string_view response) {
  if (response.substr(0, 9) != "HTTP/1.1 ") return 0;
  return std::stoi(std::string(response.substr(9, 3)));
}

inline std::string BodyOf(const std::string& response) {
  const size_t end = response.find("\r\n\r\n");
  return end == std::string::npos ? "" : response.substr(end + 4);
}

// Of the named header, spelled as the server does; empty where it is not there.
inline std::string HeaderOf(const std::string& response, const std::string& name) {
  const std::string head = response.substr(0, response.find("\r\n\r\n") + 2);
  const size_t at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return "";
  const size_t begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}
