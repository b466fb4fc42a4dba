#include "monitor/fact.h"

std::string_view NameOf(FactKind kind) {
  switch (kind) {
    case FactKind::kRun:
      return "run";
    case FactKind::kFailedRun:
      return "failed_run";
    case FactKind::kStartedRun:
      return "started_run";
    case FactKind::kSegmentsDeleted:
      return "segments_deleted";
    case FactKind::kBlind:
      return "blind";
    case FactKind::kQuarantined:
      return "quarantined";
    case FactKind::kPermit:
      return "permit";
    case FactKind::kAnnotation:
      return "annotation";
    case FactKind::kDeploy:
      return "deploy";
    case FactKind::kRecount:
      return "recount";
    case FactKind::kFile:
      return "file";
    case FactKind::kRead:
      return "read";
    case FactKind::kMisplaced:
      return "misplaced";
    case FactKind::kKept:
      return "kept";
    case FactKind::kReleased:
      return "released";
  }
  return "unknown";
}
