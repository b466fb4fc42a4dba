#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "dashboards/http_server.h"
#include "monitor/app/session.h"
#include "monitor/app/settings.h"

// `rollcall watch`: a session beside the HTTP server with /metrics, /-/healthy, /-/ready and
// POST /-/reload. Tests start it in their own process; RunWatch adds the signals.
class Watch {
 public:
  static Result<std::unique_ptr<Watch>> Start(const Settings& settings, const Clock& clock);
  ~Watch();

  // Reads the configuration again. A wrong one changes nothing. Any thread.
  [[nodiscard]] Result<void> Reload();
  uint16_t port() const { return http_.port(); }

 private:
  Watch(const Settings& settings, const Clock& clock, const Config& config);
  void AddRoutes();
  HttpResponse Metrics();
  HttpResponse Ready();
  HttpResponse Facts(const HttpRequest& request);

  const Settings settings_;
  const Clock& clock_;
  HttpServer http_;
  std::mutex reload_mutex_;   // one reload at a time
  std::mutex session_mutex_;  // guards what follows; never held while a session starts or ends
  std::unique_ptr<Session> session_;  // null while one ends and the next begins
  bool reload_successful_ = true;
};

// Until SIGTERM or SIGINT; SIGHUP reloads.
int RunWatch(const Settings& settings);
