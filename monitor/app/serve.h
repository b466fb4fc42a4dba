#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "dashboards/api.h"
#include "monitor/app/operator_api.h"
#include "monitor/app/settings.h"

struct ServeOptions {
  bool allow_remote = false;               // a listen address that other machines reach
  std::vector<std::string> allowed_hosts;  // names besides loopback's and the listen address
};

// `rollcall serve`: the page and its API, read from ledgers that others write. Needs no capability
// and writes operator.db alone. Tests start it in their own process; RunServe adds the signals.
class Serve {
 public:
  static Result<std::unique_ptr<Serve>> Start(const Settings& settings, const ServeOptions& options,
                                              const Clock& clock);
  ~Serve();
  uint16_t port() const { return http_.port(); }
  // That have a route of their own.
  std::vector<std::string> paths() const { return http_.paths(); }

 private:
  Serve(const Settings& settings, const ServeOptions& options, const Config& config,
        const Clock& clock);
  HttpResponse Metrics();
  HttpResponse Ready();

  HttpServer http_;
  LedgerSet ledgers_;
  OverviewKeeper overviews_;
  OperatorApi operators_;
  std::optional<Api> api_;

  struct Answered {
    std::map<int, int64_t> statuses;
    std::chrono::steady_clock::duration took{};
  };
  std::mutex mutex_;                          // guards what follows
  std::map<std::string, Answered> answered_;  // by route
};

// Until SIGTERM or SIGINT.
int RunServe(const Settings& settings, const ServeOptions& options);
