#pragma once

#include <string_view>

#include "collectors/files/read_pace.h"

// Records of the file open at `fd`, one a line, plain or compressed by gzip or zstd: its newlines,
// and one more when something stands after the last. Memory is bounded by the compression's window.
// `name` only shows what the file claims to be: one called .gz that is not compressed is a problem,
// as is an archive that is damaged, ends too early, or has something behind its end.
RowCount CountLineRows(int fd, std::string_view name, ReadPace& pace);
