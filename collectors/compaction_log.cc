#include "collectors/compaction_log.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "collectors/presets.h"

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

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
      index, config, std::move(*parser), std::move(*tail), make_joiner, positions));
}

CompactionLog::CompactionLog(int16_t index, const CompactionLogConfig& config, LineParser parser,
                             Tail tail, MakeJoiner make_joiner,
                             const std::vector<LogPosition>& known)
    : index_(index),
      config_(config),
      parser_(std::move(parser)),
      tail_(std::move(tail)),
      make_joiner_(make_joiner) {
  if (!make_joiner_) return;
  for (const LogPosition& position : known) {
    joiner_states_[position.log] = position.joiner_state;
    newest_log_ = std::max(newest_log_, position.log);
  }
}

bool CompactionLog::Fill(Batch& batch, size_t max_bytes) {
  size_t read = 0;
  bool any = false;
  batch.facts.reserve(last_facts_);
  batch.text.reserve(last_text_);
  while (read < max_bytes) {
    const auto event = tail_.Next();
    if (!event) break;
    any = true;
    if (event->kind == TailEvent::Kind::kBlind) {
      Blind(*event, batch);
    } else if (const std::string_view bad = WhyBad(*event); !bad.empty()) {
      const LineOrigin origin{index_, event->log, event->offset, 0};
      ++Counts(batch).lines;
      Quarantine(origin, event->length, bad, batch);
    } else {
      Lines(*event, batch);
      read += event->lines.size();
    }
  }
  for (LogPosition& position : tail_.TakePositions()) {
    any = true;
    if (const auto joiner = joiners_.find(position.log); joiner != joiners_.end()) {
      position.joiner_state = joiner->second->State();
      if (position.finished) joiners_.erase(joiner);
    }
    batch.positions.push_back(std::move(position));
  }
  last_facts_ = batch.facts.size() + batch.facts.size() / 8;
  last_text_ = batch.text.size() + batch.text.size() / 8;
  return any;
}

// A number at the end of a line that was cut off is a wrong number. A JSON object shows its end.
std::string_view CompactionLog::WhyBad(const TailEvent& event) const {
  if (event.kind == TailEvent::Kind::kQuarantined) return event.reason;
  const bool shows_its_end = !make_joiner_ && config_.format == LogFormat::kJson;
  return event.unterminated && !shows_its_end ? "no newline: the line may be cut off" : "";
}

void CompactionLog::Lines(const TailEvent& event, Batch& batch) {
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
    Line(line, origin, batch);
    origin.offset += static_cast<int64_t>(size) + 1;
    at = stop + 1;
  }
}

void CompactionLog::Line(std::string_view line, const LineOrigin& origin, Batch& batch) {
  LineCounts& counts = Counts(batch);
  ++counts.lines;
  const LineResult result = make_joiner_ ? JoinerOf(origin.log).Line(line, origin, batch)
                                         : parser_.Parse(line, origin, batch);
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

// A log that is new goes on where the newest one before it stopped: a database that is opened again
// begins a new log, and what it still holds was said in the old one.
Joiner& CompactionLog::JoinerOf(uint32_t log) {
  auto& joiner = joiners_[log];
  if (joiner) return *joiner;
  joiner = make_joiner_(config_);
  if (const auto state = joiner_states_.find(log); state != joiner_states_.end()) {
    joiner->Restore(state->second);
  } else if (const auto newest = joiners_.find(newest_log_);
             newest != joiners_.end() && newest->second) {
    joiner->Restore(newest->second->State());
  } else if (newest_log_ != 0) {
    joiner->Restore(joiner_states_[newest_log_]);
  }
  newest_log_ = std::max(newest_log_, log);
  return *joiner;
}

LineCounts& CompactionLog::Counts(Batch& batch) const {
  if (batch.lines.size() <= static_cast<size_t>(index_)) {
    batch.lines.resize(static_cast<size_t>(index_) + 1);
  }
  return batch.lines[static_cast<size_t>(index_)];
}
