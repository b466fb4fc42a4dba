#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dashboards/http_message.h"

// Decides what answers a request: who may ask, which handler, and the headers every answer carries.
// Filled before the server starts, read-only afterwards; Answer may be called from any thread.
class HttpRoutes {
 public:
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // Host names under which the server may be asked, besides the loopback ones: a page that had its
  // name re-bound to our address asks under its own name, and is refused.
  void AllowHost(const std::string& host);
  // Addresses cannot be re-bound, so a server on all interfaces answers to any of them.
  void AllowAnyAddress() { any_address_ = true; }

  void Get(const std::string& path, Handler handler);  // HEAD too
  void Post(const std::string& path, Handler handler);
  // GET and HEAD of every path that has no route of its own.
  void GetElse(Handler handler) { otherwise_ = std::move(handler); }

  // Is told of each answer: the path of the route that gave it ("-": none has it), how long that
  // took. Any thread.
  using Observer = std::function<void(const std::string& route, int status,
                                      std::chrono::steady_clock::duration took)>;
  void Observe(Observer observer) { observer_ = std::move(observer); }

  // Never throws; a handler's exception is a 500 and a line in the log.
  HttpResponse Answer(const HttpRequest& request) const;
  std::vector<std::string> paths() const;  // that have a route of their own
  // Adds the headers that every answer carries.
  static void Guard(HttpResponse& response);

 private:
  bool HostAllowed(std::string_view host_header) const;
  HttpResponse Route(const HttpRequest& request) const;

  std::vector<std::string> hosts_{"localhost", "127.0.0.1", "::1"};  // lower case
  bool any_address_ = false;
  std::map<std::string, std::map<std::string, Handler>> routes_;  // path, method
  Observer observer_;                                             // may be empty
  Handler otherwise_;                                             // may be empty
};
