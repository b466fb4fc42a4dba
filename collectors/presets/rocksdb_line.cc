#include "collectors/presets/rocksdb_line.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace {

using Kind = RocksLine::Kind;
using nlohmann::json;

constexpr std::string_view kMarker = "EVENT_LOG_v1 {";

RocksLine Broken(std::string_view reason) {
  RocksLine line;
  line.kind = Kind::kBroken;
  line.reason = reason;
  return line;
}

// The number that `text` starts with; -1 where there is none.
int64_t LeadingNumber(std::string_view text) {
  int64_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && number >= 0 && number <= kMaxCount ? number : -1;
}

int64_t NumberAfter(std::string_view line, std::string_view marker) {
  const size_t at = line.find(marker);
  return at == line.npos ? -1 : LeadingNumber(line.substr(at + marker.size()));
}

// "… [NAME]" gives NAME: what the bracket that closes `text` holds.
std::string_view LastBracket(std::string_view text) {
  if (text.empty() || text.back() != ']') return {};
  const size_t open = text.rfind('[');
  return open == text.npos ? text.substr(0, 0) : text.substr(open + 1, text.size() - open - 2);
}

// "… [CF] [JOB 23] REST": fills family and job, and gives REST.
std::optional<std::string_view> JobPhrase(std::string_view line, RocksLine& out) {
  const size_t at = line.find("] [JOB ");
  if (at == line.npos) return std::nullopt;
  out.family = LastBracket(line.substr(0, at + 1));
  out.job = LeadingNumber(line.substr(at + 7));
  const size_t close = line.find("] ", at + 7);
  if (close == line.npos || out.job < 0) return std::nullopt;
  return line.substr(close + 2);
}

// "[CF] [JOB 2] Level-0 flush table #49: 13566 bytes OK"
RocksLine JobLine(std::string_view line) {
  RocksLine out;
  const auto rest = JobPhrase(line, out);
  if (!rest) return {};
  if (rest->starts_with("Flushing memtable")) out.kind = Kind::kFlushBegins;
  if (rest->starts_with("Compacting ")) out.kind = Kind::kCompactionBegins;
  const size_t bytes = rest->find(" bytes ");
  if (rest->starts_with("Level-0 flush table #") && bytes != rest->npos) {
    out.kind = Kind::kFlushStatus;
    out.text = rest->substr(bytes + 7);
  }
  return out;
}

// "[CF] compacted to: files[…] … write-amplify(0.8) OK, records in: 3222, records dropped: 3". The
// event of the job says nothing of its status; this line, always written before it, does.
RocksLine CompactionStatus(std::string_view line, size_t at) {
  constexpr std::string_view kBefore = " write-amplify(", kAfter = ", records in: ";
  RocksLine out;
  const size_t amplify = line.find(kBefore, at);
  const size_t after = line.rfind(kAfter);
  if (amplify == line.npos || after == line.npos) return out;
  const size_t begin = line.find(") ", amplify);
  if (begin == line.npos || begin + 2 > after) return out;
  out.kind = Kind::kCompactionStatus;
  out.family = LastBracket(line.substr(0, at));
  out.input_records = LeadingNumber(line.substr(after + kAfter.size()));
  out.text = line.substr(begin + 2, after - begin - 2);
  // "files in(2, 1) filtered(0, 1)", since 9.9: inputs that one range deletion covers whole.
  const size_t filtered = line.substr(0, amplify).find(") filtered(", at);
  if (filtered != line.npos) {
    const std::string_view counts = line.substr(filtered + 11);
    out.file_count = LeadingNumber(counts) + NumberAfter(counts, ", ");
  }
  return out;
}

// "[CF] FIFO compaction: picking file 39 with size 34KB for deletion"
RocksLine FifoPick(std::string_view line, size_t at) {
  RocksLine out;
  // It may also be picked to change temperature.
  if (line.find(" for deletion", at) == line.npos) return out;
  out.family = LastBracket(line.substr(0, at));
  out.file = NumberAfter(line.substr(at), "picking file ");
  if (out.file >= 0) out.kind = Kind::kFifoPick;
  return out;
}

// "[CF] Moving #15 to level-1 35128 bytes"
RocksLine Moving(std::string_view line, size_t at) {
  RocksLine out;
  const std::string_view rest = line.substr(at);
  out.family = LastBracket(line.substr(0, at));
  out.file = NumberAfter(rest, " Moving #");
  out.level = NumberAfter(rest, " to level-");
  const size_t space = rest.find(' ', rest.find("level-"));
  if (out.file < 0 || out.level < 0 || space == rest.npos) return {};
  out.bytes = LeadingNumber(rest.substr(space + 1));
  if (out.bytes >= 0) out.kind = Kind::kMoving;
  return out;
}

// "Created column family [CF] (ID 1)", "Column family [CF] (ID 1), log number is 205"
RocksLine Family(std::string_view line, size_t at) {
  RocksLine out;
  const size_t close = line.rfind("] (ID ");
  const size_t open = line.find('[', at);
  if (close == line.npos || open == line.npos || open >= close) return out;
  out.family = line.substr(open + 1, close - open - 1);
  out.id = LeadingNumber(line.substr(close + 6));
  if (out.id >= 0) out.kind = Kind::kFamily;
  return out;
}

RocksLine Saying(Kind kind, std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  RocksLine out;
  out.kind = kind;
  out.text = text;
  return out;
}

// What the lines for people say that no event does.
RocksLine ParseProse(std::string_view line) {
  const auto at = [&line](std::string_view phrase) { return line.find(phrase); };
  if (const size_t i = at("] compacted to: "); i != line.npos) return CompactionStatus(line, i + 1);
  if (const size_t i = at("] FIFO compaction: picking file "); i != line.npos) {
    return FifoPick(line, i + 1);
  }
  if (const size_t i = at("] Moving #"); i != line.npos) return Moving(line, i + 1);
  if (at("] [JOB ") != line.npos) return JobLine(line);
  if (const size_t i = at("olumn family ["); i != line.npos) return Family(line, i);
  if (const int64_t id = NumberAfter(line, "Dropped column family with id "); id >= 0) {
    RocksLine out;
    out.kind = Kind::kFamilyDropped;
    out.id = id;
    return out;
  }
  if (const size_t i = at("RocksDB version: "); i != line.npos) {
    return Saying(Kind::kVersion, line.substr(i + 17));
  }
  if (const size_t i = at("DB Session ID:"); i != line.npos) {
    return Saying(Kind::kSession, line.substr(i + 14));
  }
  if (at("Recovering from manifest file") != line.npos) return Saying(Kind::kRecovering, {});
  if (at("DB pointer ") != line.npos) return Saying(Kind::kOpened, {});
  if (line.ends_with("Shutdown complete")) return Saying(Kind::kClosed, {});
  return {};
}

// A member that is a number: false where it is there and cannot be a count.
bool Number(const json& event, const char* key, int64_t& into) {
  const auto member = event.find(key);
  if (member == event.end()) return true;
  if (!member->is_number_integer()) return false;
  if (member->is_number_unsigned() && member->get<uint64_t>() > uint64_t{kMaxCount}) return false;
  into = member->get<int64_t>();
  return into >= 0 && into <= kMaxCount;
}

std::string String(const json& event, const char* key) {
  const auto member = event.find(key);
  return member != event.end() && member->is_string() ? member->get<std::string>() : "";
}

// Whether the event says that what it tells of did not succeed. Since 10.4 it always has a status.
bool Failed(const json& event) {
  const auto status = event.find("status");
  return status != event.end() && *status != "OK";
}

// "files_L0": [89, 49], "files_L6": [12]
bool InputFiles(const json& event, RocksLine& out) {
  for (const auto& [key, value] : event.items()) {
    if (!key.starts_with("files_L")) continue;
    if (!value.is_array()) return false;
    for (const json& file : value) {
      if (!file.is_number_unsigned() || file.get<uint64_t>() > uint64_t{kMaxCount}) return false;
      out.files.push_back(file.get<int64_t>());
    }
  }
  return true;
}

bool Created(const json& event, RocksLine& out) {
  out.family = String(event, "cf_name");
  if (!Number(event, "file_number", out.file) || out.file < 0) return false;
  const auto properties = event.find("table_properties");
  if (properties == event.end() || !properties->is_object()) return false;
  if (!Number(*properties, "num_entries", out.records) || out.records < 0 ||
      !Number(*properties, "num_range_deletions", out.range_deletions) ||
      out.range_deletions > out.records || !Number(*properties, "column_family_id", out.id)) {
    return false;
  }
  constexpr int64_t kUnknownFamily = INT32_MAX;  // the table's writer did not know it
  if (out.id == kUnknownFamily) out.id = -1;
  return true;
}

// Records and files that went to the level before the last count too (tiered storage).
bool CompactionFinished(const json& event, RocksLine& out) {
  if (!Number(event, "num_input_records", out.input_records) ||
      !Number(event, "num_output_records", out.output_records) ||
      !Number(event, "num_output_files", out.output_files)) {
    return false;
  }
  for (const std::string level : {"proximal_level", "penultimate_level"}) {
    int64_t records = 0, files = 0;
    if (!Number(event, (level + "_num_output_records").c_str(), records) ||
        !Number(event, (level + "_num_output_files").c_str(), files)) {
      return false;
    }
    if (out.output_records >= 0) out.output_records += records;
    if (out.output_files >= 0) out.output_files += files;
  }
  return true;
}

// Fills in what this kind of event carries; false where it does not carry it.
bool Fill(const json& event, const std::string& name, RocksLine& out) {
  if (name == "table_file_creation") {
    out.kind = Failed(event) ? Kind::kOther : Kind::kFileCreated;
    return Failed(event) || Created(event, out);
  }
  if (name == "table_file_deletion") {
    // A file that could not be deleted is garbage that stays, of no consequence.
    out.kind = Failed(event) ? Kind::kOther : Kind::kFileDeleted;
    return Number(event, "file_number", out.file) && out.file >= 0;
  }
  if (name == "compaction_started") {
    out.kind = Kind::kCompactionStarted;
    out.family = String(event, "cf_name");
    out.text = String(event, "compaction_reason");
    return InputFiles(event, out);
  }
  if (name == "compaction_finished") {
    out.kind = Kind::kCompactionFinished;
    return CompactionFinished(event, out);
  }
  if (name == "trivial_move") {
    out.kind = Kind::kTrivialMove;
    return Number(event, "destination_level", out.level) &&
           Number(event, "files", out.file_count) && Number(event, "total_files_size", out.bytes);
  }
  if (name == "flush_started") {
    out.kind = Kind::kFlushStarted;
    out.text = String(event, "flush_reason");
    return Number(event, "num_entries", out.records) &&
           Number(event, "total_num_input_entries", out.records);
  }
  if (name == "flush_finished") out.kind = Kind::kFlushFinished;
  if (name == "recovery_started") out.kind = Kind::kRecoveryStarted;
  if (name == "recovery_finished") out.kind = Kind::kRecoveryFinished;
  return true;
}

RocksLine ParseEvent(std::string_view text) {
  const json event = json::parse(text, nullptr, false);
  if (event.is_discarded()) return Broken("event is not json");
  const std::string name = String(event, "event");
  if (name.empty()) return Broken("event has no name");
  RocksLine out;
  if (!Number(event, "time_micros", out.micros) || out.micros == 0) {
    return Broken("event has no time");
  }
  if (!Number(event, "job", out.job)) return Broken("event has an impossible job");
  if (!Fill(event, name, out)) return Broken("event lacks a field or has an impossible one");
  if (out.kind != Kind::kOther && out.job < 0) return Broken("event has no job");
  return out;
}

}  // namespace

RocksLine ParseRocksLine(std::string_view line) {
  const size_t marker = line.find(kMarker);
  if (marker == line.npos) return ParseProse(line);
  return ParseEvent(line.substr(marker + kMarker.size() - 1));
}
