#pragma once

#include <string>
#include <vector>

#include "monitor/error.h"

// Everything wrong with one YAML file, so that a person mends it in one go. Used while one file is
// parsed, by one thread. Only the first kMaxComplaints are kept; the rest is counted.
class Complaints {
 public:
  explicit Complaints(std::string file) : file_(std::move(file)) {}

  // "FILE:LINE: WHERE: WHAT"; line 0: the whole file; `where` may be empty.
  void Add(int line, const std::string& where, const std::string& what);
  // Text of another file's complaints, shown where this file refers to that one.
  void AddText(int line, std::string text);

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size() + more_; }
  // From here on complaints are only counted.
  bool full() const { return entries_.size() >= kMaxComplaints; }
  // All of them in file order, one a line. Not to be called while empty.
  Error AsError() const;

 private:
  struct Entry {
    int line = 0;
    std::string text;
  };
  static constexpr size_t kMaxComplaints = 50;

  std::string file_;
  std::vector<Entry> entries_;
  size_t more_ = 0;
};
