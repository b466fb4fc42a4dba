#include "collectors/line_parser.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/fuzz/fuzz_lines.h"

namespace {

// All that a source can say of its lines; the first byte of the input chooses.
CompactionLogConfig SourceOf(unsigned choice) {
  CompactionLogConfig config;
  config.format = static_cast<LogFormat>(choice % 3);
  config.pattern =
      R"((?P<ts>\S+) (?P<project>\S+) day=(?P<day>\S*) (?P<existing>\S+)->(?P<written>\S+))"
      R"((?: host=(?P<host>\S*))?(?: path=(?P<path>.*))?)";
  constexpr const char* kTimes[] = {"rfc3339", "unix_s", "unix_us", "%Y-%m-%d %H:%M:%E*S"};
  config.time_format = kTimes[choice / 3 % 4];
  config.time_zone = "Europe/Berlin";
  config.day_format = choice / 12 % 2 == 0 ? "%Y-%m-%d" : "%Y%m%d";
  config.fields = {{"time", "ts"},        {"project", "project"}, {"day", "day"},
                   {"server", "host"},    {"path", "path"},       {"existing", "existing"},
                   {"written", "written"}};
  if (choice / 24 % 2 != 0) config.partition = "{project}/{day}";
  if (choice / 48 % 2 != 0 && config.format != LogFormat::kRegex) {
    config.fields["run"] = "a.b.c";
    config.match = {{"event", {"done", "7", "true"}}};
    config.outcome = OutcomeField{"a.status", {"failed"}, {"begun"}};
    config.constants = {{"server", "here"}, {"existing", "0"}};
  }
  return config;
}

void Demand(bool holds) {
  if (!holds) __builtin_trap();
}

void DemandPossible(const Fact& fact, const Batch& batch) {
  for (const int64_t count :
       {fact.existing, fact.fresh, fact.recovered, fact.duplicates, fact.deleted, fact.written}) {
    Demand(count >= kUnknownCount && count <= kMaxCount);
  }
  Demand(fact.kind != FactKind::kRun || fact.written != kUnknownCount);
  Demand(fact.logged_at > Time{} && FormatTime(fact.logged_at).size() == 24);
  Demand(FormatDay(fact.day) == "-" || FormatDay(fact.day).size() == 10);
  Demand(fact.project.size > 0);
  for (const Text text : {fact.server, fact.project, fact.run, fact.path}) {
    Demand(text.at + size_t{text.size} <= batch.text.size());
    Demand(IsUtf8(batch.View(text)));
  }
}

std::string Said(const Fact& fact, const Batch& batch) {
  std::string said = FormatTime(fact.logged_at) + FormatDay(fact.day);
  for (const int64_t value : {static_cast<int64_t>(fact.kind), fact.existing, fact.written}) {
    said += ' ' + std::to_string(value);
  }
  for (const Text text : {fact.server, fact.project, fact.run, fact.path}) {
    said += '\n';
    said += batch.View(text);
  }
  return said;
}

}  // namespace

// Lines of one source: no impossible fact comes of any, and a parser that has read lines before,
// and learned from them, says of each what a new one says.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const CompactionLogConfig config = SourceOf(data[0]);
  auto parser = LineParser::Create(config).value();
  Batch batch;
  ForEachLine({reinterpret_cast<const char*>(data) + 1, size - 1}, [&](std::string_view line) {
    const size_t before = batch.facts.size();
    const LineResult result = parser.Parse(line, {}, batch);
    Demand(batch.facts.size() == before + (result.outcome == LineOutcome::kFacts ? 1 : 0));
    auto fresh = LineParser::Create(config).value();
    Batch other;
    const LineResult again = fresh.Parse(line, {}, other);
    Demand(again.outcome == result.outcome && again.reason == result.reason);
    if (result.outcome != LineOutcome::kFacts) return;
    DemandPossible(batch.facts.back(), batch);
    Demand(Said(batch.facts.back(), batch) == Said(other.facts.back(), other));
  });
  return 0;
}
