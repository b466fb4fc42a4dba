#include "monitor/journal.h"

#include <cstdio>
#include <random>

namespace {

// Facts of one transaction of a backfill, at least: each ends with a wait for the disk.
constexpr int64_t kLargeTransaction = 262'144;

// Bytes worth a thread of their own.
constexpr size_t kHashBeside = 256 << 10;

constexpr const char* kNamesAfter = "SELECT id, text FROM name WHERE id > ? ORDER BY id";
constexpr const char* kInsertCommit =
    "INSERT INTO commits(last_seq, last_name, observed_at, chain) VALUES (?,?,?,?)";
constexpr const char* kLastCommit =
    "SELECT last_seq, chain, last_name FROM commits ORDER BY last_seq DESC LIMIT 1";
constexpr const char* kFindLog = "SELECT position FROM log WHERE id = ?";
constexpr const char* kInsertLog =
    "INSERT INTO log VALUES (?1, ?2, ?3, 0, 0, 0, 0, 0, 0, 0, 0, '')";
constexpr const char* kAdvanceLog =
    "UPDATE log SET position = ?3, path = ?4, device = ?5, inode = ?6, head_end = ?7, head_hash = "
    "?8, tail_begin = ?9, tail_hash = ?10, finished = ?11, joiner_state = ?12 WHERE id = ?1 AND "
    "position = ?2";
constexpr const char* kInsertRange = "INSERT INTO read_range VALUES (?,?,?)";
constexpr const char* kExtendRange =
    "UPDATE read_range SET \"end\" = ?3 WHERE log = ?1 AND \"end\" = ?2";
constexpr const char* kUpsertOutput =
    "INSERT INTO output VALUES (?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(server, format, directory) DO "
    "UPDATE SET version = ?4, runs = runs + ?5, seq = ?6, log = ?7, logged_at = max(logged_at, ?8)";
constexpr const char* kCountOutput =
    "INSERT INTO output VALUES (?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(server, format, directory) DO "
    "UPDATE SET runs = runs + ?5";
// SQLite's sums of whole numbers become fractions past the largest; see monitor/counts.h.
constexpr const char* kUpsertTally =
    "INSERT INTO tally VALUES (?1,?2,?3,?4,?5) ON CONFLICT(format) DO UPDATE SET runs = runs + ?2, "
    "failed = failed + ?3, written = min(written + ?4, 9223372036854775807), missing = "
    "min(max(missing "
    "+ ?5, 0), 9223372036854775807)";
constexpr const char* kCountLines =
    "UPDATE source SET lines = lines + ?, ignored = ignored + ?, quarantined = quarantined + ?, "
    "read_at = ? WHERE id = ?";

std::string NewLedgerId() {
  std::random_device random;
  char id[33];
  std::snprintf(id, sizeof id, "%08x%08x%08x%08x", random(), random(), random(), random());
  return id;
}

}  // namespace

void JournalEntry::Begin(const Batch& of, int64_t last) {
  batch = &of;
  rows.clear();
  hashed.clear();
  last_seq = last;
  new_facts = known_facts = 0;
  more_than_appended = false;
  tallies.clear();
}

void JournalEntry::Push(FactRow& row) {
  row.seq = ++last_seq;
  AppendForHash(row, hashed);
  rows.push_back(row);
  ++new_facts;
}

FactRow* JournalEntry::Unwritten(int64_t seq) {
  if (rows.empty() || seq < rows.front().seq) return nullptr;
  return &rows[static_cast<size_t>(seq - rows.front().seq)];
}

Journal::Journal(Database& database, const SourceBook& sources, const std::string& path)
    : database_(database),
      sources_(sources),
      head_path_(path + ".head"),
      select_names_(database.Prepare(kNamesAfter)),
      insert_commit_(database.Prepare(kInsertCommit)),
      insert_log_(database.Prepare(kInsertLog)),
      advance_log_(database.Prepare(kAdvanceLog)),
      find_log_(database.Prepare(kFindLog)),
      insert_range_(database.Prepare(kInsertRange)),
      extend_range_(database.Prepare(kExtendRange)),
      upsert_output_(database.Prepare(kUpsertOutput)),
      count_output_(database.Prepare(kCountOutput)),
      upsert_tally_(database.Prepare(kUpsertTally)),
      count_lines_(database.Prepare(kCountLines)) {}

void Journal::Open() {
  head_ = {};
  names_sealed_ = 0;
  ranges_begun_.clear();
  Statement id = database_.Prepare("SELECT value FROM meta WHERE key = 'ledger_id'");
  if (id.Bind({}).Step()) {
    head_.ledger_id = std::string(id.Text(0));
  } else {
    head_.ledger_id = NewLedgerId();
    database_.Prepare("INSERT INTO meta VALUES ('ledger_id', ?), ('balances_through', 0)")
        .Run({Cell::Of(head_.ledger_id)});
  }
  Statement last = database_.Prepare(kLastCommit);
  if (last.Bind({}).Step()) {
    head_.seq = last.Integer(0);
    head_.chain = LinkFrom(last.Text(1));
    names_sealed_ = last.Integer(2);
  }
  durable_seq_ = head_.seq;
}

Result<void> Journal::CheckHead() {
  auto outside = ReadHead(head_path_);
  if (!outside) return tl::unexpected<Error>(outside.error());
  if (outside->ledger_id == head_.ledger_id && outside->seq > head_.seq) {
    return Fail(Error::Kind::kLedger,
                "the ledger ends at fact " + std::to_string(head_.seq) + ", but " +
                    std::to_string(outside->seq) +
                    " had been committed: it was cut back or restored from an older copy. Keep it "
                    "for inspection, then remove " +
                    head_path_ + " to go on");
  }
  return WriteHead(head_path_, head_);
}

void Journal::Begin() {
  if (in_transaction_) return;
  database_.Begin();
  in_transaction_ = true;
}

Result<void> Journal::End() {
  auto done = MakeDurable();
  in_transaction_ = false;
  return done;
}

void Journal::EndLargeTransaction() {
  if (head_.seq - durable_seq_ < kLargeTransaction) return;
  if (auto done = MakeDurable(); !done) return database_.Refuse(done.error().message);
  database_.Begin();
}

Result<void> Journal::MakeDurable() {
  auto done = database_.Check();
  if (done) done = database_.Commit();
  if (!done || head_.seq == durable_seq_) return done;
  durable_seq_ = head_.seq;
  return WriteHead(head_path_, head_);
}

bool Journal::Knows(const Batch& batch) {
  bool told = false;
  for (const LogPosition& position : batch.positions) {
    if (!find_log_.Bind({Cell::Of(int64_t{position.log})}).Step()) return false;
    if (position.from == position.to) continue;  // only where the log is now
    if (find_log_.Integer(0) != position.to) return false;
    told = true;
  }
  return told;
}

void Journal::Write(JournalEntry& entry) {
  // Without a fact there is no link; names that are new belong to the next one.
  const bool links = entry.last_seq != head_.seq;
  std::future<ChainLink> chain;
  if (links) chain = ChainFacts(entry);
  WriteRows(entry.rows);
  WritePositions(*entry.batch);
  WriteLineCounts(*entry.batch);
  for (const JournalEntry::Output& output : entry.outputs) WriteOutput(output);
  for (const auto& [format, tally] : entry.tallies) {
    upsert_tally_.Run({Cell::Of(format), Cell::Of(tally.runs), Cell::Of(tally.failed),
                       Cell::Of(tally.written), Cell::Of(tally.missing)});
  }
  if (!links) return;
  head_.seq = entry.last_seq;
  head_.chain = chain.get();
  insert_commit_.Run({Cell::Of(head_.seq), Cell::Of(names_sealed_),
                      Cell::Of(Millis(entry.batch->observed_at)), Cell::Blob(Bytes(head_.chain))});
}

void Journal::WriteRows(std::vector<FactRow>& rows) {
  database_.InsertAll("INSERT OR ROLLBACK", "INTO fact", kFactColumns, rows.size(),
                      [&](size_t row, Cell* cells) { FillFactCells(rows[row], cells); });
  if (!rows.empty() && database_.last_row() != rows.back().seq) {
    database_.Refuse("fact " + std::to_string(rows.back().seq) + " would not follow the last one");
  }
  rows.clear();
}

void Journal::WriteOutput(const JournalEntry::Output& output) {
  Statement& write = output.late ? count_output_ : upsert_output_;
  write.Run({Cell::Of(output.server), Cell::Of(output.format), Cell::Of(output.directory),
             output.version ? Cell::Of(output.version) : Cell::Null(), Cell::Of(output.runs),
             Cell::Of(output.seq), Cell::Of(output.log), Cell::Of(output.logged_at)});
}

// The link of this entry; hashed beside the inserts where there is much to hash.
std::future<ChainLink> Journal::ChainFacts(JournalEntry& entry) {
  std::string before;
  AppendTimeForHash(Millis(entry.batch->observed_at), before);
  // Names first: facts refer to them.
  select_names_.Bind({Cell::Of(names_sealed_)});
  while (select_names_.Step()) {
    names_sealed_ = select_names_.Integer(0);
    AppendNameForHash(names_sealed_, select_names_.Text(1), before);
  }
  std::string& hashed = entry.hashed;
  hashed.insert(0, before);
  const auto policy = hashed.size() > kHashBeside ? std::launch::async : std::launch::deferred;
  return std::async(policy, [&hashed, last = head_.chain] { return NextLink(last, hashed); });
}

void Journal::WritePositions(const Batch& batch) {
  const auto signed_hash = [](uint64_t hash) { return static_cast<int64_t>(hash); };
  for (const LogPosition& position : batch.positions) {
    const Cell log = Cell::Of(int64_t{position.log});
    if (!find_log_.Bind({log}).Step()) {
      insert_log_.Run(
          {log, Cell::Of(int64_t{sources_.At(position.source).id}), Cell::Of(position.path)});
    }
    advance_log_.Run({log, Cell::Of(position.from), Cell::Of(position.to), Cell::Of(position.path),
                      Cell::Of(static_cast<int64_t>(position.device)),
                      Cell::Of(static_cast<int64_t>(position.inode)), Cell::Of(position.head.end),
                      Cell::Of(signed_hash(position.head.hash)), Cell::Of(position.tail.begin),
                      Cell::Of(signed_hash(position.tail.hash)),
                      Cell::Of(int64_t{position.finished}), Cell::Of(position.joiner_state)});
    // Compare and swap: another reader, or a batch out of order, must not pass unnoticed.
    if (database_.changes() != 1) {
      database_.Refuse("log " + std::to_string(position.log) + " is not at byte " +
                       std::to_string(position.from) + ": it was read by somebody else");
    }
    if (position.from == position.to) continue;
    bool& begun = ranges_begun_[position.log];
    (begun ? extend_range_ : insert_range_)
        .Run({log, Cell::Of(position.from), Cell::Of(position.to)});
    begun = true;
  }
}

void Journal::WriteLineCounts(const Batch& batch) {
  for (size_t i = 0; i < batch.lines.size() && i < sources_.all().size(); ++i) {
    const LineCounts& lines = batch.lines[i];
    if (lines.lines == 0 && lines.quarantined == 0) continue;
    count_lines_.Run({Cell::Of(lines.lines), Cell::Of(lines.ignored), Cell::Of(lines.quarantined),
                      Cell::Of(Millis(batch.observed_at)),
                      Cell::Of(int64_t{sources_.At(static_cast<int16_t>(i)).id})});
  }
}
