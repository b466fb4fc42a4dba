#pragma once

#include "collectors/files/read_pace.h"

// Rows of the Parquet file open at `fd`, as its footer counts them: nothing else of the file is
// read. Any bytes may come: what makes no sense is a problem, never a count.
RowCount CountParquetRows(int fd, ReadPace& pace);
