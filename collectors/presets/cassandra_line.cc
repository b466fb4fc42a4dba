#include "collectors/presets/cassandra_line.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace {

using Kind = CassandraLine::Kind;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::optional<int64_t> Count(std::string_view digits) {
  int64_t count = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), count);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (count < 0 || count > kMaxCount) return std::nullopt;
  return count;
}

// Bytes of a thousands separator at `at`: , . ' or a no-break space; 0 where there is none.
size_t SeparatorAt(std::string_view text, size_t at) {
  for (const std::string_view separator : {",", ".", "'", "\u00a0", "\u202f", "\u2019"}) {
    if (text.substr(at).starts_with(separator)) return separator.size();
  }
  return 0;
}

// The grouped number that `text` starts with: "1,234,567 …". A separator counts only before three
// digits, so that the stop in "merged to 56." ends the sentence.
std::optional<int64_t> GroupedNumber(std::string_view text) {
  std::string digits;
  size_t at = 0;
  while (at < text.size() && IsDigit(text[at])) digits += text[at++];
  while (true) {
    const size_t group = at + SeparatorAt(text, at);
    if (group == at || group + 3 > text.size()) break;
    if (!std::all_of(text.begin() + group, text.begin() + group + 3, IsDigit)) break;
    digits.append(text.substr(group, 3));
    at = group + 3;
  }
  return Count(digits);
}

// Where the word before `end` begins; words are separated by plain spaces.
size_t WordBefore(std::string_view text, size_t end) {
  const size_t space = text.substr(0, end).rfind(' ');
  return space == text.npos ? 0 : space + 1;
}

// The first "2019-12-18 11:17:52,075" (or with T) of the head of the line.
std::string_view TimeIn(std::string_view line) {
  constexpr std::string_view kForm = "0000-00-00 00:00:00,000";
  for (size_t at = 0; at + kForm.size() <= line.size() && at < 160; ++at) {
    const std::string_view text = line.substr(at, kForm.size());
    const auto fits = [](char want, char have) {
      if (want == '0') return IsDigit(have);
      if (want == ',') return have == ',' || have == '.';
      return have == want || (want == ' ' && have == 'T');
    };
    if (std::equal(kForm.begin(), kForm.end(), text.begin(), fits)) return text;
  }
  return {};
}

// The thread, "[CompactionExecutor:4769]": it runs one compaction at a time.
std::string_view ThreadIn(std::string_view line) {
  const size_t open = line.find('[');
  const size_t close = line.find(']', open == line.npos ? 0 : open);
  if (open == line.npos || close == line.npos || open > 16) return {};
  return line.substr(open + 1, close - open - 1);
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return IsHex(c) || c == '-'; });
}

std::string SstableName(std::string_view path) {
  while (!path.empty() && path.front() == ' ') path.remove_prefix(1);
  while (!path.empty() && path.back() == ' ') path.remove_suffix(1);
  if (path.starts_with("file:/")) path.remove_prefix(path.starts_with("file:///") ? 7 : 5);
  constexpr std::string_view kComponent = "-Data.db";
  if (path.ends_with(kComponent)) path.remove_suffix(kComponent.size());
  std::string name(path);
  for (const std::string_view marker : {"-tmplink-", "-tmp-"}) {
    const size_t file = name.rfind('/') + 1;  // npos + 1 is 0
    const size_t at = name.find(marker, file);
    if (at != name.npos) name.replace(at, marker.size(), "-");
  }
  return name;
}

// "SSTableReader(path='A'), BigTableReader(path='B')" or "A:level=0, B:level=1:origin=memtable, "
// or "A,B,". Paths with a comma or a quote are not to be had in Cassandra (names are [A-Za-z0-9_]).
std::vector<std::string> Sstables(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    const size_t quote = item.find("path='");
    if (quote != item.npos) item = item.substr(quote + 6, item.find('\'', quote + 6) - quote - 6);
    item = item.substr(0, item.find(":level="));
    std::string name = SstableName(item);
    if (!name.empty()) names.push_back(std::move(name));
  }
  return names;
}

// "{1:1, 4:1, }"; false where it is not that.
bool MergeCounts(std::string_view text, CassandraLine& out) {
  const size_t end = text.find('}');
  if (text.empty() || text.front() != '{' || end == text.npos) return false;
  std::string_view list = text.substr(1, end - 1);
  while (true) {
    while (!list.empty() && (list.front() == ' ' || list.front() == ',')) list.remove_prefix(1);
    if (list.empty()) return true;
    const size_t comma = std::min(list.find(','), list.size());
    const std::string_view pair = list.substr(0, comma);
    const size_t colon = pair.find(':');
    if (colon == pair.npos) return false;
    const auto sstables = Count(pair.substr(0, colon));
    const auto partitions = Count(pair.substr(colon + 1));
    if (!sstables || *sstables > 1'000'000 || !partitions) return false;
    if (!out.merge_counts.emplace(*sstables, *partitions).second) return false;
    list.remove_prefix(comma);
  }
}

// Σ (k + `shift`) · c_k, saturating.
int64_t Total(const std::map<int64_t, int64_t>& counts, int64_t shift) {
  __int128 total = 0;
  for (const auto& [sstables, partitions] : counts) {
    total += static_cast<__int128>(sstables + shift) * partitions;
  }
  return static_cast<int64_t>(std::min<__int128>(total, kMaxCount + 1));
}

// DSE counts from 0. A key 0 proves it; without one, the total that the line claims tells.
void CountFromOne(CassandraLine& line) {
  line.zero_based = line.merge_counts.contains(0);
  if (!line.zero_based && Total(line.merge_counts, 0) != line.before) {
    line.zero_based = Total(line.merge_counts, 1) == line.before;
  }
  if (!line.zero_based) return;
  std::map<int64_t, int64_t> shifted;
  for (const auto& [sstables, partitions] : line.merge_counts) shifted[sstables + 1] = partitions;
  line.merge_counts = std::move(shifted);
}

CassandraLine Broken(std::string_view reason) {
  CassandraLine line;
  line.kind = Kind::kBroken;
  line.reason = reason;
  return line;
}

// The message's prefix: "[Compact ks.t UUID] " (Scylla) names the compaction, else "(UUID) " after
// the verb does, else the thread. `at` stands on the verb; gives what follows it.
std::string_view TakeIdentity(std::string_view line, size_t at, CassandraLine& out) {
  std::string_view rest = line.substr(line.find(' ', at) + 1);
  const std::string_view head = line.substr(0, at);
  const size_t scylla = head.rfind("[Compact ");
  if (scylla != head.npos && head.ends_with("] ")) {
    const std::string_view name = head.substr(scylla + 9, head.size() - scylla - 11);
    const size_t space = name.find(' ');
    out.table = name.substr(0, space);
    if (space != name.npos) out.run = name.substr(space + 1);
  }
  const size_t close = rest.find(") ", 37);
  if (rest.starts_with('(') && close != rest.npos && IsUuid(rest.substr(1, 36))) {
    out.run = rest.substr(1, 36);
    out.part = close > 37;
    rest.remove_prefix(close + 2);
  }
  out.join = out.run.empty() ? std::string(ThreadIn(line)) : out.run;
  return rest;
}

CassandraLine Compacting(std::string_view line, size_t at) {
  CassandraLine out;
  const std::string_view rest = TakeIdentity(line, at, out);
  if (!rest.starts_with('[') || rest.find(']') == rest.npos) return {};
  out.kind = Kind::kCompacting;
  out.sstables = Sstables(rest.substr(1, rest.rfind(']') - 1));
  return out;
}

// What follows the list of outputs: totals and counts.
CassandraLine Merged(std::string_view rest, CassandraLine out) {
  constexpr std::string_view kCounts = "merge counts were ";
  std::string_view words = " total partitions merged to ";
  size_t total = rest.find(words);
  if (total == rest.npos) total = rest.find(words = " total rows, ");
  if (total == rest.npos) return Broken("compaction without its totals");
  std::string_view before = rest.substr(WordBefore(rest, total));
  out.estimate = before.starts_with('~');
  if (out.estimate) before.remove_prefix(1);
  const auto in = GroupedNumber(before);
  const auto merged = GroupedNumber(rest.substr(total + words.size()));
  if (!in || !merged) return Broken("totals are not numbers");
  out.before = *in;
  out.after = *merged;
  const size_t counts = rest.find(kCounts, total);
  if (counts != rest.npos) {
    if (!MergeCounts(rest.substr(counts + kCounts.size()), out))
      return Broken("broken merge counts");
    out.has_counts = true;
    CountFromOne(out);
    if (Total(out.merge_counts, 0) > kMaxCount) return Broken("broken merge counts");
  }
  out.kind = Kind::kCompacted;
  return out;
}

CassandraLine Compacted(std::string_view line, size_t at) {
  CassandraLine out;
  const std::string_view rest = TakeIdentity(line, at, out);
  constexpr std::string_view kTo = " sstables to [";
  const size_t to = rest.find(kTo);
  const size_t close = rest.find(']', to == rest.npos ? 0 : to);
  // Others also say "Compacted": only a count of sstables is this form.
  if (to == rest.npos || to > 20 || !IsDigit(rest.front())) return {};
  if (close == rest.npos) return Broken("compaction without its outputs");
  const auto count = GroupedNumber(rest);
  if (!count) return Broken("totals are not numbers");
  out.input_count = *count;
  out.sstables = Sstables(rest.substr(to + kTo.size(), close - to - kTo.size()));
  return Merged(rest.substr(close), std::move(out));
}

CassandraLine Flushed(std::string_view line, size_t at) {
  CassandraLine out;
  const std::string_view rest = line.substr(at);
  // Else: "Completed flushing; nothing needed to be retained".
  if (!rest.starts_with('/') && !rest.starts_with("file:/")) return {};
  out.kind = Kind::kFlushed;
  out.sstables = {SstableName(rest.substr(0, rest.find(' ')))};
  return out;
}

CassandraLine ParseMessage(std::string_view line) {
  constexpr std::string_view kFlushed = "Completed flushing ", kVersion = "Cassandra version: ";
  if (const size_t at = line.find(" Compacted "); at != line.npos) return Compacted(line, at + 1);
  if (const size_t at = line.find(" Compacting "); at != line.npos) return Compacting(line, at + 1);
  if (const size_t at = line.find(kFlushed); at != line.npos) {
    return Flushed(line, at + kFlushed.size());
  }
  CassandraLine out;
  if (const size_t at = line.find(kVersion); at != line.npos) {
    out.kind = Kind::kVersion;
    const std::string_view rest = line.substr(at + kVersion.size());
    out.text = rest.substr(0, rest.find_first_of(" \r"));
  }
  return out;
}

}  // namespace

CassandraLine ParseCassandraLine(std::string_view line) {
  CassandraLine out = ParseMessage(line);
  if (out.kind != Kind::kOther) out.time = TimeIn(line);
  if (out.table.empty() && !out.sstables.empty()) out.table = TableOf(out.sstables.front());
  return out;
}

std::string TableOf(std::string_view sstable) {
  std::vector<std::string_view> parts;
  for (size_t end = sstable.rfind('/'); end != sstable.npos && end > 0 && parts.size() < 3;) {
    const size_t begin = sstable.rfind('/', end - 1);
    if (begin == sstable.npos) break;
    parts.push_back(sstable.substr(begin + 1, end - begin - 1));
    end = begin;
  }
  const bool index = !parts.empty() && parts[0].starts_with('.');
  const size_t table_at = index ? 1 : 0;
  if (parts.size() < table_at + 2) return {};
  std::string_view table = parts[table_at];
  // "local-7ad54392bcdd35a684174e047860b377": the table's id, since 2.1.
  const size_t dash = table.rfind('-');
  if (dash != table.npos && table.size() - dash == 33 &&
      std::all_of(table.begin() + dash + 1, table.end(), IsHex)) {
    table = table.substr(0, dash);
  }
  return std::string(parts[table_at + 1]) + "." + std::string(table) +
         (index ? std::string(parts[0]) : "");
}
