#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "monitor/ledger_rows.h"
#include "rules/impact.h"

// The JSON documents of DESIGN section 11, the same for the verbs and for the API. Pure functions.
// Names and order are a contract: fields may be added, never renamed. Unknown is null, never 0.

using Document = nlohmann::ordered_json;

// Unknown is null.
Document TextOrNull(const std::string& text);
Document CountOrNull(const std::optional<int64_t>& count);
Document TimeOrNull(const std::optional<Time>& time);  // the epoch itself is unknown, too
// The object in that text; an empty one: it holds none.
Document Parsed(const std::string& text);

// What the documents of a partition begin with.
Document BalanceDocument(const BalanceRow& balance);

Document AlertDocument(const AlertRow& alert);
Document AlertsDocument(const std::vector<AlertRow>& alerts);

// Entries of one timeline, from several ledgers; sorted by the function.
struct TimelineInput {
  std::vector<FactEntry> facts;
  std::vector<AlertRow> alerts;
  std::vector<BlindRow> blind;
};
Document TimelineDocument(const TimelineInput& input);
// A part of it; the others cost next to nothing.
struct TimelinePage {
  std::vector<std::string> kinds;    // empty: any
  std::optional<Time> since, until;  // [since, until)
  bool newest = false;               // first
  size_t offset = 0, limit = SIZE_MAX;
};
struct TimelineSlice {
  Document entries;
  bool more = false;  // after them
};
TimelineSlice SliceTimeline(const TimelineInput& input, const TimelinePage& page);

// One fact as an entry of a timeline.
Document FactEntryDocument(const FactEntry& fact);

Document ImpactDocument(const Impact& impact);
// What was not watched, as `unknown` of an impact lists it.
Document BlindDocument(const BlindRow& blind);

// One fact as /api/v1/facts pages it.
Document FactDocument(const FactEntry& fact);

// Text as it is written out: bytes that are no UTF-8 become U+FFFD. `indent` < 0: one line.
std::string Write(const Document& document, int indent = 2);
