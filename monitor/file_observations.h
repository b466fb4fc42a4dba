#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "monitor/file_fact.h"
#include "monitor/time.h"

// What the ledger shows to the rules about canonical files (see rule_book.h). Plain values.

// A required partition that holds events, and whether a file of it is where one has to be.
struct MissingFileObservation {
  std::string server, project, format;
  Day day;
  bool missing = true;
  std::string expected_path;
  std::string found_at;  // where a file of that name turned up instead; empty: nowhere known
  std::string run, version, previous_version;  // of the run that wrote it last
  int64_t events = kUnknownCount;              // that it should hold
  Time since{};
};

// A generation of a file for which no run accounts, or for which one does after all.
struct GenerationObservation {
  std::string server, project, format;
  Day day;
  bool explained = false;
  std::string path;
  FileFact fact;
  Time seen_at{};
};

// One program has read files of a format that is declared dead.
struct DeadReadObservation {
  std::string server, format;
  std::string executable, process, unit, confidence;  // empty: unknown
  int64_t reads = 0, opens = 0, files = 0;
  Time first_at{}, last_at{};
  std::vector<std::string> sample_paths;
};

struct MisplacedFileObservation {
  std::string server, project, format;
  Day day;
  std::string path, place;
  std::string by;  // the executable, else the process; empty: unknown
};

// Two formats of the same events, written by the same run.
struct FormatsObservation {
  std::string server, project, run, version;
  Day day;
  std::string format, other_format;
  int64_t written = kUnknownCount, other_written = kUnknownCount;
};
