#pragma once

#include <string>

#include "tests/ledger_fixture.h"

// Shared by the tests of canonical files in the ledger: files seen, read and counted, written as
// one would say it.

inline constexpr int64_t kMs = 1'000'000;  // ns

inline int64_t Nanoseconds(const std::string& at) { return Millis(ParseTime(at).value()) * kMs; }

struct TestFile {
  std::string handle = "1:aa";
  std::string at = "2016-02-22T12:00:00Z";  // when it was written
  int64_t size_bytes = 1000;
  std::string project = "acme";
  std::string day = "2016-02-22";
  std::string renamed_to = "";
  bool present = true;
  int16_t files = 0;
};

// Two formats: row, which is required, counted and read by nobody; columnar, declared dead.
class FilesFixture : public LedgerFixture {
 public:
  FilesFixture() {
    CanonicalFilesConfig row;
    row.format = "row";
    row.path = "/data/row/{project}/{day}.evt";
    row.required = true;
    row.recount = {"lines"};
    config.canonical_files.push_back(row);
    CanonicalFilesConfig dead;
    dead.format = "columnar";
    dead.path = "/data/columnar/{project}/{day}.parquet";
    dead.dead_since = "2016-02-01";
    config.canonical_files.push_back(dead);
    watches_files = true;
    OpenWithRules();
  }

  FileSighting Sighting(const TestFile& file) {
    FileSighting sighting;
    sighting.files = file.files;
    sighting.present = file.present;
    sighting.directory = batch.Add(Directory(file));
    sighting.name = batch.Add(file.day + (file.files == 0 ? ".evt" : ".parquet"));
    sighting.project = batch.Add(file.project);
    sighting.day = ParseDay(file.day).value();
    sighting.generation.handle = batch.Add(file.handle);
    sighting.generation.inode = 7;
    sighting.generation.born_ns = sighting.generation.modified_ns = Nanoseconds(file.at);
    sighting.generation.size_bytes = file.size_bytes;
    sighting.renamed_to = batch.Add(file.renamed_to);
    sighting.seen_at = ParseTime(file.at).value();
    return sighting;
  }
  void See(const TestFile& file) { batch.files.sightings.push_back(Sighting(file)); }
  void SeeBy(const TestFile& file, const Actor& actor, bool opened_before = false) {
    See(file);
    batch.files.sightings.back().actor = static_cast<int32_t>(batch.files.actors.size());
    batch.files.sightings.back().opened_before = opened_before;
    batch.files.actors.push_back(actor);
  }
  // What was seen since `first` is all that the directory holds.
  void List(const TestFile& file, size_t first) {
    DirectoryListing listing;
    listing.files = file.files;
    listing.first = static_cast<uint32_t>(first);
    listing.count = static_cast<uint32_t>(batch.files.sightings.size() - first);
    listing.directory = batch.Add(Directory(file));
    listing.modified_ns = 5;
    listing.listed_at = ParseTime(file.at).value();
    batch.files.listings.push_back(listing);
  }
  void EndScan(const std::string& at, int16_t files = 0) {
    const Time time = ParseTime(at).value();
    batch.files.scans.push_back({files, "", time, time});
  }
  void Read(const TestFile& file, const Actor& actor, bool excepted = false) {
    FileRead read;
    read.files = file.files;
    read.excepted = excepted;
    read.bytes = true;
    read.actor = static_cast<int32_t>(batch.files.actors.size());
    batch.files.actors.push_back(actor);
    read.directory = batch.Add(Directory(file));
    read.name = batch.Add(file.day + ".parquet");
    read.project = batch.Add(file.project);
    read.day = ParseDay(file.day).value();
    read.first_at = read.last_at = ParseTime(file.at).value();
    batch.files.reads.push_back(read);
  }
  void Count(const TestFile& file, int64_t rows, const std::string& problem = "") {
    const FileSighting seen = Sighting(file);
    FileCount count;
    count.files = file.files;
    count.directory = seen.directory;
    count.name = seen.name;
    count.handle = seen.generation.handle;
    count.inode = seen.generation.inode;
    count.born_ns = seen.generation.born_ns;
    count.modified_ns = seen.generation.modified_ns;
    count.size_bytes = seen.generation.size_bytes;
    count.rows = rows;
    count.problem = problem;
    count.counted_at = ParseTime(file.at).value() + std::chrono::seconds(5);
    batch.files.counts.push_back(count);
  }
  void CommitAt(const std::string& at) {
    AddPositions();
    batch.observed_at = ParseTime(at).value();
    auto done = ledger->Commit(batch);
    if (!done) FAIL(done.error().message);
    batch = {};
  }
  void Tick(const std::string& at) { REQUIRE(ledger->Tick(ParseTime(at).value())); }
  std::string Changes() {
    return Rows(
        "SELECT json_extract(detail, '$.change') FROM fact WHERE kind = 'file' ORDER BY seq");
  }
  std::string Firing(const std::string& rule) {
    return Query("SELECT count(*) FROM alerts WHERE state = 'firing' AND rule = '" + rule + "'");
  }

 private:
  static std::string Directory(const TestFile& file) {
    return (file.files == 0 ? "/data/row/" : "/data/columnar/") + file.project;
  }
};
