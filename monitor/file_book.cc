#include "monitor/file_book.h"

#include <algorithm>

namespace {

constexpr size_t kRememberedDirectories = 4096;

constexpr const char* kFindDirectory = "SELECT id FROM directory WHERE format = ? AND path = ?";
constexpr const char* kInsertDirectory =
    "INSERT INTO directory(format, path, modified_ns) VALUES (?, ?, 0)";
constexpr const char* kPath = "SELECT path FROM directory WHERE id = ?";
constexpr const char* kListed =
    "UPDATE directory SET modified_ns = ?2 WHERE id = ?1 AND modified_ns <> ?2";
constexpr const char* kDirectories = "SELECT path, modified_ns FROM directory WHERE format = ?";

// To be followed by a WHERE; the columns as Row() takes them and as the table has them.
constexpr const char* kSelect = "SELECT * FROM file WHERE ";
constexpr const char* kFind = "directory = ? AND name = ?";
constexpr const char* kIn = "directory = ? AND present = 1 ORDER BY name";
constexpr const char* kOf =
    "project = ? AND day = ? AND format = ? AND server = ? AND present = 1 ORDER BY directory, "
    "name";
constexpr const char* kUnexplained =
    "format = ? AND unexplained_since <= ? AND unexplained_since IS NOT NULL";
constexpr const char* kToCount =
    "to_count = 1 AND format = ? AND modified_ns <= ? AND unexplained_since IS NULL AND present = "
    "1 "
    "ORDER BY modified_ns DESC LIMIT ?";
constexpr const char* kPut =
    "INSERT OR REPLACE INTO file VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";

constexpr const char* kTally =
    "INSERT INTO file_tally VALUES (?1,?2,?3) ON CONFLICT(format, what) DO UPDATE SET count = "
    "count + ?3";

Statement Select(Database& database, const char* where) {
  return database.Prepare(std::string(kSelect) + where);
}

Cell Some(int64_t value) { return value ? Cell::Of(value) : Cell::Null(); }

}  // namespace

FileTally::FileTally(Database& database) : add_(database.Prepare(kTally)) {}

void FileTally::Add(int64_t format, std::string_view what, int64_t count) {
  add_.Run({Cell::Of(format), Cell::Of(what), Cell::Of(count)});
}

FileBook::FileBook(Database& database)
    : database_(database),
      find_directory_(database.Prepare(kFindDirectory)),
      insert_directory_(database.Prepare(kInsertDirectory)),
      path_(database.Prepare(kPath)),
      listed_(database.Prepare(kListed)),
      find_(Select(database, kFind)),
      put_(database.Prepare(kPut)),
      in_(Select(database, kIn)),
      of_(Select(database, kOf)),
      unexplained_(Select(database, kUnexplained)),
      to_count_(Select(database, kToCount)) {}

int64_t FileBook::Directory(int64_t format, std::string_view path) {
  const std::pair key(format, std::string(path));
  if (const auto known = directories_.find(key); known != directories_.end()) return known->second;
  if (directories_.size() >= kRememberedDirectories) directories_.clear();
  int64_t id = 0;
  if (find_directory_.Bind({Cell::Of(format), Cell::Of(path)}).Step()) {
    id = find_directory_.Integer(0);
  } else {
    insert_directory_.Run({Cell::Of(format), Cell::Of(path)});
    id = database_.last_row();
  }
  return directories_[key] = id;
}

std::string FileBook::PathOf(int64_t directory) {
  return path_.Bind({Cell::Of(directory)}).Step() ? std::string(path_.Text(0)) : std::string();
}

void FileBook::Listed(int64_t directory, int64_t modified_ns) {
  listed_.Run({Cell::Of(directory), Cell::Of(modified_ns)});
}

std::vector<std::pair<std::string, int64_t>> FileBook::Directories(int64_t format) {
  std::vector<std::pair<std::string, int64_t>> all;
  Statement rows = database_.Prepare(kDirectories);
  rows.Bind({Cell::Of(format)});
  while (rows.Step()) all.emplace_back(rows.Text(0), rows.Integer(1));
  return all;
}

std::optional<KnownFile> FileBook::Find(int64_t directory, std::string_view name) {
  if (!find_.Bind({Cell::Of(directory), Cell::Of(name)}).Step()) return std::nullopt;
  return Row(find_);
}

void FileBook::Put(const KnownFile& file) {
  const PartitionKey& key = file.partition;
  put_.Run({Cell::Of(file.directory), Cell::Of(file.name), Cell::Of(int64_t{key.project}),
            Cell::Of(int64_t{key.day}), Cell::Of(int64_t{key.format}),
            Cell::Of(int64_t{key.server}), Cell::Of(int64_t{file.present}), Cell::Of(file.handle),
            Cell::Of(static_cast<int64_t>(file.inode)), Cell::Of(file.born_ns),
            Cell::Of(file.modified_ns), Cell::Of(file.size_bytes), Cell::Of(file.generations),
            Cell::Of(file.seq), file.rows == kUnknownCount ? Cell::Null() : Cell::Of(file.rows),
            Cell::Of(int64_t{file.to_count}), Some(file.run), Some(file.unexplained_since)});
}

std::vector<KnownFile> FileBook::In(int64_t directory) {
  return Rows(in_.Bind({Cell::Of(directory)}));
}

std::vector<KnownFile> FileBook::Of(const PartitionKey& key) {
  return Rows(of_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                        Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})}));
}

std::vector<KnownFile> FileBook::Unexplained(int64_t format, int64_t since) {
  return Rows(unexplained_.Bind({Cell::Of(format), Cell::Of(since)}));
}

std::vector<PartitionKey> FileBook::ToCount(int64_t format, int64_t at_rest_ns, int64_t most) {
  std::vector<PartitionKey> partitions;
  for (const KnownFile& file :
       Rows(to_count_.Bind({Cell::Of(format), Cell::Of(at_rest_ns), Cell::Of(most)}))) {
    const PartitionKey& key = file.partition;
    const bool known = std::find(partitions.begin(), partitions.end(), key) != partitions.end();
    if (!known) partitions.push_back(key);
  }
  return partitions;
}

KnownFile FileBook::Row(const Statement& row) {
  KnownFile file;
  file.directory = row.Integer(0);
  file.name = std::string(row.Text(1));
  const auto id = [&](int column) { return static_cast<int32_t>(row.Integer(column)); };
  file.partition = {id(2), id(3), id(4), id(5)};
  file.present = row.Integer(6) != 0;
  file.handle = std::string(row.Text(7));
  file.inode = static_cast<uint64_t>(row.Integer(8));
  file.born_ns = row.Integer(9);
  file.modified_ns = row.Integer(10);
  file.size_bytes = row.Integer(11);
  file.generations = row.Integer(12);
  file.seq = row.Integer(13);
  file.rows = row.MaybeInteger(14).value_or(kUnknownCount);
  file.to_count = row.Integer(15) != 0;
  file.run = row.Integer(16);
  file.unexplained_since = row.Integer(17);
  return file;
}

std::vector<KnownFile> FileBook::Rows(Statement& rows) {
  std::vector<KnownFile> all;
  while (rows.Step()) all.push_back(Row(rows));
  return all;
}
