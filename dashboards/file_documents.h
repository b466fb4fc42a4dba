#pragma once

#include <string>
#include <vector>

#include "dashboards/documents.h"
#include "monitor/file_rows.h"
#include "monitor/ledger_rows.h"
#include "rules/audit.h"

// The JSON documents about canonical files: `audit` of DESIGN section 11, and `files`. Pure
// functions, as in documents.h.

Document AuditDocument(const Audit& audit);

// The files of a project, or of one day of it, with their generations and readers; `facts`: its
// timeline. A generation's run is the nearest that was logged from a minute before it was seen on,
// and before the next.
struct FilesInput {
  std::string project, day;
  std::vector<FileRow> files;
  std::vector<FactEntry> facts;
};
Document FilesDocument(const FilesInput& input);

// A line a generation of such a document, for tables and CSV.
Document GenerationRows(const Document& files);
// Whether what an audit is asked about is a pattern of paths; a format's name is not.
bool IsPattern(const std::string& what);
