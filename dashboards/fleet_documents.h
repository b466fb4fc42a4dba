#pragma once

#include <string>
#include <vector>

#include "dashboards/documents.h"
#include "dashboards/ledger_set.h"
#include "dashboards/overview.h"
#include "monitor/fleet_rows.h"

// The JSON documents of the API that no verb prints (dashboards/openapi.json). Pure functions, as
// in documents.h.

Document SummaryDocument(const Overview& overview);
// `acknowledgements`: of this incident.
Document IncidentDocument(const IncidentState& incident, Document acknowledgements);
Document ProjectDocument(const ProjectState& project);
Document LedgerDocument(const LedgerStatus& ledger);
Document PartitionDocument(const PlacedBalance& partition);

// A ledger with its sources; `sources` and `blind` are empty where it cannot be read.
struct ServerInput {
  LedgerStatus ledger;
  std::vector<SourceRow> sources;
  std::vector<BlindRow> blind;
};
Document ServerDocument(const ServerInput& server);

// Formats of all ledgers, added up by name.
Document FormatsDocument(const std::vector<FormatRow>& formats,
                         const std::vector<FormatTally>& tallies);

// Each day of a project from all its copies, in order; `copies`: of the project alone. `since` and
// `until` choose days; empty: all.
Document CalendarDocument(const std::string& project, const std::vector<PlacedBalance>& copies,
                          const std::vector<FormatRow>& formats, const std::string& since,
                          const std::string& until);
