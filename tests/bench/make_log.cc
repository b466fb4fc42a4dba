#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

// rollcall-make-log: writes a large compaction log for measurements. Every line is a finished run
// of a partition drawn uniformly from projects × days × two formats (the worst case for whoever
// keeps a state for each), and each partition's chain is healthy: existing is what its last run
// wrote. The three log formats hold the same runs. The same arguments give the same bytes. Fields:
// ts, event, run, project, day, format, existing, new, duplicates, deleted, written, version, path;
// text lines read by the pattern above WriteText. Its output is the truth about what it wrote.

namespace {

enum class LogFormat { kJson, kLogfmt, kText };

struct Options {
  std::string out;
  LogFormat format = LogFormat::kJson;
  int64_t lines = 3'526'022;  // 1.0 GB of JSON
  int64_t projects = 25'000;
  int64_t days = 30;
  uint64_t seed = 1;
};

constexpr char kUsage[] =
    "usage: rollcall-make-log --out FILE [--format json|logfmt|text] [--lines N] [--projects N]\n"
    "                         [--days N] [--seed N]\n";

// splitmix64: fast, and the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Below(uint64_t limit) { return (Next() >> 11) % limit; }

 private:
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

struct Run {
  std::string_view time;
  std::string_view day;
  int64_t number = 0;
  int64_t project = 0;
  bool columnar = false;
  int64_t existing = 0;
  int64_t fresh = 0;
  int64_t duplicates = 0;
  int64_t deleted = 0;
  int64_t written = 0;
};

// Collects lines and writes them in large blocks.
class Output {
 public:
  explicit Output(const std::string& file)
      : descriptor_(open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) throw std::runtime_error(file + ": " + std::strerror(errno));
    buffer_.resize(kBlock + kLongestLine);
  }
  ~Output() { close(descriptor_); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Output& operator<<(std::string_view text) {
    std::memcpy(buffer_.data() + used_, text.data(), text.size());
    used_ += text.size();
    return *this;
  }
  Output& operator<<(int64_t number) {
    char* at = buffer_.data() + used_;
    used_ += static_cast<size_t>(std::to_chars(at, at + 24, number).ptr - at);
    return *this;
  }
  void EndLine() {
    buffer_[used_++] = '\n';
    if (used_ >= kBlock) Flush();
  }
  void Flush() {
    for (size_t done = 0; done < used_;) {
      const ssize_t size = write(descriptor_, buffer_.data() + done, used_ - done);
      if (size < 0) throw std::runtime_error(std::strerror(errno));
      done += static_cast<size_t>(size);
    }
    size_bytes_ += static_cast<int64_t>(used_);
    used_ = 0;
  }
  int64_t size_bytes() const { return size_bytes_; }

 private:
  static constexpr size_t kBlock = 1 << 20;
  static constexpr size_t kLongestLine = 1024;

  int descriptor_;
  std::string buffer_;
  size_t used_ = 0;
  int64_t size_bytes_ = 0;
};

std::string_view FormatName(const Run& run) { return run.columnar ? "columnar" : "row"; }

void WritePath(const Run& run, Output& out) {
  out << "/data/events/" << FormatName(run) << "/" << run.project << "/" << run.day
      << (run.columnar ? ".col" : ".evt");
}

void WriteJson(const Run& run, Output& out) {
  out << R"({"ts":")" << run.time << R"(","event":"compaction_finished","run":"r)" << run.number
      << R"(","project":")" << run.project << R"(","day":")" << run.day << R"(","format":")"
      << FormatName(run) << R"(","existing":)" << run.existing << R"(,"new":)" << run.fresh
      << R"(,"duplicates":)" << run.duplicates << R"(,"deleted":)" << run.deleted
      << R"(,"written":)" << run.written << R"(,"version":"2016.02.18-3","path":")";
  WritePath(run, out);
  out << R"("})";
}

void WriteLogfmt(const Run& run, Output& out) {
  out << "ts=" << run.time << " event=compaction_finished run=r" << run.number
      << " project=" << run.project << " day=" << run.day << " format=" << FormatName(run)
      << " existing=" << run.existing << " new=" << run.fresh << " duplicates=" << run.duplicates
      << " deleted=" << run.deleted << " written=" << run.written << " version=2016.02.18-3 path=";
  WritePath(run, out);
}

// For `format: regex`:
// ^(?P<time>\S+) INFO compactd: compacted (?P<run>\S+) of (?P<project>[^/]+)/(?P<day>\S+) as
//  (?P<format>\S+) by (?P<version>\S+): existing (?P<existing>\d+), new (?P<fresh>\d+), duplicates
//  (?P<duplicates>\d+), deleted (?P<deleted>\d+), written (?P<written>\d+) to (?P<path>\S+)
void WriteText(const Run& run, Output& out) {
  out << run.time << " INFO compactd: compacted r" << run.number << " of " << run.project << "/"
      << run.day << " as " << FormatName(run) << " by 2016.02.18-3: existing " << run.existing
      << ", new " << run.fresh << ", duplicates " << run.duplicates << ", deleted " << run.deleted
      << ", written " << run.written << " to ";
  WritePath(run, out);
}

// Lines a millisecond apart, so that times ascend; formats a second's text once.
class Timestamps {
 public:
  std::string_view At(int64_t line) {
    constexpr int64_t kBegin = 1'456'099'200;  // 2016-02-22T00:00:00Z
    const std::time_t second = kBegin + line / 1000;
    if (second != second_) {
      second_ = second;
      std::tm parts{};
      gmtime_r(&second, &parts);
      std::strftime(text_, sizeof text_, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    }
    const int64_t milliseconds = line % 1000;
    text_[20] = static_cast<char>('0' + milliseconds / 100);
    text_[21] = static_cast<char>('0' + milliseconds / 10 % 10);
    text_[22] = static_cast<char>('0' + milliseconds % 10);
    return {text_, 24};
  }

 private:
  std::time_t second_ = -1;
  char text_[32] = {};
};

std::vector<std::string> Days(int64_t count) {
  std::vector<std::string> days;
  for (int64_t back = count; back > 0; --back) {
    const std::time_t time = 1'456'099'200 - 86'400 * back;
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[16];
    std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
    days.emplace_back(text);
  }
  return days;
}

// What a reader of the whole log must find.
struct Truth {
  int64_t size_bytes = 0;
  int64_t partitions = 0;    // of project, day and format
  int64_t project_days = 0;  // those with a partition in either format
  int64_t events = 0;        // that the partitions hold in the end
};

// A partition's last written count by its format; 0 where it never ran, since a run writes more.
using Written = std::array<int32_t, 2>;

Truth Count(const std::vector<Written>& written) {
  Truth truth;
  for (const auto& [row, columnar] : written) {
    truth.partitions += (row > 0) + (columnar > 0);
    truth.project_days += row > 0 || columnar > 0;
    truth.events += int64_t{row} + columnar;
  }
  return truth;
}

Truth WriteLog(const Options& options) {
  Output out(options.out);
  Random random(options.seed);
  Timestamps timestamps;
  const std::vector<std::string> days = Days(options.days);
  const auto partitions = static_cast<uint64_t>(options.projects * options.days);
  std::vector<Written> written(partitions);
  for (int64_t line = 0; line < options.lines; ++line) {
    const uint64_t partition = random.Below(partitions);
    Run run;
    run.time = timestamps.At(line);
    run.number = line + 1;
    run.project = 1'000'000 + static_cast<int64_t>(partition) / options.days;
    run.day = days[partition % static_cast<uint64_t>(options.days)];
    run.columnar = random.Below(2) == 1;
    int32_t& before = written[partition][run.columnar];
    run.existing = before;
    run.fresh = static_cast<int64_t>(1 + random.Below(before == 0 ? 100'000 : 5'000));
    run.duplicates = static_cast<int64_t>(random.Below(static_cast<uint64_t>(run.fresh) / 20 + 1));
    if (random.Below(50) == 0) {
      run.deleted = static_cast<int64_t>(random.Below(static_cast<uint64_t>(before) / 10 + 1));
    }
    run.written = run.existing + run.fresh - run.duplicates - run.deleted;
    before = static_cast<int32_t>(run.written);
    if (options.format == LogFormat::kJson) WriteJson(run, out);
    if (options.format == LogFormat::kLogfmt) WriteLogfmt(run, out);
    if (options.format == LogFormat::kText) WriteText(run, out);
    out.EndLine();
  }
  out.Flush();
  Truth truth = Count(written);
  truth.size_bytes = out.size_bytes();
  return truth;
}

int64_t ReadNumber(const std::string& text, int64_t most) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || at != end || number < 1 || number > most) {
    throw std::invalid_argument("not a number from 1 to " + std::to_string(most) + ": " + text);
  }
  return number;
}

LogFormat ReadFormat(const std::string& name) {
  if (name == "json") return LogFormat::kJson;
  if (name == "logfmt") return LogFormat::kLogfmt;
  if (name == "text") return LogFormat::kText;
  throw std::invalid_argument("no such format: " + name);
}

Options ReadOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string flag = argv[i];
    if (i + 1 == argc) throw std::invalid_argument("no value for " + flag);
    const std::string value = argv[i + 1];
    if (flag == "--out") {
      options.out = value;
    } else if (flag == "--format") {
      options.format = ReadFormat(value);
    } else if (flag == "--lines") {
      options.lines = ReadNumber(value, 1'000'000'000);
    } else if (flag == "--projects") {
      options.projects = ReadNumber(value, 1'000'000);
    } else if (flag == "--days") {
      options.days = ReadNumber(value, 400);
    } else if (flag == "--seed") {
      options.seed = static_cast<uint64_t>(ReadNumber(value, INT64_MAX));
    } else {
      throw std::invalid_argument("unknown flag " + flag);
    }
  }
  if (options.out.empty()) throw std::invalid_argument("no --out");
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = ReadOptions(argc, argv);
    const Truth truth = WriteLog(options);
    std::cout << options.lines << " lines, " << truth.size_bytes << " bytes, " << truth.partitions
              << " partitions, " << truth.project_days << " project-days, " << truth.events
              << " events\n";
    return 0;
  } catch (const std::invalid_argument& error) {
    std::cerr << "rollcall-make-log: " << error.what() << '\n' << kUsage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "rollcall-make-log: " << error.what() << '\n';
    return 1;
  }
}
