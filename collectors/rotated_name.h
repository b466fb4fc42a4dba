#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What the names of rotated logs say. Pure functions; names prove nothing, they give candidates and
// an order for reading. Known forms, each with or without .gz, .zst or another archive's suffix:
//   x.log.1          logrotate, savelog     higher is older
//   x.log-20160222   logrotate dateext      lower is older
//   x.log.2016-02-22.0, x.log.old, LOG.old.1456160531000000

struct RotatedName {
  std::string_view stem;         // "x.log"; the whole name when it was not rotated
  std::vector<uint64_t> digits;  // of the suffix, group by group: {2016, 2, 22, 0}
  bool rotated = false;
  bool unreadable_archive = false;  // .bz2, .xz, .zip, .lz4, .Z
};

RotatedName ParseRotatedName(std::string_view name);
// Whether `a` is older than `b`, both rotated from the same stem; nothing is said of names that do
// not tell.
bool OlderByName(const RotatedName& a, const RotatedName& b);
