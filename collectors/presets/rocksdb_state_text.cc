#include "collectors/presets/rocksdb_state.h"

#include <nlohmann/json.hpp>

namespace {

using nlohmann::json;

json Of(const RocksOutput& output) {
  return {output.file, output.family, output.records, output.range_deletions};
}

json Of(const RocksJob& job) {
  json outputs = json::array();
  for (const RocksOutput& output : job.outputs) outputs.push_back(Of(output));
  return {job.id,     static_cast<int>(job.kind), job.family, job.started, job.announced,
          job.micros, job.memtable_records,       job.reason, job.error,   job.inputs,
          outputs};
}

template <class Values, class Write>
json Each(const Values& values, Write write) {
  json array = json::array();
  for (const auto& value : values) array.push_back(write(value));
  return array;
}

RocksOutput OutputOf(const json& value) {
  return {value.at(0), value.at(1), value.at(2), value.at(3)};
}

RocksJob JobOf(const json& value) {
  RocksJob job;
  job.id = value.at(0);
  job.kind = static_cast<RocksJob::Kind>(value.at(1).get<int>());
  job.family = value.at(2);
  job.started = value.at(3);
  job.announced = value.at(4);
  job.micros = value.at(5);
  job.memtable_records = value.at(6);
  job.reason = value.at(7);
  job.error = value.at(8);
  job.inputs = value.at(9).get<std::vector<int64_t>>();
  for (const json& output : value.at(10)) job.outputs.push_back(OutputOf(output));
  return job;
}

RocksState StateOf(const json& value) {
  RocksState state;
  state.version = value.at("version");
  state.session = value.at("session");
  state.opening = value.at("opening");
  state.begun_by_id = value.at("begun_by_id");
  state.closed = value.at("closed");
  state.frees_ranges = value.at("frees_ranges");
  state.micros = value.at("micros");
  state.next_family = value.at("next_family");
  for (const json& v : value.at("families")) {
    state.families[v.at(0)] = RocksFamily{v.at(1), v.at(2), v.at(3)};
  }
  for (const json& v : value.at("files")) {
    state.files[v.at(0)] = {v.at(1), static_cast<RocksFile::Fate>(v.at(2).get<int>())};
  }
  for (const json& v : value.at("jobs")) state.jobs.push_back(JobOf(v));
  for (const json& v : value.at("held")) {
    state.held.push_back({v.at(0), v.at(1), v.at(2), v.at(3)});
  }
  for (const json& v : value.at("moves")) {
    state.moves.push_back({v.at(0), v.at(1), v.at(2), v.at(3)});
  }
  for (const json& v : value.at("statuses")) {
    state.statuses.push_back(RocksStatus{v.at(0), v.at(1), v.at(2), v.at(3)});
  }
  state.seen_jobs = value.at("seen_jobs").get<std::set<int64_t>>();
  return state;
}

}  // namespace

std::string RocksState::Write() const {
  const json value = {{"version", version},
                      {"session", session},
                      {"opening", opening},
                      {"begun_by_id", begun_by_id},
                      {"closed", closed},
                      {"frees_ranges", frees_ranges},
                      {"micros", micros},
                      {"next_family", next_family},
                      {"families", Each(families,
                                        [](const auto& entry) -> json {
                                          const auto& [key, family] = entry;
                                          return {key, family.name, family.id, family.dropped};
                                        })},
                      {"files", Each(files,
                                     [](const auto& entry) -> json {
                                       const auto& [number, file] = entry;
                                       return {number, file.family, static_cast<int>(file.fate)};
                                     })},
                      {"jobs", Each(jobs, [](const RocksJob& job) { return Of(job); })},
                      {"held", Each(held,
                                    [](const RocksHeldDeletion& d) -> json {
                                      return {d.file, d.micros, d.deleted_by, d.waits_for};
                                    })},
                      {"moves", Each(moves,
                                     [](const RocksMove& move) -> json {
                                       return {move.family, move.file, move.level, move.bytes};
                                     })},
                      {"statuses", Each(statuses,
                                        [](const RocksStatus& s) -> json {
                                          return {s.family, s.input_records, s.error, s.skipped};
                                        })},
                      {"seen_jobs", seen_jobs}};
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

RocksState RocksState::Read(std::string_view text) {
  try {
    return StateOf(json::parse(text));
  } catch (const json::exception&) {
    return {};
  }
}
