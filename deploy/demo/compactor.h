#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "deploy/demo/event_file.h"

// The demo's data server: it keeps live logs, compacts them into canonical files and logs what it
// did. It also remembers, apart from its files, which events it was ever given; so that it can say
// at once what a run has lost. One thread.

// A release of the compactor: where its merge looks for the row file and where it writes it.
struct Release {
  std::string_view name;
  std::string_view reads;
  std::string_view writes;
  bool removes_old_file = false;
};

inline constexpr Release kSteady{"2016.02.18-3", "row", "row", false};
// Writes the row format to a new directory and clears the old one, but goes on reading the old one.
inline constexpr Release kLossy{"2016.02.22-1", "row", "row-v2", true};

inline constexpr std::array<std::string_view, 2> kFormats{"row", "columnar"};

struct Loss {
  std::string at;
  std::string_view format;
  std::string_view version;
  std::string previous_version;  // wrote what was not read
  int64_t events = 0;
};

// One project's day on one server.
struct Partition {
  std::set<uint64_t> should;  // events given to finished runs, less those deleted on request
  std::string row_directory;  // of the latest row file
  std::string writer;         // version of the latest run
  int64_t missing = 0;
  int64_t runs = 0;
  int64_t failed_runs = 0;
  std::vector<Loss> losses;
};

struct PartitionName {
  std::string project;
  std::string day;
  auto operator<=>(const PartitionName&) const = default;
};

class Compactor {
 public:
  Compactor(std::filesystem::path root, std::string server);

  // Writes to the live log; the next run of the partition merges it.
  void Append(const PartitionName& name, const Events& events);
  // Merges live log and canonical file, without the events of `erased` users, which is what a
  // customer asked for. Returns what was lost by this run.
  std::vector<Loss> Compact(const PartitionName& name, const Release& release,
                            const std::set<uint32_t>& erased);
  // A run that stops before it replaces anything; the live log waits for the next one.
  void Fail(const PartitionName& name, const Release& release);
  void LogStart(const Release& release);

  // Where the canonical file of a format lies now.
  std::filesystem::path FileOf(const PartitionName& name, std::string_view format) const;
  const std::string& server() const { return server_; }
  const std::map<PartitionName, Partition>& partitions() const { return partitions_; }

 private:
  struct Counts {
    int64_t existing = 0;
    int64_t fresh = 0;
    int64_t duplicates = 0;
    int64_t deleted = 0;
    int64_t written = 0;
  };

  std::filesystem::path LiveLog(const PartitionName& name) const;
  Events Merge(const PartitionName& name, const Release& release, const std::set<uint32_t>& erased,
               Partition& partition, Counts& counts) const;
  std::string BatchOf(const PartitionName& name) const;
  void LogRun(const PartitionName& name, const Release& release, std::string_view format,
              const Counts& counts, const std::string& at);
  void WriteLine(std::string_view at, std::string_view fields);

  std::filesystem::path root_;
  std::string server_;
  std::ofstream log_;
  int64_t next_run_ = 1;
  std::map<PartitionName, int64_t> batches_;
  std::map<PartitionName, Partition> partitions_;
};

// Now, as "2016-02-22T17:02:11.123Z".
std::string Now();
