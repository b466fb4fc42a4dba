#include "monitor/app/serve.h"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "dashboards/metrics.h"
#include "dashboards/page.h"
#include "dashboards/rollcall_metrics.h"
#include "monitor/app/open_ledgers.h"
#include "monitor/app/signals.h"

namespace {

using std::chrono::steady_clock;

constexpr const char* kListen = "127.0.0.1:9718";

HttpServer::Options ServerOptions(const Settings& settings, const ServeOptions& options) {
  HttpServer::Options server;
  server.listen = settings.listen.empty() ? kListen : settings.listen;
  server.allow_remote = options.allow_remote;
  server.allowed_hosts = options.allowed_hosts;
  return server;
}

LedgerSet::ListFiles FilesOf(const Settings& settings, const Config& config) {
  return [settings, config] { return LedgerFiles(settings, config); };
}

double Seconds(Time time) { return static_cast<double>(time.time_since_epoch().count()) / 1000; }

MetricFamily Gauge(std::string name, std::string help) {
  return {std::move(name), std::move(help), MetricKind::kGauge, {}};
}

MetricFamily Counter(std::string name, std::string help) {
  return {std::move(name), std::move(help), MetricKind::kCounter, {}};
}

void AddLedgers(const std::vector<LedgerStatus>& ledgers, MetricsSnapshot& snapshot) {
  MetricFamily readable = Gauge("rollcall_ledger_readable",
                                "1 when the ledger can be read, and nothing says that it was cut.");
  MetricFamily head = Gauge("rollcall_ledger_head_sequence", "Sequence of the newest fact.");
  MetricFamily written = Gauge("rollcall_ledger_written_timestamp_seconds",
                               "When the ledger last took facts, by its writer's clock.");
  MetricFamily writer = Gauge("rollcall_ledger_writer_running",
                              "1 when a process of this machine holds the ledger's write lock.");
  for (const LedgerStatus& ledger : ledgers) {
    const MetricLabels labels = {{"ledger", ledger.path}};
    readable.samples.push_back({labels, ledger.problem.empty() ? 1.0 : 0.0});
    if (ledger.head_seq) head.samples.push_back({labels, static_cast<double>(*ledger.head_seq)});
    if (ledger.written_at) written.samples.push_back({labels, Seconds(*ledger.written_at)});
    writer.samples.push_back({labels, ledger.writer_running == true ? 1.0 : 0.0});
  }
  for (MetricFamily* family : {&readable, &head, &written, &writer}) {
    snapshot.families.push_back(std::move(*family));
  }
}

void AddProcess(MetricsSnapshot& snapshot) {
  const auto usage = ReadProcessUsage();
  if (!usage) return;
  const auto add = [&](MetricFamily family, double value) {
    family.samples.push_back({{}, value});
    snapshot.families.push_back(std::move(family));
  };
  add(Counter("process_cpu_seconds_total", "Processor time."), usage->cpu_seconds);
  add(Gauge("process_start_time_seconds", "Since 1970."), usage->start_time_seconds);
  add(Gauge("process_resident_memory_bytes", "Resident memory."),
      static_cast<double>(usage->resident_bytes));
  add(Gauge("process_open_fds", "Open descriptors."), static_cast<double>(usage->open_descriptors));
}

}  // namespace

Result<std::unique_ptr<Serve>> Serve::Start(const Settings& settings, const ServeOptions& options,
                                            const Clock& clock) {
  auto config = LoadConfig(settings);
  if (!config) return tl::unexpected<Error>(config.error());
  std::unique_ptr<Serve> serve(new Serve(settings, options, *config, clock));
  if (auto ok = serve->http_.Start(); !ok) return tl::unexpected<Error>(ok.error());
  return serve;
}

Serve::Serve(const Settings& settings, const ServeOptions& options, const Config& config,
             const Clock& clock)
    : http_(ServerOptions(settings, options)),
      ledgers_(FilesOf(settings, config)),
      overviews_(FilesOf(settings, config), ConfiguredFormats(config)),
      operators_(http_, ledgers_, config.operator_db, clock) {
  Api::Options api;
  api.formats = ConfiguredFormats(config);
  api.acknowledgements = [this](LedgerSet::Loan& ledgers) {
    return operators_.Acknowledgements(ledgers);
  };
  api_.emplace(http_, ledgers_, overviews_, std::move(api));
  operators_.AddLists(*api_);
  http_.Get("/metrics", [this](const HttpRequest&) { return Metrics(); });
  http_.Get("/-/healthy", [](const HttpRequest&) {
    HttpResponse healthy;
    healthy.body = "rollcall is healthy\n";
    return healthy;
  });
  http_.Get("/-/ready", [this](const HttpRequest&) { return Ready(); });
  AddPage(http_);
  http_.Observe([this](const std::string& route, int status, steady_clock::duration took) {
    const std::lock_guard lock(mutex_);
    Answered& answered = answered_[route];
    ++answered.statuses[status];
    answered.took += took;
  });
}

// Handlers use what is destroyed before the server.
Serve::~Serve() { http_.Stop(); }

HttpResponse Serve::Metrics() {
  MetricsSnapshot snapshot;
  MetricFamily build = Gauge("rollcall_build_info", "The version that runs.");
  build.samples.push_back({{{"version", ROLLCALL_VERSION}}, 1});
  snapshot.families.push_back(std::move(build));
  {
    MetricFamily requests = Counter("rollcall_http_requests_total", "Requests answered.");
    MetricFamily seconds = Counter("rollcall_http_request_seconds_total",
                                   "Time that handlers took, without sending the answer.");
    const std::lock_guard lock(mutex_);
    for (const auto& [route, answered] : answered_) {
      for (const auto& [status, count] : answered.statuses) {
        requests.samples.push_back(
            {{{"route", route}, {"code", std::to_string(status)}}, static_cast<double>(count)});
      }
      seconds.samples.push_back(
          {{{"route", route}}, std::chrono::duration<double>(answered.took).count()});
    }
    snapshot.families.push_back(std::move(requests));
    snapshot.families.push_back(std::move(seconds));
  }
  AddLedgers(ledgers_.Borrow(steady_clock::now() + std::chrono::seconds(1)).statuses, snapshot);
  AddProcess(snapshot);
  HttpResponse response;
  response.content_type = kMetricsContentType;
  response.body = RenderMetrics(snapshot);
  return response;
}

HttpResponse Serve::Ready() {
  const LedgerSet::Loan ledgers = ledgers_.Borrow(steady_clock::now() + std::chrono::seconds(1));
  for (const LedgerStatus& ledger : ledgers.statuses) {
    if (!ledger.readable) return ErrorResponse(503, "not_ready", ledger.problem);
  }
  if (ledgers.views.empty()) return ErrorResponse(503, "not_ready", "there is no ledger");
  HttpResponse ready;
  ready.body = "rollcall is ready\n";
  return ready;
}

int RunServe(const Settings& settings, const ServeOptions& options) {
  // Sixteen threads that make documents now and then would keep a heap each.
  mallopt(M_ARENA_MAX, 2);
  LogToStandardError();
  const int signals = SignalDescriptor();
  const SystemClock clock;
  auto serve = Serve::Start(settings, options, clock);
  if (!serve) return Report(serve.error());
  spdlog::info("serving port={} version={}", (*serve)->port(), ROLLCALL_VERSION);
  // SIGHUP has nothing to reload: ledgers that are replaced are noticed anyway.
  while (NextSignal(signals, -1) == SIGHUP) {
  }
  spdlog::info("stopping");
  return kDone;
}
