#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

// The head of one HTTP/1.1 request, parsed strictly from its raw bytes. Pure; any thread.

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// Why a request is refused: a status, a stable code and words, all constants.
struct HttpProblem {
  int status = 400;
  std::string_view code;
  std::string_view message;
};

struct RequestHead {
  std::string method;   // one of GET HEAD POST PUT DELETE OPTIONS PATCH
  std::string target;   // as sent: "/path?query"
  HeaderFields fields;  // as sent, nothing decoded
  size_t body_size = 0;
};

// `head` ends with its empty line.
[[nodiscard]] tl::expected<RequestHead, HttpProblem> ParseRequestHead(std::string_view head);

// The first field of that name, in any case; empty where there is none.
std::string_view FieldValue(const HeaderFields& fields, std::string_view name);
bool SameToken(std::string_view a, std::string_view b);  // ASCII, case ignored
std::string_view TrimBlanks(std::string_view text);
