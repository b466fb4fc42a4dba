#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monitor/error.h"
#include "monitor/file_rows.h"
#include "monitor/fleet_rows.h"
#include "monitor/ledger_rows.h"
#include "monitor/sqlite.h"
#include "monitor/time.h"

using ProjectDay = std::pair<std::string, std::string>;

// Reads one ledger file, also while `watch` writes it, after it stopped, or a copy of the main file
// alone. One object, one thread; each call sees one consistent state.
class LedgerView {
 public:
  // Says why not, with the path: no such file, not a ledger, of another version, locked.
  // `patience`: with the locks of an `ingest`.
  [[nodiscard]] static Result<LedgerView> Open(
      const std::string& path, std::chrono::milliseconds patience = std::chrono::seconds(5));

  const std::string& path() const { return path_; }
  const std::string& ledger_id() const { return ledger_id_; }
  // The server that wrote it (a log may name others in its lines).
  const std::string& server() const { return server_; }
  // Nobody wrote it when it was opened, and nothing that is written later is seen.
  bool is_copy() const { return is_copy_; }

  // For a reader that stays: what is read after `deadline` fails with kTimeout.
  void ReadUntil(Database::Moment deadline) { database_.ReadUntil(deadline); }
  // Called by whoever is given rows: there are more than they can take, and the read fails.
  void Stop(std::string why) { database_.Refuse(std::move(why), Error::Kind::kTooMany); }
  // Another number whenever somebody else has written since.
  [[nodiscard]] Result<int64_t> DataVersion();
  // Reads again what was read when it was opened, and what others may have written since.
  [[nodiscard]] Result<void> Refresh();

  // `state`: pending | firing | resolved; empty: all. Oldest first.
  [[nodiscard]] Result<std::vector<AlertRow>> Alerts(std::string_view state);
  // Those of a project, and those of no project: of a whole output, or of a source.
  [[nodiscard]] Result<std::vector<AlertRow>> AlertsConcerning(std::string_view project);
  [[nodiscard]] Result<std::vector<FormatRow>> Formats();
  // Blind intervals, quarantined lines by source and reason, sources that an open alert calls
  // blind, and those of which nothing was ever read. `project` (empty: all) decides
  // BlindRow::touches and what is counted in BlindRow::projects.
  [[nodiscard]] Result<std::vector<BlindRow>> Blind(std::string_view project = {});

  // The same without counting projects, which are unknown then: that looks at every partition.
  [[nodiscard]] Result<std::vector<BlindRow>> BlindSpans();

  using TakeBalance = std::function<void(BalanceRow)>;
  // All balances of a project, or of every project (empty), in the order of their key.
  [[nodiscard]] Result<void> Balances(std::string_view project, const TakeBalance& take);
  // Only those with something missing. This and the next two leave out what is past its retention:
  // it is gone rightly, whatever became of it before, unless a run reopened it.
  [[nodiscard]] Result<void> Lossy(std::string_view project, const TakeBalance& take);
  // All copies that this ledger has of the project-days given.
  [[nodiscard]] Result<void> CopiesOf(const std::set<ProjectDay>& days, const TakeBalance& take);
  // Whether there is any partition of the project, or of any project (empty).
  [[nodiscard]] Result<bool> Knows(std::string_view project);
  // Whether a fact names this version of the compactor.
  [[nodiscard]] Result<bool> KnowsVersion(std::string_view version);
  // Those that a person expects on a server (re-homed there) and no source has seen yet.
  [[nodiscard]] Result<void> Announced(std::string_view project, const TakeBalance& take);
  // How many observed partitions of a project, or of each (empty), are unknown and do not fire.
  using UnknownCopies = std::map<std::string, int64_t>;
  [[nodiscard]] Result<UnknownCopies> Unknown(std::string_view project);
  [[nodiscard]] Result<void> Losses(std::string_view project,
                                    const std::function<void(LossRow)>& take);

  using TakeFact = std::function<void(FactEntry)>;
  // Every fact that concerns a project (and day, server; empty: any): its partitions' chains, and
  // deploys, annotations and permits that name it or no project at all. Not sorted.
  [[nodiscard]] Result<void> Timeline(std::string_view project, std::string_view day,
                                      std::string_view server, const TakeFact& take);
  // Canonical files of a project (and day; empty: any), also those that are gone.
  [[nodiscard]] Result<void> Files(std::string_view project, std::string_view day,
                                   const std::function<void(FileRow)>& take);
  // Copies of generations of a project (and day; empty: any), oldest first.
  [[nodiscard]] Result<void> Kept(std::string_view project, std::string_view day,
                                  const std::function<void(KeptRow)>& take);
  // The same of project-days.
  [[nodiscard]] Result<void> KeptOf(const std::set<ProjectDay>& days,
                                    const std::function<void(KeptRow)>& take);
  // Who has read files of a dead format, or those whose path matches (SQLite's GLOB); one of both.
  [[nodiscard]] Result<AuditRow> Audit(std::string_view format, std::string_view glob);
  // At most `limit` facts after sequence `seq`, in sequence.
  [[nodiscard]] Result<void> FactsAfter(int64_t seq, int64_t limit, const TakeFact& take);
  // The rest serves `serve`: pages, and what an overview is made of.
  [[nodiscard]] Result<void> AlertPage(const AlertQuery& query,
                                       const std::function<void(PlacedAlert)>& take);
  [[nodiscard]] Result<void> PartitionPage(const PartitionQuery& query,
                                           const std::function<void(PlacedBalance)>& take);
  // Facts of one kind before a sequence number, the newest first.
  [[nodiscard]] Result<void> NewestOfKind(std::string_view kind, int64_t before, int64_t limit,
                                          const TakeFact& take);
  // What is left of a permit of a decrease; none: nothing.
  [[nodiscard]] Result<std::optional<int64_t>> LeftOfPermit(int64_t seq);
  [[nodiscard]] Result<std::vector<std::string>> Projects();
  // Those that have ever lost anything.
  [[nodiscard]] Result<std::vector<std::string>> LossyProjects();
  [[nodiscard]] Result<std::set<std::string>> ProjectsOfIncident(std::string_view incident);
  [[nodiscard]] Result<std::vector<IncidentPart>> IncidentParts();
  [[nodiscard]] Result<std::vector<IncidentSize>> IncidentSizes();
  // The first alert of each incident.
  [[nodiscard]] Result<std::vector<AlertRow>> FirstAlerts();
  [[nodiscard]] Result<std::vector<OpenAlerts>> OpenAlertsByProject();
  [[nodiscard]] Result<std::vector<SourceRow>> Sources();
  [[nodiscard]] Result<std::vector<FormatTally>> FormatTallies();

  // When it was last written; none: never.
  [[nodiscard]] Result<std::optional<Time>> WrittenAt();
  // Sequence of the newest fact, 0: none.
  [[nodiscard]] Result<int64_t> HeadSeq();
  // Why it cannot be all that was written: the head that is kept beside it is ahead of it, since
  // it was cut back, or restored from an older copy. Empty: nothing says so.
  [[nodiscard]] Result<std::string> LostCommits();

 private:
  LedgerView(std::string path, Database database);
  // Runs `read` in one read transaction.
  Result<void> Read(const std::function<void()>& read);
  std::string Meta(std::string_view key);
  int64_t NameId(std::string_view text);
  Cell Named(std::string_view text);
  std::string NameOf(int64_t id);
  void Give(const Statement& row, const TakeBalance& take) const;
  void ReadRetention();
  bool IsRetired(const Statement& balance) const;
  // `logged_until`: of the partition, Unix ms.
  bool Retired(int64_t format, int64_t day, int64_t logged_until) const;
  std::vector<FormatRow> ReadFormats();
  // When each project of each source was last observed throughout: an epoch a project, by source.
  struct Observed {
    std::map<int64_t, std::vector<int64_t>> epochs;
    std::map<int64_t, bool> touches;  // the project asked for
  };
  Observed ReadObserved(std::string_view project);
  void AddGaps(const Observed& observed, std::vector<BlindRow>& rows);
  void AddBlindAlerts(std::vector<BlindRow>& rows);
  void AddSourcesNeverRead(std::vector<BlindRow>& rows);
  std::vector<std::string> ReadNames(const char* sql);
  void ReadBalances(std::string_view where, std::initializer_list<Cell> values, bool retired,
                    const TakeBalance& take);
  void AddCoverage(std::string_view source, AuditRow& audit);
  void GiveKept(Statement& rows, const std::function<void(KeptRow)>& take);
  std::string VersionBefore(Statement& step, int64_t previous);
  void ReadChains(int64_t project, std::string_view day, std::string_view server,
                  const TakeFact& take);
  void ReadOthers(int64_t project, std::string_view day, std::string_view server,
                  const TakeFact& take);
  void ReadFileFacts(int64_t project, std::string_view day, std::string_view server,
                     const TakeFact& take);

  std::string path_;
  Database database_;
  std::string ledger_id_;
  std::string server_;
  bool is_copy_ = false;
  std::map<int64_t, int64_t> retention_;  // by format, in ms
  int64_t now_ = 0;                       // by the logs' clock, Unix ms
};

// Opens all, or says which one cannot be. Of copies of one ledger the one that goes furthest is
// kept.
[[nodiscard]] Result<std::vector<LedgerView>> OpenLedgers(const std::vector<std::string>& paths);
