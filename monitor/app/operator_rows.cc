#include "monitor/app/operator_rows.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "monitor/app/operator_inbox.h"

namespace {

constexpr int64_t kMostRows = 50'000;

std::string TextIn(const Document& detail, const char* key) {
  const auto found = detail.find(key);
  return found != detail.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Document CountIn(const Document& detail, const char* key) {
  const auto found = detail.find(key);
  return found != detail.end() && found->is_number_integer() ? *found : Document(nullptr);
}

OperatorRow RowOf(const FactEntry& fact) {
  OperatorRow row;
  row.id = fact.run;
  row.kind = fact.kind;
  row.server = fact.server;
  row.project = fact.project;
  row.day = fact.day == "-" ? "" : fact.day;
  row.format = fact.format;
  row.version = fact.version;
  row.at = fact.logged_at;
  row.detail = Parsed(fact.detail);
  row.seq = fact.seq;
  return row;
}

OperatorRow RowOf(const std::string& id, const OperatorEntry& entry) {
  OperatorRow row;
  row.id = id;
  row.kind = entry.kind;
  row.server = entry.server;
  row.project = entry.project;
  row.day = entry.day;
  row.format = entry.format;
  row.version = entry.version;
  row.at = entry.at;
  row.detail = Parsed(entry.detail);
  return row;
}

Result<void> ReadTaken(LedgerView& ledger, const std::string& kind,
                       std::vector<OperatorRow>& rows) {
  const size_t before = rows.size();
  auto ok = ledger.NewestOfKind(kind, INT64_MAX, kMostRows + 1,
                                [&](const FactEntry& fact) { rows.push_back(RowOf(fact)); });
  if (!ok) return ok;
  if (rows.size() > kMostRows) {
    return Fail(Error::Kind::kTooMany, "there are more than fifty thousand of kind " + kind);
  }
  for (size_t i = before; i < rows.size() && kind == "permit"; ++i) {
    if (PermitKindOf(rows[i]) != "decrease") continue;
    const auto left = ledger.LeftOfPermit(*rows[i].seq);
    if (!left) return tl::unexpected<Error>(left.error());
    rows[i].left = left->value_or(0);
  }
  return {};
}

}  // namespace

Result<std::vector<OperatorRow>> ReadOperatorRows(std::vector<LedgerView>& ledgers,
                                                  const std::string& operator_db,
                                                  const std::vector<std::string>& kinds) {
  // What is there before the ledgers are read cannot be taken from it unseen.
  const auto inbox = ReadOperatorEntries(operator_db);
  if (!inbox) return tl::unexpected<Error>(inbox.error());
  std::vector<OperatorRow> rows;
  for (LedgerView& ledger : ledgers) {
    for (const std::string& kind : kinds) {
      if (auto ok = ReadTaken(ledger, kind, rows); !ok) return tl::unexpected<Error>(ok.error());
    }
  }
  std::set<std::string> taken;
  for (const OperatorRow& row : rows) taken.insert(row.id);
  for (const auto& [id, entry] : *inbox) {
    const bool asked = std::find(kinds.begin(), kinds.end(), entry.kind) != kinds.end();
    if (asked && !taken.contains(id)) rows.push_back(RowOf(id, entry));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const OperatorRow& a, const OperatorRow& b) {
    return std::tie(a.at, a.id) > std::tie(b.at, b.id);
  });
  return rows;
}

std::string PermitKindOf(const OperatorRow& row) {
  const std::string kind = TextIn(row.detail, "kind");
  return kind.empty() ? "decrease" : kind;
}

std::string PermitStateOf(const OperatorRow& row, Time now) {
  if (!row.seq) return "waiting";
  if (PermitKindOf(row) != "decrease") return "done";
  if (row.left.value_or(0) <= 0) return "used";
  const auto expires = ParseTime(TextIn(row.detail, "expires_at"));
  return expires && *expires <= now ? "expired" : "in_force";
}

std::string AcknowledgedBy(const OperatorRow& row) { return TextIn(row.detail, "acknowledges"); }

Document PermitDocument(const OperatorRow& row, Time now) {
  return {{"id", row.id},
          {"kind", PermitKindOf(row)},
          {"at", TimeOrNull(row.at)},
          {"server", TextOrNull(row.server)},
          {"project", TextOrNull(row.project)},
          {"day", TextOrNull(row.day)},
          {"format", TextOrNull(row.format)},
          {"events", CountIn(row.detail, "events")},
          {"left", CountOrNull(row.left)},
          {"from_server", TextOrNull(TextIn(row.detail, "from"))},
          {"to_server", TextOrNull(TextIn(row.detail, "to"))},
          {"expires_at", TextOrNull(TextIn(row.detail, "expires_at"))},
          {"reason", TextOrNull(TextIn(row.detail, "reason"))},
          {"state", PermitStateOf(row, now)},
          {"seq", CountOrNull(row.seq)}};
}

Document AnnotationDocument(const OperatorRow& row) {
  return {{"id", row.id},
          {"kind", row.kind},
          {"at", TimeOrNull(row.at)},
          {"server", TextOrNull(row.server)},
          {"project", TextOrNull(row.project)},
          {"version", TextOrNull(row.version)},
          {"text", TextOrNull(TextIn(row.detail, "text"))},
          {"state", row.seq ? "taken" : "waiting"},
          {"seq", CountOrNull(row.seq)}};
}

Document AcknowledgementDocument(const OperatorRow& row) {
  return {{"id", row.id},
          {"at", TimeOrNull(row.at)},
          {"incident", AcknowledgedBy(row)},
          {"by", TextOrNull(TextIn(row.detail, "by"))},
          {"text", TextOrNull(TextIn(row.detail, "text"))},
          {"state", row.seq ? "taken" : "waiting"}};
}
