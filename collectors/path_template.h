#pragma once

#include <string>
#include <string_view>

// The path of a canonical file with its project and day taken out: "/data/row/acme/2016-02-22.evt"
// → "/data/row/{project}/{day}.evt". So all partitions of a format share one name in the ledger,
// and a release that writes elsewhere shows. Only whole words are taken out ("a" is not taken out
// of "data"). The result is valid until the next call of the same object.
class PathTemplate {
 public:
  // `project` and `day` as the line spells them; empty: not taken out.
  std::string_view Of(std::string_view path, std::string_view project, std::string_view day);

 private:
  std::string text_;
};
