// LedgerView, second part: facts, by partition chain, by kind and by sequence.

#include <algorithm>
#include <array>
#include <unordered_set>

#include "monitor/balance.h"
#include "monitor/fact_row.h"
#include "monitor/ledger_view.h"
#include "monitor/ledger_view_cells.h"

namespace {

constexpr const char* kFacts =
    "SELECT f.seq, f.kind, f.synthetic, source.name, (SELECT observed_at FROM commits WHERE "
    "last_seq "
    ">= f.seq ORDER BY last_seq LIMIT 1), f.logged_at, server.text, project.text, f.day, "
    "format.text, "
    "source.unit, f.run, f.batch, version.text, path.text, f.detail, f.existing, f.fresh, "
    "f.recovered, f.duplicates, f.deleted, f.written, log.path, f.position, f.before, f.lost, "
    "f.missing, cause.text, f.marks, f.previous, CASE WHEN source.shape IS NOT 'segments' THEN "
    "f.written END FROM fact f LEFT JOIN source ON source.id = "
    "f.source "
    "LEFT JOIN name server ON server.id = f.server LEFT JOIN name project ON project.id = "
    "f.project "
    "LEFT JOIN name format ON format.id = f.format LEFT JOIN name version ON version.id = "
    "f.version "
    "LEFT JOIN name path ON path.id = f.path LEFT JOIN name cause ON cause.id = f.cause LEFT JOIN "
    "log "
    "ON log.id = f.log ";
constexpr int kPrevious = 29;

constexpr const char* kNewestOf =
    "SELECT b.last, b.day, server.text FROM balance b LEFT JOIN name server ON server.id = "
    "b.server "
    "WHERE b.project = ?";
// Each kind there is, in as many steps of the index.
constexpr const char* kKinds =
    "WITH RECURSIVE kinds(kind) AS (SELECT min(kind) FROM fact WHERE kind IS NOT NULL UNION ALL "
    "SELECT (SELECT min(f.kind) FROM fact f WHERE f.kind > kinds.kind) FROM kinds WHERE kinds.kind "
    "IS "
    "NOT NULL) SELECT kind FROM kinds WHERE kind IS NOT NULL";
constexpr const char* kOfKind =
    "WHERE f.kind = ?1 AND (coalesce(f.project, 0) = 0 OR f.project = ?2)";

// Kinds that are read through their partition's chain, or as blind intervals.
constexpr std::array<std::string_view, 9> kElsewhere = {
    "failed_run", "started_run", "segments_deleted", "recount", "blind", "quarantined",
    "file",       "read",        "misplaced"};
// By their own index.
constexpr const char* kOfFiles =
    "WHERE f.kind IN ('file', 'read', 'misplaced') AND f.project = ?1 AND (?2 IS NULL OR f.day = "
    "?2)";

std::string VerdictAfter(const FactEntry& fact, int64_t marks) {
  if (fact.missing > 0) return std::string(NameOf(Verdict::kFiring));
  return std::string(NameOf(marks & kUnknownAfter ? Verdict::kUnknown : Verdict::kClear));
}

FactEntry FactAt(const Statement& row, const std::string& ledger) {
  FactEntry fact;
  fact.ledger = ledger;
  fact.seq = row.Integer(0);
  if (!row.IsNull(1)) fact.kind = TextAt(row, 1);
  fact.synthetic = row.Integer(2) != 0;
  fact.source = TextAt(row, 3);
  fact.observed_at = TimeAt(row, 4);
  fact.logged_at = TimeAt(row, 5);
  fact.server = TextAt(row, 6);
  fact.project = TextAt(row, 7);
  if (!row.IsNull(8)) fact.day = FormatDay(Day{static_cast<int32_t>(row.Integer(8))});
  fact.format = TextAt(row, 9);
  fact.unit = row.IsNull(10) ? "events" : TextAt(row, 10);
  fact.run = TextAt(row, 11);
  fact.batch = TextAt(row, 12);
  fact.version = TextAt(row, 13);
  fact.path = TextAt(row, 14);
  fact.detail = TextAt(row, 15);
  fact.existing = row.MaybeInteger(16);
  fact.fresh = row.MaybeInteger(17);
  fact.recovered = row.MaybeInteger(18);
  fact.duplicates = row.MaybeInteger(19);
  fact.deleted = row.MaybeInteger(20);
  fact.written = row.MaybeInteger(21);
  fact.log = TextAt(row, 22);
  fact.position = row.MaybeInteger(23);
  fact.before = row.MaybeInteger(24);
  fact.after = row.MaybeInteger(30);
  fact.lost = row.Integer(25);
  fact.missing = row.Integer(26);
  fact.cause = TextAt(row, 27);
  const int64_t marks = row.Integer(28);
  fact.superseded = (marks & kSuperseded) != 0;
  if (!fact.project.empty() && !fact.format.empty()) fact.verdict = VerdictAfter(fact, marks);
  return fact;
}

bool Wanted(std::string_view wanted, std::string_view actual) {
  return wanted.empty() || wanted == actual;
}

}  // namespace

void LedgerView::ReadChains(int64_t project, std::string_view day, std::string_view server,
                            const TakeFact& take) {
  Statement newest = database_.Prepare(kNewestOf);
  Statement fact = database_.Prepare(std::string(kFacts) + "WHERE f.seq = ?");
  newest.Bind({Cell::Of(project)});
  while (newest.Step()) {
    if (!Wanted(day, FormatDay(Day{static_cast<int32_t>(newest.Integer(1))}))) continue;
    if (!Wanted(server, newest.Text(2))) continue;
    // A chain leads to lower sequences or to late facts; a damaged one must not lead in circles.
    std::unordered_set<int64_t> seen;
    for (int64_t seq = newest.Integer(0); seq != 0;) {
      if (!seen.insert(seq).second || !fact.Bind({Cell::Of(seq)}).Step()) {
        return database_.Refuse("the chain of a partition is broken at fact " +
                                std::to_string(seq) + ", see `rollcall check ledger`");
      }
      seq = fact.Integer(kPrevious);
      take(FactAt(fact, ledger_id_));
    }
  }
}

void LedgerView::ReadOthers(int64_t project, std::string_view day, std::string_view server,
                            const TakeFact& take) {
  Statement kinds = database_.Prepare(kKinds);
  Statement facts = database_.Prepare(std::string(kFacts) + kOfKind);
  kinds.Bind({});
  while (kinds.Step()) {
    const std::string kind = TextAt(kinds, 0);
    if (std::find(kElsewhere.begin(), kElsewhere.end(), kind) != kElsewhere.end()) continue;
    facts.Bind({Cell::Of(std::string_view(kind)), Cell::Of(project)});
    while (facts.Step()) {
      FactEntry fact = FactAt(facts, ledger_id_);
      const bool dayless = fact.day.empty() || fact.day == "-";
      if (!dayless && !Wanted(day, fact.day)) continue;
      if (!fact.server.empty() && !Wanted(server, fact.server)) continue;
      take(std::move(fact));
    }
  }
}

void LedgerView::ReadFileFacts(int64_t project, std::string_view day, std::string_view server,
                               const TakeFact& take) {
  const auto wanted = ParseDay(day);
  Statement facts = database_.Prepare(std::string(kFacts) + kOfFiles);
  facts.Bind({Cell::Of(project), wanted ? Cell::Of(int64_t{wanted->days}) : Cell::Null()});
  while (facts.Step()) {
    FactEntry fact = FactAt(facts, ledger_id_);
    if (Wanted(server, fact.server)) take(std::move(fact));
  }
}

Result<void> LedgerView::Timeline(std::string_view project, std::string_view day,
                                  std::string_view server, const TakeFact& take) {
  return Read([&] {
    const int64_t id = NameId(project);
    if (id == 0) return;                  // never heard of
    std::unordered_set<int64_t> permits;  // those of a partition are in its chain
    ReadChains(id, day, server, [&](FactEntry fact) {
      if (fact.kind == "permit") permits.insert(fact.seq);
      take(std::move(fact));
    });
    ReadOthers(id, day, server, [&](FactEntry fact) {
      if (!permits.count(fact.seq)) take(std::move(fact));
    });
    ReadFileFacts(id, day, server, take);
  });
}

Result<void> LedgerView::FactsAfter(int64_t seq, int64_t limit, const TakeFact& take) {
  return Read([&] {
    Statement facts =
        database_.Prepare(std::string(kFacts) + "WHERE f.seq > ? ORDER BY f.seq LIMIT ?");
    facts.Bind({Cell::Of(seq), Cell::Of(limit)});
    while (facts.Step()) take(FactAt(facts, ledger_id_));
  });
}

Result<void> LedgerView::NewestOfKind(std::string_view kind, int64_t before, int64_t limit,
                                      const TakeFact& take) {
  return Read([&] {
    Statement facts = database_.Prepare(
        std::string(kFacts) + "WHERE f.kind = ? AND f.seq < ? ORDER BY f.seq DESC LIMIT ?");
    facts.Bind({Cell::Of(kind), Cell::Of(before), Cell::Of(limit)});
    while (facts.Step()) take(FactAt(facts, ledger_id_));
  });
}

Result<std::optional<Time>> LedgerView::WrittenAt() {
  std::optional<Time> at;
  auto ok = Read([&] {
    Statement newest =
        database_.Prepare("SELECT observed_at FROM commits ORDER BY last_seq DESC LIMIT 1");
    if (newest.Bind({}).Step()) at = TimeAt(newest, 0);
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return at;
}

Result<int64_t> LedgerView::HeadSeq() {
  int64_t head = 0;
  auto ok = Read([&] {
    Statement query = database_.Prepare("SELECT coalesce(max(seq), 0) FROM fact");
    if (query.Bind({}).Step()) head = query.Integer(0);
  });
  if (!ok) return tl::unexpected<Error>(ok.error());
  return head;
}
