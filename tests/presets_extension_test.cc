#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/joined_log.h"

// The table that rollcall_presets() made of tests/presets_extension/, as it makes the built-in one.
namespace extension {
const std::vector<PresetEntry>& Presets();
}

namespace {

using nlohmann::json;

CompactionLogConfig SourceConfig() {
  CompactionLogConfig config;
  config.shape = Shape::kSegments;
  config.day_format = "%Y%m%d";
  return config;
}

std::string Row(const std::string& type, const std::string& part, int64_t rows,
                const std::vector<std::string>& from = {}) {
  return json{{"event_type", type},
              {"event_time_microseconds", "2026-01-02 03:04:05.123456"},
              {"database", "shop"},
              {"table", "events"},
              {"partition_id", "20260101"},
              {"part_name", part},
              {"rows", rows},
              {"read_rows", 672000},  // bytes, in 18.16
              {"merged_from", from},
              {"error", 0}}
      .dump();
}

JoinedLog JoinRows(const std::vector<std::string>& rows) {
  const PresetEntry* preset = FindPreset(extension::Presets(), "click_house");
  REQUIRE(preset != nullptr);
  REQUIRE(preset->make_joiner != nullptr);
  return Join(preset->make_joiner, SourceConfig(), rows, [](size_t) { return true; });
}

}  // namespace

TEST_CASE("the built-in presets are those of the folder", "[presets]") {
  std::set<std::string> names, files;
  for (const PresetEntry& entry : Presets()) {
    names.emplace(entry.preset.name);
    CHECK_FALSE(entry.preset.yaml.empty());
  }
  for (const auto& file :
       std::filesystem::directory_iterator(ROLLCALL_SOURCE_DIR "/collectors/presets")) {
    if (file.path().extension() == ".yml") files.insert(file.path().stem().string());
  }
  CHECK(names == files);
  CHECK(names.contains("cassandra"));
  CHECK(names.contains("rocksdb"));
}

TEST_CASE("a preset's YAML is embedded byte for byte", "[presets]") {
  std::string text;
  for (const std::string& line :
       LinesOf(ROLLCALL_SOURCE_DIR "/tests/presets_extension/rewriter.yml")) {
    text += line + "\n";
  }
  CHECK(FindPreset(extension::Presets(), "rewriter")->preset.yaml == text);
}

TEST_CASE("a preset of one YAML file needs no code", "[presets]") {
  CHECK(extension::Presets().size() == 2);
  CHECK(FindPreset(extension::Presets(), "rewriter")->make_joiner == nullptr);
}

TEST_CASE("a preset with a joiner needs its two files only", "[presets]") {
  for (const auto& [made, merged] :
       {std::pair{"NewPart", "MergeParts"}, std::pair{"NEW_PART", "MERGE_PARTS"}}) {
    const JoinedLog log =
        JoinRows({Row(made, "20260101_1_1_0", 100), Row(made, "20260101_2_2_0", 50),
                  Row(merged, "20260101_1_2_1", 140, {"20260101_1_1_0", "20260101_2_2_0"})});
    const auto runs = log.Of(FactKind::kRun);
    REQUIRE(runs.size() == 3);
    CHECK(runs[2].existing == 150);
    CHECK(runs[2].written == 140);
    CHECK(log.Text(runs[2].project) == "shop.events");
    CHECK(FormatDay(runs[2].day) == "2026-01-01");
    CHECK(FormatTime(runs[2].logged_at) == "2026-01-02T03:04:05.123Z");
  }
}

TEST_CASE("a merge of parts from before the log does not know what it read", "[presets]") {
  const JoinedLog log = JoinRows({Row("MergeParts", "20260101_1_2_1", 140, {"20260101_1_1_0"})});
  CHECK(log.Of(FactKind::kRun).at(0).existing == kUnknownCount);
}
