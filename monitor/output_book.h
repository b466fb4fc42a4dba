#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "monitor/fact_row.h"
#include "monitor/journal.h"
#include "monitor/names.h"
#include "monitor/sqlite.h"

// The directory of a path from which project and day were taken out (collectors/path_template.h).
// However it spells the day, or the month alone, there is {day}. Pure.
std::string OutputDirectory(std::string_view path);
// A directory as it is for one project: a project named like a part of the path is taken out there,
// too ("/{project}/row/{project}" of the project "data").
std::string DirectoryFor(std::string directory, std::string_view project);

// Table `output`: where each server writes each format, a row a directory. Notices when that
// changes. Owned by the ledger, its thread only.
class OutputBook {
 public:
  // Where a run wrote, and where the one before it had.
  struct Place {
    std::string directory;
    std::string previous_directory, previous_version;  // empty: this is the first run
    bool usual = false;        // that version, or this one before, wrote here as well
    int64_t earlier_runs = 0;  // to the previous directory
  };

  OutputBook(Database& database, Names& names);

  // Nothing when the run wrote where the last one of its server and format did, unless it is the
  // first to be looked at. A run from another log that is older than the last one (a log found
  // late) is kept in mind and changes nothing. `now`: our clock, Unix ms.
  std::optional<Place> Note(const FactRow& row, int64_t now);
  // What is to be written to the table: the runs since the last call.
  std::vector<JournalEntry::Output> TakeChanges();
  // After a rollback.
  void Forget();

 private:
  using Key = std::tuple<int64_t, int64_t, int64_t>;  // server, format, directory
  struct Last {
    int64_t path = 0;             // 0: not to be taken for another run's
    int64_t project = 0;          // of the latest run
    JournalEntry::Output output;  // its runs are those that are not among the changes
  };
  struct Known {
    int64_t version = 0, runs = 0;
  };

  Last Load(int64_t server, int64_t format);
  int64_t DirectoryOf(const FactRow& row);
  bool SamePlace(int64_t a, int64_t b, int64_t project);
  Place PlaceAfter(const JournalEntry::Output& own, const JournalEntry::Output& last);
  std::optional<Known> Find(const Key& key);
  void AddRuns(const JournalEntry::Output& output);
  void Settle(Last& last);

  Names& names_;
  Statement last_run_, find_;
  std::map<std::pair<int64_t, int64_t>, Last> last_;  // by server and format
  std::map<Key, JournalEntry::Output> changes_;
};
