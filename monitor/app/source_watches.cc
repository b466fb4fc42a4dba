#include "monitor/app/source_watches.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "monitor/app/log_words.h"

namespace {

void LogChange(const SourceWatch& watch, const std::string& source) {
  if (watch.reason().empty()) return spdlog::info("source watched source={}", LogWords(source));
  spdlog::warn("source not watched source={} reason={} path={}", LogWords(source),
               LogWords(watch.reason()), LogWords(watch.path()));
}

}  // namespace

void SourceWatches::Add(std::string name, SourceWatch watch) {
  watches_.push_back({std::move(name), std::move(watch)});
}

void SourceWatches::Note(size_t source, const SourceWatch::Seen& seen, Time now) {
  const std::lock_guard lock(mutex_);
  auto& [name, watch] = watches_[source];
  const std::string before = watch.reason();
  watch.Note(seen, now);
  if (watch.reason() != before) LogChange(watch, name);
}

std::vector<SourceObservation> SourceWatches::TakeObservations() {
  std::vector<SourceObservation> observations;
  const std::lock_guard lock(mutex_);
  for (Named& source : watches_) {
    if (auto observation = source.watch.TakeObservation()) observations.push_back(*observation);
  }
  return observations;
}

void SourceWatches::Describe(std::map<std::string, SourceStatus>& sources, Time now) const {
  const std::lock_guard lock(mutex_);
  for (const Named& source : watches_) source.watch.Describe(sources[source.name], now);
}
