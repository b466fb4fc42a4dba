#pragma once

#include <string>
#include <string_view>

#include "monitor/time.h"

// The path of a canonical file with its project and day taken out: "/data/row/acme/2016-02-22.evt"
// → "/data/row/{project}/{day}.evt", "/data/2016/02/22/acme" → "/data/{year}/{month}/{day}/
// {project}". So all partitions of a format share one name in the ledger, and a release that writes
// elsewhere shows. Only whole words and whole numbers are taken out ("a" is not taken out of
// "data"). The result is valid until the next call of the same object.
class PathTemplate {
 public:
  // `project` and `day_text` as the line spells them; empty: not taken out. So is `day`, unless it
  // is none: as "2016-02-22", else its year and what follows of its month and day.
  std::string_view Of(std::string_view path, std::string_view project, std::string_view day_text,
                      Day day);

 private:
  std::string text_;
};
