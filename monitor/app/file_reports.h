#pragma once

#include <string>

#include "monitor/app/settings.h"

// The verbs about canonical files that read one or several ledgers and print a document: `audit`,
// `files`. Main thread.
struct AuditOptions {
  std::string what;   // a format, or a pattern of paths
  bool fail = false;  // --fail: exit 1 when it is read, 4 when nobody can tell
};
int ReportAudit(const Settings& settings, const AuditOptions& options);

struct FilesOptions {
  std::string project, day;
};
int ReportFiles(const Settings& settings, const FilesOptions& options);
