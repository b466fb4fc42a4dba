#include "collectors/files/recount.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "collectors/files/file_look.h"
#include "collectors/files/file_pattern.h"
#include "collectors/files/line_rows.h"
#include "collectors/files/parquet_rows.h"
#include "collectors/log_file.h"

namespace {

std::string WhyNotCounted(int error) {
  switch (error) {
    case kNotAFile:
      return "is not a regular file";
    case EPERM:
      return "cannot be read without changing its access time (that takes CAP_FOWNER or noatime)";
    default:
      return std::string(WhyNotOpened(error));
  }
}

RowCount CountBy(const RecountMethod& method, const FileToCount& file, int fd, ReadPace& pace,
                 CommandRunner* commands) {
  const std::string& kind = method.recount.front();
  if (kind == "parquet") return CountParquetRows(fd, pace);
  if (kind == "lines") return CountLineRows(fd, file.name, pace);
  if (kind != "exec" || commands == nullptr)
    return {.problem = "was not counted: it has no method"};
  return commands->Count({method.recount.begin() + 1, method.recount.end()},
                         file.directory + "/" + file.name, pace);
}

RowCount Count(const FileToCount& file, const RecountMethod& method, ReadPace& pace,
               CommandRunner* commands) {
  const auto look = FileLook::Open(method.root);
  if (!look) return {.problem = WhyNotCounted(look.error())};
  const auto opened = look->OpenFile(file.directory, file.name);
  if (!opened) return {.problem = WhyNotCounted(opened.error())};
  const FileStatus wanted{file.handle, file.inode, file.born_ns, file.modified_ns, file.size_bytes};
  FileStatus status;
  if (const int error = LookAt(opened->get(), status)) return {.problem = WhyNotCounted(error)};
  if (status != wanted) return {.problem = "changed before it was counted"};
  RowCount count = CountBy(method, file, opened->get(), pace, commands);
  if (pace.stopped()) return {.problem = std::string(kStopped)};
  // By its name: another file may have it by now.
  const int error = look->Look(file.directory, file.name, status);
  if (error != 0 || status != wanted) return {.problem = "changed while it was counted"};
  return count;
}

}  // namespace

RecountMethod MethodOf(const CanonicalFilesConfig& files) {
  const auto pattern = FilePattern::Parse(files.path);
  return {pattern ? pattern->root() : "", files.recount};
}

void AddTo(Batch& batch, const RecountedFile& recounted) {
  const FileToCount& file = recounted.file;
  FileCount& count = batch.files.counts.emplace_back();
  count.files = file.files;
  count.directory = batch.Add(file.directory);
  count.name = batch.Add(file.name);
  count.handle = batch.Add(file.handle);
  count.inode = file.inode;
  count.born_ns = file.born_ns;
  count.modified_ns = file.modified_ns;
  count.size_bytes = file.size_bytes;
  count.rows = recounted.count.rows;
  count.problem = recounted.count.problem;
  count.counted_at = recounted.counted_at;
}

RecountedFile CountRows(const FileToCount& file, const RecountMethod& method, ReadPace& pace,
                        CommandRunner* commands, const Clock& clock) {
  RecountedFile recounted{file, Count(file, method, pace, commands), {}};
  recounted.counted_at = clock.Now();
  return recounted;
}

Recounter::Recounter(const Limits& limits, const std::vector<CanonicalFilesConfig>& files,
                     CommandRunner* commands, const Clock& clock)
    : commands_(commands),
      clock_(clock),
      pace_(clock, limits.bytes_per_second),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      waiting_(limits.files),
      counted_(limits.files) {
  for (const CanonicalFilesConfig& each : files) methods_.push_back(MethodOf(each));
  thread_ = std::thread([this] { Run(); });
}

Recounter::~Recounter() {
  pace_.Stop();
  waiting_.Close();
  counted_.Close();
  thread_.join();
}

bool Recounter::Add(FileToCount file) {
  if (!waiting_.WaitForRoom(std::chrono::milliseconds(0))) return false;
  return waiting_.Push(std::move(file));
}

std::vector<RecountedFile> Recounter::Take() {
  eventfd_t ignored = 0;
  eventfd_read(wake_.get(), &ignored);
  std::vector<RecountedFile> counted;
  while (auto file = counted_.Pop(std::chrono::milliseconds(0))) {
    counted.push_back(std::move(*file));
  }
  return counted;
}

void Recounter::Run() {
  GiveWayToAll();
  while (const auto file = waiting_.Pop()) {
    const RecountMethod& method = methods_.at(static_cast<size_t>(file->files));
    RecountedFile recounted = CountRows(*file, method, pace_, commands_, clock_);
    if (pace_.stopped() || !counted_.Push(std::move(recounted))) return;
    eventfd_write(wake_.get(), 1);
  }
}
