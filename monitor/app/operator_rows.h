#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dashboards/documents.h"
#include "dashboards/ledger_set.h"
#include "monitor/error.h"

// What people have said: in a ledger, or in operator.db and not taken into any ledger yet.
struct OperatorRow {
  std::string id, kind, server, project, day, format, version;
  std::optional<Time> at;
  Document detail;
  std::optional<int64_t> seq;   // none: it waits
  std::optional<int64_t> left;  // of a permit of a decrease that was taken
};

// Those of the kinds given (permit | annotation | deploy), the newest first. More than fifty
// thousand are an Error.
[[nodiscard]] Result<std::vector<OperatorRow>> ReadOperatorRows(
    std::vector<LedgerView>& ledgers, const std::string& operator_db,
    const std::vector<std::string>& kinds);

// decrease | rehomed | rehomed_away | move
std::string PermitKindOf(const OperatorRow& row);
// waiting | in_force | used | expired | done
std::string PermitStateOf(const OperatorRow& row, Time now);
// The incident that an annotation acknowledges; empty: it is a remark.
std::string AcknowledgedBy(const OperatorRow& row);

Document PermitDocument(const OperatorRow& row, Time now);
Document AnnotationDocument(const OperatorRow& row);
Document AcknowledgementDocument(const OperatorRow& row);
