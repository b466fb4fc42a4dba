#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "collectors/tail.h"
#include "tests/catch.h"
#include "tests/temporary_directory.h"

// What the tail tests share: a clock that is moved by hand, and a ledger in memory that commits
// what a Tail returns and refuses gaps, overlaps and doubled ranges.

class FakeClock final : public Clock {
 public:
  Time Now() const override { return Time(std::chrono::milliseconds(1456160531000) + since_boot); }
  std::chrono::milliseconds SinceBoot() const override { return since_boot; }
  std::chrono::milliseconds since_boot{1000};
};

inline void Append(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::app | std::ios::binary) << bytes;
}
inline void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::trunc | std::ios::binary) << bytes;
}
inline std::string Lines(const std::string& tag, int count, int first = 0) {
  std::string text;
  for (int i = first; i < first + count; ++i) {
    text += tag + " line " + std::to_string(i) + " some more bytes\n";
  }
  return text;
}

// A log as the test saw it come out: bytes by offset, with the quarantined ranges as given.
struct SeenLog {
  int64_t to = 0;
  std::string bytes;  // lines as they are, quarantined bytes as '?'
  std::vector<TailEvent> quarantined;
  bool unterminated = false;
  bool finished = false;
};

class Rig {
 public:
  explicit Rig(std::vector<std::string> globs, bool follow = true) : globs_(std::move(globs)) {
    options.follow = follow;
    options.clock = &clock;
  }

  // Forgets everything that was not committed.
  void Start() {
    tail.reset();
    for (auto& [id, log] : seen) {
      const int64_t committed = positions.contains(id) ? positions[id].to : 0;
      log.bytes.resize(static_cast<size_t>(committed));
      log.to = committed;
    }
    std::vector<LogPosition> known;
    for (const auto& [id, position] : positions) known.push_back(position);
    auto opened = Tail::Open(0, globs_, known, options, &next_log_id);
    REQUIRE(opened);
    tail.emplace(std::move(*opened));
  }
  void Restart() { Start(); }

  // Reads until caught up and commits; `events`: stop after so many, without committing.
  void Read(int events = -1) {
    if (!tail) Start();
    while (events != 0) {
      const auto event = tail->Next();
      if (!event) break;
      Take(*event);
      if (events > 0) --events;
    }
    if (events < 0) Commit();
  }
  void Rescan() {
    if (!tail) Start();
    tail->Rescan();
    Read();
  }
  // Lets quiet periods pass.
  void Wait(std::chrono::milliseconds time = std::chrono::seconds(6)) {
    clock.since_boot += time;
    Rescan();
    Rescan();
  }
  void Commit() {
    for (const LogPosition& position : tail->TakePositions()) {
      const int64_t committed = positions.contains(position.log) ? positions[position.log].to : 0;
      REQUIRE(position.from == committed);
      REQUIRE(position.to == seen[position.log].to);
      positions[position.log] = position;
    }
    for (const auto& [id, log] : seen) {
      if (log.to > 0) REQUIRE(positions[id].to == log.to);
    }
  }

  // The contents of all logs, in the order they were first seen.
  std::vector<std::string> Contents() const {
    std::vector<std::string> contents;
    for (const auto& [id, log] : seen) {
      if (!log.bytes.empty()) contents.push_back(log.bytes);
    }
    return contents;
  }
  std::vector<std::string> BlindReasons() const {
    std::vector<std::string> reasons;
    for (const TailEvent& event : blind) reasons.emplace_back(event.reason);
    return reasons;
  }

  FakeClock clock;
  TailOptions options;
  uint32_t next_log_id = 1;
  std::optional<Tail> tail;
  std::map<uint32_t, SeenLog> seen;
  std::map<uint32_t, LogPosition> positions;  // committed
  std::vector<TailEvent> blind;

 private:
  void Take(const TailEvent& event) {
    if (event.kind == TailEvent::Kind::kBlind) {
      blind.push_back(event);
      return;
    }
    SeenLog& log = seen[event.log];
    REQUIRE(event.log > 0);
    REQUIRE(event.offset == log.to);
    REQUIRE(event.length > 0);
    log.to += event.length;
    log.unterminated = event.unterminated;
    if (event.kind == TailEvent::Kind::kLines) {
      REQUIRE(static_cast<int64_t>(event.lines.size()) == event.length);
      REQUIRE((event.lines.back() == '\n') != event.unterminated);
      log.bytes.append(event.lines);
      return;
    }
    REQUIRE_FALSE(event.reason.empty());
    log.bytes.append(static_cast<size_t>(event.length), '?');
    log.quarantined.push_back(event);
  }
  std::vector<std::string> globs_;
};

using Strings = std::vector<std::string>;
