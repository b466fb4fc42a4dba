#include "monitor/file_sighting.h"

std::string_view NameOf(Confidence confidence) {
  switch (confidence) {
    case Confidence::kHeld:
      return "held";
    case Confidence::kExecuted:
      return "executed";
    case Confidence::kPid:
      return "pid";
    case Confidence::kUnknown:
      return "unknown";
  }
  return "unknown";
}
