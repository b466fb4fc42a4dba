#include "monitor/app/command_line.h"

#include <CLI/CLI.hpp>

#include "monitor/app/check.h"
#include "monitor/app/demo.h"
#include "monitor/app/ingest.h"
#include "monitor/app/operator_verbs.h"
#include "monitor/app/reports.h"
#include "monitor/app/settings.h"
#include "monitor/app/watch.h"

namespace {

constexpr const char* kAbout =
    "rollcall calls the roll of a compacting event store: it reads what the compactor logs, keeps "
    "a\n"
    "balance of events per project and day, and says which run lost how many events and why.";
constexpr const char* kFooter =
    "Exit codes: 0 done or clear, 1 found what it looks for, 2 usage or configuration,\n"
    "3 input or ledger unusable, 4 cannot tell.";

// One verb: its options are bound to members here, so they live as long as the parser.
struct Verbs {
  Settings settings;
  IngestOptions ingest;
  AlertsOptions alerts;
  TimelineOptions timeline;
  ImpactOptions impact;
  PermitOptions permit;
  AnnotateOptions annotate;
  DemoOptions demo;
  std::string backup_file;
  bool rebuild = false;
  int code = kUsage;

  CLI::App* Add(CLI::App& app, const char* name, const char* about) {
    CLI::App* verb = app.add_subcommand(name, about);
    verb->add_option("--config,--config.file", settings.config_file,
                     "configuration file (default /etc/rollcall/rollcall.yml)");
    verb->add_option("--server", settings.server, "name of this data server");
    verb->add_option("--ledger", settings.ledgers,
                     "ledger file; repeat it where ledgers are only read")
        ->allow_extra_args(false);  // one word a flag, so that a LOG may follow
    verb->add_option("--format", settings.format, "output: table, json or csv")
        ->check(CLI::IsMember({"table", "json", "csv"}));
    return verb;
  }
};

void AddCollecting(CLI::App& app, Verbs& verbs) {
  CLI::App* watch = verbs.Add(app, "watch", "follow the logs; /metrics and health over HTTP");
  watch->callback([&verbs] { verbs.code = RunWatch(verbs.settings); });

  CLI::App* ingest = verbs.Add(app, "ingest", "read logs that are there into the ledger, once");
  ingest->add_option(
      "LOG", verbs.ingest.logs,
      "log files, compressed ones too; - is standard input (default: as configured)");
  ingest->add_option("--source", verbs.ingest.source, "the compaction_logs entry that reads them");
  ingest->add_option("--preset", verbs.ingest.preset, "read by this preset, without configuration");
  ingest->add_option("--partition", verbs.ingest.partition,
                     "with --preset: how a name spells project and day, as {project}/{day}");
  ingest->add_flag("--quiet", verbs.ingest.quiet, "no progress");
  ingest->callback([&verbs] { verbs.code = Ingest(verbs.settings, verbs.ingest); });

  CLI::App* demo = verbs.Add(app, "demo", "the incident, live, in miniature");
  demo->add_option("--directory", verbs.demo.directory, "where to run it (default: a new one)");
  demo->add_option("--seed", verbs.demo.seed, "other events");
  demo->callback([&verbs] { verbs.code = Demo(verbs.settings, verbs.demo); });
}

void AddReports(CLI::App& app, Verbs& verbs) {
  CLI::App* impact = verbs.Add(app, "impact", "whose events are missing, since when, through what");
  impact->add_option("--since", verbs.impact.since, "losses from this time on");
  impact->add_option("--until", verbs.impact.until, "losses before this time");
  impact->add_option("--version", verbs.impact.version, "losses of this compactor version");
  impact->add_option("--project", verbs.impact.project, "of this project");
  impact->callback([&verbs] { verbs.code = ReportImpact(verbs.settings, verbs.impact); });

  CLI::App* alerts = verbs.Add(app, "alerts", "what is wrong now, and what was");
  alerts->add_option("--state", verbs.alerts.state, "pending, firing, resolved or all")
      ->check(CLI::IsMember({"pending", "firing", "resolved", "all"}));
  alerts->add_flag("--fail", verbs.alerts.fail, "exit 1 when something fires");
  alerts->callback([&verbs] { verbs.code = Alerts(verbs.settings, verbs.alerts); });

  CLI::App* timeline = verbs.Add(app, "timeline", "all that happened to a project, in time order");
  timeline->add_option("PROJECT", verbs.timeline.project)->required();
  timeline->add_option("DAY,--day", verbs.timeline.day, "only this day");
  timeline->add_option("--on", verbs.timeline.server, "only on this server");
  timeline->callback([&verbs] { verbs.code = Timeline(verbs.settings, verbs.timeline); });
}

void AddOperator(CLI::App& app, Verbs& verbs) {
  CLI::App* permit = verbs.Add(app, "permit", "explain a decrease, a re-homing or a move");
  permit->add_option("PROJECT", verbs.permit.project);
  permit->add_option("DAY,--day", verbs.permit.day);
  permit->add_option("--kind", verbs.permit.kind, "decrease, rehomed or move")
      ->check(CLI::IsMember({"decrease", "rehomed", "move"}));
  permit->add_option("--events", verbs.permit.events, "how many may disappear from each copy");
  permit->add_option("--data-format", verbs.permit.format, "of this format only");
  permit->add_option("--on", verbs.permit.server, "on this server only");
  permit->add_option("--to", verbs.permit.to_server, "rehomed: the server it moved to");
  permit->add_option("--expires", verbs.permit.expires, "no longer valid from this time on");
  permit->add_option("--reason", verbs.permit.reason)->required();
  permit->callback([&verbs] { verbs.code = Permit(verbs.settings, verbs.permit); });

  CLI::App* annotate = verbs.Add(app, "annotate", "put a remark or a deploy on the timeline");
  annotate->add_option("TEXT", verbs.annotate.text)->required();
  annotate->add_option("--project", verbs.annotate.project);
  annotate->add_option("--on", verbs.annotate.server, "about this server");
  annotate->add_option("--at", verbs.annotate.at, "when (default: now)");
  annotate->add_option("--deploy", verbs.annotate.deploy_version, "a release reached the server");
  annotate->callback([&verbs] { verbs.code = Annotate(verbs.settings, verbs.annotate); });
}

void AddCare(CLI::App& app, Verbs& verbs) {
  CLI::App* check = app.add_subcommand("check", "look for mistakes: check config, check ledger");
  check->require_subcommand(1);
  CLI::App* config = verbs.Add(*check, "config", "explain the configuration and its mistakes");
  config->callback([&verbs] { verbs.code = CheckConfigVerb(verbs.settings); });
  CLI::App* ledger = verbs.Add(*check, "ledger", "prove that the ledger is whole and unchanged");
  ledger->add_flag("--rebuild", verbs.rebuild, "also derive everything again from the facts");
  ledger->callback([&verbs] { verbs.code = CheckLedgerVerb(verbs.settings, verbs.rebuild); });

  CLI::App* backup =
      verbs.Add(app, "backup", "a consistent copy of the ledger, also while watched");
  backup->add_option("FILE", verbs.backup_file)->required();
  backup->callback([&verbs] { verbs.code = Backup(verbs.settings, verbs.backup_file); });
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv) {
  CLI::App app{kAbout, "rollcall"};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("rollcall ") + ROLLCALL_VERSION);
  app.require_subcommand(1);
  Verbs verbs;
  AddCollecting(app, verbs);
  AddReports(app, verbs);
  AddOperator(app, verbs);
  AddCare(app, verbs);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kUsage;
  }
  return verbs.code;
}
