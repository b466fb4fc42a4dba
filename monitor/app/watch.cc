#include "monitor/app/watch.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <charconv>

#include "dashboards/documents.h"
#include "dashboards/metrics.h"
#include "monitor/app/log_words.h"
#include "monitor/app/signals.h"
#include "monitor/ledger_view.h"

namespace {

constexpr int64_t kMaxFacts = 10'000;
constexpr size_t kPageBytes = 1 << 20;

HttpServer::Options ServerOptions(const Config& config) {
  HttpServer::Options options;
  options.listen = config.listen;
  return options;
}

// A parameter that is a number from `least` on; -1 where it is none.
int64_t NumberOf(const HttpRequest& request, const char* key, int64_t least, int64_t absent) {
  const std::string text = request.QueryValue(key);
  if (text.empty()) return absent;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && value >= least ? value : -1;
}

}  // namespace

Result<std::unique_ptr<Watch>> Watch::Start(const Settings& settings, const Clock& clock) {
  auto config = LoadConfig(settings);
  if (!config) return tl::unexpected<Error>(config.error());
  if (config->compaction_logs.empty()) {
    return Fail(
        Error::Kind::kUsage,
        config->file.empty()
            ? "nothing to watch: give --config FILE (there is no /etc/rollcall/rollcall.yml)"
            : config->file + ": nothing to watch: it has no compaction_logs");
  }
  std::unique_ptr<Watch> watch(new Watch(settings, clock, *config));
  // Requests are answered before there is a session; a reload waits for it.
  const std::lock_guard one(watch->reload_mutex_);
  if (auto ok = watch->http_.Start(); !ok) return tl::unexpected<Error>(ok.error());
  std::unique_ptr<CanonicalFiles> none;
  auto session = Session::Start(std::move(*config), clock, none);
  // A full disk is waited for, as it is later on, see Tend().
  if (!session && session.error().kind != Error::Kind::kLedgerFull) {
    return tl::unexpected<Error>(session.error());
  }
  const std::lock_guard lock(watch->session_mutex_);
  if (session) {
    watch->session_ = std::move(*session);
  } else {
    watch->no_session_ = watch->trouble_ = session.error().message;
    spdlog::error("ledger cannot be written, nothing is read error={}", LogWords(watch->trouble_));
  }
  return watch;
}

Watch::Watch(const Settings& settings, const Clock& clock, const Config& config)
    : settings_(settings),
      clock_(clock),
      listen_(config.listen),
      server_(config.server),
      http_(ServerOptions(config)) {
  AddRoutes();
}

Watch::~Watch() { http_.Stop(); }

void Watch::AddRoutes() {
  http_.Get("/metrics", [this](const HttpRequest&) { return Metrics(); });
  http_.Get("/-/healthy", [](const HttpRequest&) {
    HttpResponse healthy;
    healthy.body = "rollcall is healthy\n";
    return healthy;
  });
  http_.Get("/-/ready", [this](const HttpRequest&) { return Ready(); });
  http_.Get("/api/v1/facts", [this](const HttpRequest& request) {
    if (!pages_.try_acquire()) {
      return ErrorResponse(503, "busy", "two pages of facts are being made; ask again");
    }
    struct Release {
      std::counting_semaphore<2>& pages;
      ~Release() { pages.release(); }
    } const release{pages_};
    return Facts(request);
  });
  http_.Post("/-/reload", [this](const HttpRequest& request) {
    if (!request.FromLoopback()) {
      return ErrorResponse(403, "forbidden", "reload is for this machine alone");
    }
    auto done = Reload();
    return done ? HttpResponse{} : ErrorResponse(500, "config", done.error().message);
  });
}

RollcallStatus Watch::status() {
  const std::lock_guard lock(session_mutex_);
  RollcallStatus status = session_ ? session_->status() : last_status_;
  if (!session_) status.ledger_writable = false;
  if (!trouble_.empty()) TellLedgerTrouble(status, server_, true);
  status.config_last_reload_successful = reload_successful_;
  return status;
}

HttpResponse Watch::Metrics() {
  RollcallStatus status = this->status();
  status.version = ROLLCALL_VERSION;
  status.process = ReadProcessUsage();
  status.heartbeats["http"] = static_cast<double>(clock_.Now().time_since_epoch().count()) / 1000;
  HttpResponse response;
  response.content_type = kMetricsContentType;
  response.body = RenderMetrics(RollcallMetrics(status));
  return response;
}

// The facts after a sequence number, at most `limit`, oldest first: what a shipper or an auditor
// pages. A page of large facts ends early; only an empty one is the end.
HttpResponse Watch::Facts(const HttpRequest& request) {
  const int64_t after = NumberOf(request, "after", 0, 0);
  const int64_t limit = NumberOf(request, "limit", 1, 1000);
  if (after < 0 || limit < 0 || limit > kMaxFacts) {
    return ErrorResponse(400, "bad_request",
                         "after is a sequence number, limit a number from 1 to 10000");
  }
  std::string ledger;
  {
    const std::lock_guard lock(session_mutex_);
    if (!session_) return ErrorResponse(503, "not_ready", no_session_);
    ledger = session_->config().ledger;
  }
  auto view = LedgerView::Open(ledger);
  if (!view) return ErrorResponse(503, "ledger", view.error().message);
  std::string page = "[";  // text, not a document: many readers at once must not take much memory
  auto read = view->FactsAfter(after, limit, [&](const FactEntry& fact) {
    if (page.size() > kPageBytes) return;
    if (page.size() > 1) page += ",";
    page += Write(FactDocument(fact), -1);
  });
  if (!read) return ErrorResponse(503, "ledger", read.error().message);
  return JsonResponse(page + "]");
}

std::string Watch::WhyNotReady() {
  const std::lock_guard lock(session_mutex_);
  if (!session_) return no_session_;
  std::string trouble = session_->trouble();
  if (!trouble.empty()) return trouble;
  return session_->caught_up() ? "" : "catching up with what was in the logs at the start";
}

HttpResponse Watch::Ready() {
  const std::string why = WhyNotReady();
  if (!why.empty()) return ErrorResponse(503, "not_ready", why);
  HttpResponse ready;
  ready.body = "rollcall is ready\n";
  return ready;
}

Result<Config> Watch::ReadAgain() {
  auto config = LoadConfig(settings_);
  if (!config) return config;
  if (config->compaction_logs.empty()) {
    return Fail(Error::Kind::kUsage,
                config->file + ": nothing to watch: it has no compaction_logs");
  }
  if (config->listen != listen_) {
    return Fail(Error::Kind::kUsage, config->file + ": listen: changing " + listen_ + " to " +
                                         config->listen + " takes a restart; nothing was changed");
  }
  return config;
}

Result<void> Watch::Reload() {
  const std::lock_guard one(reload_mutex_);
  auto config = ReadAgain();
  if (!config) {
    spdlog::error("configuration not reloaded error={}", LogWords(config.error().message));
    const std::lock_guard lock(session_mutex_);
    reload_successful_ = false;
    return tl::unexpected<Error>(config.error());
  }
  std::unique_ptr<Session> old;
  {
    const std::lock_guard lock(session_mutex_);
    if (session_) last_status_ = session_->status();
    no_session_ = "reloading";
    old = std::move(session_);
  }
  const Config previous = old ? old->config() : *config;
  // The ledger has one writer: the old session ends before the new one begins.
  std::unique_ptr<CanonicalFiles> files = Session::End(std::move(old));
  auto session = Session::Start(std::move(*config), clock_, files);
  Result<void> result;
  if (!session) {
    result = tl::unexpected<Error>(session.error());
    session = Session::Start(previous, clock_, files);
  }
  const std::lock_guard lock(session_mutex_);
  if (!result && (session || trouble_ != session.error().message)) {
    spdlog::error("configuration not applied error={}", LogWords(result.error().message));
  }
  reload_successful_ = result.has_value();
  trouble_ = session ? "" : session.error().message;
  if (session) session_ = std::move(*session);
  if (!session_) no_session_ = trouble_;
  if (result) spdlog::info("configuration reloaded");
  return result;
}

void Watch::Tend() {
  {
    const std::lock_guard lock(session_mutex_);
    if (session_) return;
  }
  // Logged there; the next call tries again.
  [[maybe_unused]] const auto done = Reload();
}

int RunWatch(const Settings& settings) {
  LogToStandardError();
  const int signals = SignalDescriptor();
  const SystemClock clock;
  auto watch = Watch::Start(settings, clock);
  if (!watch) return Report(watch.error());
  spdlog::info("watching port={} version={}", (*watch)->port(), ROLLCALL_VERSION);
  for (;;) {
    const int signal = NextSignal(signals, 1000);
    if (signal == 0) {
      (*watch)->Tend();
      continue;
    }
    if (signal != SIGHUP) break;
    if (auto done = (*watch)->Reload(); !done) continue;  // logged there; the old one stays
  }
  spdlog::info("stopping");
  watch->reset();
  close(signals);
  return kDone;
}
