#pragma once

#include <cstdint>
#include <string>

// How many bytes less are free on the disk of a directory than rollcall leaves to others: 5 % of
// it, 1 GiB at most (DESIGN section 10). 0: it leaves enough, or nobody can tell.
int64_t BytesBelowFloor(const std::string& directory);
