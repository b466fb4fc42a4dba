#include "dashboards/file_documents.h"

#include <algorithm>
#include <map>
#include <utility>

#include "monitor/file_fact.h"

namespace {

using std::chrono::milliseconds;

Document ReaderOf(const ReaderRow& reader) {
  return {{"executable", TextOrNull(reader.executable)},
          {"process", TextOrNull(reader.process)},
          {"unit", TextOrNull(reader.unit)},
          {"confidence", reader.confidence},
          {"reads", reader.reads},
          {"opens", reader.opens},
          {"files", reader.files},
          {"first_at", FormatTime(reader.first_at)},
          {"last_at", FormatTime(reader.last_at)},
          {"sample_paths", reader.sample_paths},
          {"server", reader.server},
          {"format", reader.format}};
}

Document ActorOf(const std::optional<Actor>& actor) {
  if (!actor) return nullptr;
  return {{"pid", actor->pid ? Document(actor->pid) : Document(nullptr)},
          {"process", TextOrNull(actor->process)},
          {"executable", TextOrNull(actor->executable)},
          {"unit", TextOrNull(actor->unit)},
          {"confidence", NameOf(actor->confidence)}};
}

// What the facts say of one file.
struct Story {
  struct Generation {
    const FactEntry* fact = nullptr;
    FileFact file;
  };
  std::vector<Generation> generations;
  std::vector<std::pair<const FactEntry*, ReadFact>> reads;
  std::vector<std::pair<Time, int64_t>> counts;  // rows, and when they were counted
};
using Stories = std::map<std::pair<std::string, std::string>, Story>;  // by server and path

Stories StoriesOf(const std::vector<FactEntry>& facts) {
  Stories stories;
  const auto of = [&](const FactEntry& fact, const std::string& directory,
                      const std::string& name) -> Story& {
    return stories[{fact.server, directory + "/" + name}];
  };
  for (const FactEntry& fact : facts) {
    if (fact.kind == "file") {
      FileFact file = ParseFileFact(fact.detail);
      Story& story = of(fact, file.directory, file.name);
      story.generations.push_back({&fact, std::move(file)});
    } else if (fact.kind == "read") {
      ReadFact read = ParseReadFact(fact.detail);
      Story& story = of(fact, read.directory, read.name);
      story.reads.emplace_back(&fact, std::move(read));
    } else if (fact.kind == "recount") {
      for (const CountedRows& file : ParseCountedRows(fact.detail)) {
        of(fact, file.directory, file.name)
            .counts.emplace_back(fact.logged_at.value_or(Time{}), file.rows);
      }
    }
  }
  for (auto& [path, story] : stories) {
    std::stable_sort(
        story.generations.begin(), story.generations.end(),
        [](const auto& a, const auto& b) { return a.fact->logged_at < b.fact->logged_at; });
  }
  return stories;
}

const FactEntry* RunOf(const FilesInput& input, const FactEntry& generation,
                       std::optional<Time> next) {
  const FactEntry* nearest = nullptr;
  const Time at = generation.logged_at.value_or(Time{});
  for (const FactEntry& run : input.facts) {
    const bool same = run.kind == "run" && run.server == generation.server &&
                      run.day == generation.day && run.format == generation.format;
    if (!same || !run.logged_at || *run.logged_at < at - kLoggedBefore) continue;
    if (next && *run.logged_at >= *next) continue;
    const auto distance = [&](const FactEntry& of) { return std::chrono::abs(*of.logged_at - at); };
    if (!nearest || distance(run) < distance(*nearest)) nearest = &run;
  }
  return nearest;
}

Document GenerationsOf(const FilesInput& input, const Story& story) {
  Document list = Document::array();
  for (size_t i = 0; i < story.generations.size(); ++i) {
    const auto& [fact, file] = story.generations[i];
    std::optional<Time> next;
    if (i + 1 < story.generations.size()) next = story.generations[i + 1].fact->logged_at;
    const bool gone = IsGone(file.change);
    const FactEntry* run = gone ? nullptr : RunOf(input, *fact, next);
    std::optional<int64_t> rows;
    for (const auto& [at, counted] : story.counts) {
      if (!gone && at >= fact->logged_at && (!next || at < *next)) rows = counted;
    }
    list.push_back(
        {{"at", FormatTime(fact->logged_at.value_or(Time{}))},
         {"change", NameOf(file.change)},
         {"size_bytes", gone ? Document(nullptr) : Document(file.size_bytes)},
         {"previous_size_bytes",
          file.previous_size_bytes < 0 ? Document(nullptr) : Document(file.previous_size_bytes)},
         {"rows", CountOrNull(rows)},
         {"run", run ? TextOrNull(run->run) : Document(nullptr)},
         {"version", run ? TextOrNull(run->version) : Document(nullptr)},
         {"by", ActorOf(file.by)},
         {"opened_before", file.opened_before},
         {"renamed_to", TextOrNull(file.renamed_to)},
         {"problem", TextOrNull(file.problem)},
         {"seq", fact->seq}});
  }
  return list;
}

Document ReadersOf(const Story& story) {
  std::map<std::pair<std::string, std::string>, ReaderRow> readers;
  for (const auto& [fact, read] : story.reads) {
    ReaderRow& row = readers[{read.by.executable, read.by.process}];
    const bool first = row.reads + row.opens == 0;
    const Time begin(milliseconds(read.first_at)), end(milliseconds(read.last_at));
    row.server = fact->server;
    row.format = fact->format;
    row.executable = read.by.executable;
    row.process = read.by.process;
    row.unit = read.by.unit;
    row.confidence = NameOf(read.by.confidence);
    (read.bytes ? row.reads : row.opens) += read.reads;
    row.files = 1;
    row.first_at = first ? begin : std::min(row.first_at, begin);
    row.last_at = std::max(row.last_at, end);
  }
  Document list = Document::array();
  for (const auto& [who, row] : readers) {
    Document reader = ReaderOf(row);
    for (const char* same : {"files", "sample_paths", "server", "format"}) reader.erase(same);
    list.push_back(std::move(reader));
  }
  return list;
}

}  // namespace

Document AuditDocument(const Audit& audit) {
  Document readers = Document::array();
  for (const ReaderRow& reader : audit.readers) readers.push_back(ReaderOf(reader));
  return {{"verdict", NameOf(audit.verdict)},
          {"since", audit.since ? Document(FormatTime(*audit.since)) : Document(nullptr)},
          {"covered_seconds", audit.covered_seconds},
          {"blind_seconds", audit.blind_seconds},
          {"cycles", {{"runs", audit.runs}, {"late_reruns", audit.late_reruns}}},
          {"readers", std::move(readers)},
          {"replaced_after_read", audit.replaced_after_read},
          {"access_time_evidence_void", audit.access_time_evidence_void},
          {"files", audit.files},
          {"reasons", audit.reasons}};
}

Document FilesDocument(const FilesInput& input) {
  const Stories stories = StoriesOf(input.facts);
  static const Story kNone;
  Document files = Document::array();
  for (const FileRow& file : input.files) {
    const auto found = stories.find({file.server, file.path});
    const Story& story = found == stories.end() ? kNone : found->second;
    files.push_back(
        {{"server", file.server},
         {"day", file.day},
         {"format", file.format},
         {"path", file.path},
         {"present", file.present},
         {"size_bytes", file.present ? CountOrNull(file.size_bytes) : Document(nullptr)},
         {"rows", file.present ? CountOrNull(file.rows) : Document(nullptr)},
         {"generations", GenerationsOf(input, story)},
         {"readers", ReadersOf(story)}});
  }
  return {{"project", input.project}, {"day", TextOrNull(input.day)}, {"files", std::move(files)}};
}

Document GenerationRows(const Document& files) {
  Document rows = Document::array();
  for (const Document& file : files["files"]) {
    for (Document generation : file["generations"]) {
      for (const char* key : {"server", "day", "format", "path"}) generation[key] = file[key];
      const Document& by = generation["by"];
      if (by.is_object()) {
        generation["by"] = by["executable"].is_null() ? by["process"] : by["executable"];
      }
      rows.push_back(std::move(generation));
    }
  }
  return rows;
}

bool IsPattern(const std::string& what) { return what.find_first_of("/*?[") != std::string::npos; }
