#include "monitor/kept_book.h"

#include <set>

#include "monitor/kept_sql.h"

namespace {

// To be followed by a WHERE; the columns as Row() takes them.
constexpr const char* kSelect =
    "SELECT id, project, day, format, server, directory, name, inode, born_ns, modified_ns, "
    "size_bytes, reflink, copy, kept_at, replaced_at, noticed_at, void FROM kept WHERE ";
constexpr const char* kFind = "copy = ?";
constexpr const char* kAtPath = "directory = ? AND name = ?";
constexpr const char* kAdd =
    "INSERT INTO kept VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,(SELECT rows FROM file WHERE "
    "directory = ?6 AND name = ?7 AND inode = ?8 AND modified_ns = ?10 AND size_bytes = ?11))";
constexpr const char* kRelease = "DELETE FROM kept WHERE id = ?";
constexpr const char* kStands =
    "UPDATE kept SET replaced_at = ?2, noticed_at = ?3, void = ?4 WHERE id = ?1";
constexpr const char* kCounted =
    "UPDATE kept SET rows = ?3 WHERE directory = ?1 AND name = ?2 AND replaced_at IS NULL";
constexpr const char* kErased =
    "INSERT INTO erased VALUES (?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET logged_at = "
    "max(logged_at, ?5)";
constexpr const char* kVoid = "SELECT id, copy, size_bytes FROM kept WHERE void = 1 LIMIT ?";
// ?1: noticed until then, ?2: whether deleted events are kept, ?3: most.
constexpr const char* kOver =
    "SELECT k.id, k.copy, k.size_bytes, k.noticed_at <= ?1 FROM kept k LEFT JOIN erased e ON "
    "(e.project, e.day, e.format, e.server) = (k.project, k.day, k.format, k.server) WHERE "
    "k.replaced_at IS NOT NULL AND k.void = 0 AND (k.noticed_at <= ?1 OR (NOT ?2 AND ";
constexpr const char* kOverEnd = ")) AND NOT ";
constexpr const char* kOldest = "SELECT k.id, k.copy, k.size_bytes, ";
constexpr const char* kOldestEnd =
    " AS needed FROM kept k WHERE k.replaced_at IS NOT NULL AND k.void = 0 ORDER BY needed, "
    "k.replaced_at, k.id LIMIT ?";
constexpr const char* kAfter =
    "SELECT id, copy, modified_ns, size_bytes FROM kept WHERE id > ? ORDER BY id LIMIT ?";

constexpr const char* kKeptFiles = "kept";
constexpr const char* kKeptBytes = "kept_bytes";  // of replaced generations

Cell Some(int64_t value) { return value ? Cell::Of(value) : Cell::Null(); }

bool IsOf(const KeptGeneration& kept, const KnownFile& file) {
  return file.present && kept.inode == file.inode && kept.born_ns == file.born_ns &&
         kept.modified_ns == file.modified_ns && kept.size_bytes == file.size_bytes;
}

// The same file stands there with another content, which a hard link of it has, too.
bool IsVoid(const KeptGeneration& kept, const KnownFile& file) {
  return !kept.reflink && file.present && kept.inode == file.inode &&
         kept.born_ns == file.born_ns && !IsOf(kept, file);
}

}  // namespace

KeptBook::KeptBook(Database& database, FileTally& tally)
    : tally_(tally),
      find_(database.Prepare(std::string(kSelect) + kFind)),
      add_(database.Prepare(kAdd)),
      release_(database.Prepare(kRelease)),
      at_path_(database.Prepare(std::string(kSelect) + kAtPath)),
      stands_(database.Prepare(kStands)),
      counted_(database.Prepare(kCounted)),
      erased_(database.Prepare(kErased)),
      voided_(database.Prepare(kVoid)),
      over_(database.Prepare(std::string(kOver) + kErasedSince + kOverEnd + kAlertIsOpen +
                             " LIMIT ?3")),
      oldest_(database.Prepare(std::string(kOldest) + kAlertIsOpen + kOldestEnd)),
      after_(database.Prepare(kAfter)) {}

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
            Some(kept.noticed_at), Cell::Of(int64_t{kept.is_void})});
  tally_.Add(key.format, kKeptFiles);
  if (kept.replaced_at != 0) tally_.Add(key.format, kKeptBytes, kept.size_bytes);
}

void KeptBook::Release(const KeptGeneration& kept) {
  release_.Run({Cell::Of(kept.id)});
  tally_.Add(kept.partition.format, kKeptFiles, -1);
  if (kept.replaced_at != 0) tally_.Add(kept.partition.format, kKeptBytes, -kept.size_bytes);
}

void KeptBook::Stands(const KnownFile& file, int64_t at, int64_t noticed_at) {
  std::vector<KeptGeneration> all;
  at_path_.Bind({Cell::Of(file.directory), Cell::Of(file.name)});
  while (at_path_.Step()) all.push_back(Row(at_path_));
  for (const KeptGeneration& kept : all) {
    const bool stands = IsOf(kept, file);
    const bool is_void = IsVoid(kept, file);
    if (stands == (kept.replaced_at == 0) && (kept.is_void || !is_void)) continue;
    if (stands) {
      stands_.Run({Cell::Of(kept.id), Cell::Null(), Cell::Null(), Cell::Of(int64_t{0})});
    } else {
      const int64_t since = kept.replaced_at != 0 ? kept.replaced_at : at;
      const int64_t noticed = kept.noticed_at != 0 ? kept.noticed_at : noticed_at;
      stands_.Run({Cell::Of(kept.id), Cell::Of(since), Cell::Of(noticed),
                   Cell::Of(int64_t{kept.is_void || is_void})});
    }
    const int64_t change =
        (stands ? 0 : kept.size_bytes) - (kept.replaced_at ? kept.size_bytes : 0);
    if (change != 0) tally_.Add(kept.partition.format, kKeptBytes, change);
  }
}

void KeptBook::Counted(int64_t directory, std::string_view name, int64_t rows) {
  counted_.Run({Cell::Of(directory), Cell::Of(name), Cell::Of(rows)});
}

void KeptBook::Erased(const PartitionKey& key, int64_t logged_at) {
  erased_.Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
               Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}), Cell::Of(logged_at)});
}

std::vector<CopyToCheck> KeptBook::ToRelease(const KeepBounds& bounds, size_t most) {
  std::vector<CopyToCheck> chosen;
  voided_.Bind({Cell::Of(static_cast<int64_t>(most))});
  while (voided_.Step()) {
    chosen.push_back({voided_.Integer(0), std::string(voided_.Text(1)), 0, voided_.Integer(2),
                      "its file was rewritten in place"});
  }
  if (!bounds.bounds_only) AddOver(bounds, most, chosen);
  AddBeyond(bounds, most, chosen);
  if (chosen.size() > most) chosen.resize(most);
  return chosen;
}

void KeptBook::AddOver(const KeepBounds& bounds, size_t most, std::vector<CopyToCheck>& chosen) {
  over_.Bind({Cell::Of(Millis(bounds.now - bounds.window)), Cell::Of(int64_t{bounds.keep_deleted}),
              Cell::Of(static_cast<int64_t>(most))});
  while (over_.Step()) {
    const char* const reason =
        over_.Integer(3) != 0 ? "kept for its window" : "events in it were deleted";
    chosen.push_back({over_.Integer(0), std::string(over_.Text(1)), 0, over_.Integer(2), reason});
  }
}

// Room for some more at once, since whoever makes copies stops at `max_files`.
void KeptBook::AddBeyond(const KeepBounds& bounds, size_t most, std::vector<CopyToCheck>& chosen) {
  int64_t bytes = bounds.max_bytes > 0 ? tally_.Sum(kKeptBytes) - bounds.max_bytes : 0;
  int64_t count = bounds.max_files > 0 ? files() - bounds.max_files + 1 : 0;
  if (count > 0) count += bounds.max_files / 100;
  int64_t wanted = bounds.wanted_bytes;
  std::set<int64_t> known;
  for (const CopyToCheck& copy : chosen) {
    known.insert(copy.id);
    bytes -= copy.size_bytes;
    wanted -= copy.size_bytes;
    --count;
  }
  if (bytes <= 0 && count <= 0 && wanted <= 0) return;
  bool others = !chosen.empty();  // that nobody needs
  oldest_.Bind({Cell::Of(static_cast<int64_t>(most + known.size()))});
  while (oldest_.Step() && (bytes > 0 || count > 0 || wanted > 0)) {
    if (known.contains(oldest_.Integer(0))) continue;
    const bool needed = oldest_.Integer(3) != 0;
    if (needed && others) return;  // what they give back is to be seen first
    others = others || !needed;
    const char* const reason = bytes > 0   ? "more bytes than max_bytes"
                               : count > 0 ? "more files than max_files"
                                           : "the disk is nearly full";
    chosen.push_back(
        {oldest_.Integer(0), std::string(oldest_.Text(1)), 0, oldest_.Integer(2), reason});
    bytes -= oldest_.Integer(2);
    wanted -= oldest_.Integer(2);
    --count;
  }
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
  kept.noticed_at = row.Integer(15);
  kept.is_void = row.Integer(16) != 0;
  return kept;
}
