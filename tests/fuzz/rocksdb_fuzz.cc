#include "tests/fuzz/joiner_fuzz.h"

std::unique_ptr<Joiner> MakeRocksdbJoiner(const CompactionLogConfig& config);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  CompactionLogConfig config;
  config.partition = "{project}/{day}";
  return FuzzJoiner(MakeRocksdbJoiner, config, data, size);
}
