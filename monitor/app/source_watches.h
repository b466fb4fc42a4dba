#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "monitor/app/source_watch.h"

// How well each source of a session is being watched: the collector thread says, the ledger thread
// and /metrics ask. Any thread, once all are added.
class SourceWatches {
 public:
  void Add(std::string name, SourceWatch watch);

  // What the collector sees of the source that was added as number `source` now.
  void Note(size_t source, const SourceWatch::Seen& seen, Time now);
  // For the rules, see SourceWatch::TakeObservation().
  std::vector<SourceObservation> TakeObservations();
  void Describe(std::map<std::string, SourceStatus>& sources, Time now) const;

 private:
  struct Named {
    std::string name;
    SourceWatch watch;
  };
  mutable std::mutex mutex_;
  std::vector<Named> watches_;
};
