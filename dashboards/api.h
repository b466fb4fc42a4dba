#pragma once

#include <functional>
#include <map>
#include <semaphore>
#include <string>
#include <string_view>
#include <vector>

#include "dashboards/answer_cache.h"
#include "dashboards/documents.h"
#include "dashboards/http_server.h"
#include "dashboards/ledger_set.h"
#include "dashboards/overview.h"
#include "dashboards/query_reader.h"

// One answer of the API: a document, or the rows of a page.
struct ApiAnswer {
  Document data;
  std::string next;  // cursor; empty: this is the last page
  // As CSV: the rows, where they are not `data` itself, and their columns.
  Document rows;
  std::vector<std::string_view> columns;  // empty: there is no CSV of it
};

// The documents of /api/v1 that are read from ledgers (dashboards/openapi.json). Owned by `serve`;
// must outlive the server that it adds its routes to. Handlers run on the server's threads, each
// with ledgers of its own, and for two seconds at most.
class Api {
 public:
  struct Options {
    std::vector<FormatRow> formats;  // as configured; empty: as the ledgers name them
    std::chrono::milliseconds time_limit{2000};
    int64_t row_limit = 50'000;  // of one document that has no pages
    // Acknowledgements by incident, a list each.
    std::function<Result<std::map<std::string, Document>>(LedgerSet::Loan&)> acknowledgements;
  };
  Api(HttpServer& server, LedgerSet& ledgers, const OverviewKeeper& overviews, Options options);

  using Handler = std::function<Result<ApiAnswer>(QueryReader&, LedgerSet::Loan&)>;
  // GET of a document that is made of the ledgers. A handler that finds a parameter wrong says so
  // in the reader; what it returns then is not used.
  // `keeps`: the document says nothing that is not in the ledgers, and may be kept until they
  // change.
  void Get(const std::string& path, std::vector<std::string_view> parameters, Handler handler,
           bool keeps = false);

 private:
  using OverviewHandler = std::function<ApiAnswer(QueryReader&, LedgerSet::Loan&, const Overview&)>;
  void GetOfOverview(const std::string& path, std::vector<std::string_view> parameters,
                     OverviewHandler handler);
  void AddFleet();
  void AddLists();
  void AddProjects();
  HttpResponse Facts(const HttpRequest& request);

  Result<ApiAnswer> Alerts(QueryReader& query, LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> Partitions(QueryReader& query, LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> Servers(LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> Formats(LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> Audit(QueryReader& query, LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> Calendar(QueryReader& query, LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> Timeline(QueryReader& query, LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> Files(QueryReader& query, LedgerSet::Loan& ledgers) const;
  Result<ApiAnswer> ImpactPage(QueryReader& query, LedgerSet::Loan& ledgers) const;
  Result<Impact> WholeImpact(LedgerSet::Loan& ledgers, const ImpactFilter& filter,
                             const std::vector<FormatRow>& formats) const;

  HttpServer& server_;
  LedgerSet& ledgers_;
  const OverviewKeeper& overviews_;
  const Options options_;
  AnswerCache kept_{4u << 20};
};

// The envelope around a document, or CSV of it where `csv`.
HttpResponse WriteAnswer(const HttpRequest& request, const ApiAnswer& answer,
                         const std::vector<LedgerStatus>& ledgers, bool csv);
// What went wrong, with the status that fits.
HttpResponse ErrorAnswer(const Error& error);
// A page of a list: `limit` rows from `offset` on.
template <class Row, class Make>
ApiAnswer PageOf(const std::vector<Row>& rows, int64_t offset, int64_t limit, Make make) {
  ApiAnswer answer;
  answer.data = Document::array();
  const auto size = static_cast<int64_t>(rows.size());
  const int64_t end = std::min(size, std::min(offset, size) + limit);
  for (int64_t i = std::min(offset, size); i < end; ++i) {
    answer.data.push_back(make(rows[static_cast<size_t>(i)]));
  }
  if (end < size) answer.next = CursorOf({end});
  return answer;
}
