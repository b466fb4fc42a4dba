#include "monitor/app/open_ledgers.h"

#include <cstdio>

#include "dashboards/table.h"

std::vector<FormatRow> ConfiguredFormats(const Config& config) {
  std::vector<FormatRow> formats;
  for (const CanonicalFilesConfig& files : config.canonical_files) {
    FormatRow row;
    row.format = files.format;
    row.reads = files.reads;
    row.serving = files.serving;
    formats.push_back(std::move(row));
  }
  return formats;
}

Result<Ledgers> OpenLedgersOf(const Settings& settings) {
  auto config = LoadConfig(settings);
  if (!config) return tl::unexpected<Error>(config.error());
  const auto files = LedgerFiles(settings, *config);
  if (!files) return tl::unexpected<Error>(files.error());
  auto views = OpenLedgers(*files);
  if (!views) return tl::unexpected<Error>(views.error());
  bool cut = false;
  for (LedgerView& view : *views) {
    const auto lost = view.LostCommits();
    if (!lost) return tl::unexpected<Error>(lost.error());
    if (lost->empty()) continue;
    cut = true;
    std::fprintf(stderr, "rollcall: warning: %s: %s\n", Printable(view.path()).c_str(),
                 lost->c_str());
  }
  return Ledgers{std::move(*config), std::move(*views), cut};
}
