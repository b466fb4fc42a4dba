#include "monitor/app/operator_api.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "monitor/app/operator_entries.h"
#include "monitor/app/operator_rows.h"

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kTimeLimit{2};

bool IsJson(std::string_view content_type) {
  return SameToken(TrimBlanks(content_type.substr(0, content_type.find(';'))), "application/json");
}

// An object without doubled keys, or nothing.
std::optional<Document> ParseObject(const std::string& text) {
  std::set<std::string> keys;
  bool doubled = false;
  const auto note = [&](int, Document::parse_event_t event, Document& value) {
    if (event == Document::parse_event_t::key) {
      doubled = doubled || !keys.insert(value.get<std::string>()).second;
    }
    return true;
  };
  Document body = Document::parse(text, note, false);
  if (!body.is_object() || doubled) return std::nullopt;
  return body;
}

// The fields of a body, read strictly; the first problem is kept.
class Fields {
 public:
  Fields(const Document& body, std::initializer_list<std::string_view> known) : body_(body) {
    for (const auto& [key, value] : body.items()) {
      if (std::find(known.begin(), known.end(), key) == known.end()) {
        Refuse("there is no field " + key);
      }
    }
  }
  std::string Text(const char* key) {
    const auto found = body_.find(key);
    if (found == body_.end() || found->is_null()) return {};
    if (found->is_string()) return found->get<std::string>();
    Refuse(std::string(key) + " is a text");
    return {};
  }
  std::string Needed(const char* key) {
    std::string text = Text(key);
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
      Refuse(std::string(key) + " is needed");
    }
    return text;
  }
  int64_t Count(const char* key) {
    const auto found = body_.find(key);
    if (found == body_.end() || found->is_null()) return 0;
    if (found->is_number_integer()) return found->get<int64_t>();
    Refuse(std::string(key) + " is a whole number");
    return 0;
  }
  const std::string& problem() const { return problem_; }

 private:
  void Refuse(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
  }
  const Document& body_;
  std::string problem_;
};

// The words of the command line, as this API calls them.
HttpResponse Refused(const Error& error) {
  if (error.kind != Error::Kind::kUsage) return ErrorAnswer(error);
  std::string message = error.message;
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"--data-format", "format"}, {"--expires", "expires_at"}, {"--to", "to_server"}, {"--", ""}};
  for (const auto& [option, field] : kNames) {
    for (size_t at = 0; (at = message.find(option, at)) != std::string::npos; at += field.size()) {
      message.replace(at, option.size(), field);
    }
  }
  return ErrorResponse(422, "refused", message);
}

HttpResponse BadField(const std::string& problem) {
  return ErrorResponse(400, "bad_request", problem);
}

// Whether operator.db could be written: it, or where it would be made.
bool Writable(const std::string& path) {
  std::filesystem::path at = path;
  std::error_code ignored;
  while (!at.empty() && !std::filesystem::exists(at, ignored) && at != at.parent_path()) {
    at = at.parent_path();
  }
  // SQLite makes its journal beside it.
  const std::string directory =
      std::filesystem::is_directory(at, ignored) ? at.string() : at.parent_path().string();
  return access(at.c_str(), W_OK) == 0 &&
         access(directory.empty() ? "." : directory.c_str(), W_OK) == 0;
}

}  // namespace

OperatorApi::OperatorApi(HttpServer& server, LedgerSet& ledgers, std::string operator_db,
                         const Clock& clock)
    : server_(server), ledgers_(ledgers), operator_db_(std::move(operator_db)), clock_(clock) {
  server_.Get("/api/v1/session", [this](const HttpRequest&) { return Session(); });
  AddPost("/api/v1/permits", &OperatorApi::PostPermit);
  AddPost("/api/v1/annotations", &OperatorApi::PostAnnotation);
  AddPost("/api/v1/acknowledgements", &OperatorApi::PostAcknowledgement);
}

void OperatorApi::AddLists(Api& api) {
  api.Get("/api/v1/permits", {"project", "state", "limit", "cursor", "format"},
          [this](QueryReader& query, LedgerSet::Loan& ledgers) -> Result<ApiAnswer> {
            const std::string project = query.Text("project");
            const std::string state =
                query.OneOf("state", {"waiting", "in_force", "used", "expired", "done"}, "");
            const int64_t limit = query.Limit(), offset = query.Offset();
            auto rows = ReadOperatorRows(ledgers.views, operator_db_, {"permit"});
            if (!rows) return tl::unexpected<Error>(rows.error());
            const Time now = clock_.Now();
            std::erase_if(*rows, [&](const OperatorRow& row) {
              return (!project.empty() && row.project != project) ||
                     (!state.empty() && PermitStateOf(row, now) != state);
            });
            ApiAnswer answer = PageOf(*rows, offset, limit, [&](const OperatorRow& row) {
              return PermitDocument(row, now);
            });
            answer.columns = {"id",        "kind",       "at",     "server", "project",
                              "day",       "format",     "events", "left",   "from_server",
                              "to_server", "expires_at", "reason", "state"};
            return answer;
          });
  api.Get("/api/v1/annotations", {"project", "limit", "cursor", "format"},
          [this](QueryReader& query, LedgerSet::Loan& ledgers) -> Result<ApiAnswer> {
            const std::string project = query.Text("project");
            const int64_t limit = query.Limit(), offset = query.Offset();
            auto rows = ReadOperatorRows(ledgers.views, operator_db_, {"annotation", "deploy"});
            if (!rows) return tl::unexpected<Error>(rows.error());
            std::erase_if(*rows, [&](const OperatorRow& row) {
              return !AcknowledgedBy(row).empty() || (!project.empty() && row.project != project);
            });
            ApiAnswer answer = PageOf(*rows, offset, limit, AnnotationDocument);
            answer.columns = {"id", "kind", "at", "server", "project", "version", "text", "state"};
            return answer;
          });
  api.Get("/api/v1/acknowledgements", {"incident", "limit", "cursor", "format"},
          [this](QueryReader& query, LedgerSet::Loan& ledgers) -> Result<ApiAnswer> {
            const std::string incident = query.Text("incident");
            const int64_t limit = query.Limit(), offset = query.Offset();
            auto rows = ReadOperatorRows(ledgers.views, operator_db_, {"annotation"});
            if (!rows) return tl::unexpected<Error>(rows.error());
            std::erase_if(*rows, [&](const OperatorRow& row) {
              const std::string acknowledged = AcknowledgedBy(row);
              return acknowledged.empty() || (!incident.empty() && acknowledged != incident);
            });
            ApiAnswer answer = PageOf(*rows, offset, limit, AcknowledgementDocument);
            answer.columns = {"id", "at", "incident", "by", "text", "state"};
            return answer;
          });
}

Result<std::map<std::string, Document>> OperatorApi::Acknowledgements(
    LedgerSet::Loan& ledgers) const {
  const auto rows = ReadOperatorRows(ledgers.views, operator_db_, {"annotation"});
  if (!rows) return tl::unexpected<Error>(rows.error());
  std::map<std::string, Document> by_incident;
  for (const OperatorRow& row : *rows) {
    const std::string incident = AcknowledgedBy(row);
    if (incident.empty()) continue;
    Document& list = by_incident.try_emplace(incident, Document::array()).first->second;
    list.push_back(AcknowledgementDocument(row));
  }
  return by_incident;
}

void OperatorApi::AddPost(const std::string& path, Post post) {
  server_.Post(path, [this, post](const HttpRequest& request) {
    if (!token_.Accepts(request.Header("X-Rollcall-Token"))) {
      return ErrorResponse(403, "token_required",
                           "send the token of /api/v1/session in X-Rollcall-Token");
    }
    if (!IsJson(request.Header("Content-Type"))) {
      return ErrorResponse(415, "not_json", "the body is to be application/json");
    }
    const auto body = ParseObject(request.body);
    if (!body) {
      return ErrorResponse(400, "bad_request", "the body is no JSON object, or has a key twice");
    }
    LedgerSet::Loan ledgers = ledgers_.Borrow(steady_clock::now() + kTimeLimit);
    if (ledgers.views.empty()) return ErrorResponse(503, "ledger", "no ledger can be read");
    return (this->*post)(*body, ledgers);
  });
}

HttpResponse OperatorApi::PostPermit(const Document& body, LedgerSet::Loan& ledgers) const {
  Fields fields(body, {"kind", "project", "day", "format", "server", "events", "to_server",
                       "expires_at", "reason"});
  PermitOptions options;
  if (std::string kind = fields.Text("kind"); !kind.empty()) options.kind = std::move(kind);
  options.project = fields.Text("project");
  options.day = fields.Text("day");
  options.format = fields.Text("format");
  options.server = fields.Text("server");
  options.events = fields.Count("events");
  options.to_server = fields.Text("to_server");
  options.expires = fields.Text("expires_at");
  options.reason = fields.Needed("reason");
  if (!fields.problem().empty()) return BadField(fields.problem());
  if (options.kind != "decrease" && options.kind != "rehomed" && options.kind != "move") {
    return BadField("kind is decrease, rehomed or move");
  }
  const Time now = clock_.Now();
  if (auto ok = CheckPermit(options, now); !ok) return Refused(ok.error());
  const auto entries = PermitEntries(options, ledgers.views, now);
  return entries ? Keep(*entries) : Refused(entries.error());
}

HttpResponse OperatorApi::PostAnnotation(const Document& body, LedgerSet::Loan& ledgers) const {
  Fields fields(body, {"text", "project", "server", "at", "version"});
  AnnotateOptions options;
  options.text = fields.Needed("text");
  options.project = fields.Text("project");
  options.server = fields.Text("server");
  options.at = fields.Text("at");
  options.deploy_version = fields.Text("version");
  if (!fields.problem().empty()) return BadField(fields.problem());
  const auto entry = AnnotationEntry(options, ledgers.views.front().server(), clock_.Now());
  return entry ? Keep({*entry}) : Refused(entry.error());
}

// An annotation that names an incident: it stands on the timeline and changes no alert.
HttpResponse OperatorApi::PostAcknowledgement(const Document& body,
                                              LedgerSet::Loan& ledgers) const {
  Fields fields(body, {"incident", "by", "text"});
  const std::string incident = fields.Needed("incident");
  const std::string by = fields.Text("by"), text = fields.Text("text");
  if (!fields.problem().empty()) return BadField(fields.problem());
  OperatorEntry entry;
  AlertQuery query;
  query.incident = incident;
  query.limit = 1;
  for (LedgerView& ledger : ledgers.views) {
    auto ok = ledger.AlertPage(query, [&](const PlacedAlert&) { entry.server = ledger.server(); });
    if (!ok) return ErrorAnswer(ok.error());
  }
  if (entry.server.empty()) {
    return ErrorResponse(422, "refused", "no alert is known of incident " + incident);
  }
  entry.kind = "annotation";
  entry.at = clock_.Now();
  entry.detail = Write(Document{{"text", text}, {"acknowledges", incident}, {"by", by}}, -1);
  return Keep({entry});
}

HttpResponse OperatorApi::Keep(const std::vector<OperatorEntry>& entries) const {
  const auto ids = WriteOperatorEntries(operator_db_, entries);
  if (!ids) return ErrorResponse(503, "not_writable", ids.error().message);
  HttpResponse response =
      JsonResponse(Write(Document{{"data", EntriesDocument(entries, *ids)}}, -1) + "\n");
  response.status = 201;
  return response;
}

HttpResponse OperatorApi::Session() const {
  const bool writable = Writable(operator_db_);
  const Document session = {
      {"token", token_.text()},
      {"version", ROLLCALL_VERSION},
      {"writable", writable},
      {"problem", TextOrNull(writable ? "" : operator_db_ + ": this process may not write it")}};
  return JsonResponse(Write(Document{{"data", session}}, -1) + "\n");
}
