#include "dashboards/documents.h"

#include <algorithm>
#include <tuple>

#include "rules/alert_text.h"

namespace {

// Where a blind interval stands in a timeline: its end where nobody knows its begin.
Time PlaceOf(const BlindRow& blind) {
  return blind.from != Time{} ? blind.from : blind.to.value_or(Time{});
}

Document Labels(const AlertRow& alert) {
  Document labels = Document::object();
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) labels[key] = value;
  };
  add("server", alert.server);
  add("project", alert.project);
  add("day", alert.day);
  add("format", alert.format);
  add("source", alert.source);
  return labels;
}

// DESIGN section 11 gives the fields of a run; failed and started ones, recounts and deletions of
// segments are written alike.
Document RunEntry(const FactEntry& fact) {
  return {{"kind", fact.kind},
          {"at", TimeOrNull(fact.logged_at)},
          {"server", TextOrNull(fact.server)},
          {"project", TextOrNull(fact.project)},
          {"day", TextOrNull(fact.day)},
          {"format", TextOrNull(fact.format)},
          {"unit", fact.unit},
          {"run", TextOrNull(fact.run)},
          {"version", TextOrNull(fact.version)},
          {"before", CountOrNull(fact.before)},
          {"existing", CountOrNull(fact.existing)},
          {"fresh", CountOrNull(fact.fresh)},
          {"recovered", CountOrNull(fact.recovered)},
          {"duplicates", CountOrNull(fact.duplicates)},
          {"deleted", CountOrNull(fact.deleted)},
          {"written", CountOrNull(fact.written)},
          {"after", CountOrNull(fact.after)},
          {"lost", fact.lost},
          {"cause", TextOrNull(fact.cause)},
          {"missing", fact.missing},
          {"verdict", TextOrNull(fact.verdict)},
          {"path", TextOrNull(fact.path)},
          {"batch", TextOrNull(fact.batch)},
          {"superseded", fact.superseded},
          {"seq", fact.seq}};
}

Document OtherEntry(const FactEntry& fact) {
  return {{"kind", fact.kind},
          {"at", TimeOrNull(fact.logged_at ? fact.logged_at : fact.observed_at)},
          {"server", TextOrNull(fact.server)},
          {"project", TextOrNull(fact.project)},
          {"day", TextOrNull(fact.day)},
          {"format", TextOrNull(fact.format)},
          {"version", TextOrNull(fact.version)},
          {"detail", Parsed(fact.detail)},
          {"seq", fact.seq}};
}

bool IsRun(const FactEntry& fact) {
  return fact.kind == "run" || fact.kind == "failed_run" || fact.kind == "started_run" ||
         fact.kind == "recount" || fact.kind == "segments_deleted";
}

Document AlertEntry(const AlertRow& alert) {
  Document entry = {{"kind", "alert"},
                    {"at", FormatTime(alert.starts_at.value_or(alert.began_at))},
                    {"server", TextOrNull(alert.server)},
                    {"project", TextOrNull(alert.project)},
                    {"day", TextOrNull(alert.day)},
                    {"format", TextOrNull(alert.format)}};
  const Document document = AlertDocument(alert);  // items() refers to it
  for (const auto& [key, value] : document.items()) {
    if (key != "labels") entry[key] = value;
  }
  return entry;
}

Document BlindEntry(const BlindRow& blind) {
  return {{"kind", "blind"},
          {"at", TimeOrNull(PlaceOf(blind))},
          {"server", TextOrNull(blind.server)},
          {"source", TextOrNull(blind.source)},
          {"from", TimeOrNull(blind.from)},
          {"to", TimeOrNull(blind.to)},
          {"reason", TextOrNull(blind.reason)},
          {"quarantined_lines", blind.lines}};
}

Document TotalsOf(const ImpactTotals& totals) {
  return {{"projects", totals.projects},
          {"project_days", totals.project_days},
          {"events_missing", totals.events.missing},
          {"events_expected", totals.events.expected},
          {"certain", totals.events.certain},
          {"unit", totals.unit},
          {"events_recoverable", totals.recoverable}};
}

Document IncidentOf(const ImpactIncident& incident) {
  return {{"id", incident.id},
          {"cause", TextOrNull(incident.cause)},
          {"version", TextOrNull(incident.version)},
          {"previous_version", TextOrNull(incident.previous_version)},
          {"first_at", FormatTime(incident.first_at)},
          {"last_at", FormatTime(incident.last_at)},
          {"servers", incident.servers},
          {"projects", incident.projects},
          {"project_days", incident.project_days},
          {"events_missing", incident.events_missing},
          {"unit", incident.unit}};
}

Document RecoveryOf(const ImpactRecovery& recovery) {
  Document sources = Document::array();
  for (const RecoverySource& source : recovery.sources) {
    sources.push_back({{"kind", source.kind},
                       {"server", source.server},
                       {"format", source.format},
                       {"events", CountOrNull(source.events)},
                       {"copy", TextOrNull(source.copy)},
                       {"kept", source.kept ? Document(source.kept) : Document(nullptr)},
                       {"until", TimeOrNull(source.until)}});
  }
  return {{"events", CountOrNull(recovery.events)}, {"sources", std::move(sources)}};
}

Document ProjectOf(const ImpactProject& project) {
  Document days = Document::array();
  for (const ImpactDay& day : project.days) {
    days.push_back({{"day", day.day},
                    {"events_missing", day.events.missing},
                    {"events_expected", day.events.expected},
                    {"certain", day.events.certain},
                    {"recoverable", RecoveryOf(day.recoverable)},
                    {"format", day.format}});
  }
  return {{"project", project.project},
          {"events_missing", project.events.missing},
          {"events_expected", project.events.expected},
          {"certain", project.events.certain},
          {"days", std::move(days)},
          {"unit", project.unit},
          {"events_recoverable", project.recoverable}};
}

Document PartitionOf(const ImpactPartition& partition) {
  Document document = BalanceDocument(partition.balance);
  document.update({{"cause", TextOrNull(partition.cause)},
                   {"version", TextOrNull(partition.version)},
                   {"previous_version", TextOrNull(partition.previous_version)},
                   {"first_loss_at", FormatTime(partition.first_loss_at)},
                   {"last_loss_at", FormatTime(partition.last_loss_at)},
                   {"runs", partition.runs},
                   {"verdict", partition.balance.verdict}});
  return document;
}

Document BlindOf(const BlindRow& blind) {
  return {{"server", TextOrNull(blind.server)}, {"source", TextOrNull(blind.source)},
          {"from", TimeOrNull(blind.from)},     {"to", TimeOrNull(blind.to)},
          {"reason", TextOrNull(blind.reason)}, {"projects", CountOrNull(blind.projects)},
          {"quarantined_lines", blind.lines}};
}

template <class Rows, class Make>
Document ListOf(const Rows& rows, Make make) {
  Document list = Document::array();
  for (const auto& row : rows) list.push_back(make(row));
  return list;
}

}  // namespace

Document TextOrNull(const std::string& text) {
  return text.empty() ? Document(nullptr) : Document(text);
}

Document CountOrNull(const std::optional<int64_t>& count) {
  return count ? Document(*count) : Document(nullptr);
}

Document TimeOrNull(const std::optional<Time>& time) {
  return time && *time != Time{} ? Document(FormatTime(*time)) : Document(nullptr);
}

// What the log or the operator said beside the columns.
Document Parsed(const std::string& text) {
  Document object = Document::parse(text, nullptr, false);
  return object.is_object() ? object : Document::object();
}

Document BalanceDocument(const BalanceRow& balance) {
  return {{"server", balance.server},
          {"project", balance.project},
          {"day", balance.day},
          {"format", balance.format},
          {"unit", balance.unit},
          {"expected", CountOrNull(balance.expected)},
          {"actual", CountOrNull(balance.actual)},
          {"missing", balance.missing},
          {"surplus", balance.surplus}};
}

Document AlertDocument(const AlertRow& alert) {
  const AlertText text = TextOf(alert);
  return {{"rule", alert.rule},
          {"severity", alert.severity},
          {"state", alert.state},
          {"cause", TextOrNull(alert.cause)},
          {"version", TextOrNull(alert.version)},
          {"incident", alert.incident},
          {"labels", Labels(alert)},
          {"summary", text.summary},
          {"description", text.description},
          {"runbook", text.runbook},
          {"starts_at", TimeOrNull(alert.starts_at)},
          {"ends_at", TimeOrNull(alert.ends_at)},
          {"evidence", Parsed(alert.evidence)},
          {"previous_version", TextOrNull(alert.previous_version)}};
}

Document AlertsDocument(const std::vector<AlertRow>& alerts) {
  return ListOf(alerts, AlertDocument);
}

TimelineSlice SliceTimeline(const TimelineInput& input, const TimelinePage& page) {
  // Sorted by time; of one moment facts come in sequence, before what followed from them.
  struct Entry {
    std::tuple<Time, int, std::string_view, int64_t> key;
    const FactEntry* fact = nullptr;
    const AlertRow* alert = nullptr;
    const BlindRow* blind = nullptr;
  };
  std::vector<Entry> entries;
  const auto add = [&](std::string_view kind, Entry entry) {
    const Time at = std::get<0>(entry.key);
    const bool asked = page.kinds.empty() ||
                       std::find(page.kinds.begin(), page.kinds.end(), kind) != page.kinds.end();
    if (!asked || (page.since && at < *page.since) || (page.until && at >= *page.until)) return;
    entries.push_back(entry);
  };
  for (const FactEntry& fact : input.facts) {
    const Time at = fact.logged_at.value_or(fact.observed_at.value_or(Time{}));
    add(fact.kind, {{at, 0, fact.ledger, fact.seq}, &fact, nullptr, nullptr});
  }
  for (const AlertRow& alert : input.alerts) {
    const Time at = alert.starts_at.value_or(alert.began_at);
    add("alert", {{at, 1, alert.server, 0}, nullptr, &alert, nullptr});
  }
  for (const BlindRow& blind : input.blind) {
    add("blind", {{PlaceOf(blind), 2, blind.server, 0}, nullptr, nullptr, &blind});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.key < b.key; });
  if (page.newest) std::reverse(entries.begin(), entries.end());
  const size_t begin = std::min(page.offset, entries.size());
  const size_t end = begin + std::min(page.limit, entries.size() - begin);
  TimelineSlice slice{Document::array(), end < entries.size()};
  for (size_t i = begin; i < end; ++i) {
    const Entry& entry = entries[i];
    slice.entries.push_back(entry.fact    ? FactEntryDocument(*entry.fact)
                            : entry.alert ? AlertEntry(*entry.alert)
                                          : BlindEntry(*entry.blind));
  }
  return slice;
}

Document TimelineDocument(const TimelineInput& input) { return SliceTimeline(input, {}).entries; }

Document FactEntryDocument(const FactEntry& fact) {
  return IsRun(fact) ? RunEntry(fact) : OtherEntry(fact);
}

Document BlindDocument(const BlindRow& blind) { return BlindOf(blind); }

Document ImpactDocument(const Impact& impact) {
  Document totals = TotalsOf(impact.totals);
  totals["unknown_copies"] = impact.unknown_copies;
  totals["other_units"] = ListOf(impact.other_units, TotalsOf);
  return {{"window",
           {{"since", TimeOrNull(impact.window.since)},
            {"until", TimeOrNull(impact.window.until)},
            {"version", TextOrNull(impact.window.version)},
            {"project", TextOrNull(impact.window.project)}}},
          {"as_of", TimeOrNull(impact.as_of)},
          {"totals", std::move(totals)},
          {"incidents", ListOf(impact.incidents, IncidentOf)},
          {"projects", ListOf(impact.projects, ProjectOf)},
          {"partitions", ListOf(impact.partitions, PartitionOf)},
          {"unknown", ListOf(impact.unknown, BlindOf)}};
}

Document FactDocument(const FactEntry& fact) {
  return {{"ledger", fact.ledger},
          {"seq", fact.seq},
          {"kind", fact.kind},
          {"synthetic", fact.synthetic},
          {"source", TextOrNull(fact.source)},
          {"observed_at", TimeOrNull(fact.observed_at)},
          {"logged_at", TimeOrNull(fact.logged_at)},
          {"server", TextOrNull(fact.server)},
          {"project", TextOrNull(fact.project)},
          {"day", TextOrNull(fact.day)},
          {"format", TextOrNull(fact.format)},
          {"run", TextOrNull(fact.run)},
          {"batch", TextOrNull(fact.batch)},
          {"version", TextOrNull(fact.version)},
          {"path", TextOrNull(fact.path)},
          {"existing", CountOrNull(fact.existing)},
          {"fresh", CountOrNull(fact.fresh)},
          {"recovered", CountOrNull(fact.recovered)},
          {"duplicates", CountOrNull(fact.duplicates)},
          {"deleted", CountOrNull(fact.deleted)},
          {"written", CountOrNull(fact.written)},
          {"log", TextOrNull(fact.log)},
          {"position", CountOrNull(fact.position)},
          {"detail", Parsed(fact.detail)}};
}

std::string Write(const Document& document, int indent) {
  return document.dump(indent, ' ', false, Document::error_handler_t::replace);
}
