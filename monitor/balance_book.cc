#include "monitor/balance_book.h"

#include <algorithm>
#include <bit>

namespace {

// Bits of balance.marks; the open alerts are above them.
constexpr int64_t kDeletedBefore = 1;
constexpr int64_t kWrittenOnly = 2;
constexpr int64_t kRetired = 4;
constexpr int64_t kDisordered = 8;
constexpr int kAlertingShift = 8;

constexpr size_t kColumns = 14;
constexpr const char* kSelect =
    "SELECT source, actual, missing, surplus, last, logged_until, permitted, epoch, opening, marks "
    "FROM balance WHERE project = ? AND day = ? AND format = ? AND server = ?";

uint64_t Hash(const PartitionKey& key) {
  uint64_t hash = static_cast<uint64_t>(key.project) * 0x9e3779b97f4a7c15u;
  hash ^= (static_cast<uint64_t>(static_cast<uint32_t>(key.day)) << 24) ^
          (static_cast<uint64_t>(key.format) << 12) ^ static_cast<uint64_t>(key.server);
  hash *= 0xff51afd7ed558ccdu;
  return hash ^ (hash >> 29);
}

uint32_t TagOf(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

int64_t Marks(const Balance& balance) {
  return (balance.deleted_before ? kDeletedBefore : 0) | (balance.written_only ? kWrittenOnly : 0) |
         (balance.retired ? kRetired : 0) | (balance.disordered ? kDisordered : 0) |
         (static_cast<int64_t>(balance.alerting) << kAlertingShift);
}

void FillCells(const BookedPartition& partition, Cell* cells) {
  const Balance& balance = partition.balance;
  cells[0] = Cell::Of(int64_t{partition.key.project});
  cells[1] = Cell::Of(int64_t{partition.key.day});
  cells[2] = Cell::Of(int64_t{partition.key.format});
  cells[3] = Cell::Of(int64_t{partition.key.server});
  cells[4] = Cell::Of(int64_t{partition.source});
  cells[5] = balance.actual == kUnknownCount ? Cell::Null() : Cell::Of(balance.actual);
  cells[6] = Cell::Of(balance.missing);
  cells[7] = Cell::Of(balance.surplus);
  cells[8] = Cell::Of(balance.last);
  cells[9] = Cell::Of(balance.logged_until);
  cells[10] = Cell::Of(balance.permitted);
  cells[11] = Cell::Of(int64_t{balance.epoch});
  cells[12] = Cell::Of(static_cast<int64_t>(balance.opening));
  cells[13] = Cell::Of(Marks(balance));
}

}  // namespace

BalanceBook::BalanceBook(Database& database, size_t capacity)
    : database_(database), capacity_(capacity), select_(database.Prepare(kSelect)) {
  Clear();
}

size_t BalanceBook::SlotOf(const PartitionKey& key) const {
  const size_t mask = slots_.size() - 1;
  const uint64_t hash = Hash(key);
  const uint32_t tag = TagOf(hash);
  size_t slot = hash & mask;
  while (slots_[slot].index != 0 &&
         (slots_[slot].tag != tag || Stored(slots_[slot].index - 1).key != key)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void BalanceBook::PrefetchSlot(const PartitionKey& key) const {
  __builtin_prefetch(&slots_[Hash(key) & (slots_.size() - 1)]);
}

void BalanceBook::PrefetchPartition(const PartitionKey& key) const {
  const Place& place = slots_[Hash(key) & (slots_.size() - 1)];
  if (place.index == 0) return;
  const char* partition = reinterpret_cast<const char*>(&Stored(place.index - 1));
  __builtin_prefetch(partition);
  __builtin_prefetch(partition + 64);
}

BookedPartition& BalanceBook::At(const PartitionKey& key) {
  const size_t slot = SlotOf(key);
  if (slots_[slot].index != 0) return Stored(slots_[slot].index - 1);
  BookedPartition partition;
  partition.key = key;
  if (!table_empty_) Load(key, partition);
  return Insert(partition);
}

BookedPartition* BalanceBook::Find(const PartitionKey& key) {
  const size_t slot = SlotOf(key);
  if (slots_[slot].index != 0) return &Stored(slots_[slot].index - 1);
  BookedPartition partition;
  partition.key = key;
  if (table_empty_ || !Load(key, partition)) return nullptr;
  return &Insert(partition);
}

bool BalanceBook::Load(const PartitionKey& key, BookedPartition& partition) {
  select_.Bind({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
  if (!select_.Step()) return false;
  Balance& balance = partition.balance;
  partition.source = static_cast<int32_t>(select_.Integer(0));
  balance.actual = select_.IsNull(1) ? kUnknownCount : select_.Integer(1);
  balance.missing = select_.Integer(2);
  balance.surplus = select_.Integer(3);
  balance.last = select_.Integer(4);
  balance.logged_until = select_.Integer(5);
  balance.permitted = select_.Integer(6);
  balance.epoch = static_cast<int32_t>(select_.Integer(7));
  balance.opening = static_cast<Opening>(select_.Integer(8));
  const int64_t marks = select_.Integer(9);
  balance.deleted_before = marks & kDeletedBefore;
  balance.written_only = marks & kWrittenOnly;
  balance.retired = marks & kRetired;
  balance.disordered = marks & kDisordered;
  balance.alerting = static_cast<uint8_t>(marks >> kAlertingShift);
  return true;
}

BookedPartition& BalanceBook::Insert(const BookedPartition& partition) {
  if ((stored_ + 1) * 3 > slots_.size() * 2) Grow();
  if (stored_ % kBlock == 0) blocks_.emplace_back().reserve(kBlock);
  slots_[SlotOf(partition.key)] = {static_cast<uint32_t>(stored_ + 1), TagOf(Hash(partition.key))};
  BookedPartition& stored = blocks_.back().emplace_back(partition);
  stored.index = static_cast<uint32_t>(stored_++) & 0x7fffffff;
  return stored;
}

void BalanceBook::Grow() {
  decltype(slots_) old(slots_.size() * 2);
  slots_.swap(old);
  const size_t mask = slots_.size() - 1;
  for (const Place& place : old) {
    if (place.index == 0) continue;
    size_t slot = Hash(Stored(place.index - 1).key) & mask;
    while (slots_[slot].index != 0) slot = (slot + 1) & mask;
    slots_[slot] = place;
  }
}

void BalanceBook::Touch(BookedPartition& partition) {
  if (partition.dirty) return;
  partition.dirty = 1;
  dirty_.push_back(partition.index);
}

// Sorted by project and day beside the pointer, so that sorting a million does not miss the cache a
// million times; equal ones are told apart by the whole key.
void BalanceBook::Flush() {
  if (dirty_.empty()) return;
  struct Entry {
    uint64_t project_day;
    BookedPartition* partition;
  };
  std::vector<Entry> entries;
  entries.reserve(dirty_.size());
  for (const uint32_t index : dirty_) {
    BookedPartition& partition = Stored(index);
    const uint32_t day = static_cast<uint32_t>(partition.key.day) ^ 0x80000000u;
    entries.push_back({static_cast<uint64_t>(partition.key.project) << 32 | day, &partition});
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    if (a.project_day != b.project_day) return a.project_day < b.project_day;
    return a.partition->key < b.partition->key;
  });
  constexpr size_t kAhead = 12;
  database_.InsertAll("INSERT OR REPLACE", "INTO balance", kColumns, entries.size(),
                      [&](size_t row, Cell* cells) {
                        if (row + kAhead < entries.size()) {
                          __builtin_prefetch(entries[row + kAhead].partition);
                        }
                        FillCells(*entries[row].partition, cells);
                        entries[row].partition->dirty = 0;
                      });
  dirty_.clear();
  table_empty_ = false;
}

void BalanceBook::Clear() {
  blocks_.clear();
  stored_ = 0;
  slots_.assign(std::bit_ceil(capacity_ * 3 / 2), {});
  dirty_.clear();
  Statement any = database_.Prepare("SELECT 1 FROM balance LIMIT 1");
  table_empty_ = !any.Bind({}).Step();
}
