#include "collectors/files/file_scan.h"

#include <malloc.h>
#include <unistd.h>

#include "tests/catch.h"
#include "tests/scan_fixture.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::seconds;

class Scanned {
 public:
  explicit Scanned(const std::string& pattern = "/{project}/{day}.evt",
                   ScanRates rates = kUnlimited)
      : pattern_(directory_.path() + "/data" + pattern), rates_(rates) {
    fs::create_directory(data());
    clock_.Shift(seconds(10));
    Start({});
  }
  void Start(const std::vector<KnownDirectory>& known) {
    scan_.emplace(PatternsOf({pattern_}), known, clock_, rates_);
  }
  void Write(const std::string& path, const std::string& content = "x") {
    WriteFile(data() + "/" + path, content);
  }
  // What is known now, relative to the data.
  std::set<std::string> All(int budget = 1000) {
    ScanAll(*scan_, seen_, budget);
    std::set<std::string> paths;
    for (const std::string& path : seen_.paths()) paths.insert(path.substr(data().size() + 1));
    return paths;
  }
  std::set<std::string> Again() {
    scan_->LookAgain();
    return All();
  }
  // The directories that were listed since it was last asked, relative to the data.
  std::set<std::string> Listed() {
    std::set<std::string> paths;
    for (const auto& [path, times] : seen_.TakeListings()) {
      paths.insert(path == data() ? "." : path.substr(data().size() + 1));
    }
    return paths;
  }
  std::string data() const { return directory_.path() + "/data"; }
  const SeenFiles::File& File(const std::string& path) const {
    return seen_.files().at(data() + "/" + path);
  }
  FileScan& scan() { return *scan_; }
  SeenFiles& seen() { return seen_; }
  ShiftedClock& clock() { return clock_; }

 private:
  TemporaryDirectory directory_;
  std::string pattern_;
  ScanRates rates_;
  ShiftedClock clock_;
  std::optional<FileScan> scan_;
  SeenFiles seen_;
};

using Paths = std::set<std::string>;

}  // namespace

TEST_CASE("the first scan tells every canonical file and nothing else", "[file_scan]") {
  Scanned scanned;
  scanned.Write("acme/2016-02-22.evt", "four");
  scanned.Write("acme/2016-02-23.evt");
  scanned.Write("zeta/2016-02-22.evt");
  for (const char* other :
       {"acme/2016-02-22.evt.tmp", "acme/.2016-02-24.evt", "acme/2016-02-31.evt", "2016-02-22.evt",
        "acme/deep/2016-02-22.evt", ".kept/2016-02-22.evt"}) {
    scanned.Write(other);
  }
  fs::create_directory(scanned.data() + "/acme/2016-03-01.evt");
  fs::create_symlink("2016-02-22.evt", scanned.data() + "/acme/2016-03-02.evt");
  fs::create_directory_symlink("acme", scanned.data() + "/alias");
  REQUIRE(mkfifo((scanned.data() + "/acme/2016-03-03.evt").c_str(), 0600) == 0);
  CHECK(scanned.All() ==
        Paths{"acme/2016-02-22.evt", "acme/2016-02-23.evt", "zeta/2016-02-22.evt"});
  const auto& file = scanned.File("acme/2016-02-22.evt");
  CHECK(file.project == "acme");
  CHECK(file.day == "2016-02-22");
  CHECK(file.size_bytes == 4);
  CHECK(file.inode != 0);
  REQUIRE(scanned.seen().ends().size() == 1);
  CHECK(scanned.seen().ends()[0].reason.empty());
  CHECK(scanned.seen().ends()[0].began_at <= scanned.seen().ends()[0].ended_at);
  CHECK(scanned.scan().progress()[0].complete);
  CHECK(scanned.scan().progress()[0].files == 3);
}

TEST_CASE("a project in the name and parts of a day are found", "[file_scan]") {
  Scanned flat("/{project}-{day}.evt");
  flat.Write("acme-2016-02-22.evt");
  CHECK(flat.All() == Paths{"acme-2016-02-22.evt"});
  CHECK(flat.File("acme-2016-02-22.evt").project == "acme");
  Scanned parts("/*/{project}/{day}/*.pq");
  parts.Write("d1/acme/2016-02-22/0.pq");
  parts.Write("d2/acme/2016-02-22/1.pq");
  CHECK(parts.All(1) == Paths{"d1/acme/2016-02-22/0.pq", "d2/acme/2016-02-22/1.pq"});
}

TEST_CASE("a pass lists the directories whose time moved, and only those", "[file_scan]") {
  Scanned scanned;
  scanned.Write("acme/2016-02-22.evt");
  scanned.Write("zeta/2016-02-22.evt");
  scanned.Write("gone/2016-02-22.evt");
  scanned.All();
  CHECK(scanned.Listed() == Paths{"acme", "gone", "zeta"});
  scanned.Again();
  CHECK(scanned.Listed().empty());
  CHECK(scanned.seen().ends().size() == 2);
  scanned.Write("acme/2016-02-23.evt");
  fs::remove(scanned.data() + "/gone/2016-02-22.evt");
  scanned.Write("new/2016-02-22.evt");
  CHECK(scanned.Again() == Paths{"acme/2016-02-22.evt", "acme/2016-02-23.evt", "new/2016-02-22.evt",
                                 "zeta/2016-02-22.evt"});
  CHECK(scanned.Listed() == Paths{"acme", "gone", "new"});
}

TEST_CASE("a scan goes on from what the ledger knows", "[file_scan]") {
  Scanned scanned;
  scanned.Write("acme/2016-02-22.evt");
  scanned.Write("zeta/2016-02-22.evt");
  scanned.Write("gone/2016-02-22.evt");
  scanned.All();
  scanned.Listed();
  fs::remove_all(scanned.data() + "/gone");
  scanned.Write("zeta/2016-02-23.evt");
  scanned.Start(scanned.seen().known());
  Batch batch;
  while (scanned.seen().ends().size() < 2) {
    batch = {};
    REQUIRE(scanned.scan().Step(batch, 1));
    scanned.seen().Take(batch);
  }
  CHECK(scanned.Listed() == Paths{"gone", "zeta"});
  CHECK(scanned.seen().time(scanned.data() + "/gone") == 0);
  CHECK(scanned.seen().paths().size() == 3);
  // What was written anew in place meanwhile is found by the rotation, which follows at once.
  scanned.All();
  CHECK(scanned.Listed() == Paths{"acme", "zeta"});
}

TEST_CASE("a directory that changed just now is listed again", "[file_scan]") {
  Scanned scanned;
  scanned.Write("acme/2016-02-22.evt");
  scanned.clock().Shift(-seconds(10));
  scanned.All();
  CHECK(scanned.seen().time(scanned.data() + "/acme") == 0);
  scanned.Listed();
  scanned.Again();
  CHECK(scanned.Listed() == Paths{"acme"});
  scanned.clock().Shift(seconds(10));
  scanned.Again();
  CHECK(scanned.Listed() == Paths{"acme"});
  CHECK(scanned.seen().time(scanned.data() + "/acme") != 0);
  scanned.Again();
  CHECK(scanned.Listed().empty());
}

TEST_CASE("a directory that went is told as empty, with all beneath it", "[file_scan]") {
  Scanned scanned("/{project}/{day}/*.pq");
  scanned.Write("acme/2016-02-22/0.pq");
  scanned.Write("acme/2016-02-23/0.pq");
  scanned.Write("zeta/2016-02-22/0.pq");
  scanned.All();
  fs::remove_all(scanned.data() + "/acme");
  CHECK(scanned.Again() == Paths{"zeta/2016-02-22/0.pq"});
  CHECK(scanned.seen().time(scanned.data() + "/acme/2016-02-22") == 0);
  scanned.Listed();
  fs::rename(scanned.data() + "/zeta", scanned.data() + "/yota");
  fs::create_directory_symlink("yota", scanned.data() + "/zeta");
  CHECK(scanned.Again() == Paths{"yota/2016-02-22/0.pq"});
  CHECK(scanned.Listed() == Paths{"yota/2016-02-22", "zeta/2016-02-22"});
}

TEST_CASE("a hinted directory is listed at once, with what is new and gone beneath it",
          "[file_scan]") {
  Scanned scanned("/{project}/{day}/*.pq");
  scanned.Write("acme/2016-02-22/0.pq");
  scanned.All();
  scanned.Listed();
  scanned.Write("acme/2016-02-22/0.pq", "in place, which moves no time");
  scanned.scan().Look(scanned.data() + "/acme/2016-02-22");
  scanned.scan().Look("/somewhere/else");
  scanned.All();
  CHECK(scanned.Listed() == Paths{"acme/2016-02-22"});
  CHECK(scanned.File("acme/2016-02-22/0.pq").size_bytes > 1);
  scanned.Write("new/2016-02-22/0.pq");
  scanned.Write("new/2016-02-23/0.pq");
  scanned.scan().Look(scanned.data());
  CHECK(scanned.All().size() == 3);
  CHECK(scanned.Listed() == Paths{"new/2016-02-22", "new/2016-02-23"});
  fs::remove_all(scanned.data() + "/new");
  scanned.scan().Look(scanned.data());
  CHECK(scanned.All() == Paths{"acme/2016-02-22/0.pq"});
  scanned.Write("new/2016-02-22/0.pq");
  scanned.scan().Look(scanned.data() + "/new");
  CHECK(scanned.All().size() == 2);
  fs::remove_all(scanned.data() + "/new");
  scanned.scan().Look(scanned.data() + "/new");
  CHECK(scanned.All() == Paths{"acme/2016-02-22/0.pq"});
  CHECK(scanned.seen().ends().size() == 1);
}

TEST_CASE("the rotation finds what was written anew in place, slowly", "[file_scan]") {
  Scanned scanned("/{project}/{day}.evt", {0, 10, hours(20)});
  for (int day = 10; day < 30; ++day) {
    scanned.Write("acme/2016-01-" + std::to_string(day) + ".evt");
    scanned.Write("zeta/2016-01-" + std::to_string(day) + ".evt");
  }
  scanned.All();
  scanned.Listed();
  scanned.Write("acme/2016-01-10.evt", "longer");
  scanned.Write("zeta/2016-01-10.evt", "longer");
  scanned.Again();
  CHECK(scanned.Listed().empty());
  scanned.clock().Shift(hours(19));
  scanned.All();
  CHECK(scanned.Listed().empty());
  scanned.clock().Shift(hours(2));
  // Ten a second, a second's worth at once: a whole directory, then nothing until it is paid for.
  scanned.All();
  CHECK(scanned.Listed() == Paths{"acme"});
  CHECK(scanned.scan().wait() > seconds(1));
  scanned.clock().Shift(seconds(1));
  scanned.All();
  CHECK(scanned.Listed().empty());
  scanned.clock().Shift(seconds(2));
  scanned.All();
  CHECK(scanned.Listed() == Paths{"zeta"});
  CHECK(scanned.File("acme/2016-01-10.evt").size_bytes == 6);
  CHECK(scanned.File("zeta/2016-01-10.evt").size_bytes == 6);
  scanned.clock().Shift(seconds(4));
  scanned.All();
  CHECK(scanned.seen().ends().size() == 3);
  CHECK(scanned.scan().wait() > hours(19));
}

TEST_CASE("a pass goes before the rotation, which goes on after it", "[file_scan]") {
  Scanned scanned("/{project}/{day}.evt", {0, 1, hours(20)});
  scanned.Write("acme/2016-02-22.evt");
  scanned.Write("zeta/2016-02-22.evt");
  scanned.All();
  scanned.clock().Shift(hours(21));
  scanned.All();  // begins the rotation
  scanned.Write("zeta/2016-02-23.evt");
  scanned.Listed();
  CHECK(scanned.Again().size() == 3);
  CHECK(scanned.Listed() == Paths{"zeta"});
  for (int second = 0; second < 20; ++second) {
    scanned.clock().Shift(seconds(1));
    scanned.All();
  }
  CHECK(scanned.Listed() == Paths{"acme", "zeta"});
}

TEST_CASE("the first scan is held to its rate", "[file_scan]") {
  Scanned scanned("/{project}/{day}.evt", {20, 0, hours(20)});
  for (int project = 0; project < 10; ++project) {
    for (int day = 10; day < 20; ++day) {
      scanned.Write("p" + std::to_string(project) + "/2016-01-" + std::to_string(day) + ".evt");
    }
  }
  CHECK(scanned.All().size() == 10);  // the root and its ten, and one directory on top
  CHECK(scanned.scan().progress()[0].scanning);
  CHECK_FALSE(scanned.scan().progress()[0].complete);
  int paused = 0;
  for (; scanned.seen().ends().empty(); ++paused) {
    scanned.clock().Shift(seconds(1));
    scanned.All();
  }
  CHECK(paused >= 4);
  CHECK(scanned.seen().paths().size() == 100);
}

TEST_CASE("a root that is not there says so, and its files are not gone", "[file_scan]") {
  Scanned scanned;
  scanned.Write("acme/2016-02-22.evt");
  scanned.Write("zeta/2016-02-22.evt");
  scanned.All();
  fs::rename(scanned.data(), scanned.data() + "-away");
  CHECK(scanned.Again().size() == 2);
  REQUIRE(scanned.seen().ends().size() == 2);
  CHECK(scanned.seen().ends()[1].reason == scanned.data() + ": the directory is not there");
  CHECK_FALSE(scanned.scan().progress()[0].complete);
  CHECK(scanned.scan().progress()[0].problem == scanned.seen().ends()[1].reason);
  scanned.scan().Look(scanned.data() + "/acme");
  CHECK(scanned.All().size() == 2);
  CHECK(scanned.seen().ends().size() == 3);
  fs::rename(scanned.data() + "-away", scanned.data());
  CHECK(scanned.Again().size() == 2);
  CHECK(scanned.seen().ends().back().reason.empty());
}

TEST_CASE("a directory that cannot be read is a reason, and its files are not gone",
          "[file_scan]") {
  if (geteuid() == 0) REQUIRE(seteuid(65534) == 0);
  Scanned scanned;
  for (const char* project : {"acme", "mute", "mutf", "zeta"}) {
    scanned.Write(std::string(project) + "/2016-02-22.evt");
  }
  scanned.All();
  for (const char* project : {"/mute", "/mutf"}) fs::permissions(scanned.data() + project, {});
  scanned.clock().Shift(hours(21));
  CHECK(scanned.All().size() == 4);
  REQUIRE(scanned.seen().ends().size() == 2);
  CHECK(scanned.seen().ends()[1].reason ==
        scanned.data() + "/mute: cannot be read: Permission denied (and 1 more)");
  for (const char* project : {"/mute", "/mutf"}) {
    fs::permissions(scanned.data() + project, fs::perms::owner_all);
  }
  if (getuid() == 0) REQUIRE(seteuid(0) == 0);
}

TEST_CASE("two formats in one tree are told apart", "[file_scan]") {
  const TemporaryDirectory directory;
  const std::string data = directory / "data";
  WriteFile(data + "/acme/2016-02-22.evt");
  WriteFile(data + "/acme/2016-02-22.pq");
  ShiftedClock clock;
  FileScan scan(PatternsOf({data + "/{project}/{day}.evt", data + "/{project}/{day}.pq",
                            directory / "none/{project}/{day}"}),
                {}, clock, kUnlimited);
  Batch batch;
  while (scan.Step(batch, 1)) {
  }
  REQUIRE(batch.files.sightings.size() == 2);
  CHECK(batch.files.sightings[0].files == 0);
  CHECK(batch.View(batch.files.sightings[0].name) == "2016-02-22.evt");
  CHECK(batch.files.sightings[1].files == 1);
  REQUIRE(batch.files.scans.size() == 3);
  CHECK(batch.files.scans[2].files == 2);
  CHECK(batch.files.scans[2].reason == directory / "none: the directory is not there");
}

TEST_CASE("a pass that is asked for while one runs comes after it", "[file_scan]") {
  Scanned scanned;
  scanned.Write("acme/2016-02-22.evt");
  scanned.Write("zeta/2016-02-22.evt");
  Batch batch;
  while (batch.files.listings.empty()) REQUIRE(scanned.scan().Step(batch, 1));
  scanned.seen().Take(batch);
  scanned.Write("acme/2016-02-23.evt");  // behind the pass
  CHECK(scanned.Again().size() == 3);
  CHECK(scanned.seen().ends().size() == 2);
}

TEST_CASE("a hundred thousand directories take less than 25 MB", "[file_scan]") {
  const std::string root = "/srv/events/columnar";
  std::vector<KnownDirectory> known;
  for (int i = 0; i < 100'000; ++i) {
    known.push_back({0, root + "/customer-" + std::to_string(i + 100'000) + "-production", 1});
  }
  const SystemClock clock;
  const auto before = mallinfo2().uordblks;
  const FileScan scan(PatternsOf({root + "/{project}/{day}.parquet"}), known, clock);
  CHECK(mallinfo2().uordblks - before < 25'000'000);
}
