#include "collectors/files/read_pace.h"

#include <linux/ioprio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

namespace {

// Shorter waits than the first are put together, longer ones than the second are cut in pieces, for
// the case that there is no descriptor to wake them.
constexpr milliseconds kShortest(10), kLongest(100);

}  // namespace

ReadPace::ReadPace(const Clock& clock, int64_t bytes_per_second)
    : clock_(clock),
      bytes_per_second_(bytes_per_second),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

bool ReadPace::Take(int64_t bytes) {
  if (bytes_per_second_ <= 0) return !stopped_;
  while (!stopped_) {
    const auto wait = duration_cast<milliseconds>(next_ - clock_.SinceBoot());
    if (wait < kShortest) break;
    pollfd wake{stop_.get(), POLLIN, 0};
    poll(&wake, 1, static_cast<int>(std::min(wait, kLongest).count()));
  }
  // What was not read in time is not made up for.
  next_ = std::max<nanoseconds>(next_, clock_.SinceBoot());
  next_ += nanoseconds(bytes * 1'000'000'000 / bytes_per_second_);
  return !stopped_;
}

void ReadPace::Stop() {
  stopped_ = true;
  eventfd_write(stop_.get(), 1);
}

void GiveWayToAll() {
  // On Linux both are of the thread.
  const auto thread = static_cast<id_t>(gettid());
  setpriority(PRIO_PROCESS, thread, 19);
  syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, thread, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0));
}
