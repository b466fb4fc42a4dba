#include "monitor/balance_book.h"

#include <bit>
#include <boost/sort/block_indirect_sort/block_indirect_sort.hpp>

namespace {

// Bits of balance.marks that are nobody else's business; the batch tag is above them.
constexpr int64_t kDeletedBefore = 1;
constexpr int64_t kDisordered = 8;
constexpr int64_t kAlerting = 16;
constexpr int kBatchTagShift = 8;

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
  return (balance.deleted_before ? kDeletedBefore : 0) | (balance.doubtful ? kBalanceDoubtful : 0) |
         (balance.retired ? kBalanceRetired : 0) | (balance.disordered ? kDisordered : 0) |
         (balance.alerting ? kAlerting : 0) |
         (static_cast<int64_t>(balance.batch_tag) << kBatchTagShift);
}

void SetMarks(int64_t marks, Balance& balance) {
  balance.deleted_before = marks & kDeletedBefore;
  balance.doubtful = marks & kBalanceDoubtful;
  balance.retired = marks & kBalanceRetired;
  balance.disordered = marks & kDisordered;
  balance.alerting = marks & kAlerting;
  balance.batch_tag = static_cast<uint8_t>(marks >> kBatchTagShift);
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
  while (slots_[slot].place != 0 &&
         (slots_[slot].tag != tag || PackedAt(slots_[slot].place - 1).key != key)) {
    slot = (slot + 1) & mask;
  }
  return slot;
}

void BalanceBook::PrefetchSlot(const PartitionKey& key) const {
  __builtin_prefetch(&slots_[Hash(key) & (slots_.size() - 1)]);
}

void BalanceBook::PrefetchPartition(const PartitionKey& key) const {
  const Slot& slot = slots_[Hash(key) & (slots_.size() - 1)];
  if (slot.place != 0) __builtin_prefetch(&PackedAt(slot.place - 1));
}

BookedPartition BalanceBook::At(const PartitionKey& key) {
  const size_t slot = SlotOf(key);
  return slots_[slot].place != 0 ? Unpack(slots_[slot].place - 1) : Insert(key);
}

std::optional<BookedPartition> BalanceBook::Find(const PartitionKey& key) {
  const size_t slot = SlotOf(key);
  if (slots_[slot].place != 0) return Unpack(slots_[slot].place - 1);
  BookedPartition known{key, {}};
  if (table_empty_ || !Load(known)) return std::nullopt;
  return Insert(key);
}

void BalanceBook::Put(const BookedPartition& partition) {
  Pack(partition);
  Packed& packed = PackedAt(partition.place);
  if (packed.dirty) return;
  packed.dirty = true;
  dirty_.push_back(partition.place);
}

void BalanceBook::Pack(const BookedPartition& partition) {
  const Balance& balance = partition.balance;
  Packed& packed = PackedAt(partition.place);
  packed.actual = balance.actual;
  packed.missing = balance.missing;
  packed.last = balance.last;
  packed.logged_until = balance.logged_until;
  packed.epoch = balance.epoch;
  packed.source = partition.source;
  packed.marks = static_cast<uint16_t>(Marks(balance));
  packed.opening = balance.opening;
  if (packed.rare == 0 && balance.surplus == 0 && balance.permitted == 0) return;
  if (packed.rare == 0) {
    rare_.emplace_back();
    packed.rare = static_cast<uint32_t>(rare_.size());
  }
  rare_[packed.rare - 1] = {balance.surplus, balance.permitted};
}

BookedPartition BalanceBook::Unpack(size_t place) const {
  const Packed& packed = PackedAt(place);
  BookedPartition partition{packed.key, {}, packed.source};
  partition.place = static_cast<uint32_t>(place);
  Balance& balance = partition.balance;
  balance.actual = packed.actual;
  balance.missing = packed.missing;
  balance.last = packed.last;
  balance.logged_until = packed.logged_until;
  balance.epoch = packed.epoch;
  balance.opening = packed.opening;
  SetMarks(packed.marks, balance);
  if (packed.rare == 0) return partition;
  balance.surplus = rare_[packed.rare - 1].surplus;
  balance.permitted = rare_[packed.rare - 1].permitted;
  return partition;
}

bool BalanceBook::Load(BookedPartition& partition) {
  const PartitionKey& key = partition.key;
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
  SetMarks(select_.Integer(9), balance);
  return true;
}

BookedPartition BalanceBook::Insert(const PartitionKey& key) {
  BookedPartition partition{key, {}};
  if (!table_empty_) Load(partition);
  if ((packed_count_ + 1) * 3 > slots_.size() * 2) Grow();
  if (packed_count_ % kBlock == 0) blocks_.emplace_back().reserve(kBlock);
  partition.place = static_cast<uint32_t>(packed_count_++);
  slots_[SlotOf(key)] = {partition.place + 1, TagOf(Hash(key))};
  blocks_.back().emplace_back().key = key;
  Pack(partition);
  return partition;
}

void BalanceBook::Grow() {
  decltype(slots_) old(slots_.size() * 2);
  slots_.swap(old);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.place == 0) continue;
    size_t at = Hash(PackedAt(slot.place - 1).key) & mask;
    while (slots_[at].place != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

void BalanceBook::FillCells(const Packed& packed, Cell* cells) const {
  const Rare rare = packed.rare == 0 ? Rare{} : rare_[packed.rare - 1];
  cells[0] = Cell::Of(int64_t{packed.key.project});
  cells[1] = Cell::Of(int64_t{packed.key.day});
  cells[2] = Cell::Of(int64_t{packed.key.format});
  cells[3] = Cell::Of(int64_t{packed.key.server});
  cells[4] = Cell::Of(int64_t{packed.source});
  cells[5] = packed.actual == kUnknownCount ? Cell::Null() : Cell::Of(packed.actual);
  cells[6] = Cell::Of(packed.missing);
  cells[7] = Cell::Of(rare.surplus);
  cells[8] = Cell::Of(packed.last);
  cells[9] = Cell::Of(packed.logged_until);
  cells[10] = Cell::Of(rare.permitted);
  cells[11] = Cell::Of(int64_t{packed.epoch});
  cells[12] = Cell::Of(static_cast<int64_t>(packed.opening));
  cells[13] = Cell::Of(int64_t{packed.marks});
}

// Sorted by project and day beside the pointer, so that sorting a million does not miss the cache a
// million times; equal ones are told apart by the whole key.
void BalanceBook::Flush() {
  if (dirty_.empty()) return;
  struct Entry {
    uint64_t project_day;
    Packed* packed;
  };
  std::vector<Entry> entries;
  entries.reserve(dirty_.size());
  for (const uint32_t place : dirty_) {
    Packed& packed = PackedAt(place);
    const uint32_t day = static_cast<uint32_t>(packed.key.day) ^ 0x80000000u;
    entries.push_back({static_cast<uint64_t>(packed.key.project) << 32 | day, &packed});
  }
  const auto before = [](const Entry& a, const Entry& b) {
    if (a.project_day != b.project_day) return a.project_day < b.project_day;
    return a.packed->key < b.packed->key;
  };
  boost::sort::block_indirect_sort(entries.begin(), entries.end(), before);
  constexpr size_t kAhead = 12;
  database_.InsertAll(table_empty_ ? "INSERT OR ROLLBACK" : "INSERT OR REPLACE", "INTO balance",
                      kColumns, entries.size(), [&](size_t row, Cell* cells) {
                        if (row + kAhead < entries.size()) {
                          __builtin_prefetch(entries[row + kAhead].packed);
                        }
                        Packed& packed = *entries[row].packed;
                        FillCells(packed, cells);
                        packed.dirty = false;
                      });
  dirty_.clear();
  table_empty_ = false;
}

void BalanceBook::Clear() {
  blocks_.clear();
  packed_count_ = 0;
  rare_.clear();
  slots_.assign(std::bit_ceil(capacity_ * 3 / 2), {});
  dirty_.clear();
  Statement any = database_.Prepare("SELECT 1 FROM balance LIMIT 1");
  table_empty_ = !any.Bind({}).Step();
}
