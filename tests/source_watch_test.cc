#include "monitor/app/source_watch.h"

#include "tests/catch.h"

namespace {

using namespace std::chrono_literals;

const Time kStart = ParseTime("2016-02-22T12:00:00Z").value();

struct Watched {
  SourceWatch watch{"compactd", kStart, {5min, 64 << 20}};
  SourceStatus At(std::chrono::milliseconds after) const {
    SourceStatus status;
    watch.Describe(status, kStart + after);
    return status;
  }
};

}  // namespace

TEST_CASE("a source that can be read is up, covered, and told once to be watched",
          "[source_watch]") {
  Watched source;
  CHECK_FALSE(source.watch.TakeObservation());  // nothing was seen yet: nothing ends
  source.watch.Note({.read_bytes = 10}, kStart + 1s);
  CHECK(source.At(1s).up);
  CHECK(source.At(1s).coverage_ratio == 1);
  const auto told = source.watch.TakeObservation();
  REQUIRE(told);
  CHECK(told->reason.empty());
  source.watch.Note({.read_bytes = 10}, kStart + 2s);
  CHECK_FALSE(source.watch.TakeObservation());
}

TEST_CASE("an unreadable log makes the source blind, by a reason that names no path",
          "[source_watch]") {
  Watched source;
  source.watch.Note({.reason = "cannot be opened: permission denied", .path = "/a: b.log"},
                    kStart + 10s);
  source.watch.Note({.reason = "cannot be opened: permission denied", .path = "/a: b.log"},
                    kStart + 20s);
  CHECK_FALSE(source.At(20s).up);
  CHECK(source.At(20s).coverage_ratio == 0.5);
  CHECK(source.At(20s).blind_seconds ==
        std::map<std::string, double>{{"cannot be opened: permission denied", 10}});
  const auto told = source.watch.TakeObservation();
  REQUIRE(told);
  CHECK(told->source == "compactd");
  CHECK(told->reason == "cannot be opened: permission denied");
  CHECK(told->path == "/a: b.log");
  CHECK(told->began == kStart + 10s);
}

TEST_CASE("a source that is watched again goes on with what it was before", "[source_watch]") {
  Watched before;
  before.watch.Note({.reason = "is a directory"}, kStart + 10s);
  before.watch.Note({}, kStart + 20s);
  const auto told = before.watch.TakeObservation();
  REQUIRE(told);
  Watched after{{"compactd", kStart + 30s, {5min, 64 << 20}, told->coverage}};
  after.watch.Note({}, kStart + 30s);
  CHECK(after.At(40s).coverage_ratio == 0.75);
  CHECK(after.At(40s).blind_seconds == before.At(40s).blind_seconds);
}

TEST_CASE("what was lost of a log was not covered", "[source_watch]") {
  Watched source;
  source.watch.Note({}, kStart + 1s);
  SourceStatus status;
  status.lost_seconds = 10;
  status.losing_since = kStart + 80s;
  source.watch.Describe(status, kStart + 100s);
  CHECK(status.coverage_ratio == 0.7);
}

TEST_CASE("another reason goes on with the time that is blind already", "[source_watch]") {
  Watched source;
  source.watch.Note({.reason = "is a directory"}, kStart + 1s);
  source.watch.Note({.reason = "is a named pipe"}, kStart + 2s);
  CHECK(source.watch.TakeObservation()->began == kStart + 1s);
  CHECK(source.watch.TakeObservation()->reason == "is a named pipe");  // as long as it lasts
  source.watch.Note({}, kStart + 3s);
  CHECK(source.watch.TakeObservation()->reason.empty());
  CHECK_FALSE(source.watch.TakeObservation());
  CHECK(source.At(3s).up);
}

TEST_CASE("more bytes unread than may be are blind at once, under a reason in whole words",
          "[source_watch]") {
  Watched source;
  source.watch.Note({.lag_bytes = 64 << 20}, kStart + 1s);
  CHECK(source.At(1s).up);
  source.watch.Note({.lag_bytes = (64 << 20) + 1}, kStart + 2s);
  source.watch.Note({.lag_bytes = (64 << 20) + 1}, kStart + 3s);
  CHECK_FALSE(source.At(3s).up);
  CHECK(source.At(3s).blind_seconds.begin()->first == "too many bytes behind");
}

TEST_CASE("bytes that wait for five minutes are blind since they wait", "[source_watch]") {
  Watched source;
  source.watch.Note({.lag_bytes = 100, .read_bytes = 1000}, kStart + 1min);
  source.watch.Note({.lag_bytes = 500, .read_bytes = 1099}, kStart + 6min - 1ms);
  CHECK(source.At(6min).up);
  source.watch.Note({.lag_bytes = 500, .read_bytes = 1099}, kStart + 6min);
  CHECK_FALSE(source.At(6min).up);
  CHECK(source.watch.TakeObservation()->reason == "behind for too long");
  CHECK(source.watch.TakeObservation()->began == kStart + 1min);
}

TEST_CASE("a log that grows as fast as it is read is not behind", "[source_watch]") {
  Watched source;
  for (int second = 0; second < 1000; ++second) {
    source.watch.Note({.lag_bytes = 1 << 20, .read_bytes = int64_t{second} << 20},
                      kStart + std::chrono::seconds(second));
  }
  CHECK(source.At(1000s).up);
}

TEST_CASE("the begin of a line may wait for its end", "[source_watch]") {
  Watched source;
  source.watch.Note({.lag_bytes = 50, .pending_bytes = 50}, kStart);
  source.watch.Note({.lag_bytes = 50, .pending_bytes = 50}, kStart + 1h);
  CHECK(source.At(1h).up);
  CHECK(source.At(1h).lag_bytes == 50);
}
