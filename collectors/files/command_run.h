#pragma once

#include <chrono>
#include <vector>

#include "collectors/files/read_pace.h"

// Runs one counting program to its end, in the process that CommandRunner forked (command_rows.h
// says what a program may expect and has to do). `arguments`: an absolute program, its arguments
// and a null. A message on `socket` ends the program early, with kStopped; when the other end of
// `socket` is closed, the process ends, too.
RowCount RunCommand(const std::vector<char*>& arguments, int socket,
                    std::chrono::milliseconds time_limit);
