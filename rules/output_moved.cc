#include "rules/output_moved.h"

#include <nlohmann/json.hpp>

#include "rules/evidence.h"

namespace {

// Away from where the last run wrote; of an open alert: not yet back.
bool Moved(const OutputObservation& output) {
  if (output.left) return !output.left->empty() && output.directory != *output.left;
  if (output.previous_directory.empty() || output.usual) return false;
  return output.directory != output.previous_directory;
}

}  // namespace

Finding OutputFinding(const OutputObservation& output, const Tuning& tuning) {
  const bool moved = Moved(output);
  if (!moved && !output.outside_template) return ClearAs("output_moved", tuning);
  Finding finding = FiringAs("output_moved", tuning);
  finding.cause = moved ? "moved" : "outside_template";
  finding.version = output.version;
  finding.previous_version = output.previous_version;
  nlohmann::ordered_json evidence;
  evidence["directory"] = output.directory;
  evidence["previous_directory"] = moved ? output.previous_directory : "";
  evidence["outside_template"] = output.outside_template;
  evidence["run"] = output.run;
  evidence["version"] = output.version;
  evidence["previous_version"] = output.previous_version;
  evidence["project"] = output.project;
  evidence["day"] = FormatDay(output.day);
  const bool known = output.written != kUnknownCount;
  evidence["written"] =
      known ? nlohmann::ordered_json(output.written) : nlohmann::ordered_json(nullptr);
  evidence["earlier_runs"] = output.earlier_runs;
  finding.evidence = evidence.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return finding;
}
