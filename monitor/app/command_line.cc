#include "monitor/app/command_line.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cstring>
#include <iostream>

#include "monitor/app/check.h"
#include "monitor/app/demo.h"
#include "monitor/app/file_reports.h"
#include "monitor/app/ingest.h"
#include "monitor/app/operator_verbs.h"
#include "monitor/app/output.h"
#include "monitor/app/reports.h"
#include "monitor/app/restore.h"
#include "monitor/app/serve.h"
#include "monitor/app/settings.h"
#include "monitor/app/watch.h"
#include "monitor/config_values.h"

namespace {

constexpr const char* kAbout =
    "rollcall calls the roll of a compacting event store: it reads what the compactor logs, keeps\n"
    "a balance of events per project and day, and says which run lost how many events and why.\n";
constexpr const char* kFooter =
    "Exit codes: 0 done or clear, 1 found what it looks for, 2 usage or configuration,\n"
    "3 input or ledger unusable, 4 cannot tell.";
constexpr std::array<std::string_view, 13> kVerbs = {
    "watch", "serve", "ingest", "demo",     "impact", "alerts", "timeline",
    "audit", "files", "permit", "annotate", "check",  "backup"};

// The options of all verbs are bound to members here, so they live as long as the parser.
struct Verbs {
  Settings settings;
  IngestOptions ingest;
  AlertsOptions alerts;
  TimelineOptions timeline;
  ImpactOptions impact;
  AuditOptions audit;
  FilesOptions files;
  KeptOptions kept;
  RestoreOptions restore;
  PermitOptions permit;
  AnnotateOptions annotate;
  DemoOptions demo;
  ServeOptions serve;
  std::string backup_file;
  bool rebuild = false;
  int code = kUsage;
};

constexpr const char* kConfigHelp = "configuration file (default /etc/rollcall/rollcall.yml)";

void AddFormat(CLI::App& verb, Verbs& verbs) {
  verb.add_option("--format", verbs.settings.format, "output: table, json or csv (default table)")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"table", "json", "csv"}));
}

// What every verb takes that has to do with one ledger.
CLI::App* Add(CLI::App& app, Verbs& verbs, const char* name, const char* about) {
  CLI::App* verb = app.add_subcommand(name, about);
  verb->add_option("--config", verbs.settings.config_file, kConfigHelp)->type_name("FILE");
  const auto keep = [&verbs](const std::string& ledger) { verbs.settings.ledgers = {ledger}; };
  verb->add_option_function<std::string>("--ledger", keep, "ledger file (default: as configured)")
      ->type_name("FILE");
  AddFormat(*verb, verbs);
  return verb;
}

// As above, for verbs that only read: several ledgers are read as one.
CLI::App* AddReading(CLI::App& app, Verbs& verbs, const char* name, const char* about) {
  CLI::App* verb = app.add_subcommand(name, about);
  verb->add_option("--config", verbs.settings.config_file, kConfigHelp)->type_name("FILE");
  verb->add_option("--ledger", verbs.settings.ledgers,
                   "ledger file, or a directory of *.db; repeat it to read several as one")
      ->type_name("FILE|DIR")
      ->allow_extra_args(false);  // one word a flag, so that other words may follow
  AddFormat(*verb, verbs);
  return verb;
}

void AddServer(CLI::App* verb, std::string& server, const char* about) {
  verb->add_option("--server", server, about)->type_name("NAME");
}

void AddCollecting(CLI::App& app, Verbs& verbs) {
  CLI::App* watch = Add(app, verbs, "watch", "follow the logs; /metrics and health over HTTP");
  AddServer(watch, verbs.settings.server, "name of this data server (default: as configured)");
  watch->add_option("--listen", verbs.settings.listen, "where to serve (default: as configured)")
      ->type_name("HOST:PORT");
  watch->callback([&verbs] { verbs.code = RunWatch(verbs.settings); });

  CLI::App* ingest = Add(app, verbs, "ingest", "read logs that are there into the ledger, once");
  ingest
      ->add_option("LOG", verbs.ingest.logs,
                   "log files, compressed ones too; - is standard input (default: as configured)")
      ->type_name("");
  AddServer(ingest, verbs.settings.server, "data server that wrote the logs");
  ingest->add_option("--source", verbs.ingest.source, "the compaction_logs entry that reads them")
      ->type_name("NAME");
  ingest->add_option("--preset", verbs.ingest.preset, "read by this preset, without configuration")
      ->type_name("NAME");
  ingest
      ->add_option("--partition", verbs.ingest.partition,
                   "with --preset: how a name spells project and day, as {project}/{day}")
      ->type_name("PATTERN")
      ->needs("--preset");
  ingest->add_flag("--quiet", verbs.ingest.quiet, "no progress");
  ingest->callback([&verbs] { verbs.code = Ingest(verbs.settings, verbs.ingest); });

  CLI::App* demo = app.add_subcommand("demo", "the incident, live, in miniature");
  demo->add_option("--directory", verbs.demo.directory, "where to run it (default: a new one)")
      ->type_name("DIR");
  demo->add_option("--seed", verbs.demo.seed, "a number: other events")->type_name("N");
  AddFormat(*demo, verbs);
  demo->callback([&verbs] { verbs.code = Demo(verbs.settings, verbs.demo); });
}

void AddServing(CLI::App& app, Verbs& verbs) {
  CLI::App* serve = app.add_subcommand("serve", "the page and its API, read from ledgers");
  serve->add_option("--config", verbs.settings.config_file, kConfigHelp)->type_name("FILE");
  serve
      ->add_option("--ledger", verbs.settings.ledgers,
                   "ledger file, or a directory of *.db; repeat it to read several as one")
      ->type_name("FILE|DIR")
      ->allow_extra_args(false);
  serve->add_option("--listen", verbs.settings.listen, "where to serve (default 127.0.0.1:9718)")
      ->type_name("HOST:PORT");
  serve->add_flag("--web.allow-remote", verbs.serve.allow_remote,
                  "listen on an address that other machines reach, unencrypted and for everybody");
  serve
      ->add_option("--web.allowed-host", verbs.serve.allowed_hosts,
                   "a host name that the server may be asked by, such as a proxy's; repeat it")
      ->type_name("NAME")
      ->allow_extra_args(false);
  serve->callback([&verbs] { verbs.code = RunServe(verbs.settings, verbs.serve); });
}

void AddReports(CLI::App& app, Verbs& verbs) {
  CLI::App* impact =
      AddReading(app, verbs, "impact", "whose events are missing, since when, through what");
  impact->add_option("--since", verbs.impact.since, "losses from this time on")->type_name("TIME");
  impact->add_option("--until", verbs.impact.until, "losses before this time")->type_name("TIME");
  impact->add_option("--version", verbs.impact.version, "losses of this compactor version")
      ->type_name("VERSION");
  impact->add_option("--project", verbs.impact.project, "of this project")->type_name("NAME");
  impact->callback([&verbs] { verbs.code = ReportImpact(verbs.settings, verbs.impact); });

  CLI::App* alerts = AddReading(app, verbs, "alerts", "what is wrong now, and what was");
  alerts
      ->add_option("--state", verbs.alerts.state,
                   "pending, firing, resolved or all (default firing)")
      ->type_name("STATE")
      ->check(CLI::IsMember({"pending", "firing", "resolved", "all"}));
  alerts->add_flag("--fail", verbs.alerts.fail, "exit 1 when something fires");
  alerts->callback([&verbs] { verbs.code = Alerts(verbs.settings, verbs.alerts); });

  CLI::App* timeline =
      AddReading(app, verbs, "timeline", "all that happened to a project, in time order");
  timeline->add_option("PROJECT", verbs.timeline.project)->required()->type_name("");
  timeline->add_option("DAY,--day", verbs.timeline.day, "only this day")->type_name("YYYY-MM-DD");
  AddServer(timeline, verbs.timeline.server, "only on this server");
  timeline->callback([&verbs] { verbs.code = Timeline(verbs.settings, verbs.timeline); });
}

void AddFileReports(CLI::App& app, Verbs& verbs) {
  CLI::App* audit =
      AddReading(app, verbs, "audit", "whether a format that is thought dead is still read");
  audit
      ->add_option("FORMAT|GLOB", verbs.audit.what,
                   "a format that is declared dead, or a pattern of its paths in quotes")
      ->required()
      ->type_name("");
  audit->add_flag("--fail", verbs.audit.fail, "exit 1 when it is read, 4 when nobody can tell");
  audit->callback([&verbs] { verbs.code = ReportAudit(verbs.settings, verbs.audit); });

  CLI::App* files =
      AddReading(app, verbs, "files", "canonical files of a project: generations, runs, readers");
  files->add_option("PROJECT", verbs.files.project)->required()->type_name("");
  files->add_option("DAY,--day", verbs.files.day, "only this day")->type_name("YYYY-MM-DD");
  files->callback([&verbs] { verbs.code = ReportFiles(verbs.settings, verbs.files); });
}

void AddKept(CLI::App& app, Verbs& verbs) {
  CLI::App* kept = AddReading(app, verbs, "kept", "generations of files that are kept");
  kept->add_option("PROJECT", verbs.kept.project, "only of this project")->type_name("");
  kept->add_option("DAY,--day", verbs.kept.day, "only of this day")->type_name("YYYY-MM-DD");
  kept->callback([&verbs] { verbs.code = ReportKept(verbs.settings, verbs.kept); });

  CLI::App* restore =
      AddReading(app, verbs, "restore", "write a kept generation beside the canonical file");
  restore->add_option("PROJECT", verbs.restore.project)->required()->type_name("");
  restore->add_option("DAY,--day", verbs.restore.day)->required()->type_name("YYYY-MM-DD");
  restore
      ->add_option("--generation", verbs.restore.generations,
                   "which, by the number that `kept` says; may be repeated")
      ->type_name("N");
  restore->add_flag("--missing", verbs.restore.missing, "all that hold events which are missing");
  restore->add_option("--to", verbs.restore.to, "into this directory instead")->type_name("DIR");
  AddServer(restore, verbs.restore.server, "only of this server");
  restore->callback([&verbs] { verbs.code = Restore(verbs.settings, verbs.restore); });
}

void AddOperator(CLI::App& app, Verbs& verbs) {
  CLI::App* permit = Add(app, verbs, "permit", "explain a decrease, a re-homing or a move");
  permit->add_option("PROJECT", verbs.permit.project, "whose events")->type_name("");
  permit->add_option("DAY,--day", verbs.permit.day, "only of this day")->type_name("YYYY-MM-DD");
  permit->add_option("--kind", verbs.permit.kind, "decrease, rehomed or move (default decrease)")
      ->type_name("KIND")
      ->check(CLI::IsMember({"decrease", "rehomed", "move"}));
  permit
      ->add_option("--events", verbs.permit.events,
                   "decrease: how many may disappear from each copy")
      ->type_name("N");
  permit->add_option("--data-format", verbs.permit.format, "only of this format")
      ->type_name("NAME");
  AddServer(permit, verbs.permit.server, "only on this server; rehomed: the server it left");
  permit->add_option("--to", verbs.permit.to_server, "rehomed: the server it moved to")
      ->type_name("NAME");
  permit->add_option("--expires", verbs.permit.expires, "no longer valid from this time on")
      ->type_name("TIME");
  permit->add_option("--reason", verbs.permit.reason, "for those who read it later")
      ->required()
      ->type_name("TEXT");
  permit->callback([&verbs] { verbs.code = Permit(verbs.settings, verbs.permit); });

  CLI::App* annotate = Add(app, verbs, "annotate", "put a remark or a deploy on the timeline");
  annotate->add_option("TEXT", verbs.annotate.text)->required()->type_name("");
  annotate->add_option("--project", verbs.annotate.project, "about this project")
      ->type_name("NAME");
  AddServer(annotate, verbs.annotate.server, "about this server (default: this one)");
  annotate->add_option("--at", verbs.annotate.at, "when (default: now)")->type_name("TIME");
  annotate->add_option("--deploy", verbs.annotate.deploy_version, "a release reached the server")
      ->type_name("VERSION");
  annotate->callback([&verbs] { verbs.code = Annotate(verbs.settings, verbs.annotate); });
}

void AddCare(CLI::App& app, Verbs& verbs) {
  CLI::App* check = app.add_subcommand("check", "look for mistakes: check config, check ledger");
  check->require_subcommand(1);
  CLI::App* config = check->add_subcommand("config", "explain the configuration and its mistakes");
  config->add_option("FILE,--config", verbs.settings.config_file, kConfigHelp)->type_name("PATH");
  AddFormat(*config, verbs);
  config->callback([&verbs] { verbs.code = CheckConfigVerb(verbs.settings); });
  CLI::App* ledger =
      AddReading(*check, verbs, "ledger", "prove that the ledger is whole and unchanged");
  ledger->add_flag("--rebuild", verbs.rebuild, "also derive everything again from the facts");
  ledger->callback([&verbs] { verbs.code = CheckLedgerVerb(verbs.settings, verbs.rebuild); });

  CLI::App* backup =
      Add(app, verbs, "backup", "a consistent copy of the ledger, also while watched");
  backup->add_option("FILE", verbs.backup_file, "the copy; never overwritten")
      ->required()
      ->type_name("");
  backup->callback([&verbs] { verbs.code = Backup(verbs.settings, verbs.backup_file); });
}

// The verb that was being parsed: "check ledger"; empty: none was known.
std::string VerbOf(const CLI::App& app) {
  std::string verb;
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    verb += (verb.empty() ? "" : " ") + at->get_name();
  }
  return verb;
}

int Misused(const CLI::App& app, const char* first_word, const CLI::ParseError& error) {
  const std::string verb = VerbOf(app);
  std::string what = error.what();
  if (verb.empty() && first_word != nullptr && first_word[0] != '-') {
    what = "unknown verb " + Quoted(first_word) + Suggestion(first_word, kVerbs);
  }
  const std::string with_verb = verb.empty() ? verb : " " + verb;
  return Report({Error::Kind::kUsage, (verb.empty() ? "" : verb + ": ") + what + "\nrollcall" +
                                          with_verb + " --help says what it takes"});
}

int Parse(CLI::App& app, Verbs& verbs, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
    return verbs.code;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    return Misused(app, argc > 1 ? argv[1] : nullptr, error);
  } catch (const std::exception& error) {
    return Report({Error::Kind::kInput, error.what()});  // a library's last word
  }
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv) {
  CLI::App app{kAbout, "rollcall"};
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("rollcall ") + ROLLCALL_VERSION);
  app.require_subcommand(1);
  Verbs verbs;
  AddCollecting(app, verbs);
  AddServing(app, verbs);
  AddReports(app, verbs);
  AddFileReports(app, verbs);
  AddKept(app, verbs);
  AddOperator(app, verbs);
  AddCare(app, verbs);
  const int code = Parse(app, verbs, argc, argv);
  // A full disk behind `> FILE` must not look like success.
  if (OutputArrived()) return code;
  return Report({Error::Kind::kInput, "standard output could not be written"});
}
