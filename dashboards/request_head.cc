// RFC 9112 sections 2 to 6, with every leniency that request smuggling lives on taken out: lines
// end in CR LF, no folded or blank-padded field names, one Host, one Content-Length of digits
// alone, no Transfer-Encoding or Content-Encoding, only the origin form of the target.
#include "dashboards/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace {

constexpr size_t kMaxFields = 100;
constexpr size_t kMaxTarget = 8000;  // below the 8192 bytes at which cpp-httplib refuses the line
constexpr std::array<std::string_view, 7> kMethods = {"GET",    "HEAD",    "POST", "PUT",
                                                      "DELETE", "OPTIONS", "PATCH"};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsTokenChar(char c) {
  if ((c >= '0' && c <= '9') || (Lower(c) >= 'a' && Lower(c) <= 'z')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenChar);
}

// Control characters (CR, LF and NUL above all) never belong in a value; TAB does.
bool IsFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

bool IsOriginForm(std::string_view target) {
  if (target.empty() || target.front() != '/') return false;
  return std::all_of(target.begin(), target.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
}

std::optional<HttpProblem> ParseRequestLine(std::string_view line, RequestHead& head,
                                            bool& http11) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return HttpProblem{400, "bad_request_line", "the request line is not METHOD TARGET VERSION"};
  }
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  http11 = version == "HTTP/1.1";
  if (!http11 && version != "HTTP/1.0") {
    return HttpProblem{505, "bad_version", "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  }
  if (std::find(kMethods.begin(), kMethods.end(), head.method) == kMethods.end()) {
    return HttpProblem{501, "unknown_method", "this method is not known here"};
  }
  if (head.target.size() > kMaxTarget) {
    return HttpProblem{414, "target_too_long", "the request target is longer than 8000 bytes"};
  }
  if (!IsOriginForm(head.target)) {
    return HttpProblem{400, "bad_target", "the request target is not a path"};
  }
  return std::nullopt;
}

std::optional<HttpProblem> ParseField(std::string_view line, HeaderFields& fields) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return HttpProblem{400, "bad_header", "a header line is not NAME: VALUE"};
  }
  const std::string_view value = TrimBlanks(line.substr(colon + 1));
  if (!IsFieldValue(value)) {
    return HttpProblem{400, "bad_header", "a header value holds a control character"};
  }
  if (fields.size() == kMaxFields) {
    return HttpProblem{431, "too_many_headers", "more than 100 header lines"};
  }
  fields.emplace_back(line.substr(0, colon), value);
  return std::nullopt;
}

size_t CountFields(const HeaderFields& fields, std::string_view name) {
  return static_cast<size_t>(std::count_if(fields.begin(), fields.end(), [&](const auto& field) {
    return SameToken(field.first, name);
  }));
}

// How long the body is must be beyond doubt, since a proxy in front may read it differently.
std::optional<HttpProblem> FrameBody(RequestHead& head) {
  const size_t lengths = CountFields(head.fields, "Content-Length");
  const bool encoded = CountFields(head.fields, "Transfer-Encoding") > 0;
  if (lengths > 1 || (lengths > 0 && encoded)) {
    return HttpProblem{400, "ambiguous_framing", "the length of the body is given twice"};
  }
  if (encoded) {
    return HttpProblem{411, "length_required",
                       "Transfer-Encoding is not taken: send Content-Length"};
  }
  if (CountFields(head.fields, "Content-Encoding") > 0) {
    return HttpProblem{415, "encoded_body",
                       "Content-Encoding is not taken: send the body as it is"};
  }
  if (lengths == 0) return std::nullopt;
  const std::string_view text = FieldValue(head.fields, "Content-Length");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), head.body_size);
  if (error == std::errc::result_out_of_range) {
    return HttpProblem{413, "too_large", "head and body may hold 16 KiB together"};
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    return HttpProblem{400, "bad_length", "Content-Length is not a number"};
  }
  return std::nullopt;
}

}  // namespace

tl::expected<RequestHead, HttpProblem> ParseRequestHead(std::string_view text) {
  RequestHead head;
  bool http11 = false;
  for (bool first = true; !text.empty(); first = false) {
    const size_t end = text.find("\r\n");
    if (end == std::string_view::npos) break;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line.empty() && !first) break;
    const auto problem =
        first ? ParseRequestLine(line, head, http11) : ParseField(line, head.fields);
    if (problem) return tl::unexpected(*problem);
  }
  const size_t hosts = CountFields(head.fields, "Host");
  if (hosts > 1 || (hosts == 0 && http11)) {
    return tl::unexpected(HttpProblem{400, "bad_host", "exactly one Host header is needed"});
  }
  if (const auto problem = FrameBody(head)) return tl::unexpected(*problem);
  return head;
}

std::string_view FieldValue(const HeaderFields& fields, std::string_view name) {
  for (const auto& [key, value] : fields) {
    if (SameToken(key, name)) return value;
  }
  return {};
}

bool SameToken(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

std::string_view TrimBlanks(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}
