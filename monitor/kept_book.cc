#include "monitor/kept_book.h"

#include <algorithm>

#include "monitor/file_fact.h"

namespace {

// The columns as Row() takes them.
constexpr const char* kFind =
    "SELECT id, project, day, format, server, directory, name, inode, born_ns, modified_ns, "
    "size_bytes, reflink, copy, kept_at, replaced_at, void FROM kept WHERE copy = ?";
constexpr const char* kAtPath =
    "SELECT id, project, day, format, server, directory, name, inode, born_ns, modified_ns, "
    "size_bytes, reflink, copy, kept_at, replaced_at, void FROM kept WHERE directory = ? AND name "
    "= ?";
constexpr const char* kAdd =
    "INSERT INTO kept VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,(SELECT rows FROM file WHERE "
    "directory = ?6 AND name = ?7 AND inode = ?8 AND modified_ns = ?10 AND size_bytes = ?11))";
constexpr const char* kRelease = "DELETE FROM kept WHERE id = ?";
constexpr const char* kStands = "UPDATE kept SET replaced_at = ?2, void = ?3 WHERE id = ?1";
constexpr const char* kCounted =
    "UPDATE kept SET rows = ?3 WHERE directory = ?1 AND name = ?2 AND replaced_at IS NULL";
constexpr const char* kErased =
    "INSERT INTO erased VALUES (?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET logged_at = "
    "max(logged_at, ?5)";
constexpr const char* kVoid = "SELECT id, copy, size_bytes FROM kept WHERE void = 1 LIMIT ?";
// The first that was replaced first. An alert on any copy of the project-day needs what is kept.
constexpr const char* kReplaced =
    "SELECT k.id, k.copy, k.size_bytes, k.replaced_at, EXISTS (SELECT 1 FROM alert a INDEXED BY "
    "alert_open WHERE a.project = k.project AND a.day = k.day AND a.state <> 'resolved'), "
    "k.replaced_at <= e.logged_at + ? FROM kept k LEFT JOIN erased e ON (e.project, e.day, "
    "e.format, e.server) = (k.project, k.day, k.format, k.server) WHERE k.replaced_at IS NOT NULL "
    "AND k.void = 0 ORDER BY k.replaced_at, k.id";
constexpr const char* kAfter =
    "SELECT id, copy, modified_ns, size_bytes FROM kept WHERE id > ? ORDER BY id LIMIT ?";
constexpr const char* kFiles = "SELECT count(*) FROM kept";

constexpr const char* kKeptFiles = "kept";
constexpr const char* kKeptBytes = "kept_bytes";  // of replaced generations

Cell Some(int64_t value) { return value ? Cell::Of(value) : Cell::Null(); }

bool IsOf(const KeptGeneration& kept, const KnownFile& file) {
  return file.present && kept.inode == file.inode && kept.born_ns == file.born_ns &&
         kept.modified_ns == file.modified_ns && kept.size_bytes == file.size_bytes;
}

}  // namespace

// A copy of what was replaced, while it is decided what goes.
struct KeptBook::Held {
  CopyToCheck copy;
  int64_t replaced_at = 0;
  bool needed = false, erased = false;
};

KeptBook::KeptBook(Database& database, FileTally& tally)
    : database_(database),
      tally_(tally),
      find_(database.Prepare(kFind)),
      add_(database.Prepare(kAdd)),
      release_(database.Prepare(kRelease)),
      at_path_(database.Prepare(kAtPath)),
      stands_(database.Prepare(kStands)),
      counted_(database.Prepare(kCounted)),
      erased_(database.Prepare(kErased)),
      voided_(database.Prepare(kVoid)),
      replaced_(database.Prepare(kReplaced)),
      after_(database.Prepare(kAfter)),
      files_(database.Prepare(kFiles)) {}

std::optional<KeptGeneration> KeptBook::Find(std::string_view copy) {
  if (!find_.Bind({Cell::Of(copy)}).Step()) return std::nullopt;
  return Row(find_);
}

void KeptBook::Add(const KeptGeneration& kept) {
  const PartitionKey& key = kept.partition;
  add_.Run({Cell::Of(kept.id), Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
            Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(kept.directory),
            Cell::Of(kept.name), Cell::Of(static_cast<int64_t>(kept.inode)), Cell::Of(kept.born_ns),
            Cell::Of(kept.modified_ns), Cell::Of(kept.size_bytes), Cell::Of(int64_t{kept.reflink}),
            Cell::Of(kept.copy), Cell::Of(kept.kept_at), Some(kept.replaced_at),
            Cell::Of(int64_t{kept.is_void})});
  tally_.Add(key.format, kKeptFiles);
  if (kept.replaced_at != 0) tally_.Add(key.format, kKeptBytes, kept.size_bytes);
}

void KeptBook::Release(const KeptGeneration& kept) {
  release_.Run({Cell::Of(kept.id)});
  tally_.Add(kept.partition.format, kKeptFiles, -1);
  if (kept.replaced_at != 0) tally_.Add(kept.partition.format, kKeptBytes, -kept.size_bytes);
}

void KeptBook::Stands(const KnownFile& file, bool rewritten, int64_t at) {
  std::vector<KeptGeneration> all;
  at_path_.Bind({Cell::Of(file.directory), Cell::Of(file.name)});
  while (at_path_.Step()) all.push_back(Row(at_path_));
  for (const KeptGeneration& kept : all) {
    const bool stands = IsOf(kept, file);
    if (stands == (kept.replaced_at == 0)) continue;
    const bool is_void = !stands && rewritten && !kept.reflink;
    const Cell replaced_at = stands ? Cell::Null() : Cell::Of(at);
    stands_.Run({Cell::Of(kept.id), replaced_at, Cell::Of(int64_t{is_void})});
    tally_.Add(kept.partition.format, kKeptBytes, stands ? -kept.size_bytes : kept.size_bytes);
  }
}

void KeptBook::Counted(int64_t directory, std::string_view name, int64_t rows) {
  counted_.Run({Cell::Of(directory), Cell::Of(name), Cell::Of(rows)});
}

void KeptBook::Erased(const PartitionKey& key, int64_t logged_at) {
  erased_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
               Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(logged_at)});
}

std::vector<KeptBook::Held> KeptBook::Replaced() {
  std::vector<Held> all;
  replaced_.Bind({Cell::Of(kLoggedBefore.count())});
  while (replaced_.Step()) {
    Held held;
    held.copy.id = replaced_.Integer(0);
    held.copy.copy = std::string(replaced_.Text(1));
    held.copy.size_bytes = replaced_.Integer(2);
    held.replaced_at = replaced_.Integer(3);
    held.needed = replaced_.Integer(4) != 0;
    held.erased = replaced_.Integer(5) != 0;
    all.push_back(std::move(held));
  }
  return all;
}

std::vector<CopyToCheck> KeptBook::ToRelease(const KeepBounds& bounds, size_t most) {
  std::vector<CopyToCheck> chosen;
  voided_.Bind({Cell::Of(static_cast<int64_t>(most))});
  while (voided_.Step()) {
    chosen.push_back({voided_.Integer(0), std::string(voided_.Text(1)), 0, voided_.Integer(2),
                      "its file was rewritten in place"});
  }
  std::vector<Held> held = Replaced();
  int64_t bytes = 0, count = files() - static_cast<int64_t>(chosen.size());
  std::vector<Held> left;
  for (Held& each : held) {
    const bool over = each.replaced_at + bounds.window.count() <= Millis(bounds.now);
    if (each.needed || !(over || (each.erased && !bounds.keep_deleted))) {
      bytes += each.copy.size_bytes;
      left.push_back(std::move(each));
      continue;
    }
    each.copy.reason = over ? "kept for its window" : "events in it were deleted";
    --count;
    chosen.push_back(std::move(each.copy));
  }
  std::stable_partition(left.begin(), left.end(), [](const Held& each) { return !each.needed; });
  int64_t wanted = bounds.wanted_bytes;
  for (Held& each : left) {
    const bool too_many_bytes = bounds.max_bytes > 0 && bytes > bounds.max_bytes;
    const bool too_many_files = bounds.max_files > 0 && count > bounds.max_files;
    if (!too_many_bytes && !too_many_files && wanted <= 0) break;
    each.copy.reason = too_many_bytes   ? "more bytes than max_bytes"
                       : too_many_files ? "more files than max_files"
                                        : "the disk is nearly full";
    bytes -= each.copy.size_bytes;
    wanted -= each.copy.size_bytes;
    --count;
    chosen.push_back(std::move(each.copy));
  }
  if (chosen.size() > most) chosen.resize(most);
  return chosen;
}

std::vector<CopyToCheck> KeptBook::After(int64_t id, size_t most) {
  std::vector<CopyToCheck> all;
  after_.Bind({Cell::Of(id), Cell::Of(static_cast<int64_t>(most))});
  while (after_.Step()) {
    all.push_back(
        {after_.Integer(0), std::string(after_.Text(1)), after_.Integer(2), after_.Integer(3), {}});
  }
  return all;
}

int64_t KeptBook::files() { return files_.Bind({}).Step() ? files_.Integer(0) : 0; }

KeptGeneration KeptBook::Row(const Statement& row) {
  KeptGeneration kept;
  const auto id = [&](int column) { return static_cast<int32_t>(row.Integer(column)); };
  kept.id = row.Integer(0);
  kept.partition = {id(1), id(2), id(3), id(4)};
  kept.directory = row.Integer(5);
  kept.name = std::string(row.Text(6));
  kept.inode = static_cast<uint64_t>(row.Integer(7));
  kept.born_ns = row.Integer(8);
  kept.modified_ns = row.Integer(9);
  kept.size_bytes = row.Integer(10);
  kept.reflink = row.Integer(11) != 0;
  kept.copy = std::string(row.Text(12));
  kept.kept_at = row.Integer(13);
  kept.replaced_at = row.Integer(14);
  kept.is_void = row.Integer(15) != 0;
  return kept;
}
