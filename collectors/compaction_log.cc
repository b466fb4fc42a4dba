#include "collectors/compaction_log.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "collectors/presets.h"
#include "collectors/rotated_name.h"

namespace {

// While a log is followed: lines that belong together come within moments.
constexpr std::chrono::minutes kPatience(10);
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// The name that a log had before it was rotated: all that ever had it follow one another.
std::string FirstName(const std::string& path) {
  const size_t file = path.rfind('/') + 1;  // npos + 1 is 0
  return path.substr(0, file) + std::string(ParseRotatedName(path.c_str() + file).stem);
}

MakeJoiner JoinerOfPreset(const std::string& preset) {
  for (const PresetEntry& entry : Presets()) {
    if (entry.preset.name == preset) return entry.make_joiner;
  }
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<CompactionLog>> CompactionLog::Open(
    int16_t index, const CompactionLogConfig& config, const std::vector<std::string>& paths,
    std::vector<LogPosition> known, const TailOptions& options, uint32_t* next_log_id) {
  const MakeJoiner make_joiner = JoinerOfPreset(config.preset);
  // Where a joiner reads the lines, the parser is not asked.
  auto parser = LineParser::Create(make_joiner ? CompactionLogConfig{} : config);
  if (!parser) return Within(config.name, parser.error());
  const std::vector<LogPosition> positions = known;
  auto tail = Tail::Open(index, paths, std::move(known), options, next_log_id);
  if (!tail) return Within(config.name, tail.error());
  return std::unique_ptr<CompactionLog>(new CompactionLog(
      index, config, options, std::move(*parser), std::move(*tail), make_joiner, positions));
}

CompactionLog::CompactionLog(int16_t index, const CompactionLogConfig& config,
                             const TailOptions& options, LineParser parser, Tail tail,
                             MakeJoiner make_joiner, const std::vector<LogPosition>& known)
    : index_(index),
      config_(config),
      clock_(*options.clock),
      parser_(std::move(parser)),
      tail_(std::move(tail)),
      make_joiner_(make_joiner) {
  if (!make_joiner_) return;
  for (const LogPosition& position : known) {
    uint32_t& newest = newest_[FirstName(position.path)];
    newest = std::max(newest, position.log);
  }
  for (const LogPosition& position : known) {
    if (position.finished && newest_[FirstName(position.path)] != position.log) continue;
    suspended_[position.log] = Suspend(position.joiner_state, position.finished);
  }
}

bool CompactionLog::Fill(Batch& batch, size_t max_bytes) {
  size_t read = 0;
  bool more = true;
  if (batch.empty()) {
    batch.facts.reserve(last_facts_);
    batch.text.reserve(last_text_);
  }
  while (read < max_bytes) {
    const auto event = tail_.Next();
    more = event.has_value();
    if (!more) break;
    if (event->kind == TailEvent::Kind::kBlind) {
      Blind(*event, batch);
    } else if (const std::string_view bad = WhyBad(*event); !bad.empty()) {
      const LineOrigin origin{index_, event->log, event->offset, 0};
      if (make_joiner_) JoinerOf(*event).Missed();
      ++Counts(batch).lines;
      Quarantine(origin, event->length, bad, batch);
    } else {
      Lines(*event, batch);
      read += event->lines.size();
    }
  }
  std::vector<LogPosition> positions = tail_.TakePositions();
  KeepStates(positions);
  for (LogPosition& position : positions) AddPosition(std::move(position), batch);
  if (!more) ReportWaiting(kPatience, batch);
  last_facts_ = batch.facts.size() + batch.facts.size() / 8;
  last_text_ = batch.text.size() + batch.text.size() / 8;
  return more;
}

void CompactionLog::End(Batch& batch) {
  for (const TailEvent& event : tail_.UnendedLines()) AddBlind(event, batch);
  ReportWaiting({}, batch);
}

// A number at the end of a line that was cut off is a wrong number. A JSON object shows its end.
std::string_view CompactionLog::WhyBad(const TailEvent& event) const {
  if (event.kind == TailEvent::Kind::kQuarantined) return event.reason;
  const bool shows_its_end = !make_joiner_ && config_.format == LogFormat::kJson;
  return event.unterminated && !shows_its_end ? "no newline: the line may be cut off" : "";
}

void CompactionLog::Lines(const TailEvent& event, Batch& batch) {
  Joiner* const joiner = make_joiner_ ? &JoinerOf(event) : nullptr;
  const char* at = event.lines.data();
  const char* const end = at + event.lines.size();
  LineOrigin origin{index_, event.log, event.offset, 0};
  while (at < end) {
    const auto* newline =
        static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    const char* stop = newline ? newline : end;
    const size_t size = static_cast<size_t>(stop - at);
    const bool carriage_return = size > 0 && stop[-1] == '\r';
    std::string_view line(at, size - carriage_return);
    if (origin.offset == 0 && line.starts_with(kByteOrderMark)) line.remove_prefix(3);
    Line(line, origin, joiner, batch);
    origin.offset += static_cast<int64_t>(size) + 1;
    at = stop + 1;
  }
}

void CompactionLog::Line(std::string_view line, const LineOrigin& origin, Joiner* joiner,
                         Batch& batch) {
  LineCounts& counts = Counts(batch);
  ++counts.lines;
  const LineResult result =
      joiner ? joiner->Line(line, origin, batch) : parser_.Parse(line, origin, batch);
  if (result.outcome == LineOutcome::kIgnored) ++counts.ignored;
  if (result.outcome == LineOutcome::kQuarantined) {
    Quarantine(origin, static_cast<int64_t>(line.size()), result.reason, batch);
  }
}

void CompactionLog::Quarantine(const LineOrigin& origin, int64_t length, std::string_view reason,
                               Batch& batch) {
  ++Counts(batch).quarantined;
  Fact fact;
  fact.kind = FactKind::kQuarantined;
  fact.source = index_;
  fact.log = origin.log;
  fact.offset = origin.offset;
  fact.length = static_cast<uint32_t>(std::min<int64_t>(length, UINT32_MAX));
  fact.detail = batch.Add(nlohmann::json{{"reason", reason}, {"length", length}}.dump());
  batch.facts.push_back(fact);
}

void CompactionLog::Blind(const TailEvent& event, Batch& batch) {
  if (make_joiner_) Missed(event);
  AddBlind(event, batch);
}

void CompactionLog::AddBlind(const TailEvent& event, Batch& batch) const {
  nlohmann::json detail{{"reason", event.reason}, {"path", event.path}};
  if (event.from != Time{}) detail["from"] = FormatTime(event.from);
  if (event.to != Time{}) detail["to"] = FormatTime(event.to);
  if (event.length >= 0) detail["bytes"] = event.length;
  Fact fact;
  fact.kind = FactKind::kBlind;
  fact.source = index_;
  fact.log = event.log;
  fact.offset = event.offset;
  fact.detail = batch.Add(detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  batch.facts.push_back(fact);
}

// A log that is new goes on where the newest one of its name stopped: a database that is opened
// again begins a new log, and what it still holds was said in the old one.
Joiner& CompactionLog::JoinerOf(const TailEvent& event) {
  auto& joiner = joiners_[event.log];
  if (joiner) return *joiner;
  joiner = make_joiner_(config_);
  uint32_t& newest = newest_[FirstName(event.path)];
  const uint32_t from = event.log > newest ? newest : event.log;
  if (const auto live = joiners_.find(from); from != event.log && live != joiners_.end()) {
    joiner->Restore(live->second->State());
  } else if (const auto kept = suspended_.find(from); kept != suspended_.end()) {
    joiner->Restore(kept->second.state);
    if (from == event.log || kept->second.finished) suspended_.erase(kept);
  }
  if (from != event.log && !tail_.Found(from)) joiner->Missed();
  newest = std::max(newest, event.log);
  return *joiner;
}

// What was lost belonged to the log, and what it would have said goes on in the newest of its name.
void CompactionLog::Missed(TailEvent event) {
  const auto newest = newest_.find(FirstName(event.path));
  if (newest == newest_.end()) return;
  const auto joiner = joiners_.find(event.log);
  if (joiner != joiners_.end() && event.log != newest->second) joiner->second->Missed();
  event.log = newest->second;
  JoinerOf(event).Missed();
}

CompactionLog::Suspended CompactionLog::Suspend(std::string state, bool finished) const {
  const auto joiner = make_joiner_(config_);
  joiner->Restore(state);
  return {std::move(state), finished, joiner->WaitingSince()};
}

std::optional<Time> CompactionLog::WaitingSince(uint32_t log) const {
  if (const auto live = joiners_.find(log); live != joiners_.end()) {
    return live->second->WaitingSince();
  }
  const auto kept = suspended_.find(log);
  return kept == suspended_.end() ? std::nullopt : kept->second.waiting_since;
}

// Where all was read and a line still waits for another one, what it means is not known. Both ends
// of the interval are of the log, so that it is the same fact whenever it is said again.
void CompactionLog::ReportWaiting(std::chrono::milliseconds patience, Batch& batch) {
  for (const auto& [name, log] : newest_) {
    const auto since = WaitingSince(log);
    const bool may_come = patience.count() > 0 && since && clock_.Now() - *since < patience;
    if (!since || may_come) continue;
    if (std::exchange(waits_told_[log], *since) == *since) continue;
    TailEvent event;
    event.log = log;
    event.length = -1;
    event.reason = "a line waits for another one that tells what it means";
    event.path = name;
    event.from = event.to = *since;
    AddBlind(event, batch);
  }
}

void CompactionLog::KeepStates(std::vector<LogPosition>& positions) {
  for (LogPosition& position : positions) {
    const auto joiner = joiners_.find(position.log);
    if (joiner == joiners_.end()) continue;
    position.joiner_state = joiner->second->State();
    if (!position.finished) continue;
    joiners_.erase(joiner);
    if (newest_[FirstName(position.path)] == position.log) {
      suspended_[position.log] = Suspend(position.joiner_state, true);
    }
  }
}

// A log has one position in a batch: where it was before, and where it is after all of it.
void CompactionLog::AddPosition(LogPosition position, Batch& batch) {
  read_bytes_ += position.to - position.from;
  const auto before =
      std::find_if(batch.positions.begin(), batch.positions.end(),
                   [&](const LogPosition& known) { return known.log == position.log; });
  if (before == batch.positions.end()) return batch.positions.push_back(std::move(position));
  position.from = before->from;
  *before = std::move(position);
}

LineCounts& CompactionLog::Counts(Batch& batch) const {
  if (batch.lines.size() <= static_cast<size_t>(index_)) {
    batch.lines.resize(static_cast<size_t>(index_) + 1);
  }
  return batch.lines[static_cast<size_t>(index_)];
}
