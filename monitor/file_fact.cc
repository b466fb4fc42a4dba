#include "monitor/file_fact.h"

#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "monitor/fact_detail.h"

namespace {

using Object = nlohmann::ordered_json;

constexpr std::array<std::pair<FileChange, std::string_view>, 8> kChanges = {{
    {FileChange::kFound, "found"},
    {FileChange::kCreated, "created"},
    {FileChange::kReappeared, "reappeared"},
    {FileChange::kReplaced, "replaced"},
    {FileChange::kRewritten, "rewritten"},
    {FileChange::kRenamedAway, "renamed_away"},
    {FileChange::kDeleted, "deleted"},
    {FileChange::kUncountable, "uncountable"},
}};

FileChange ChangeNamed(std::string_view name) {
  for (const auto& [change, known] : kChanges) {
    if (known == name) return change;
  }
  return FileChange::kFound;
}

// File names need not be UTF-8: other bytes are replaced, here and when they are looked up.
std::string Write(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace);
}

std::string Moment(int64_t unix_ms) { return FormatTime(Time(std::chrono::milliseconds(unix_ms))); }

Object Describe(const Actor& actor) {
  Object by;
  if (actor.pid) by["pid"] = actor.pid;
  if (actor.user >= 0) by["user"] = actor.user;
  if (!actor.process.empty()) by["process"] = actor.process;
  if (!actor.executable.empty()) by["executable"] = actor.executable;
  if (!actor.unit.empty()) by["unit"] = actor.unit;
  by["confidence"] = NameOf(actor.confidence);
  return by;
}

std::optional<Actor> ActorIn(const FactDetail& detail) {
  const auto by = detail.Object("by");
  if (!by) return std::nullopt;
  Actor actor;
  actor.pid = static_cast<int32_t>(by->Integer("pid"));
  actor.user = by->Count("user");
  actor.process = by->Text("process");
  actor.executable = by->Text("executable");
  actor.unit = by->Text("unit");
  for (const Confidence confidence :
       {Confidence::kHeld, Confidence::kExecuted, Confidence::kPid, Confidence::kUnknown}) {
    if (by->Text("confidence") == NameOf(confidence)) actor.confidence = confidence;
  }
  return actor;
}

}  // namespace

std::string_view NameOf(FileChange change) { return kChanges[static_cast<size_t>(change)].second; }

bool IsGone(FileChange change) {
  return change == FileChange::kRenamedAway || change == FileChange::kDeleted;
}

std::string WriteDetail(const FileFact& fact) {
  Object object = {
      {"change", NameOf(fact.change)}, {"directory", fact.directory}, {"name", fact.name}};
  if (!IsGone(fact.change)) {
    object["size_bytes"] = fact.size_bytes;
    object["modified_ns"] = fact.modified_ns;
    object["born_ns"] = fact.born_ns;
    object["inode"] = fact.inode;
    object["handle"] = fact.handle;
  }
  if (fact.previous_size_bytes >= 0) object["previous_size_bytes"] = fact.previous_size_bytes;
  if (fact.opened_before) object["opened_before"] = true;
  if (!fact.renamed_to.empty()) object["renamed_to"] = fact.renamed_to;
  if (!fact.problem.empty()) object["problem"] = fact.problem;
  if (fact.by) object["by"] = Describe(*fact.by);
  return Write(object);
}

FileFact ParseFileFact(std::string_view text) {
  const FactDetail detail(text);
  FileFact fact;
  fact.change = ChangeNamed(detail.Text("change"));
  fact.directory = detail.Text("directory");
  fact.name = detail.Text("name");
  fact.handle = detail.Text("handle");
  fact.inode = static_cast<uint64_t>(detail.Integer("inode"));
  fact.born_ns = detail.Integer("born_ns");
  fact.modified_ns = detail.Integer("modified_ns");
  fact.size_bytes = detail.Integer("size_bytes");
  fact.previous_size_bytes = detail.Count("previous_size_bytes");
  fact.opened_before = detail.Flag("opened_before");
  fact.renamed_to = detail.Text("renamed_to");
  fact.problem = detail.Text("problem");
  fact.by = ActorIn(detail);
  return fact;
}

std::string WriteDetail(const ReadFact& fact) {
  return Write({{"directory", fact.directory},
                {"name", fact.name},
                {"handle", fact.handle},
                {"bytes", fact.bytes},
                {"reads", fact.reads},
                {"first_at", Moment(fact.first_at)},
                {"last_at", Moment(fact.last_at)},
                {"by", Describe(fact.by)}});
}

ReadFact ParseReadFact(std::string_view text) {
  const FactDetail detail(text);
  ReadFact fact;
  fact.directory = detail.Text("directory");
  fact.name = detail.Text("name");
  fact.handle = detail.Text("handle");
  fact.bytes = detail.Flag("bytes");
  fact.reads = detail.Integer("reads");
  fact.first_at = detail.Moment("first_at");
  fact.last_at = detail.Moment("last_at");
  fact.by = ActorIn(detail).value_or(Actor{});
  return fact;
}

std::string WriteDetail(const MisplacedFact& fact) {
  Object object = {{"path", fact.path}, {"place", fact.place}};
  if (fact.by) object["by"] = Describe(*fact.by);
  return Write(object);
}

MisplacedFact ParseMisplacedFact(std::string_view text) {
  const FactDetail detail(text);
  return {detail.Text("path"), detail.Text("place"), ActorIn(detail)};
}

std::string WriteDetail(const KeptFact& fact) {
  return Write({{"directory", fact.directory},
                {"name", fact.name},
                {"size_bytes", fact.size_bytes},
                {"modified_ns", fact.modified_ns},
                {"born_ns", fact.born_ns},
                {"inode", fact.inode},
                {"reflink", fact.reflink},
                {"copy", fact.copy}});
}

KeptFact ParseKeptFact(std::string_view text) {
  const FactDetail detail(text);
  KeptFact fact;
  fact.directory = detail.Text("directory");
  fact.name = detail.Text("name");
  fact.size_bytes = detail.Integer("size_bytes");
  fact.modified_ns = detail.Integer("modified_ns");
  fact.born_ns = detail.Integer("born_ns");
  fact.inode = static_cast<uint64_t>(detail.Integer("inode"));
  fact.reflink = detail.Flag("reflink");
  fact.copy = detail.Text("copy");
  return fact;
}

std::string WriteDetail(const ReleasedFact& fact) {
  return Write({{"copy", fact.copy}, {"reason", fact.reason}});
}

ReleasedFact ParseReleasedFact(std::string_view text) {
  const FactDetail detail(text);
  return {detail.Text("copy"), detail.Text("reason")};
}

std::string WriteDetail(const std::vector<CountedRows>& files) {
  auto list = Object::array();
  for (const CountedRows& file : files) {
    list.push_back({{"directory", file.directory}, {"name", file.name}, {"rows", file.rows}});
  }
  return Write({{"files", std::move(list)}});
}

std::vector<CountedRows> ParseCountedRows(std::string_view text) {
  std::vector<CountedRows> files;
  for (const FactDetail& file : FactDetail(text).Objects("files")) {
    files.push_back({file.Text("directory"), file.Text("name"), file.Integer("rows")});
  }
  return files;
}
