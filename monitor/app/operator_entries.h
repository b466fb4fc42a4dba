#pragma once

#include <string>
#include <vector>

#include "dashboards/documents.h"
#include "monitor/app/operator_inbox.h"
#include "monitor/error.h"
#include "monitor/ledger_view.h"

// What people say, in the words of a command line or of a POST, as entries of operator.db. Any
// thread.
struct PermitOptions {
  std::string kind = "decrease";  // decrease | rehomed | move
  std::string project, day, format, server;
  int64_t events = 0;
  std::string to_server;  // rehomed
  std::string expires;    // RFC 3339
  std::string reason;
};

struct AnnotateOptions {
  std::string text;
  std::string project, server;
  std::string at;              // RFC 3339; empty: now
  std::string deploy_version;  // a release reached the server
};

// What is wrong with the words.
[[nodiscard]] Result<void> CheckPermit(const PermitOptions& options, Time now);
// One entry for each partition that the words mean, in any of the ledgers. The words are right.
[[nodiscard]] Result<std::vector<OperatorEntry>> PermitEntries(const PermitOptions& options,
                                                               std::vector<LedgerView>& ledgers,
                                                               Time now);
// `server`: which it is about where the words name none.
[[nodiscard]] Result<OperatorEntry> AnnotationEntry(const AnnotateOptions& options,
                                                    const std::string& server, Time now);
// Entries as they were written, with their ids.
Document EntriesDocument(const std::vector<OperatorEntry>& entries,
                         const std::vector<std::string>& ids);
