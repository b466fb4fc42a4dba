#include "monitor/app/file_counting.h"

#include <algorithm>
#include <utility>

namespace {

// A second's worth: files are asked for once a second.
constexpr size_t kAtOnce = 1000;

}  // namespace

Result<std::unique_ptr<FileCounting>> FileCounting::Start(const Config& config,
                                                          const Clock& clock) {
  const auto& all = config.canonical_files;
  const auto counts = [&](const auto& is) {
    return std::any_of(all.begin(), all.end(), [&](const CanonicalFilesConfig& files) {
      return is(files.recount.front());
    });
  };
  if (!counts([](const std::string& method) { return method != "none"; })) return nullptr;
  std::unique_ptr<CommandRunner> commands;
  if (counts([](const std::string& method) { return method == "exec"; })) {
    auto started = CommandRunner::Start();
    if (!started) return tl::unexpected<Error>(started.error());
    commands = std::make_unique<CommandRunner>(std::move(*started));
  }
  return std::unique_ptr<FileCounting>(new FileCounting(config, clock, std::move(commands)));
}

FileCounting::FileCounting(const Config& config, const Clock& clock,
                           std::unique_ptr<CommandRunner> commands)
    : clock_(clock),
      commands_(std::move(commands)),
      recounter_({}, config.canonical_files, commands_.get(), clock_) {}

std::optional<Batch> FileCounting::Take() {
  for (RecountedFile& file : recounter_.Take()) counted_.push_back(std::move(file));
  if (asked_ == 0 || counted_.size() < asked_) return std::nullopt;
  Batch batch;
  for (const RecountedFile& file : counted_) AddTo(batch, file);
  batch.observed_at = clock_.Now();
  counted_.clear();
  asked_ = 0;
  return batch;
}

void FileCounting::Ask(Ledger& ledger) {
  if (asked_ > 0) return;
  for (FileToCount& file : ledger.FilesToCount(clock_.Now(), kAtOnce)) {
    // What there is no room for is asked for again; its partition waits until then.
    if (!recounter_.Add(std::move(file))) return;
    ++asked_;
  }
}
