#include "monitor/app/session.h"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "monitor/app/log_words.h"
#include "rules/incident.h"

namespace {

int64_t FileSize(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

double Seconds(Time time) { return static_cast<double>(time.time_since_epoch().count()) / 1000; }

}  // namespace

Result<std::unique_ptr<Session>> Session::Start(Config config, const Clock& clock,
                                                std::unique_ptr<CanonicalFiles>& files) {
  std::unique_ptr<Session> session(new Session(std::move(config), clock));
  if (auto ok = session->Open(files); !ok) return tl::unexpected<Error>(ok.error());
  session->ledger_thread_ = std::thread([s = session.get()] { s->ledger_.Run(); });
  session->collector_thread_ = std::thread([s = session.get()] { s->collector_.Run(); });
  return session;
}

Session::Session(Config config, const Clock& clock)
    : config_(std::move(config)),
      clock_(clock),
      rules_(config_),
      stop_event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      ledger_(config_, rules_, clock, queue_, watches_, stop_event_.get()),
      collector_(config_, clock, queue_, watches_, ledger_, stop_event_.get()) {}

Session::~Session() { Stop(); }

std::unique_ptr<CanonicalFiles> Session::End(std::unique_ptr<Session> session) {
  if (!session) return nullptr;
  session->Stop();
  return session->collector_.TakeFiles();
}

void Session::Stop() {
  collector_.Stop();
  eventfd_write(stop_event_.get(), 1);
  if (collector_thread_.joinable()) collector_thread_.join();
  queue_.Close();
  if (ledger_thread_.joinable()) ledger_thread_.join();
}

Result<void> Session::Open(std::unique_ptr<CanonicalFiles>& files) {
  if (auto ok = ledger_.Open(); !ok) return ok;
  return collector_.Open(ledger_.ledger(), rules_.lag_bounds(), files);
}

bool Session::caught_up() const {
  const int64_t through = collector_.read_through();
  return through >= 0 && ledger_.committed() >= through;
}

RollcallStatus Session::status() const {
  RollcallStatus status = LedgerStatus();
  status.ledger_bytes = FileSize(config_.ledger) + FileSize(config_.ledger + "-wal");
  status.heartbeats["collector"] = Seconds(collector_.beat());
  status.heartbeats["ledger"] = Seconds(ledger_.beat());
  watches_.Describe(status.sources, clock_.Now());
  if (const auto files = collector_.files()) {
    status.files.level = NameOf(files->level);
    status.files.events = files->events;
    status.files.overflows = files->overflows;
    status.files.own_events = files->own_events;
    status.files.kept.reset();
    if (files->kept && config_.preserve) {
      status.files.kept = {config_.preserve->formats, files->kept->method, files->kept->made,
                           files->kept->failed};
    }
  }
  TellLedgerTrouble(status, config_.server, !ledger_.trouble().empty());
  return status;
}

// Read again only when something changed; a commit itself costs nothing here.
RollcallStatus Session::LedgerStatus() const {
  const std::lock_guard lock(reader_mutex_);
  const int64_t changes = ledger_.changes();
  if (changes == read_changes_) return read_status_;
  if (auto ok = ReadStatus(); !ok) {
    spdlog::warn("status not read error={}", LogWords(ok.error().message));
  }
  read_changes_ = changes;
  return read_status_;
}

Result<void> Session::ReadStatus() const {
  const int64_t openings = ledger_.openings();
  if (openings != read_openings_) {
    auto reader = StatusReader::Open(config_.ledger, config_);
    if (!reader) return tl::unexpected<Error>(reader.error());
    reader_ = std::move(*reader);
    read_openings_ = openings;
  }
  auto done = reader_->Read(read_status_);
  if (done) read_status_.ledger_read = true;
  return done;
}

void TellLedgerTrouble(RollcallStatus& status, const std::string& server, bool trouble) {
  constexpr const char* kRule = "blind";
  constexpr const char* kSeverity = "critical";
  constexpr const char* kCause = "ledger_not_writable";
  const auto same = [&](const IncidentStatus& incident) { return incident.cause == kCause; };
  auto incident = std::find_if(status.incidents.begin(), status.incidents.end(), same);
  if (incident == status.incidents.end()) {
    incident = status.incidents.insert(
        incident, {IncidentId(kRule, server, ""), kCause, "", kSeverity, false, 0, 0});
  }
  if (!trouble || incident->active) return;
  incident->active = true;
  status.ledger_writable = false;
  status.alerts.insert(status.alerts.begin(), {kRule, kSeverity, server, "", true});
  for (RuleStatus& rule : status.rules) rule.firing += rule.rule == kRule;
}
