#include "monitor/output_book.h"

namespace {

constexpr const char* kLastRun =
    "SELECT directory, version, logged_at, log, (SELECT project FROM fact WHERE fact.seq = "
    "output.seq) FROM output WHERE server = ? AND format = ? ORDER "
    "BY "
    "logged_at DESC, seq DESC LIMIT 1";
constexpr const char* kFind =
    "SELECT version, runs FROM output WHERE server = ? AND format = ? AND directory = ?";

// A date in parts as one: "{year}/{month}/{day}", "{year}{month}" → "{day}".
std::string WithWholeDays(std::string_view path) {
  constexpr std::string_view kYear = "{year}";
  constexpr size_t kLongestSeparator = 8;  // "/month="
  std::string out;
  for (size_t at = 0; at < path.size();) {
    size_t end = at + kYear.size();
    size_t parts = path.substr(at).starts_with(kYear) ? 1 : 0;
    for (const std::string_view part : {"{month}", "{day}"}) {
      const size_t next = parts == 0 ? path.npos : path.find('{', end);
      if (next == path.npos || next - end > kLongestSeparator) break;
      if (!path.substr(next).starts_with(part)) break;
      end = next + part.size();
      ++parts;
    }
    out += parts < 2 ? path.substr(at, 1) : "{day}";
    at = parts < 2 ? at + 1 : end;
  }
  return out;
}

}  // namespace

std::string OutputDirectory(std::string_view path) {
  const std::string place = WithWholeDays(path);
  const size_t slash = place.rfind('/');
  return slash == std::string::npos ? std::string() : place.substr(0, slash);
}

std::string DirectoryFor(std::string directory, std::string_view project) {
  constexpr std::string_view kProject = "{project}";
  for (size_t at = 0; (at = directory.find(kProject, at)) != std::string::npos;) {
    directory.replace(at, kProject.size(), project);
    at += project.size();
  }
  return directory;
}

OutputBook::OutputBook(Database& database, Names& names)
    : names_(names), last_run_(database.Prepare(kLastRun)), find_(database.Prepare(kFind)) {}

std::optional<OutputBook::Place> OutputBook::Note(const FactRow& row, int64_t now) {
  const int64_t server = row.partition.server, format = row.partition.format;
  const auto [known, first_look] = last_.try_emplace({server, format});
  Last& last = known->second;
  if (first_look) last = Load(server, format);
  JournalEntry::Output own{server, format, 0, row.version, 1, row.seq, row.log, row.logged_at};
  own.directory = last.path == row.path ? last.output.directory : DirectoryOf(row);
  // A clock that was ahead of ours once is no reason to call everything since then late.
  own.late = row.log != last.output.log && row.logged_at < last.output.logged_at &&
             last.output.logged_at <= now;
  if (own.late) {
    AddRuns(own);
    return std::nullopt;
  }
  // Of two names of one place that which leaves more of the path in it is kept.
  const bool same = SamePlace(own.directory, last.output.directory, row.partition.project);
  int64_t path = row.path;
  if (same && own.directory != last.output.directory) {
    own.directory = last.output.directory;
    path = 0;
  } else if (SamePlace(own.directory, last.output.directory, last.project)) {
    last.output.directory = own.directory;
  }
  std::optional<Place> place;
  if (first_look || own.directory != last.output.directory) {
    Settle(last);
    place = PlaceAfter(own, last.output);
  }
  own.runs += last.output.runs;
  last = {path, row.partition.project, own};
  return place;
}

int64_t OutputBook::DirectoryOf(const FactRow& row) {
  return names_.Id(OutputDirectory(names_.Text(row.path)));
}

// Whether what one project wrote there may be called by either name.
bool OutputBook::SamePlace(int64_t a, int64_t b, int64_t project) {
  if (a == b || a == 0 || b == 0 || project == 0) return a == b;
  const std::string name = names_.Text(project);
  return DirectoryFor(names_.Text(a), name) == DirectoryFor(names_.Text(b), name);
}

OutputBook::Place OutputBook::PlaceAfter(const JournalEntry::Output& own,
                                         const JournalEntry::Output& last) {
  Place place;
  place.directory = names_.Text(own.directory);
  if (last.directory == 0) return place;
  const auto here = Find({own.server, own.format, own.directory});
  const auto before = Find({own.server, own.format, last.directory});
  place.previous_directory = names_.Text(last.directory);
  place.previous_version = names_.Text(last.version);
  place.usual = here && (here->version == last.version || own.version == last.version);
  place.earlier_runs = before ? before->runs : 0;
  return place;
}

OutputBook::Last OutputBook::Load(int64_t server, int64_t format) {
  Last last;
  last.output.server = server;
  last.output.format = format;
  if (!last_run_.Bind({Cell::Of(server), Cell::Of(format)}).Step()) return last;
  last.output.directory = last_run_.Integer(0);
  last.output.version = last_run_.Integer(1);
  last.output.logged_at = last_run_.Integer(2);
  last.output.log = last_run_.Integer(3);
  last.project = last_run_.Integer(4);
  return last;
}

// In the table and in what is to be written to it.
std::optional<OutputBook::Known> OutputBook::Find(const Key& key) {
  const auto [server, format, directory] = key;
  std::optional<Known> known;
  find_.Bind({Cell::Of(server), Cell::Of(format), Cell::Of(directory)});
  if (find_.Step()) known = Known{find_.Integer(0), find_.Integer(1)};
  const auto change = changes_.find(key);
  if (change == changes_.end()) return known;
  const JournalEntry::Output& output = change->second;
  const bool newer = !output.late || !known;
  return Known{newer ? output.version : known->version, output.runs + (known ? known->runs : 0)};
}

void OutputBook::AddRuns(const JournalEntry::Output& output) {
  const Key key{output.server, output.format, output.directory};
  const auto [change, first] = changes_.try_emplace(key, output);
  if (first) return;
  JournalEntry::Output& known = change->second;
  const int64_t runs = known.runs + output.runs;
  if (!output.late) known = output;
  known.runs = runs;
}

void OutputBook::Settle(Last& last) {
  if (last.output.runs > 0) AddRuns(last.output);
  last.output.runs = 0;
}

std::vector<JournalEntry::Output> OutputBook::TakeChanges() {
  for (auto& [key, last] : last_) Settle(last);
  std::vector<JournalEntry::Output> outputs;
  outputs.reserve(changes_.size());
  for (const auto& [key, output] : changes_) outputs.push_back(output);
  changes_.clear();
  return outputs;
}

void OutputBook::Forget() {
  last_.clear();
  changes_.clear();
}
