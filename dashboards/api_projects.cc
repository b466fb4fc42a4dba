// Api, second part: what is asked of one project, facts, and impact.

#include <algorithm>
#include <set>
#include <utility>

#include "dashboards/api.h"
#include "dashboards/file_documents.h"
#include "dashboards/fleet_documents.h"
#include "dashboards/timeline_input.h"
#include "rules/audit.h"
#include "rules/impact_input.h"

namespace {

constexpr int64_t kMostFacts = 10'000;
constexpr size_t kPageBytes = 1 << 20;

std::string TooMany(int64_t limit) {
  return "this has more than " + std::to_string(limit) + " rows; ask for a day, or a server";
}

}  // namespace

void Api::AddProjects() {
  Get(
      "/api/v1/calendar", {"project", "since", "until", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers) { return Calendar(query, ledgers); },
      true);
  Get(
      "/api/v1/timeline",
      {"project", "day", "server", "kind", "since", "until", "order", "limit", "cursor", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers) { return Timeline(query, ledgers); },
      true);
  Get(
      "/api/v1/files", {"project", "day", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers) { return Files(query, ledgers); }, true);
  Get(
      "/api/v1/impact", {"since", "until", "version", "project", "limit", "cursor", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers) { return ImpactPage(query, ledgers); },
      true);
}

Result<ApiAnswer> Api::Audit(QueryReader& query, LedgerSet::Loan& ledgers) const {
  const std::string what = query.Needed("what");
  if (!query.problem().empty()) return ApiAnswer{};
  std::vector<AuditRow> rows;
  for (LedgerView& view : ledgers.views) {
    auto row = view.Audit(IsPattern(what) ? "" : what, IsPattern(what) ? what : "");
    if (!row) return tl::unexpected<Error>(row.error());
    rows.push_back(std::move(*row));
  }
  ::Audit audit = JudgeAudit(rows);
  // What a ledger that cannot be read would say, nobody knows.
  if (!ledgers.complete() && audit.verdict == ::Audit::Verdict::kUnread) {
    audit.verdict = ::Audit::Verdict::kUnknown;
    audit.reasons.push_back("a ledger cannot be read, or is not whole");
  }
  ApiAnswer answer;
  answer.data = AuditDocument(audit);
  answer.rows = answer.data["readers"];
  answer.columns = {"server", "format", "executable", "process", "unit",      "reads",
                    "opens",  "files",  "first_at",   "last_at", "confidence"};
  return answer;
}

Result<ApiAnswer> Api::Calendar(QueryReader& query, LedgerSet::Loan& ledgers) const {
  const std::string project = query.Needed("project");
  const std::string since = query.DayOf("since"), until = query.DayOf("until");
  if (!query.problem().empty()) return ApiAnswer{};
  std::vector<PlacedBalance> copies;
  PartitionQuery wanted;
  wanted.project = project;
  for (LedgerView& view : ledgers.views) {
    wanted.limit = options_.row_limit + 1 - static_cast<int64_t>(copies.size());
    auto ok =
        view.PartitionPage(wanted, [&](PlacedBalance row) { copies.push_back(std::move(row)); });
    if (!ok) return tl::unexpected<Error>(ok.error());
    if (static_cast<int64_t>(copies.size()) > options_.row_limit) {
      return Fail(Error::Kind::kTooMany, TooMany(options_.row_limit));
    }
  }
  const auto formats = FormatsOf(ledgers.views, options_.formats);
  if (!formats) return tl::unexpected<Error>(formats.error());
  ApiAnswer answer;
  answer.data = CalendarDocument(project, copies, *formats, since, until);
  answer.rows = answer.data["days"];
  answer.columns = {"day",           "verdict",         "retired",       "format",
                    "unit",          "events_expected", "events_actual", "events_missing",
                    "surplus",       "deviation",       "certain",       "copies",
                    "unknown_copies"};
  return answer;
}

Result<ApiAnswer> Api::Timeline(QueryReader& query, LedgerSet::Loan& ledgers) const {
  const std::string project = query.Needed("project"), day = query.DayOf("day");
  const std::string server = query.Text("server");
  TimelinePage page;
  page.kinds = query.All("kind");
  page.since = query.Moment("since");
  page.until = query.Moment("until");
  page.newest = query.OneOf("order", {"oldest", "newest"}, "oldest") == "newest";
  page.limit = static_cast<size_t>(query.Limit());
  page.offset = static_cast<size_t>(query.Offset());
  if (!query.problem().empty()) return ApiAnswer{};
  auto input = ReadTimelineInput(ledgers.views, project, day, server, options_.row_limit);
  if (!input) return tl::unexpected<Error>(input.error());
  TimelineSlice slice = SliceTimeline(*input, page);
  ApiAnswer answer;
  if (slice.more) {
    answer.next = CursorOf({static_cast<int64_t>(page.offset + slice.entries.size())});
  }
  answer.data = std::move(slice.entries);
  answer.columns = {"at",      "kind",    "server",  "project",  "day",   "format",    "unit",
                    "run",     "version", "before",  "existing", "fresh", "recovered", "duplicates",
                    "deleted", "written", "after",   "lost",     "cause", "missing",   "verdict",
                    "rule",    "state",   "summary", "source",   "from",  "to",        "reason"};
  return answer;
}

Result<ApiAnswer> Api::Files(QueryReader& query, LedgerSet::Loan& ledgers) const {
  FilesInput input{query.Needed("project"), query.DayOf("day"), {}, {}};
  if (!query.problem().empty()) return ApiAnswer{};
  int64_t rows = 0;
  for (LedgerView& view : ledgers.views) {
    const auto count = [&] {
      if (++rows > options_.row_limit) view.Stop(TooMany(options_.row_limit));
    };
    auto ok = view.Files(input.project, input.day, [&](FileRow row) {
      count();
      input.files.push_back(std::move(row));
    });
    if (!ok) return tl::unexpected<Error>(ok.error());
    ok = view.Timeline(input.project, input.day, "", [&](FactEntry fact) {
      count();
      input.facts.push_back(std::move(fact));
    });
    if (!ok) return tl::unexpected<Error>(ok.error());
  }
  ApiAnswer answer;
  answer.data = FilesDocument(input);
  answer.rows = GenerationRows(answer.data);
  answer.columns = {"at",  "change",        "format",     "size_bytes", "rows", "version", "by",
                    "run", "opened_before", "renamed_to", "problem",    "day",  "server",  "path"};
  return answer;
}

// Sums without details over all projects, then the details of those on the page.
Result<ApiAnswer> Api::ImpactPage(QueryReader& query, LedgerSet::Loan& ledgers) const {
  const ImpactFilter filter{query.Moment("since"), query.Moment("until"), query.Text("version"),
                            query.Text("project")};
  if (filter.since && filter.until && *filter.since >= *filter.until) {
    query.Refuse("since is not before until: no time is between them");
  }
  const int64_t limit = query.Limit(20), offset = query.Offset();
  if (!query.problem().empty()) return ApiAnswer{};
  const auto formats = FormatsOf(ledgers.views, options_.formats);
  if (!formats) return tl::unexpected<Error>(formats.error());
  auto whole = WholeImpact(ledgers, filter, *formats);
  if (!whole) return tl::unexpected<Error>(whole.error());
  Impact impact = std::move(*whole);

  const auto size = static_cast<int64_t>(impact.projects.size());
  const int64_t begin = std::min(offset, size), end = std::min(size, begin + limit);
  std::vector<ImpactProject> page(impact.projects.begin() + begin, impact.projects.begin() + end);
  std::set<std::string> names;
  for (const ImpactProject& project : page) names.insert(project.project);
  for (const std::string& name : names) {
    const auto part = ReadLossesOf(ledgers.views, name, *formats);
    if (!part) return tl::unexpected<Error>(part.error());
    const Impact details = ComputeImpact(*part, filter);
    impact.partitions.insert(impact.partitions.end(), details.partitions.begin(),
                             details.partitions.end());
    for (ImpactProject& project : page) {
      for (const ImpactProject& detailed : details.projects) {
        if (detailed.project == project.project && detailed.unit == project.unit) {
          project.days = detailed.days;
        }
      }
    }
    if (static_cast<int64_t>(impact.partitions.size()) > options_.row_limit) {
      return Fail(Error::Kind::kTooMany, "the page has more than " +
                                             std::to_string(options_.row_limit) +
                                             " partitions; ask for a lower limit");
    }
  }
  impact.projects = std::move(page);
  ApiAnswer answer;
  answer.data = ImpactDocument(impact);
  if (end < size) answer.next = CursorOf({end});
  answer.rows = answer.data["partitions"];
  answer.columns = {"server",        "project",      "day",     "format",
                    "unit",          "expected",     "actual",  "missing",
                    "surplus",       "cause",        "version", "previous_version",
                    "first_loss_at", "last_loss_at", "runs",    "verdict"};
  return answer;
}

// Without a filter the overview knows it already.
Result<Impact> Api::WholeImpact(LedgerSet::Loan& ledgers, const ImpactFilter& filter,
                                const std::vector<FormatRow>& formats) const {
  const bool all =
      !filter.since && !filter.until && filter.version.empty() && filter.project.empty();
  if (all) {
    Impact impact;
    std::string why;
    const bool read = overviews_.Read(options_.time_limit, why,
                                      [&](const Overview& overview) { impact = overview.impact; });
    if (!read) return Fail(Error::Kind::kTimeout, why);
    return impact;
  }
  const auto rest = ReadImpactRest(ledgers.views, filter);
  if (!rest) return tl::unexpected<Error>(rest.error());
  std::set<std::string> projects{filter.project};
  if (filter.project.empty()) {
    auto lossy = ReadLossyProjects(ledgers.views);
    if (!lossy) return tl::unexpected<Error>(lossy.error());
    projects = std::move(*lossy);
  }
  ImpactSum sum(filter, false);
  for (const std::string& project : projects) {
    const auto part = ReadLossesOf(ledgers.views, project, formats);
    if (!part) return tl::unexpected<Error>(part.error());
    sum.Add(*part);
  }
  return sum.Finish(*rest);
}

// As `watch` serves them: no envelope, since facts never change and each says where it stands.
HttpResponse Api::Facts(const HttpRequest& request) {
  QueryReader query(request, {"ledger", "after", "limit"});
  const std::string id = query.Text("ledger");
  const int64_t after = query.Number("after", 0, INT64_MAX, 0);
  const int64_t limit = query.Number("limit", 1, kMostFacts, 1000);
  if (!query.problem().empty()) return ErrorResponse(400, "bad_request", query.problem());
  LedgerSet::Loan ledgers = ledgers_.Borrow(std::chrono::steady_clock::now() + options_.time_limit);
  if (ledgers.views.empty()) return ErrorResponse(503, "ledger", "no ledger can be read");
  if (id.empty() && ledgers.views.size() > 1) {
    return ErrorResponse(400, "bad_request", "several ledgers are read: say which `ledger`");
  }
  const auto view =
      std::find_if(ledgers.views.begin(), ledgers.views.end(),
                   [&](const LedgerView& known) { return id.empty() || known.ledger_id() == id; });
  if (view == ledgers.views.end()) {
    return ErrorResponse(404, "not_found", "no ledger of this id is read");
  }
  std::string page = "[";  // text, not a document: many readers at once must not take much memory
  auto read = view->FactsAfter(after, limit, [&](const FactEntry& fact) {
    if (page.size() > kPageBytes) return;
    if (page.size() > 1) page += ",";
    page += Write(FactDocument(fact), -1);
  });
  if (!read) return ErrorAnswer(read.error());
  return JsonResponse(page + "]");
}
