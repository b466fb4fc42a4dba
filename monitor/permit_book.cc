#include "monitor/permit_book.h"

#include <algorithm>

#include "monitor/counts.h"

namespace {

constexpr const char* kGive = "INSERT OR REPLACE INTO permit VALUES (?,?,?,?,?,?,?)";
constexpr const char* kEnd =
    "DELETE FROM permit WHERE project = ? AND day = ? AND format = ? AND server = ? AND "
    "ends_at < ?";
constexpr const char* kLeft =
    "SELECT \"left\" FROM permit WHERE project = ? AND day = ? AND format = ? AND server = ?";
constexpr const char* kInOrder =
    "SELECT seq, \"left\" FROM permit WHERE project = ? AND day = ? AND format = ? AND server = ? "
    "ORDER BY ends_at IS NULL, ends_at, seq";
constexpr const char* kTake =
    "UPDATE permit SET \"left\" = \"left\" - ?6 WHERE project = ?1 AND day = ?2 AND format = ?3 "
    "AND "
    "server = ?4 AND seq = ?5";
constexpr const char* kForget =
    "DELETE FROM permit WHERE project = ? AND day = ? AND format = ? AND server = ?";

}  // namespace

void PermitBook::Give(const PartitionKey& key, int64_t seq, int64_t events, int64_t ends_at) {
  database_.Prepare(kGive).Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                                Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server}),
                                Cell::Of(seq), ends_at ? Cell::Of(ends_at) : Cell::Null(),
                                Cell::Of(events)});
}

int64_t PermitBook::LeftAt(const PartitionKey& key, int64_t now) {
  const Cell project = Cell::Of(int64_t{key.project}), day = Cell::Of(int64_t{key.day});
  const Cell format = Cell::Of(int64_t{key.format}), server = Cell::Of(int64_t{key.server});
  database_.Prepare(kEnd).Run({project, day, format, server, Cell::Of(now)});
  Statement left = database_.Prepare(kLeft);
  left.Bind({project, day, format, server});
  int64_t sum = 0;
  while (left.Step()) Increase(sum, left.Integer(0));
  return sum;
}

void PermitBook::Use(const PartitionKey& key, int64_t events) {
  const Cell project = Cell::Of(int64_t{key.project}), day = Cell::Of(int64_t{key.day});
  const Cell format = Cell::Of(int64_t{key.format}), server = Cell::Of(int64_t{key.server});
  Statement permits = database_.Prepare(kInOrder), take = database_.Prepare(kTake);
  permits.Bind({project, day, format, server});
  while (events > 0 && permits.Step()) {
    const int64_t taken = std::min(events, permits.Integer(1));
    take.Run({project, day, format, server, Cell::Of(permits.Integer(0)), Cell::Of(taken)});
    events -= taken;
  }
}

void PermitBook::Forget(const PartitionKey& key) {
  database_.Prepare(kForget).Run({Cell::Of(int64_t{key.project}), Cell::Of(int64_t{key.day}),
                                  Cell::Of(int64_t{key.format}), Cell::Of(int64_t{key.server})});
}
