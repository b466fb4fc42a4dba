#include "monitor/output_book.h"

#include <algorithm>
#include <array>

namespace {

constexpr const char* kLastRun =
    "SELECT o.directory, o.version, f.logged_at, f.log FROM output o JOIN fact f ON f.seq = o.seq "
    "WHERE o.server = ? AND o.format = ? ORDER BY o.seq DESC LIMIT 1";
constexpr const char* kFind =
    "SELECT version, runs FROM output WHERE server = ? AND format = ? AND directory = ?";

bool Digit(char c) { return c >= '0' && c <= '9'; }

// Where `number` ends when it stands at `at`, alone or, with `width` digits, beside other digits;
// 0: it does not.
size_t NumberEnd(std::string_view text, size_t at, int number, size_t width) {
  const std::string plain = std::to_string(number);
  const std::string padded =
      std::string(width > plain.size() ? width - plain.size() : 0, '0') + plain;
  if (text.compare(at, padded.size(), padded) == 0) return at + padded.size();
  const size_t end = at + plain.size();
  const bool alone = end >= text.size() || !Digit(text[end]);
  return alone && text.compare(at, plain.size(), plain) == 0 ? end : 0;
}

// The end of a date that begins at `at`: year and month, and the day where it follows; 0: none.
size_t DateEnd(std::string_view text, size_t at, const std::array<int, 3>& date) {
  constexpr size_t kLongestSeparator = 8;  // "/month="
  if (at > 0 && Digit(text[at - 1])) return 0;
  size_t end = NumberEnd(text, at, date[0], 4);
  size_t parts = end == 0 ? 0 : 1;
  while (parts > 0 && parts < date.size()) {
    size_t next = end;
    while (next < text.size() && !Digit(text[next]) && next - end < kLongestSeparator) ++next;
    const size_t stop = NumberEnd(text, next, date[parts], 2);
    if (stop == 0) break;
    end = stop;
    ++parts;
  }
  const bool whole = end >= text.size() || !Digit(text[end]);
  return parts >= 2 && whole ? end : 0;
}

std::array<int, 3> PartsOf(Day day) {
  const std::string text = FormatDay(day);  // 2016-02-22
  return {std::stoi(text.substr(0, 4)), std::stoi(text.substr(5, 2)), std::stoi(text.substr(8, 2))};
}

std::string WithoutDate(std::string_view path, Day day) {
  if (day.days == Day::kNone) return std::string(path);
  const std::array<int, 3> date = PartsOf(day);
  std::string out;
  for (size_t at = 0; at < path.size();) {
    const size_t end = DateEnd(path, at, date);
    out += end == 0 ? path.substr(at, 1) : "{day}";
    at = end == 0 ? at + 1 : end;
  }
  return out;
}

}  // namespace

std::string OutputDirectory(std::string_view path, Day day) {
  const std::string place = WithoutDate(path, day);
  const size_t slash = place.rfind('/');
  return slash == std::string::npos ? std::string() : place.substr(0, slash);
}

OutputBook::OutputBook(Database& database, Names& names)
    : names_(names), last_run_(database.Prepare(kLastRun)), find_(database.Prepare(kFind)) {}

std::optional<OutputBook::Place> OutputBook::Note(const FactRow& row) {
  const int64_t server = row.partition.server, format = row.partition.format;
  const auto [known, first_look] = last_.try_emplace({server, format});
  Last& last = known->second;
  if (first_look) last = Load(server, format);
  const bool same_path = last.path == row.path;
  const int64_t directory = same_path ? last.directory : DirectoryOf(row);
  if (row.logged_at < last.logged_at && row.log != last.log) {
    AddRuns({server, format, directory}, row.version, 1, 0);
    return std::nullopt;
  }
  std::optional<Place> place;
  if (first_look || directory != last.directory) {
    Settle({server, format, last.directory}, last);
    place = PlaceAfter({server, format, directory}, row.version, last);
  }
  last = {row.path, directory, row.version, row.logged_at, row.log, row.seq, last.runs + 1};
  return place;
}

int64_t OutputBook::DirectoryOf(const FactRow& row) {
  return names_.Id(OutputDirectory(names_.Text(row.path), Day{row.partition.day}));
}

OutputBook::Place OutputBook::PlaceAfter(const Key& key, int64_t version, const Last& last) {
  Place place;
  place.directory = names_.Text(std::get<2>(key));
  if (last.directory == 0) return place;
  const auto [server, format, directory] = key;
  const auto here = Find(key), before = Find({server, format, last.directory});
  place.previous_directory = names_.Text(last.directory);
  place.previous_version = names_.Text(last.version);
  place.usual = here && (here->version == last.version || version == last.version);
  place.earlier_runs = before ? before->runs : 0;
  return place;
}

OutputBook::Last OutputBook::Load(int64_t server, int64_t format) {
  if (!last_run_.Bind({Cell::Of(server), Cell::Of(format)}).Step()) return {};
  Last last;
  last.directory = last_run_.Integer(0);
  last.version = last_run_.Integer(1);
  last.logged_at = last_run_.Integer(2);
  last.log = last_run_.Integer(3);
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
  const bool newer = output.seq != 0 || !known;
  return Known{newer ? output.version : known->version, output.runs + (known ? known->runs : 0)};
}

// `seq`: of the newest of the runs; 0: they are older than what is known.
void OutputBook::AddRuns(const Key& key, int64_t version, int64_t runs, int64_t seq) {
  JournalEntry::Output& output = changes_[key];
  std::tie(output.server, output.format, output.directory) = key;
  output.runs += runs;
  if (seq != 0 || output.seq == 0) output.version = version;
  output.seq = std::max(output.seq, seq);
}

void OutputBook::Settle(const Key& key, Last& last) {
  if (last.runs > 0) AddRuns(key, last.version, std::exchange(last.runs, 0), last.seq);
}

std::vector<JournalEntry::Output> OutputBook::TakeChanges() {
  for (auto& [key, last] : last_) Settle({key.first, key.second, last.directory}, last);
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
