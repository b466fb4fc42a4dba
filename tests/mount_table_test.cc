#include "collectors/files/mount_table.h"

#include "tests/catch.h"

TEST_CASE("mounts are read with all that may stand between", "[mount_table]") {
  const auto mounts = ParseMounts(
      "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
      "36 22 98:0 /sub /data/with\\040blank rw shared:7 master:1 - xfs /dev/sdb rw\n"
      "nonsense\n"
      "37 22 0:5 / /proc rw - proc\n"
      "x 22 0:5 / /no-number rw - proc proc rw\n");
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0] == Mount{22, "254:0", "/", "ext4"});
  CHECK(mounts[1] == Mount{36, "98:0", "/data/with blank", "xfs"});
  CHECK(mounts[2].type == "proc");
}

TEST_CASE("below is a matter of whole components", "[mount_table]") {
  CHECK(IsAtOrBelow("/data", "/data"));
  CHECK(IsAtOrBelow("/data/row", "/data"));
  CHECK(!IsAtOrBelow("/database", "/data"));
  CHECK(!IsAtOrBelow("/", "/data"));
  CHECK(IsAtOrBelow("/data", "/"));
}

TEST_CASE("this system's mounts have changed once, until one does", "[mount_table]") {
  MountTable table;
  CHECK(table.Changed());
  CHECK(!table.Changed());
  CHECK(!table.Read().empty());
}
