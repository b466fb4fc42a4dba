#include "collectors/files/parquet_rows.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

// The input is a footer; the rest of the file is put around it, or hardly any would be read.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const SystemClock clock;
  static const UniqueFd fd(memfd_create("file", MFD_CLOEXEC));
  const auto length = static_cast<uint32_t>(size);
  std::string file = "PAR1" + std::string(1000, 'x');
  file.append(reinterpret_cast<const char*>(data), size);
  file.append(reinterpret_cast<const char*>(&length), sizeof length);
  file += "PAR1";
  if (ftruncate(fd.get(), 0) != 0) __builtin_trap();
  if (pwrite(fd.get(), file.data(), file.size(), 0) != static_cast<ssize_t>(file.size())) {
    __builtin_trap();
  }
  ReadPace pace(clock);
  const RowCount count = CountParquetRows(fd.get(), pace);
  const bool counted = count.rows >= 0 && count.rows <= kMaxCount;
  if (counted != count.problem.empty()) __builtin_trap();
  return 0;
}
