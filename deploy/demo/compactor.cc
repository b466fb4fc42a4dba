#include "deploy/demo/compactor.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace fs = std::filesystem;

namespace {

FileFormat FormatNamed(std::string_view name) {
  return name == "row" ? FileFormat::kRow : FileFormat::kColumnar;
}

fs::path RowFile(const fs::path& server, std::string_view directory, const PartitionName& name) {
  return server / directory / name.project / (name.day + ".evt");
}

// The events of a batch as they came: the same id may be there twice.
struct LiveEvents {
  Events events;
  int64_t lines = 0;
};

LiveEvents ReadLiveLog(const fs::path& file) {
  LiveEvents live;
  std::ifstream in(file);
  uint64_t id = 0;
  Event event;
  while (in >> id >> event.user >> event.cents) {
    live.events[id] = event;
    ++live.lines;
  }
  return live;
}

}  // namespace

std::string Now() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const int64_t milliseconds = now.time_since_epoch().count();
  const std::time_t seconds = milliseconds / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(milliseconds % 1000));
  return text;
}

Compactor::Compactor(fs::path root, std::string server)
    : root_(std::move(root)), server_(std::move(server)) {
  const fs::path log = root_ / "logs" / server_ / "compactd.log";
  fs::create_directories(log.parent_path());
  log_.open(log, std::ios::app);
  if (!log_) throw std::runtime_error("cannot write " + log.string());
}

fs::path Compactor::LiveLog(const PartitionName& name) const {
  return root_ / server_ / "live" / name.project / (name.day + ".log");
}

fs::path Compactor::FileOf(const PartitionName& name, std::string_view format) const {
  const fs::path server = root_ / server_;
  if (format == "columnar") return server / "columnar" / name.project / (name.day + ".col");
  return RowFile(server, partitions_.at(name).row_directory, name);
}

void Compactor::Append(const PartitionName& name, const Events& events) {
  const fs::path file = LiveLog(name);
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::app);
  for (const auto& [id, event] : events) {
    out << id << ' ' << event.user << ' ' << event.cents << '\n';
  }
  out.close();
  if (!out) throw std::runtime_error("cannot write " + file.string());
}

Events Compactor::Merge(const PartitionName& name, const Release& release,
                        const std::set<uint32_t>& erased, Partition& partition,
                        Counts& counts) const {
  const LiveEvents live = ReadLiveLog(LiveLog(name));
  const fs::path base = RowFile(root_ / server_, release.reads, name);
  Events merged = fs::exists(base) ? ReadEvents(base, FileFormat::kRow) : Events{};
  counts.existing = static_cast<int64_t>(merged.size());
  counts.fresh = live.lines;
  merged.insert(live.events.begin(), live.events.end());
  counts.duplicates = counts.existing + counts.fresh - static_cast<int64_t>(merged.size());
  for (const auto& [id, event] : live.events) partition.should.insert(id);
  for (auto at = merged.begin(); at != merged.end();) {
    const bool erase = erased.contains(at->second.user);
    if (erase) partition.should.erase(at->first);
    counts.deleted += erase;
    at = erase ? merged.erase(at) : std::next(at);
  }
  counts.written = static_cast<int64_t>(merged.size());
  return merged;
}

std::vector<Loss> Compactor::Compact(const PartitionName& name, const Release& release,
                                     const std::set<uint32_t>& erased) {
  Partition& partition = partitions_[name];
  Counts counts;
  const Events merged = Merge(name, release, erased, partition, counts);
  const fs::path server = root_ / server_;
  partition.row_directory = release.writes;
  for (const std::string_view format : kFormats) {
    ReplaceEvents(FileOf(name, format), FormatNamed(format), merged);
  }
  if (release.removes_old_file) fs::remove(RowFile(server, release.reads, name));

  const int64_t missing = static_cast<int64_t>(partition.should.size()) - counts.written;
  const int64_t lost = missing - std::exchange(partition.missing, missing);
  std::vector<Loss> losses;
  for (const std::string_view format : kFormats) {
    const std::string at = Now();
    LogRun(name, release, format, counts, at);
    if (lost > 0) losses.push_back({at, format, release.name, partition.writer, lost});
  }
  fs::remove(LiveLog(name));
  partition.losses.insert(partition.losses.end(), losses.begin(), losses.end());
  partition.writer = release.name;
  ++partition.runs;
  ++batches_[name];
  ++next_run_;
  return losses;
}

void Compactor::Fail(const PartitionName& name, const Release& release) {
  std::ostringstream fields;
  fields << R"("event":"compaction_failed","run":"r)" << next_run_++ << R"(","batch":")"
         << BatchOf(name) << R"(","project":")" << name.project << R"(","day":")" << name.day
         << R"(","format":"row","version":")" << release.name << R"(","error":"interrupted")";
  WriteLine(Now(), fields.str());
  ++partitions_[name].failed_runs;
}

void Compactor::LogStart(const Release& release) {
  WriteLine(Now(), R"("event":"process_started","version":")" + std::string(release.name) + '"');
}

std::string Compactor::BatchOf(const PartitionName& name) const {
  const auto found = batches_.find(name);
  const int64_t number = found == batches_.end() ? 0 : found->second;
  return name.project + '.' + name.day + '.' + std::to_string(number);
}

void Compactor::LogRun(const PartitionName& name, const Release& release, std::string_view format,
                       const Counts& counts, const std::string& at) {
  std::ostringstream fields;
  fields << R"("event":"compaction_finished","run":"r)" << next_run_ << R"(","batch":")"
         << BatchOf(name) << R"(","project":")" << name.project << R"(","day":")" << name.day
         << R"(","format":")" << format << R"(","existing":)" << counts.existing << R"(,"new":)"
         << counts.fresh << R"(,"duplicates":)" << counts.duplicates << R"(,"deleted":)"
         << counts.deleted << R"(,"recovered":0,"written":)" << counts.written << R"(,"version":")"
         << release.name << R"(","path":")" << FileOf(name, format).string() << '"';
  WriteLine(at, fields.str());
}

void Compactor::WriteLine(std::string_view at, std::string_view fields) {
  log_ << R"({"ts":")" << at << R"(","level":"info","host":")" << server_ << R"(",)" << fields
       << "}\n"
       << std::flush;
  if (!log_) throw std::runtime_error("cannot write the log of " + server_);
}
