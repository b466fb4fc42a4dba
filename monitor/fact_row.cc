#include "monitor/fact_row.h"

#include <array>
#include <charconv>

namespace {

Cell Name(int64_t id) { return id ? Cell::Of(id) : Cell::Null(); }
Cell Count(int64_t count) { return count == kUnknownCount ? Cell::Null() : Cell::Of(count); }
int64_t CountIn(const Statement& row, int column) {
  return row.IsNull(column) ? kUnknownCount : row.Integer(column);
}

// Run ids that are plain decimal numbers are stored as such: a third of the bytes.
Cell Id(std::string_view id) {
  if (id.empty()) return Cell::Null();
  int64_t number = 0;
  const char* end = id.data() + id.size();
  if (id.size() <= 18 && (id[0] != '0' || id.size() == 1) && id[0] != '-') {
    const auto [stop, error] = std::from_chars(id.data(), end, number);
    if (error == std::errc() && stop == end) return Cell::Of(number);
  }
  return Cell::Of(id);
}

std::string_view Keep(std::string_view text, std::deque<std::string>& storage) {
  return text.empty() ? std::string_view() : std::string_view(storage.emplace_back(text));
}

FactKind KindNamed(std::string_view name) {
  for (int kind = 0; kind <= static_cast<int>(kLastFactKind); ++kind) {
    if (NameOf(static_cast<FactKind>(kind)) == name) return static_cast<FactKind>(kind);
  }
  return FactKind::kAnnotation;  // of another version: kept, without effect
}

}  // namespace

const char* const kSelectFacts =
    "SELECT seq, kind, synthetic, source, log, position, epoch, logged_at, server, project, day, "
    "format, run, batch, version, path, existing, fresh, recovered, duplicates, deleted, written, "
    "detail, previous, before, missing, lost, cause, marks FROM fact ";

bool SameFact(const FactRow& a, const FactRow& b) {
  const RunCounts& x = a.counts;
  const RunCounts& y = b.counts;
  if (a.kind != b.kind || a.logged_at != b.logged_at || a.partition != b.partition) return false;
  if (a.run != b.run || x.existing != y.existing || x.fresh != y.fresh) return false;
  if (x.recovered != y.recovered || x.duplicates != y.duplicates || x.deleted != y.deleted) {
    return false;
  }
  if (x.written != y.written || (a.kind != FactKind::kRun && a.detail != b.detail)) return false;
  return !a.run.empty() || (a.log == b.log && a.position == b.position);
}

void FillFactCells(const FactRow& row, Cell* cells) {
  const bool run = row.kind == FactKind::kRun && row.kind_name.empty();
  const RunCounts& counts = row.counts;
  const bool partitioned = row.partition.project != 0;
  cells[0] = Cell::Null();  // seq
  cells[1] =
      run ? Cell::Null() : Cell::Of(row.kind_name.empty() ? NameOf(row.kind) : row.kind_name);
  cells[2] = Cell::Of(static_cast<int64_t>(row.synthetic));
  cells[3] = Name(row.source);
  cells[4] = Name(row.log);
  cells[5] = row.log ? Cell::Of(row.position) : Cell::Null();
  cells[6] = Cell::Of(static_cast<int64_t>(row.epoch));
  cells[7] = Name(row.logged_at);
  cells[8] = Name(row.partition.server);
  cells[9] = Name(row.partition.project);
  cells[10] = partitioned ? Cell::Of(static_cast<int64_t>(row.partition.day)) : Cell::Null();
  cells[11] = Name(row.partition.format);
  cells[12] = Id(row.run);
  cells[13] = Id(row.batch);
  cells[14] = Name(row.version);
  cells[15] = Name(row.path);
  cells[16] = Count(counts.existing);
  cells[17] = Count(counts.fresh);
  cells[18] = Count(counts.recovered);
  cells[19] = Count(counts.duplicates);
  cells[20] = Count(counts.deleted);
  cells[21] = Count(counts.written);
  cells[22] = row.detail.empty() ? Cell::Null() : Cell::Of(row.detail);
  cells[23] = Name(row.previous);
  cells[24] = Count(row.before);
  cells[25] = Name(row.missing);
  cells[26] = Name(row.lost);
  cells[27] = Name(row.cause);
  cells[28] = Name(row.marks);
}

void AppendForHash(const FactRow& row, std::string& out) {
  const auto id = [](auto value) { return static_cast<uint32_t>(value); };  // ids have 32 bits
  const RunCounts& counts = row.counts;
  const PartitionKey& partition = row.partition;
  const bool partitioned = partition.project != 0;
  const std::array<std::string_view, 4> texts{
      row.kind_name.empty() ? NameOf(row.kind) : row.kind_name, row.run, row.batch, row.detail};
  const std::array<int64_t, 9> numbers{
      row.seq,          row.log ? row.position : 0, row.logged_at,  counts.existing, counts.fresh,
      counts.recovered, counts.duplicates,          counts.deleted, counts.written};
  const std::array<uint32_t, 14> ids{
      id(row.source),          id(row.log),           id(row.epoch),
      id(partition.server),    id(partition.project), id(partitioned ? partition.day : Day::kNone),
      id(partition.format),    id(row.version),       id(row.path),
      row.synthetic ? 1U : 0U, id(texts[0].size()),   id(texts[1].size()),
      id(texts[2].size()),     id(texts[3].size())};
  out.append(reinterpret_cast<const char*>(numbers.data()), sizeof numbers);
  out.append(reinterpret_cast<const char*>(ids.data()), sizeof ids);
  for (const std::string_view text : texts) out.append(text);
}

FactRow ReadFactRow(const Statement& row, std::deque<std::string>& storage) {
  FactRow fact;
  fact.seq = row.Integer(0);
  if (!row.IsNull(1)) {
    fact.kind = KindNamed(row.Text(1));
    if (NameOf(fact.kind) != row.Text(1)) fact.kind_name = Keep(row.Text(1), storage);
  }
  fact.synthetic = row.Integer(2) != 0;
  fact.source = static_cast<int32_t>(row.Integer(3));
  fact.log = row.Integer(4);
  fact.position = row.Integer(5);
  fact.epoch = static_cast<int32_t>(row.Integer(6));
  fact.logged_at = row.Integer(7);
  fact.partition.server = static_cast<int32_t>(row.Integer(8));
  fact.partition.project = static_cast<int32_t>(row.Integer(9));
  fact.partition.day = row.IsNull(10) ? Day::kNone : static_cast<int32_t>(row.Integer(10));
  fact.partition.format = static_cast<int32_t>(row.Integer(11));
  fact.run = Keep(row.Text(12), storage);
  fact.batch = Keep(row.Text(13), storage);
  fact.version = row.Integer(14);
  fact.path = row.Integer(15);
  fact.counts = {CountIn(row, 16), CountIn(row, 17), CountIn(row, 18),
                 CountIn(row, 19), CountIn(row, 20), CountIn(row, 21)};
  fact.detail = Keep(row.Text(22), storage);
  fact.previous = row.Integer(23);
  fact.before = CountIn(row, 24);
  fact.missing = row.Integer(25);
  fact.lost = row.Integer(26);
  fact.cause = row.Integer(27);
  fact.marks = row.Integer(28);
  return fact;
}
