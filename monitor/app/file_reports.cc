#include "monitor/app/file_reports.h"

#include <cstdio>
#include <utility>

#include "dashboards/file_documents.h"
#include "dashboards/table.h"
#include "monitor/app/open_ledgers.h"
#include "monitor/app/output.h"

namespace {

std::string Span(int64_t seconds) {
  constexpr int64_t kMinute = 60, kHour = 3600, kDay = 86400;
  if (seconds >= 2 * kDay) return CountOf(seconds / kDay, "day");
  if (seconds >= 2 * kHour) return CountOf(seconds / kHour, "hour");
  if (seconds >= 2 * kMinute) return CountOf(seconds / kMinute, "minute");
  return CountOf(seconds, "second");
}

std::string Headline(const std::string& what, const Audit& audit) {
  switch (audit.verdict) {
    case Audit::Verdict::kRead:
      return what + " is read: do not remove or move its files";
    case Audit::Verdict::kUnread:
      return what + " has not been read";
    case Audit::Verdict::kUnknown:
      return what + ": nobody can tell whether it is read";
  }
  return what;
}

void PrintAudit(const std::string& what, const Audit& audit, const Document& document) {
  std::printf("%s\n", Printable(Headline(what, audit)).c_str());
  if (audit.since) {
    std::printf("  watched since %s: %s, %s of them blind\n", FormatTime(*audit.since).c_str(),
                Span(audit.covered_seconds + audit.blind_seconds).c_str(),
                Span(audit.blind_seconds).c_str());
  }
  std::printf("  %s, %s with late data seen meanwhile\n", CountOf(audit.runs, "run").c_str(),
              CountOf(audit.late_reruns, "re-run").c_str());
  std::printf(
      "  %s; %s not the first at its path, so that its access time proves nothing; %s replaced by "
      "who had read it\n",
      CountOf(audit.files, "file").c_str(), Grouped(audit.access_time_evidence_void).c_str(),
      Grouped(audit.replaced_after_read).c_str());
  if (audit.verdict == Audit::Verdict::kUnknown) {
    for (const std::string& reason : audit.reasons) {
      std::printf("  unknown: %s\n", Printable(reason).c_str());
    }
  }
  // An open that fails leaves no trace.
  if (audit.verdict == Audit::Verdict::kUnread) {
    std::printf("  opens of files that are not there cannot be seen: leave the names in place\n");
  }
  if (audit.readers.empty()) return;
  std::printf("\n");
  PrintDocument(document, document["readers"], "table",
                {"executable", "process", "unit", "reads", "opens", "files", "first_at", "last_at",
                 "confidence", "server", "format"});
}

Result<Audit> AuditOf(std::vector<LedgerView>& ledgers, const std::string& what) {
  const bool pattern = IsPattern(what);
  std::vector<AuditRow> rows;
  for (LedgerView& ledger : ledgers) {
    auto row = ledger.Audit(pattern ? "" : what, pattern ? what : "");
    if (!row) return tl::unexpected<Error>(row.error());
    rows.push_back(std::move(*row));
  }
  return JudgeAudit(rows);
}

void PrintFiles(const Document& document) {
  for (const Document& file : document["files"]) {
    const bool present = file["present"].get<bool>();
    std::string line = file["path"].get<std::string>() + " (" + file["format"].get<std::string>() +
                       " on " + file["server"].get<std::string>() + ")";
    line += present ? ", " + Grouped(file["size_bytes"].get<int64_t>()) + " bytes"
                    : std::string(", not there");
    if (!file["rows"].is_null()) line += ", " + CountOf(file["rows"].get<int64_t>(), "row");
    std::printf("%s\n", Printable(line).c_str());
    for (const Document& reader : file["readers"]) {
      const Document& who =
          reader["executable"].is_null() ? reader["process"] : reader["executable"];
      std::printf("  read by %s, last at %s\n",
                  Printable(who.is_null() ? "an unknown process" : who.get<std::string>()).c_str(),
                  reader["last_at"].get<std::string>().c_str());
    }
  }
  std::printf("\n");
}

}  // namespace

int ReportAudit(const Settings& settings, const AuditOptions& options) {
  auto ledgers = OpenLedgersOf(settings);
  if (!ledgers) return Report(ledgers.error());
  const auto audit = AuditOf(ledgers->views, options.what);
  if (!audit) return Report(audit.error());
  const Document document = AuditDocument(*audit);
  if (settings.format == "table") {
    PrintAudit((IsPattern(options.what) ? "" : "format ") + options.what, *audit, document);
  } else {
    PrintDocument(document, document["readers"], settings.format,
                  {"server", "format", "executable", "process", "unit", "reads", "opens", "files",
                   "first_at", "last_at", "confidence"});
  }
  if (!options.fail) return kDone;
  if (audit->verdict == Audit::Verdict::kRead) return kFound;
  return audit->verdict == Audit::Verdict::kUnknown ? kCannotTell : kDone;
}

int ReportFiles(const Settings& settings, const FilesOptions& options) {
  if (!options.day.empty() && !ParseDay(options.day)) {
    return Report({Error::Kind::kUsage, options.day + " is not a date; write 2016-02-22"});
  }
  auto ledgers = OpenLedgersOf(settings);
  if (!ledgers) return Report(ledgers.error());
  FilesInput input{options.project, options.day, {}, {}};
  for (LedgerView& ledger : ledgers->views) {
    auto ok = ledger.Files(options.project, options.day,
                           [&](FileRow row) { input.files.push_back(std::move(row)); });
    if (!ok) return Report(ok.error());
    ok = ledger.Timeline(options.project, options.day, "",
                         [&](FactEntry fact) { input.facts.push_back(std::move(fact)); });
    if (!ok) return Report(ok.error());
  }
  const Document document = FilesDocument(input);
  const bool none = input.files.empty();
  if (none && settings.format == "table") {
    std::printf("no canonical file of %s is known\n", Printable(options.project).c_str());
    return kCannotTell;
  }
  if (settings.format == "table") PrintFiles(document);
  PrintDocument(document, GenerationRows(document), settings.format,
                {"at", "change", "format", "size_bytes", "rows", "version", "by", "run",
                 "opened_before", "renamed_to", "problem", "day", "server", "path"});
  return none ? kCannotTell : kDone;
}
