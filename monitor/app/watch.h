#pragma once

#include <memory>
#include <mutex>
#include <semaphore>
#include <string>

#include "dashboards/http_server.h"
#include "monitor/app/session.h"
#include "monitor/app/settings.h"

// `rollcall watch`: a session beside the HTTP server with /metrics, /-/healthy, /-/ready,
// /api/v1/facts and POST /-/reload. Tests and `demo` start it in their own process; RunWatch adds
// the signals.
class Watch {
 public:
  // Nothing is written before the address could be taken and the configuration is right.
  static Result<std::unique_ptr<Watch>> Start(const Settings& settings, const Clock& clock);
  ~Watch();

  // Reads the configuration again. A wrong one changes nothing. Any thread.
  [[nodiscard]] Result<void> Reload();
  // Begins anew where there is no session: the disk was full at the start, or after a reload
  // neither configuration could be started. To be called about once a second.
  void Tend();
  // What /metrics says. Any thread.
  RollcallStatus status();
  // Whether all that was in the logs at the start is in the ledger, and it can be written: else
  // why not. Any thread.
  std::string WhyNotReady();
  uint16_t port() const { return http_.port(); }

 private:
  Watch(const Settings& settings, const Clock& clock, const Config& config);
  void AddRoutes();
  HttpResponse Metrics();
  HttpResponse Ready();
  HttpResponse Facts(const HttpRequest& request);
  Result<Config> ReadAgain();

  const Settings settings_;
  const Clock& clock_;
  const std::string listen_, server_;
  HttpServer http_;
  // Pages of facts are dear; whoever asks for many at once must not keep a scrape waiting.
  std::counting_semaphore<2> pages_{2};
  std::mutex reload_mutex_;   // one reload at a time, after the start
  std::mutex session_mutex_;  // guards what follows; never held while a session starts or ends
  std::unique_ptr<Session> session_;  // null while one ends and the next begins
  RollcallStatus last_status_;        // of the session before, for that time
  std::string no_session_ = "starting";
  std::string trouble_;  // why no session could be started; empty: one can, or is about to be
  bool reload_successful_ = true;
};

// Until SIGTERM or SIGINT; SIGHUP reloads.
int RunWatch(const Settings& settings);
