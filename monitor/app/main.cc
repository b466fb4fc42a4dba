#include <fcntl.h>
#include <unistd.h>

#include "monitor/app/command_line.h"

namespace {

// A standard descriptor that is closed goes to the first file opened, and what was meant for people
// would be written into a ledger. What nobody reads is opened for reading: writing fails and is
// noticed.
void OccupyStandardDescriptors() {
  int descriptor = 0;
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) descriptor = open("/dev/null", O_RDONLY);
  if (descriptor > STDERR_FILENO) close(descriptor);
}

}  // namespace

int main(int argc, char** argv) {
  OccupyStandardDescriptors();
  return RunCommandLine(argc, argv);
}
