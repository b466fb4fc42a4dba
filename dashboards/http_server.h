#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dashboards/http_routes.h"
#include "dashboards/request_collector.h"

// An HTTP server that hostile clients can load but not silence. One thread collects requests and
// writes replies (RequestCollector); a pool runs the handlers and never touches a socket, so that
// no slow or idle client holds it. Every connection carries one request.
//
// Owned by a role (`watch`, later `serve`). Get, Post, Start and Stop belong to the owner's thread,
// each in that order; handlers run on the pool's threads, several at once.
class HttpServer {
 public:
  using Handler = HttpRoutes::Handler;

  struct Options {
    std::string listen = "127.0.0.1:9717";   // see ParseListenAddress
    bool allow_remote = false;               // a listen address that other machines reach
    std::vector<std::string> allowed_hosts;  // names besides loopback's and the listen address
    size_t workers = 8;
    size_t waiting = 128;  // whole requests not yet taken by a worker; one more is refused
    RequestCollector::Limits limits;
  };

  explicit HttpServer(Options options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void Get(const std::string& path, Handler handler) { routes_.Get(path, std::move(handler)); }
  void Post(const std::string& path, Handler handler) { routes_.Post(path, std::move(handler)); }

  void Observe(HttpRoutes::Observer observer) { routes_.Observe(std::move(observer)); }
  void GetElse(Handler handler) { routes_.GetElse(std::move(handler)); }
  std::vector<std::string> paths() const { return routes_.paths(); }

  // Listens when it returns.
  [[nodiscard]] Result<void> Start();
  uint16_t port() const { return port_; }  // what was chosen for ":0"
  // Waits for handlers that are running; every connection is closed. May be called twice.
  void Stop();

 private:
  bool Enqueue(CollectedRequest request);
  void Work();

  const Options options_;
  HttpRoutes routes_;
  uint16_t port_ = 0;
  std::unique_ptr<RequestCollector> collector_;
  std::thread collecting_;
  std::vector<std::thread> working_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable arrived_;
  std::deque<CollectedRequest> queue_;
  bool stopping_ = false;
};
