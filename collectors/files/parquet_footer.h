#pragma once

#include <cstdint>

#include "collectors/files/read_pace.h"

// Rows by the Parquet footer that is bytes [begin, end) of the file open at `fd`, at most 64 MiB of
// any content: memory stays below 32 MiB. What it says twice must agree, and column chunks must lie
// before it.
RowCount CountFooterRows(int fd, int64_t begin, int64_t end, ReadPace& pace);
