#pragma once

#include <map>
#include <string>

#include "dashboards/api.h"
#include "dashboards/post_token.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/time.h"

// Permits, annotations and acknowledgements over HTTP: lists of what is in the ledgers and of what
// waits in operator.db, and POST, which writes there as the verbs do. Owned by `serve`; handlers
// run on the server's threads.
class OperatorApi {
 public:
  OperatorApi(HttpServer& server, LedgerSet& ledgers, std::string operator_db, const Clock& clock);
  // The lists; `api` takes the routes.
  void AddLists(Api& api);

  // All acknowledgements, by incident.
  Result<std::map<std::string, Document>> Acknowledgements(LedgerSet::Loan& ledgers) const;

 private:
  using Post = HttpResponse (OperatorApi::*)(const Document& body, LedgerSet::Loan& ledgers) const;
  void AddPost(const std::string& path, Post post);
  HttpResponse PostPermit(const Document& body, LedgerSet::Loan& ledgers) const;
  HttpResponse PostAnnotation(const Document& body, LedgerSet::Loan& ledgers) const;
  HttpResponse PostAcknowledgement(const Document& body, LedgerSet::Loan& ledgers) const;
  HttpResponse Keep(const std::vector<OperatorEntry>& entries) const;
  HttpResponse Session() const;

  HttpServer& server_;
  LedgerSet& ledgers_;
  const std::string operator_db_;
  const Clock& clock_;
  const PostToken token_;
};
