#include "deploy/demo/reports.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>

namespace fs = std::filesystem;

namespace {

constexpr int kPort = 9717;  // of the watch over all servers
constexpr int kFirstServerPort =
    9731;  // then one a server, clear of the ports rollcall uses itself

std::string Configuration(const std::string& server, const fs::path& ledger,
                          const std::string& logs, const fs::path& data, int port) {
  std::ostringstream out;
  out << "server: " << server << "\n"
      << "ledger: " << ledger << "\n"
      << "listen: 127.0.0.1:" << port << "\n"
      << "compaction_logs:\n"
      << "  - name: compactd\n"
      << "    paths: [\"" << logs << "\"]\n"
      << "    format: json\n"
      << "    shape: rewrite\n"
      << "    conservation: strict\n"
      << "    unit: events\n"
      << "    match: {event: [compaction_finished, compaction_failed]}\n"
      << "    outcome: {field: event, failed: [compaction_failed]}\n"
      << "    fields: {time: ts, server: host, run: run, batch: batch, project: project, day: "
         "day,\n"
      << "             format: format, existing: existing, fresh: new, recovered: recovered,\n"
      << "             duplicates: duplicates, deleted: deleted, written: written,\n"
      << "             version: version, path: path}\n"
      << "canonical_files:\n"
      << "  - format: columnar\n"
      << "    path: " << (data / "columnar/{project}/{day}.col") << "\n"
      << "    reads: row\n"
      << "    serving: true\n"
      << "    required: false\n"
      << "  - format: row\n"
      << "    path: " << (data / "row/{project}/{day}.evt") << "\n"
      << "    serving: false\n"
      << "    required: false\n"
      << "same_events: [row, columnar]\n";
  return out.str();
}

struct Count {
  int64_t expected = 0;
  int64_t actual = 0;
};

// What `should` says against what the file holds.
struct Partial {
  Count count;
  int64_t missing = 0;
  int64_t surplus = 0;
};

Partial Recount(const Compactor& server, const PartitionName& name, const Partition& partition,
                std::string_view format) {
  const FileFormat how = format == "row" ? FileFormat::kRow : FileFormat::kColumnar;
  const Events events = ReadEvents(server.FileOf(name, format), how);
  Partial partial;
  partial.count = {static_cast<int64_t>(partition.should.size()),
                   static_cast<int64_t>(events.size())};
  for (const uint64_t id : partition.should) partial.missing += !events.contains(id);
  for (const auto& [id, event] : events) partial.surplus += !partition.should.contains(id);
  return partial;
}

std::string PartitionJson(const Compactor& server, const PartitionName& name,
                          const Partition& partition, std::string_view format,
                          const Partial& partial) {
  std::ostringstream out;
  out << R"({"server":")" << server.server() << R"(","project":")" << name.project << R"(","day":")"
      << name.day << R"(","format":")" << format << R"(","expected":)" << partial.count.expected
      << R"(,"actual":)" << partial.count.actual << R"(,"missing":)" << partial.missing
      << R"(,"surplus":)" << partial.surplus << R"(,"runs":)" << partition.runs << R"(,"losses":[)";
  const char* separator = "";
  for (const Loss& loss : partition.losses) {
    if (loss.format != format) continue;
    out << separator << R"({"at":")" << loss.at << R"(","version":")" << loss.version
        << R"(","previous_version":")" << loss.previous_version << R"(","events":)" << loss.events
        << '}';
    separator = ",";
  }
  out << "]}";
  return out.str();
}

// A customer's project-day counts once: the highest expected over its copies less the most that
// one copy has of it.
struct Totals {
  std::map<PartitionName, Count> days;

  void Add(const PartitionName& name, const Count& copy) {
    Count& day = days[name];
    day.expected = std::max(day.expected, copy.expected);
    day.actual = std::max(day.actual, std::min(copy.actual, copy.expected));
  }

  std::string Json() const {
    int64_t lossy_days = 0;
    int64_t missing = 0;
    int64_t expected = 0;
    std::set<std::string> projects;
    for (const auto& [name, count] : days) {
      if (count.expected == count.actual) continue;
      ++lossy_days;
      missing += count.expected - count.actual;
      expected += count.expected;
      projects.insert(name.project);
    }
    std::ostringstream out;
    out << R"({"projects":)" << projects.size() << R"(,"project_days":)" << lossy_days
        << R"(,"events_missing":)" << missing << R"(,"events_expected":)" << expected << '}';
    return out.str();
  }
};

struct FoundFile {
  fs::path path;
  FileFormat format = FileFormat::kRow;
  fs::file_time_type changed;
};

// (server, project, day, format) to its latest file.
using FoundFiles =
    std::map<std::tuple<std::string, std::string, std::string, std::string>, FoundFile>;

void FindFiles(const fs::path& server, const std::string& directory, FoundFiles& found) {
  if (!fs::exists(server / directory)) return;
  const bool row = directory != "columnar";
  for (const auto& entry : fs::recursive_directory_iterator(server / directory)) {
    const fs::path& path = entry.path();
    if (!entry.is_regular_file() || path.extension() == ".tmp") continue;
    FoundFile& latest = found[{server.filename(), path.parent_path().filename(), path.stem(),
                               row ? "row" : "columnar"}];
    if (!latest.path.empty() && latest.changed > entry.last_write_time()) continue;
    latest = {path, row ? FileFormat::kRow : FileFormat::kColumnar, entry.last_write_time()};
  }
}

}  // namespace

void WriteConfigurations(const fs::path& root, std::span<const Compactor> servers) {
  ReplaceText(
      root / "rollcall.yml",
      Configuration("demo", root / "ledger.db", root / "logs/*/compactd.log", root / "*", kPort));
  int port = kFirstServerPort;
  for (const Compactor& compactor : servers) {
    const fs::path data = root / compactor.server();
    ReplaceText(data / "rollcall.yml",
                Configuration(compactor.server(), data / "ledger.db",
                              root / "logs" / compactor.server() / "compactd.log", data, port++));
  }
}

void WriteTruth(const fs::path& root, std::span<const Compactor> servers) {
  std::string rows;
  Totals totals;
  for (const Compactor& server : servers) {
    for (const auto& [name, partition] : server.partitions()) {
      for (const std::string_view format : kFormats) {
        const Partial partial = Recount(server, name, partition, format);
        rows +=
            (rows.empty() ? "" : ",\n  ") + PartitionJson(server, name, partition, format, partial);
        if (format == "columnar") totals.Add(name, partial.count);
      }
    }
  }
  ReplaceText(root / "truth.json",
              "{\"totals\":" + totals.Json() + ",\n \"partitions\":[\n  " + rows + "]}\n");
}

void PrintFiles(const fs::path& root, std::ostream& out) {
  FoundFiles found;
  for (const auto& entry : fs::directory_iterator(root)) {
    for (const char* directory : {"row", "row-v2", "columnar"}) {
      FindFiles(entry.path(), directory, found);
    }
  }
  for (const auto& [key, file] : found) {
    const auto& [server, project, day, format] = key;
    out << server << ' ' << project << ' ' << day << ' ' << format << ' '
        << ReadEvents(file.path, file.format).size() << '\n';
  }
}
