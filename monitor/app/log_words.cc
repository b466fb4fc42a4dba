#include "monitor/app/log_words.h"

#include "dashboards/table.h"

std::string LogWords(std::string_view text) {
  std::string quoted = "\"";
  for (const char byte : Printable(text)) {
    if (byte == '"') quoted.push_back('\\');
    quoted.push_back(byte);
  }
  return quoted + "\"";
}
