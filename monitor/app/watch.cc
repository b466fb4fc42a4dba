#include "monitor/app/watch.h"

#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <charconv>

#include "dashboards/documents.h"
#include "dashboards/metrics.h"
#include "monitor/ledger_view.h"

namespace {

// SIGTERM, SIGINT and SIGHUP are read from a descriptor; threads started later inherit the mask.
int SignalDescriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

HttpServer::Options ServerOptions(const Config& config) {
  HttpServer::Options options;
  options.listen = config.listen;
  return options;
}

}  // namespace

Result<std::unique_ptr<Watch>> Watch::Start(const Settings& settings, const Clock& clock) {
  auto config = LoadConfig(settings);
  if (!config) return Fail(Error::Kind::kUsage, config.error().message);
  if (config->compaction_logs.empty()) {
    return Fail(Error::Kind::kUsage, "nothing to watch: the configuration has no compaction_logs");
  }
  std::unique_ptr<Watch> watch(new Watch(settings, clock, *config));
  auto session = Session::Start(std::move(*config), clock);
  if (!session) return tl::unexpected<Error>(session.error());
  watch->session_ = std::move(*session);
  if (auto ok = watch->http_.Start(); !ok) return tl::unexpected<Error>(ok.error());
  return watch;
}

Watch::Watch(const Settings& settings, const Clock& clock, const Config& config)
    : settings_(settings), clock_(clock), http_(ServerOptions(config)) {
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
  http_.Get("/api/v1/facts", [this](const HttpRequest& request) { return Facts(request); });
  http_.Post("/-/reload", [this](const HttpRequest& request) {
    if (!request.FromLoopback()) {
      return ErrorResponse(403, "forbidden", "reload is for this machine alone");
    }
    auto done = Reload();
    return done ? HttpResponse{} : ErrorResponse(500, "config", done.error().message);
  });
}

HttpResponse Watch::Metrics() {
  RollcallStatus status;
  {
    const std::lock_guard lock(session_mutex_);
    if (session_) status = session_->status();
    status.ledger_writable = session_ && session_->trouble().empty();
    status.config_last_reload_successful = reload_successful_;
  }
  status.version = ROLLCALL_VERSION;
  status.process = ReadProcessUsage();
  status.heartbeats["http"] = static_cast<double>(clock_.Now().time_since_epoch().count()) / 1000;
  HttpResponse response;
  response.content_type = kMetricsContentType;
  response.body = RenderMetrics(RollcallMetrics(status));
  return response;
}

// The facts after a sequence number, at most `limit`, oldest first: what a shipper or an auditor
// pages.
HttpResponse Watch::Facts(const HttpRequest& request) {
  const auto number = [&](const char* key, int64_t absent) {
    const std::string text = request.QueryValue(key);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty()) return absent;
    return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : -1;
  };
  const int64_t after = number("after", 0);
  const int64_t limit = number("limit", 1000);
  if (after < 0 || limit < 1 || limit > 10'000) {
    return ErrorResponse(400, "bad_request", "after and limit are numbers, limit at most 10000");
  }
  std::string ledger;
  {
    const std::lock_guard lock(session_mutex_);
    if (!session_) return ErrorResponse(503, "not_ready", "reloading");
    ledger = session_->config().ledger;
  }
  auto view = LedgerView::Open(ledger);
  if (!view) return ErrorResponse(503, "ledger", view.error().message);
  Document facts = Document::array();
  auto read = view->FactsAfter(after, limit,
                               [&](const FactEntry& fact) { facts.push_back(FactDocument(fact)); });
  if (!read) return ErrorResponse(503, "ledger", read.error().message);
  return JsonResponse(Write(facts, -1));
}

HttpResponse Watch::Ready() {
  const std::lock_guard lock(session_mutex_);
  const std::string trouble = session_ ? session_->trouble() : "reloading";
  if (!trouble.empty()) return ErrorResponse(503, "not_ready", trouble);
  HttpResponse ready;
  ready.body = "rollcall is ready\n";
  return ready;
}

Result<void> Watch::Reload() {
  const std::lock_guard one(reload_mutex_);
  auto config = LoadConfig(settings_);
  if (!config || config->compaction_logs.empty()) {
    const std::lock_guard lock(session_mutex_);
    reload_successful_ = false;
    const std::string why = config ? "it has no compaction_logs" : config.error().message;
    spdlog::error("configuration not reloaded error=\"{}\"", why);
    return Fail(Error::Kind::kUsage, why);
  }
  std::unique_ptr<Session> old;
  {
    const std::lock_guard lock(session_mutex_);
    old = std::move(session_);
  }
  const Config previous = old->config();
  old.reset();  // the ledger has one writer: the old session ends before the new one begins
  auto session = Session::Start(std::move(*config), clock_);
  Result<void> result;
  if (!session) {
    result = tl::unexpected<Error>(session.error());
    spdlog::error("configuration not applied error=\"{}\"", session.error().message);
    session = Session::Start(previous, clock_);
  }
  const std::lock_guard lock(session_mutex_);
  reload_successful_ = result.has_value();
  if (session) session_ = std::move(*session);
  if (result) spdlog::info("configuration reloaded");
  return result;
}

int RunWatch(const Settings& settings) {
  spdlog::drop("rollcall");
  spdlog::set_default_logger(spdlog::stderr_logger_mt("rollcall"));
  spdlog::set_pattern("ts=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc);
  const int signals = SignalDescriptor();
  const SystemClock clock;
  auto watch = Watch::Start(settings, clock);
  if (!watch) return Report(watch.error());
  spdlog::info("watching port={}", (*watch)->port());
  signalfd_siginfo signal{};
  while (read(signals, &signal, sizeof signal) == sizeof signal) {
    if (signal.ssi_signo != SIGHUP) break;
    if (auto done = (*watch)->Reload(); !done) continue;  // logged there; the old one stays
  }
  spdlog::info("stopping");
  watch->reset();
  close(signals);
  return kDone;
}
