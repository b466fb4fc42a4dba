#include "monitor/rule_book.h"

#include <algorithm>
#include <array>

bool IsOfRuns(std::string_view rule) {
  constexpr std::array<std::string_view, 6> kOfRuns = {
      "count_drop", "lost_in_gap", "file_disagrees", "overstated", "deleted_came_back", "surplus"};
  return std::find(kOfRuns.begin(), kOfRuns.end(), rule) != kOfRuns.end();
}
