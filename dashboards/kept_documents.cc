#include "dashboards/kept_documents.h"

Document KeptDocument(const std::vector<KeptRow>& kept) {
  Document list = Document::array();
  for (const KeptRow& row : kept) {
    list.push_back({{"generation", row.id},
                    {"server", row.server},
                    {"project", row.project},
                    {"day", row.day},
                    {"format", row.format},
                    {"path", row.path},
                    {"rows", CountOrNull(row.rows)},
                    {"size_bytes", row.size_bytes},
                    {"modified_at", FormatTime(row.modified_at)},
                    {"replaced_at", TimeOrNull(row.replaced_at)},
                    {"expires_at", TimeOrNull(row.expires_at)},
                    {"needed", row.needed},
                    {"deleted_since", row.erased},
                    {"method", row.reflink ? "reflink" : "link"},
                    {"copy", row.copy}});
  }
  return list;
}

std::string VerdictOf(const RestoredFile& restored) {
  if (!restored.written) return "not_written";
  if (!restored.rows || !restored.kept.rows) return "not_counted";
  return *restored.rows == *restored.kept.rows ? "matches" : "differs";
}

Document RestoredDocument(const std::vector<RestoredFile>& restored) {
  Document list = Document::array();
  for (const RestoredFile& file : restored) {
    list.push_back({{"generation", file.kept.id},
                    {"server", file.kept.server},
                    {"format", file.kept.format},
                    {"path", file.path},
                    {"verdict", VerdictOf(file)},
                    {"rows", CountOrNull(file.rows)},
                    {"expected_rows", CountOrNull(file.kept.rows)},
                    {"deleted_since", file.kept.erased},
                    {"problem", TextOrNull(file.problem)},
                    {"copy", file.kept.copy}});
  }
  return list;
}
