#pragma once

#include <string>
#include <string_view>

// A value for a log line of key=value: in double quotes, on one line, whatever a path or a file of
// somebody else put into it.
std::string LogWords(std::string_view text);
