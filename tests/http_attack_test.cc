// What hostile clients may not achieve, in miniature and over loopback: counts and conditions with
// deadlines, no wall-clock figures.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "dashboards/http_server.h"
#include "dashboards/rollcall_metrics.h"
#include "tests/catch.h"
#include "tests/raw_client.h"

namespace {

constexpr size_t kLargeBody = 12u << 20;  // far beyond what the socket's buffers take

HttpServer::Options AnyPort() {
  HttpServer::Options options;
  options.listen = "127.0.0.1:0";
  return options;
}

struct Target {
  explicit Target(HttpServer::Options options = AnyPort()) : server(std::move(options)) {
    server.Get("/metrics", [](const HttpRequest&) {
      return HttpResponse{200, "text/plain", "ok", {}};
    });
    server.Post("/post", [](const HttpRequest& request) {
      return HttpResponse{200, "text/plain", request.body, {}};
    });
    server.Get("/large", [](const HttpRequest&) {
      return HttpResponse{200, "application/octet-stream", std::string(kLargeBody, 'x'), {}};
    });
    const auto started = server.Start();
    REQUIRE(started);
  }
  bool Scrape() { return StatusOf(GetPath(server.port(), "/metrics")) == 200; }
  int Post(const std::string& headers, const std::string& body = "") {
    return StatusOf(
        Ask(server.port(), "POST /post HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n" + body));
  }

  HttpServer server;
};

int64_t ResidentBytes() { return ReadProcessUsage()->resident_bytes; }

using Clients = std::vector<std::unique_ptr<RawClient>>;

Clients Connect(uint16_t port, size_t count, std::string_view greeting = "") {
  Clients clients;
  for (size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<RawClient>(port));
    clients.back()->Send(greeting);
  }
  return clients;
}

// Holds its connections open and replaces each as soon as the server ends it. `drip` is sent on
// every round: "" makes idle clients.
void Besiege(uint16_t port, size_t count, std::string_view drip, const std::atomic<bool>& over,
             std::atomic<int>& reconnects) {
  Clients clients = Connect(port, count);
  for (size_t i = 0; !over; i = (i + 1) % count) {
    const bool gone = clients[i]->ClosedWithin(std::chrono::milliseconds(0));
    if (!gone && (drip.empty() || clients[i]->Send(drip))) continue;
    clients[i] = std::make_unique<RawClient>(port);
    ++reconnects;
  }
}

}  // namespace

TEST_CASE("every scrape is answered under idle and dripping clients that reconnect", "[attack]") {
  HttpServer::Options options = AnyPort();
  options.limits.request_deadline = std::chrono::milliseconds(200);  // more rounds in less time
  Target target(options);
  std::atomic<bool> over{false};
  std::atomic<int> idle_reconnects{0}, drip_reconnects{0};
  std::thread idle([&] { Besiege(target.server.port(), 200, "", over, idle_reconnects); });
  std::thread drip([&] { Besiege(target.server.port(), 200, "X", over, drip_reconnects); });
  int asked = 0, answered = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while ((asked < 100 || idle_reconnects < 200 || drip_reconnects < 200) &&
         std::chrono::steady_clock::now() < deadline) {
    ++asked;
    answered += target.Scrape();
  }
  over = true;
  idle.join();
  drip.join();
  CHECK(answered == asked);
  CHECK(asked >= 100);
  CHECK(idle_reconnects >= 200);
  CHECK(drip_reconnects >= 200);
}

TEST_CASE("a connection too many evicts the oldest", "[attack]") {
  rlimit descriptors{};  // both ends of 600 connections are in this process
  getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  setrlimit(RLIMIT_NOFILE, &descriptors);
  REQUIRE(descriptors.rlim_cur >= 1300);
  HttpServer::Options options = AnyPort();
  options.limits.request_deadline = std::chrono::minutes(10);  // only eviction ends a connection
  Target target(options);
  const Clients clients = Connect(target.server.port(), 600, "GET");
  // Connections are taken in order, so that an answered scrape has them all behind it.
  REQUIRE(target.Scrape());
  size_t closed = 0;
  for (size_t i = 0; i < 88; ++i) closed += clients[i]->ClosedWithin(std::chrono::seconds(10));
  CHECK(closed == 88);
  // The youngest are all there and still served.
  for (size_t i = 590; i < 600; ++i) {
    clients[i]->Send(" /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(StatusOf(clients[i]->ReadAll()) == 200);
  }
}

TEST_CASE("a client that sends nothing is closed at the deadline", "[attack]") {
  HttpServer::Options options = AnyPort();
  options.limits.request_deadline = std::chrono::milliseconds(50);
  Target target(options);
  RawClient idle(target.server.port());
  CHECK(idle.ClosedWithin(std::chrono::seconds(10)));
}

TEST_CASE("a header without end is refused and memory stays bounded", "[attack]") {
  Target target;
  REQUIRE(target.Scrape());
  const int64_t before = ResidentBytes();
  const std::string flood(1 << 20, 'a');
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    RawClient client(target.server.port());
    client.Send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ");
    client.Send(flood);
    refused += StatusOf(client.ReadAll()) == 431;
  }
  CHECK(refused == 20);
  CHECK(ResidentBytes() - before < 16 << 20);
  CHECK(target.Scrape());
}

TEST_CASE("more than a hundred header lines are refused", "[attack]") {
  Target target;
  std::string headers;
  for (int i = 0; i < 200; ++i) headers += "a: b\r\n";
  CHECK(StatusOf(GetPath(target.server.port(), "/metrics", headers)) == 431);
}

TEST_CASE("a chunked body is refused before it is read", "[attack]") {
  Target target;
  CHECK(target.Post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n") == 411);
  CHECK(target.Post("Transfer-Encoding: identity\r\n") == 411);
}

TEST_CASE("a compressed body is refused", "[attack]") {
  Target target;
  CHECK(target.Post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "\x1f\x8b") == 415);
}

TEST_CASE("a body beyond 16 KiB is refused by what it announces", "[attack]") {
  Target target;
  CHECK(target.Post("Content-Length: 16384\r\n") == 413);
  CHECK(target.Post("Content-Length: 18446744073709551615\r\n") == 413);
  CHECK(target.Post("Content-Length: 99999999999999999999999\r\n") == 413);
}

TEST_CASE("a request that two readers could cut differently is refused", "[attack]") {
  Target target;
  for (const char* headers :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n", "Content-Length: -5\r\n",
        "Content-Length: 0x5\r\n", "Content-Length:\r\n", "Content-Length : 5\r\n",
        " Content-Length: 5\r\n", "X: a\r\n b\r\n", "X: a\nContent-Length: 5\r\n", "X\r\n",
        "Host: localhost\r\n"}) {
    INFO(headers);
    CHECK(target.Post(headers, "hello") == 400);
  }
}

TEST_CASE("a request line that is none is refused", "[attack]") {
  Target target;
  const auto line = [&](const std::string& text) {
    return StatusOf(Ask(target.server.port(), text + "\r\nHost: localhost\r\n\r\n"));
  };
  CHECK(line("GET http://evil.example/metrics HTTP/1.1") == 400);
  CHECK(line("GET metrics HTTP/1.1") == 400);
  CHECK(line("GET /me trics HTTP/1.1") == 400);
  CHECK(line(std::string("GET /metrics\0 HTTP/1.1", 22)) == 400);
  CHECK(line("GET /metrics#x HTTP/1.1") == 400);
  CHECK(line("") == 400);
  CHECK(line("GET /metrics HTTP/2.0") == 505);
  CHECK(line("BREW /metrics HTTP/1.1") == 501);
  CHECK(line("GET /" + std::string(9000, 'a') + " HTTP/1.1") == 414);
}

TEST_CASE("a second request on a connection is not answered", "[attack]") {
  Target target;
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string response = Ask(target.server.port(), request + request);
  CHECK(StatusOf(response) == 200);
  CHECK(response.find("HTTP/1.1", 1) == std::string::npos);
}

TEST_CASE("readers that read nothing hold no worker and are closed", "[attack]") {
  HttpServer::Options options = AnyPort();
  options.workers = 2;
  options.limits.unsent_bytes = 1u << 30;
  options.limits.reply_deadline = std::chrono::milliseconds(500);
  Target target(options);
  const int64_t before = ReadProcessUsage()->open_descriptors;
  Clients readers =
      Connect(target.server.port(), 4, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  char byte = 0;
  for (const auto& reader : readers) REQUIRE(recv(reader->fd(), &byte, 1, MSG_PEEK) == 1);
  for (int i = 0; i < 20; ++i) CHECK(target.Scrape());
  // The server is in this process: its four ends are closed once only our four are left.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (ReadProcessUsage()->open_descriptors > before + 4 &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  CHECK(ReadProcessUsage()->open_descriptors <= before + 4);
  for (const auto& reader : readers) CHECK(reader->ReadAll().size() < kLargeBody);
}

TEST_CASE("a reply larger than the bound is sent whole when it is alone", "[attack]") {
  HttpServer::Options options = AnyPort();
  options.limits.unsent_bytes = 1u << 20;
  options.limits.reply_deadline = std::chrono::minutes(10);
  Target target(options);
  CHECK(BodyOf(GetPath(target.server.port(), "/large")).size() == kLargeBody);
}

TEST_CASE("unsent replies are bounded: the oldest goes", "[attack]") {
  HttpServer::Options options = AnyPort();
  options.limits.unsent_bytes = 3 * kLargeBody;
  options.limits.reply_deadline = std::chrono::minutes(10);  // only the bound ends a connection
  Target target(options);
  const std::string request = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
  RawClient first(target.server.port());
  first.Send(request);
  char byte = 0;  // its reply has begun, so that it is the oldest
  REQUIRE(recv(first.fd(), &byte, 1, MSG_PEEK) == 1);
  const Clients others = Connect(target.server.port(), 3, request);
  for (const auto& other : others) REQUIRE(recv(other->fd(), &byte, 1, MSG_PEEK) == 1);
  CHECK(first.ReadAll().size() < kLargeBody);
  CHECK(others.back()->ReadAll().size() > kLargeBody);
}

TEST_CASE("a slow handler leaves room for others, and a full queue refuses", "[attack]") {
  HttpServer::Options options = AnyPort();
  options.workers = 1;
  options.waiting = 2;
  HttpServer server(options);
  std::mutex gate;
  std::atomic<int> entered{0};
  server.Get("/slow", [&](const HttpRequest&) {
    ++entered;
    const std::lock_guard wait(gate);
    return HttpResponse{};
  });
  REQUIRE(server.Start());
  const std::string request = "GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n";
  gate.lock();
  RawClient running(server.port());
  running.Send(request);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (entered == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  const Clients waiting = Connect(server.port(), 3, request);
  // Two wait; whichever came last found no room and is closed without an answer.
  const auto refused = [&] {
    return std::count_if(waiting.begin(), waiting.end(), [](const auto& client) {
      return client->ClosedWithin(std::chrono::milliseconds(0));
    });
  };
  while (refused() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  CHECK(refused() == 1);
  gate.unlock();
  CHECK(StatusOf(running.ReadAll()) == 200);
  int answered = 0;
  for (const auto& client : waiting) answered += StatusOf(client->ReadAll()) == 200;
  CHECK(answered == 2);
}
