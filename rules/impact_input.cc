#include "rules/impact_input.h"

#include <algorithm>
#include <set>

namespace {

// Which project-days have a loss in any ledger: their copies in the other ledgers count as well.
Result<std::set<ProjectDay>> LossyDays(std::vector<LedgerView>& ledgers,
                                       const std::string& project) {
  std::set<ProjectDay> days;
  for (LedgerView& ledger : ledgers) {
    auto ok = ledger.Lossy(project, [&](const BalanceRow& row) {
      days.insert({row.project, row.day});
    });
    if (!ok) return tl::unexpected<Error>(ok.error());
  }
  return days;
}

Result<bool> Knows(LedgerView& ledger, const ImpactFilter& filter) {
  auto knows = ledger.Knows(filter.project);
  if (!knows || !*knows || filter.version.empty()) return knows;
  return ledger.KnowsVersion(filter.version);
}

Result<void> ReadLosses(LedgerView& ledger, const std::set<ProjectDay>& days,
                        const std::string& project, ImpactInput& input) {
  auto ok = ledger.CopiesOf(days, [&](BalanceRow row) { input.copies.push_back(std::move(row)); });
  if (!ok) return ok;
  ok = ledger.KeptOf(days, [&](KeptRow row) { input.kept.push_back(std::move(row)); });
  if (!ok) return ok;
  return ledger.Losses(project, [&](LossRow row) { input.losses.push_back(std::move(row)); });
}

// What nobody can vouch for, and when it was written.
Result<void> ReadUnknown(LedgerView& ledger, const ImpactFilter& filter, ImpactInput& input) {
  auto blind = ledger.Blind(filter.project);
  if (!blind) return tl::unexpected<Error>(blind.error());
  input.blind.insert(input.blind.end(), blind->begin(), blind->end());
  const auto unknown = ledger.Unknown(filter.project);
  if (!unknown) return tl::unexpected<Error>(unknown.error());
  const auto knows = Knows(ledger, filter);
  if (!knows) return tl::unexpected<Error>(knows.error());
  input.nothing_known = input.nothing_known && !*knows;
  const auto written = ledger.WrittenAt();
  if (!written) return tl::unexpected<Error>(written.error());
  if (*written) input.written_at = std::min(**written, input.written_at.value_or(**written));
  for (const auto& [name, copies] : *unknown) input.unknown_copies[name] += copies;
  return {};
}

// What one ledger only announces another may know: that of the server where it is now. Where that
// one expects less than was announced, nobody knows whether the rest ever arrived.
Result<void> AddAnnounced(std::vector<LedgerView>& ledgers, const std::string& project,
                          ImpactInput& input) {
  std::vector<BalanceRow> announced;
  for (LedgerView& ledger : ledgers) {
    auto ok =
        ledger.Announced(project, [&](BalanceRow row) { announced.push_back(std::move(row)); });
    if (!ok) return ok;
  }
  for (const BalanceRow& row : announced) {
    bool seen = false;
    for (LedgerView& ledger : ledgers) {
      auto ok = ledger.CopiesOf({{row.project, row.day}}, [&](const BalanceRow& other) {
        const bool same = other.server == row.server && other.format == row.format;
        seen = seen || (same && other.actual && other.expected >= row.expected);
      });
      if (!ok) return ok;
    }
    if (!seen) ++input.unknown_copies[row.project];
  }
  return {};
}

}  // namespace

Result<ImpactInput> ReadImpactInput(std::vector<LedgerView>& ledgers, const ImpactFilter& filter,
                                    std::vector<FormatRow> formats) {
  const auto days = LossyDays(ledgers, filter.project);
  if (!days) return tl::unexpected<Error>(days.error());
  auto input = ReadImpactRest(ledgers, filter);
  if (!input) return input;
  const bool configured = !formats.empty();
  input->formats = std::move(formats);
  for (LedgerView& ledger : ledgers) {
    if (auto ok = ReadLosses(ledger, *days, filter.project, *input); !ok) {
      return tl::unexpected<Error>(ok.error());
    }
    if (configured) continue;
    auto named = ledger.Formats();
    if (!named) return tl::unexpected<Error>(named.error());
    input->formats.insert(input->formats.end(), named->begin(), named->end());
  }
  return input;
}

Result<std::set<std::string>> ReadLossyProjects(std::vector<LedgerView>& ledgers) {
  std::set<std::string> all;
  for (LedgerView& ledger : ledgers) {
    auto projects = ledger.LossyProjects();
    if (!projects) return tl::unexpected<Error>(projects.error());
    all.insert(projects->begin(), projects->end());
  }
  return all;
}

Result<ImpactInput> ReadLossesOf(std::vector<LedgerView>& ledgers, const std::string& project,
                                 const std::vector<FormatRow>& formats) {
  ImpactInput input;
  input.formats = formats;
  const auto days = LossyDays(ledgers, project);
  if (!days) return tl::unexpected<Error>(days.error());
  for (LedgerView& ledger : ledgers) {
    if (auto ok = ReadLosses(ledger, *days, project, input); !ok) {
      return tl::unexpected<Error>(ok.error());
    }
  }
  return input;
}

Result<ImpactInput> ReadImpactRest(std::vector<LedgerView>& ledgers, const ImpactFilter& filter) {
  ImpactInput input;
  input.nothing_known = true;
  for (LedgerView& ledger : ledgers) {
    if (auto ok = ReadUnknown(ledger, filter, input); !ok) return tl::unexpected<Error>(ok.error());
  }
  if (auto ok = AddAnnounced(ledgers, filter.project, input); !ok) {
    return tl::unexpected<Error>(ok.error());
  }
  return input;
}
