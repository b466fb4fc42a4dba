#include "dashboards/api.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "dashboards/fleet_documents.h"
#include "dashboards/table.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kAlertColumns[] = {
    "starts_at",  "severity",      "rule",          "version",       "summary",
    "state",      "ends_at",       "cause",         "labels.server", "labels.project",
    "labels.day", "labels.format", "labels.source", "incident"};

std::vector<std::string_view> Columns(std::initializer_list<std::string_view> names) {
  return names;
}

Document EnvelopeOf(const ApiAnswer& answer, const std::vector<LedgerStatus>& ledgers) {
  Document list = Document::array();
  std::optional<Time> as_of;
  bool complete = true;
  for (const LedgerStatus& ledger : ledgers) {
    list.push_back(LedgerDocument(ledger));
    complete = complete && ledger.problem.empty();
    if (ledger.written_at) as_of = std::min(*ledger.written_at, as_of.value_or(*ledger.written_at));
  }
  return {{"data", answer.data},
          {"next", TextOrNull(answer.next)},
          {"complete", complete},
          {"as_of", as_of ? Document(FormatTime(*as_of)) : Document(nullptr)},
          {"ledgers", std::move(list)}};
}

std::string Encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                       (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_';
    if (plain) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kHex[byte >> 4];
      encoded += kHex[byte & 15];
    }
  }
  return encoded;
}

// The same question, further on.
std::string NextLink(const HttpRequest& request, const std::string& cursor) {
  std::string link = "<" + request.path + "?";
  for (const auto& [name, value] : request.query) {
    if (name != "cursor") link += Encoded(name) + "=" + Encoded(value) + "&";
  }
  return link + "cursor=" + Encoded(cursor) + ">; rel=\"next\"";
}

HttpResponse CsvAnswer(const HttpRequest& request, const ApiAnswer& answer,
                       const std::vector<LedgerStatus>& ledgers) {
  for (const LedgerStatus& ledger : ledgers) {
    if (!ledger.problem.empty()) return ErrorResponse(503, "ledger", ledger.problem);
  }
  HttpResponse response;
  response.content_type = "text/csv; charset=utf-8; header=present";
  response.body = CsvOf(answer.rows.is_null() ? answer.data : answer.rows, answer.columns);
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"rollcall.csv\"");
  if (!answer.next.empty()) response.headers.emplace_back("Link", NextLink(request, answer.next));
  return response;
}

// Every handler takes `format`, where its answer has rows.
bool WantsCsv(QueryReader& query, const std::vector<std::string_view>& parameters) {
  const bool may = std::find(parameters.begin(), parameters.end(), "format") != parameters.end();
  return may && query.OneOf("format", {"json", "csv"}, "json") == "csv";
}

HttpResponse DocumentResponse(std::string json) {
  HttpResponse response = JsonResponse(std::move(json));
  response.headers.emplace_back("Cache-Control", "private, no-cache");  // asked again each time
  return response;
}

// What was asked, and of what: a ledger that was written since, or cannot be read any more, makes
// it another question.
std::string QuestionOf(const HttpRequest& request, const LedgerSet::Loan& ledgers,
                       int64_t overview) {
  std::string question = request.path;
  for (const auto& [name, value] : request.query) {
    question += "&" + Encoded(name) + "=" + Encoded(value);
  }
  question += " " + std::to_string(ledgers.generation) + " " + std::to_string(overview);
  for (const LedgerStatus& ledger : ledgers.statuses) {
    question += Write(LedgerDocument(ledger), -1);
  }
  return question;
}

bool Contains(std::string_view text, std::string_view part) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [&](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

}  // namespace

HttpResponse ErrorAnswer(const Error& error) {
  switch (error.kind) {
    case Error::Kind::kUsage:
      return ErrorResponse(400, "bad_request", error.message);
    case Error::Kind::kTimeout:
      return ErrorResponse(503, "timeout", "this takes too long; ask for less");
    case Error::Kind::kTooMany:
      return ErrorResponse(422, "too_many_rows", error.message);
    default:
      return ErrorResponse(503, "ledger", error.message);
  }
}

HttpResponse WriteAnswer(const HttpRequest& request, const ApiAnswer& answer,
                         const std::vector<LedgerStatus>& ledgers, bool csv) {
  if (csv) return CsvAnswer(request, answer, ledgers);
  return DocumentResponse(Write(EnvelopeOf(answer, ledgers), -1) + "\n");
}

Api::Api(HttpServer& server, LedgerSet& ledgers, const OverviewKeeper& overviews, Options options)
    : server_(server), ledgers_(ledgers), overviews_(overviews), options_(std::move(options)) {
  AddFleet();
  AddLists();
  AddProjects();
  server_.Get("/api/v1/facts", [this](const HttpRequest& request) { return Facts(request); });
}

void Api::Get(const std::string& path, std::vector<std::string_view> parameters, Handler handler,
              bool keeps) {
  server_.Get(path, [this, keeps, parameters = std::move(parameters),
                     handler = std::move(handler)](const HttpRequest& request) {
    QueryReader query(request, parameters);
    const bool csv = WantsCsv(query, parameters);
    if (!query.problem().empty()) return ErrorResponse(400, "bad_request", query.problem());
    LedgerSet::Loan ledgers = ledgers_.Borrow(steady_clock::now() + options_.time_limit);
    if (ledgers.views.empty()) {
      return ErrorResponse(
          503, "ledger",
          ledgers.statuses.empty() ? "there is no ledger" : ledgers.statuses.front().problem);
    }
    const bool kept = keeps && !csv;
    const std::string question = kept ? QuestionOf(request, ledgers, overviews_.version()) : "";
    if (kept) {
      if (auto known = kept_.Find(question)) return DocumentResponse(std::move(*known));
    }
    const auto answer = handler(query, ledgers);
    if (!query.problem().empty()) return ErrorResponse(400, "bad_request", query.problem());
    if (!answer) return ErrorAnswer(answer.error());
    HttpResponse response = WriteAnswer(request, *answer, ledgers.statuses, csv);
    if (kept) kept_.Keep(question, response.body);
    return response;
  });
}

void Api::GetOfOverview(const std::string& path, std::vector<std::string_view> parameters,
                        OverviewHandler handler) {
  server_.Get(path, [this, parameters = std::move(parameters),
                     handler = std::move(handler)](const HttpRequest& request) {
    QueryReader query(request, parameters);
    const bool csv = WantsCsv(query, parameters);
    if (!query.problem().empty()) return ErrorResponse(400, "bad_request", query.problem());
    LedgerSet::Loan ledgers = ledgers_.Borrow(steady_clock::now() + options_.time_limit);
    ApiAnswer answer;
    std::vector<LedgerStatus> statuses;
    std::string why;
    const bool read = overviews_.Read(options_.time_limit, why, [&](const Overview& overview) {
      answer = handler(query, ledgers, overview);
      statuses = overview.ledgers;
    });
    if (!query.problem().empty()) return ErrorResponse(400, "bad_request", query.problem());
    if (!read) return ErrorResponse(503, "timeout", why);
    if (statuses.empty()) return ErrorResponse(503, "ledger", "there is no ledger");
    const bool any = std::any_of(statuses.begin(), statuses.end(),
                                 [](const LedgerStatus& status) { return status.readable; });
    if (!any) return ErrorResponse(503, "ledger", statuses.front().problem);
    return WriteAnswer(request, answer, statuses, csv);
  });
}

void Api::AddFleet() {
  GetOfOverview("/api/v1/summary", {},
                [](QueryReader&, LedgerSet::Loan&, const Overview& overview) {
                  return ApiAnswer{SummaryDocument(overview), {}, {}, {}};
                });
  GetOfOverview(
      "/api/v1/incidents", {"id", "state", "limit", "cursor", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers, const Overview& overview) {
        const std::string id = query.Text("id");
        const std::string state = query.OneOf(
            "state", {"pending", "firing", "resolved", "open", "all"}, id.empty() ? "open" : "all");
        const int64_t limit = query.Limit(), offset = query.Offset();
        std::vector<const IncidentState*> wanted;
        for (const IncidentState& incident : overview.incidents) {
          const bool open = incident.state != "resolved";
          const bool fits = state == "all" || state == incident.state || (state == "open" && open);
          if (fits && (id.empty() || incident.id == id)) wanted.push_back(&incident);
        }
        std::map<std::string, Document> known;
        if (options_.acknowledgements) {
          if (auto read = options_.acknowledgements(ledgers)) known = std::move(*read);
        }
        ApiAnswer answer = PageOf(wanted, offset, limit, [&](const IncidentState* incident) {
          const auto found = known.find(incident->id);
          return IncidentDocument(*incident,
                                  found == known.end() ? Document::array() : found->second);
        });
        answer.columns = {"id",
                          "state",
                          "severity",
                          "cause",
                          "version",
                          "previous_version",
                          "events_missing",
                          "unit",
                          "projects",
                          "project_days",
                          "starts_at",
                          "last_at",
                          "ends_at",
                          "summary"};
        return answer;
      });
  GetOfOverview(
      "/api/v1/projects", {"q", "verdict", "incident", "limit", "cursor", "format"},
      [](QueryReader& query, LedgerSet::Loan& ledgers, const Overview& overview) {
        const std::string part = query.Text("q"), incident = query.Text("incident");
        const std::string verdict = query.OneOf("verdict", {"clear", "firing", "unknown"}, "");
        const int64_t limit = query.Limit(), offset = query.Offset();
        std::set<std::string> of_incident;
        for (LedgerView& view : ledgers.views) {
          if (incident.empty()) break;
          if (auto names = view.ProjectsOfIncident(incident)) of_incident.merge(*names);
        }
        std::vector<const ProjectState*> wanted;
        for (const ProjectState& project : overview.projects) {
          if (!verdict.empty() && project.verdict != verdict) continue;
          if (!part.empty() && !Contains(project.project, part)) continue;
          if (!incident.empty() && !of_incident.contains(project.project)) continue;
          wanted.push_back(&project);
        }
        ApiAnswer answer = PageOf(wanted, offset, limit, [](const ProjectState* project) {
          return ProjectDocument(*project);
        });
        answer.columns = {"project",       "verdict",     "events_missing", "events_expected",
                          "certain",       "unit",        "days_missing",   "unknown_copies",
                          "first_loss_at", "last_loss_at"};
        return answer;
      });
}

void Api::AddLists() {
  Get(
      "/api/v1/alerts",
      {"state", "rule", "severity", "incident", "version", "server", "project", "day",
       "data_format", "since", "until", "order", "limit", "cursor", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers) { return Alerts(query, ledgers); },
      true);
  Get(
      "/api/v1/partitions",
      {"project", "day", "server", "data_format", "verdict", "limit", "cursor", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers) { return Partitions(query, ledgers); },
      true);
  Get(
      "/api/v1/servers", {},
      [this](QueryReader&, LedgerSet::Loan& ledgers) { return Servers(ledgers); }, true);
  Get(
      "/api/v1/formats", {"format"},
      [this](QueryReader&, LedgerSet::Loan& ledgers) { return Formats(ledgers); }, true);
  Get(
      "/api/v1/audit", {"what", "format"},
      [this](QueryReader& query, LedgerSet::Loan& ledgers) { return Audit(query, ledgers); }, true);
}

Result<ApiAnswer> Api::Alerts(QueryReader& query, LedgerSet::Loan& ledgers) const {
  AlertQuery wanted;
  wanted.state = query.OneOf("state", {"pending", "firing", "resolved", "all"}, "firing");
  if (wanted.state == "all") wanted.state.clear();
  wanted.rule = query.Text("rule");
  wanted.severity = query.OneOf("severity", {"critical", "warning"}, "");
  wanted.incident = query.Text("incident");
  wanted.version = query.Text("version");
  wanted.server = query.Text("server");
  wanted.project = query.Text("project");
  wanted.day = query.DayOf("day");
  wanted.format = query.Text("data_format");
  wanted.since = query.Moment("since");
  wanted.until = query.Moment("until");
  wanted.newest = query.OneOf("order", {"oldest", "newest"}, "oldest") == "newest";
  const int64_t limit = query.Limit();
  wanted.limit = limit + 1;
  const auto cursor = query.Cursor(3);  // when, which number, of which ledger
  std::array<int64_t, 2> place{};
  for (size_t i = 0; i < 2 && !cursor.empty(); ++i) {
    const auto number = ParseWhole(cursor[i]);
    if (!number) query.Refuse("cursor is the `next` of an answer to the same question");
    place[i] = number.value_or(0);
  }
  if (!query.problem().empty()) return ApiAnswer{};

  // Of one moment and number, ledgers come in the order of their ids.
  struct Row {
    PlacedAlert alert;
    std::string ledger;
  };
  std::vector<Row> rows;
  for (LedgerView& view : ledgers.views) {
    wanted.after.reset();
    if (!cursor.empty()) {
      wanted.after = place;
      const bool given = view.ledger_id() <= cursor[2];
      if (!given) (*wanted.after)[1] += wanted.newest ? 1 : -1;
    }
    auto ok = view.AlertPage(wanted, [&](PlacedAlert alert) {
      rows.push_back({std::move(alert), view.ledger_id()});
    });
    if (!ok) return tl::unexpected<Error>(ok.error());
  }
  std::stable_sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) {
    return wanted.newest ? a.alert.place > b.alert.place : a.alert.place < b.alert.place;
  });
  ApiAnswer answer;
  answer.columns.assign(std::begin(kAlertColumns), std::end(kAlertColumns));
  answer.data = Document::array();
  const auto count = std::min(rows.size(), static_cast<size_t>(limit));
  for (size_t i = 0; i < count; ++i) answer.data.push_back(AlertDocument(rows[i].alert.alert));
  if (count < rows.size()) {
    const Row& last = rows[count - 1];
    answer.next = CursorOf({last.alert.place[0], last.alert.place[1]}, last.ledger);
  }
  return answer;
}

Result<ApiAnswer> Api::Partitions(QueryReader& query, LedgerSet::Loan& ledgers) const {
  PartitionQuery wanted;
  wanted.project = query.Text("project");
  wanted.day = query.DayOf("day");
  wanted.server = query.Text("server");
  wanted.format = query.Text("data_format");
  wanted.verdict = query.OneOf("verdict", {"clear", "firing", "unknown"}, "");
  const auto limit = static_cast<size_t>(query.Limit());
  const auto cursor = query.Cursor(5);  // the key, and of which ledger
  std::array<int64_t, 4> place{};
  for (size_t i = 0; i < 4 && !cursor.empty(); ++i) {
    const auto number = ParseWhole(cursor[i]);
    if (!number) query.Refuse("cursor is the `next` of an answer to the same question");
    place[i] = number.value_or(0);
  }
  if (!query.problem().empty()) return ApiAnswer{};

  ApiAnswer answer;
  answer.columns =
      Columns({"server", "project", "day", "format", "unit", "expected", "actual", "missing",
               "surplus", "opening", "verdict", "uncertain", "retired", "observed_until"});
  answer.data = Document::array();
  std::string last;
  for (LedgerView& view : ledgers.views) {
    if (!cursor.empty() && view.ledger_id() < cursor[4]) continue;
    wanted.after.reset();
    if (!cursor.empty() && view.ledger_id() == cursor[4]) wanted.after = place;
    wanted.limit = static_cast<int64_t>(limit + 1 - answer.data.size());
    auto ok = view.PartitionPage(wanted, [&](const PlacedBalance& row) {
      if (answer.data.size() == limit) {  // there is one more
        answer.next = last;
        return;
      }
      answer.data.push_back(PartitionDocument(row));
      last = CursorOf({row.place[0], row.place[1], row.place[2], row.place[3]}, view.ledger_id());
    });
    if (!ok) return tl::unexpected<Error>(ok.error());
    if (!answer.next.empty()) break;
  }
  return answer;
}

Result<ApiAnswer> Api::Servers(LedgerSet::Loan& ledgers) const {
  ApiAnswer answer;
  answer.data = Document::array();
  for (const LedgerStatus& status : ledgers.statuses) {
    ServerInput server{status, {}, {}};
    const auto view = std::find_if(ledgers.views.begin(), ledgers.views.end(),
                                   [&](const auto& known) { return known.path() == status.path; });
    if (view != ledgers.views.end()) {
      auto sources = view->Sources();
      if (!sources) return tl::unexpected<Error>(sources.error());
      auto blind = view->BlindSpans();
      if (!blind) return tl::unexpected<Error>(blind.error());
      server.sources = std::move(*sources);
      server.blind = std::move(*blind);
    }
    answer.data.push_back(ServerDocument(server));
  }
  return answer;
}

Result<ApiAnswer> Api::Formats(LedgerSet::Loan& ledgers) const {
  std::vector<FormatTally> tallies;
  for (LedgerView& view : ledgers.views) {
    auto some = view.FormatTallies();
    if (!some) return tl::unexpected<Error>(some.error());
    tallies.insert(tallies.end(), some->begin(), some->end());
  }
  auto formats = FormatsOf(ledgers.views, options_.formats);
  if (!formats) return tl::unexpected<Error>(formats.error());
  ApiAnswer answer;
  answer.data = FormatsDocument(*formats, tallies);
  answer.columns =
      Columns({"format", "reads", "serving", "retention_seconds", "dead", "dead_watched_since",
               "runs", "failed_runs", "events_written", "events_missing"});
  return answer;
}
