#include "monitor/reader_book.h"

#include <algorithm>

namespace {

constexpr const char* kFind =
    "SELECT id, reads, opens, files, first_at, last_at FROM reader WHERE format = ? AND server = ? "
    "AND executable = ? AND process = ? AND unit = ?";
constexpr const char* kInsert =
    "INSERT INTO reader(format, server, executable, process, unit, confidence, reads, opens, "
    "files, "
    "first_at, last_at) VALUES (?,?,?,?,?,?,0,0,0,?7,?7)";
constexpr const char* kUpdate =
    "UPDATE reader SET reads = ?2, opens = ?3, files = ?4, first_at = ?5, last_at = ?6 WHERE id = "
    "?1";
constexpr const char* kAddFile =
    "INSERT INTO file_read VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT DO NOTHING";
constexpr const char* kCountFile =
    "UPDATE file_read SET reads = reads + ?4, opens = opens + ?5, first_at = min(first_at, ?6), "
    "last_at = max(last_at, ?7) WHERE reader = ?1 AND directory = ?2 AND name = ?3";
constexpr const char* kSample =
    "SELECT d.path || '/' || r.name FROM file_read r JOIN directory d ON d.id = r.directory WHERE "
    "r.reader = ? ORDER BY r.last_at DESC LIMIT 5";

}  // namespace

ReaderBook::ReaderBook(Database& database)
    : database_(database),
      find_(database.Prepare(kFind)),
      insert_(database.Prepare(kInsert)),
      update_(database.Prepare(kUpdate)),
      add_file_(database.Prepare(kAddFile)),
      count_file_(database.Prepare(kCountFile)),
      sample_(database.Prepare(kSample)) {}

ReaderBook::Reader ReaderBook::Add(int64_t format, int64_t server, int64_t directory,
                                   const ReadFact& read) {
  const Actor& by = read.by;
  Reader reader;
  const auto find = [&] {
    find_.Bind({Cell::Of(format), Cell::Of(server), Cell::Of(by.executable), Cell::Of(by.process),
                Cell::Of(by.unit)});
    if (!find_.Step()) return false;
    reader = {find_.Integer(0), find_.Integer(1), find_.Integer(2),
              find_.Integer(3), find_.Integer(4), find_.Integer(5)};
    return true;
  };
  if (!find()) {
    insert_.Run({Cell::Of(format), Cell::Of(server), Cell::Of(by.executable), Cell::Of(by.process),
                 Cell::Of(by.unit), Cell::Of(NameOf(by.confidence)), Cell::Of(read.first_at)});
    reader = {database_.last_row(), 0, 0, 0, read.first_at, read.first_at};
  }
  reader.files += AddFile(reader.id, directory, read);
  (read.bytes ? reader.reads : reader.opens) += read.reads;
  reader.first_at = std::min(reader.first_at, read.first_at);
  reader.last_at = std::max(reader.last_at, read.last_at);
  update_.Run({Cell::Of(reader.id), Cell::Of(reader.reads), Cell::Of(reader.opens),
               Cell::Of(reader.files), Cell::Of(reader.first_at), Cell::Of(reader.last_at)});
  return reader;
}

// Whether it had not read this file before.
bool ReaderBook::AddFile(int64_t reader, int64_t directory, const ReadFact& read) {
  const int64_t reads = read.bytes ? read.reads : 0, opens = read.bytes ? 0 : read.reads;
  const std::initializer_list<Cell> cells = {
      Cell::Of(reader), Cell::Of(directory),     Cell::Of(read.name),   Cell::Of(reads),
      Cell::Of(opens),  Cell::Of(read.first_at), Cell::Of(read.last_at)};
  add_file_.Run(cells);
  if (database_.changes() > 0) return true;
  count_file_.Run(cells);
  return false;
}

std::vector<std::string> ReaderBook::SamplePaths(int64_t reader) {
  std::vector<std::string> paths;
  sample_.Bind({Cell::Of(reader)});
  while (sample_.Step()) paths.emplace_back(sample_.Text(0));
  return paths;
}
