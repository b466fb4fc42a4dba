#include "monitor/app/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "dashboards/table.h"

void PrintDocument(const Document& document, const Document& rows, const std::string& format,
                   const std::vector<std::string_view>& keys) {
  if (format == "json") {
    std::cout << Write(document) << "\n";
  } else if (format == "csv") {
    std::cout << CsvOf(rows, keys);
  } else {
    std::cout << TableOf(rows, keys).Text(TerminalWidth(STDOUT_FILENO));
  }
}

std::string CountOf(int64_t count, std::string noun) {
  return Grouped(count) + " " + std::move(noun) + (count == 1 ? "" : "s");
}

size_t TerminalWidth(int descriptor) {
  winsize size{};
  if (isatty(descriptor) == 0 || ioctl(descriptor, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

bool OutputArrived() {
  std::cout.flush();
  return std::fflush(stdout) == 0 && std::ferror(stdout) == 0 && std::cout.good();
}
