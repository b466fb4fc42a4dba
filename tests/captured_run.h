#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <initializer_list>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "monitor/app/command_line.h"
#include "tests/temporary_directory.h"

// Runs the program in this process, through the same entry that main() uses, with its standard
// output and error in files.
struct CapturedRun {
  int code = -1;
  std::string out, err;
};

// While it lives, a descriptor writes to another file.
class Redirected {
 public:
  Redirected(int descriptor, const std::string& path)
      : descriptor_(descriptor), before_(dup(descriptor)) {
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(file, descriptor_);
    close(file);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;
  ~Redirected() {
    std::cout.flush();
    std::fflush(nullptr);
    std::clearerr(stdout);
    std::cout.clear();
    dup2(before_, descriptor_);
    close(before_);
  }

 private:
  const int descriptor_, before_;
};

inline std::string ContentOf(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

inline CapturedRun RunRollcall(const std::vector<std::string>& words,
                               const std::string& out_path = {}) {
  TemporaryDirectory directory;
  const std::string out = out_path.empty() ? directory / "out" : out_path;
  std::vector<const char*> argv{"rollcall"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  CapturedRun run;
  {
    const Redirected stdout_file(STDOUT_FILENO, out), stderr_file(STDERR_FILENO, directory / "err");
    run.code = RunCommandLine(static_cast<int>(argv.size()), argv.data());
  }
  if (out_path.empty()) run.out = ContentOf(out);
  run.err = ContentOf(directory / "err");
  return run;
}
