#include "collectors/partition_name.h"

#include <string>

#include "tests/catch.h"

namespace {

std::string Split(std::string_view pattern, std::string_view name,
                  std::string_view day_format = "%Y-%m-%d") {
  const PartitionName split = SplitPartition(pattern, name, day_format);
  return std::string(split.project) + " on " + FormatDay(split.day);
}

}  // namespace

TEST_CASE("a name is split into project and day", "[partition]") {
  CHECK(Split("{project}/{day}", "acme/2016-02-22") == "acme on 2016-02-22");
  CHECK(Split("{day}:{project}", "2016-02-22:acme") == "acme on 2016-02-22");
  CHECK(Split("events_{project}_{day}_v2", "events_acme_2016-02-22_v2") == "acme on 2016-02-22");
}

TEST_CASE("a project may contain the separator", "[partition]") {
  CHECK(Split("{project}-{day}", "eu-acme-2016-02-22") == "eu-acme on 2016-02-22");
  CHECK(Split("{project}/{day}", "2016-02-22/2016-02-23") == "2016-02-22 on 2016-02-23");
  CHECK(Split("{day}-{project}", "2016-02-22-eu-acme") == "eu-acme on 2016-02-22");
}

TEST_CASE("project and day may stand without a separator", "[partition]") {
  CHECK(Split("{project}{day}", "acme720160222", "%Y%m%d") == "acme7 on 2016-02-22");
  CHECK(Split("{day}{project}", "20160222acme", "%Y%m%d") == "acme on 2016-02-22");
}

TEST_CASE("a day may be spelt in any configured format", "[partition]") {
  CHECK(Split("{project}@{day}", "acme@22.02.2016", "%d.%m.%Y") == "acme on 2016-02-22");
}

TEST_CASE("a name that does not match is a project without days", "[partition]") {
  for (const char* name : {"default", "acme/2016-02-30", "/2016-02-22", "acme/", "", "/"}) {
    CHECK(Split("{project}/{day}", name) == std::string(name) + " on -");
  }
  CHECK(Split("{project}{day}", "2016-02-22") == "2016-02-22 on -");
  CHECK(Split("ab{project}/{day}bc", "abc") == "abc on -");
}

TEST_CASE("a source without days keeps the whole name", "[partition]") {
  CHECK(Split("{project}/{day}", "acme/2016-02-22", "-") == "acme/2016-02-22 on -");
}

TEST_CASE("a pattern needs each placeholder once", "[partition]") {
  CHECK(CheckPartition("{project}/{day}"));
  for (const char* pattern : {"", "{project}", "{day}", "{project}{project}{day}", "{day}/{day}"}) {
    CHECK_FALSE(CheckPartition(pattern));
  }
}
