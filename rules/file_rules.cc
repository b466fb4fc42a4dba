#include "rules/file_rules.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "rules/evidence.h"

namespace {

using Object = nlohmann::ordered_json;

constexpr std::string_view kReplaced = "file_replaced_without_run";
constexpr std::string_view kRewritten = "file_rewritten_in_place";

std::string Write(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

Object Count(int64_t count) { return count < 0 ? Object(nullptr) : Object(count); }
Object Word(const std::string& word) { return word.empty() ? Object(nullptr) : Object(word); }

// Fires, and is over at once: what follows is keep_firing_for.
std::vector<Finding> AtAMoment(Finding firing, const Tuning& tuning) {
  Finding over = ClearAs(firing.rule, tuning);
  std::vector<Finding> findings;
  findings.push_back(std::move(firing));
  findings.push_back(std::move(over));
  return findings;
}

std::string GenerationEvidence(const GenerationObservation& generation) {
  const FileFact& fact = generation.fact;
  Object evidence;
  evidence["path"] = generation.path;
  evidence["change"] = NameOf(fact.change);
  evidence["at"] = FormatTime(generation.seen_at);
  evidence["size_bytes"] = fact.size_bytes;
  evidence["previous_size_bytes"] = Count(fact.previous_size_bytes);
  evidence["by"] = fact.by ? Word(fact.by->executable) : Object(nullptr);
  evidence["opened_before"] = fact.opened_before;
  return Write(evidence);
}

}  // namespace

Finding MissingFileFinding(const MissingFileObservation& file, const Tunings& tunings) {
  constexpr std::string_view kRule = "missing_canonical_file";
  const Tuning& tuning = tunings.Of(kRule);
  if (!file.missing) return ClearAs(kRule, tuning);
  Finding finding = FiringAs(kRule, tuning);
  finding.cause = file.found_at.empty() ? "missing" : "elsewhere";
  finding.version = file.version;
  finding.previous_version = file.previous_version;
  Object evidence;
  evidence["expected_path"] = file.expected_path;
  evidence["found_at"] = Word(file.found_at);
  evidence["events"] = Count(file.events);
  evidence["run"] = Word(file.run);
  evidence["version"] = Word(file.version);
  evidence["since"] = FormatTime(file.since);
  finding.evidence = finding.standing = Write(evidence);
  return finding;
}

std::vector<Finding> GenerationFindings(const GenerationObservation& generation,
                                        const Tunings& tunings) {
  if (generation.explained) {
    return {ClearAs(kReplaced, tunings.Of(kReplaced)), ClearAs(kRewritten, tunings.Of(kRewritten))};
  }
  const bool in_place = generation.fact.change == FileChange::kRewritten;
  const std::string_view rule = in_place ? kRewritten : kReplaced;
  Finding finding = FiringAs(rule, tunings.Of(rule));
  finding.cause = "no_run";
  finding.evidence = finding.standing = GenerationEvidence(generation);
  return {std::move(finding)};
}

std::vector<Finding> DeadReadFindings(const DeadReadObservation& read, const Tunings& tunings) {
  const Tuning& tuning = tunings.Of("dead_file_read");
  Finding finding = FiringAs("dead_file_read", tuning);
  finding.cause = read.reads > 0 ? "read" : "opened";
  Object evidence;
  evidence["executable"] = Word(read.executable);
  evidence["process"] = Word(read.process);
  evidence["unit"] = Word(read.unit);
  evidence["confidence"] = read.confidence;
  evidence["reads"] = read.reads;
  evidence["opens"] = read.opens;
  evidence["files"] = read.files;
  evidence["first_at"] = FormatTime(read.first_at);
  evidence["last_at"] = FormatTime(read.last_at);
  evidence["sample_paths"] = read.sample_paths;
  finding.evidence = finding.standing = Write(evidence);
  return AtAMoment(std::move(finding), tuning);
}

std::vector<Finding> MisplacedFindings(const MisplacedFileObservation& file,
                                       const Tunings& tunings) {
  const Tuning& tuning = tunings.Of("misplaced_file");
  Finding finding = FiringAs("misplaced_file", tuning);
  finding.cause = "elsewhere";
  finding.evidence = finding.standing = Write({{"path", file.path},
                                               {"place", file.place},
                                               {"project", file.project},
                                               {"day", FormatDay(file.day)},
                                               {"by", Word(file.by)}});
  return AtAMoment(std::move(finding), tuning);
}

Finding FormatsFinding(const FormatsObservation& formats, const Tunings& tunings) {
  constexpr std::string_view kRule = "formats_differ";
  const Tuning& tuning = tunings.Of(kRule);
  if (formats.written == formats.other_written) return ClearAs(kRule, tuning);
  Finding finding = FiringAs(kRule, tuning);
  finding.cause = "written_differs";
  finding.version = formats.version;
  Object evidence;
  evidence["run"] = formats.run;
  evidence["version"] = Word(formats.version);
  evidence["written"] = formats.written;
  evidence["other_format"] = formats.other_format;
  evidence["other_written"] = formats.other_written;
  finding.evidence = finding.standing = Write(evidence);
  return finding;
}
