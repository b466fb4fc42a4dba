#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dashboards/request_head.h"

// What a handler is given and what it returns. Plain data. Everything in a request came from a
// client: it may be no UTF-8 and is never to be put into a page or a log unescaped.

struct HttpRequest {
  std::string method;
  std::string path;                               // percent-decoded
  std::multimap<std::string, std::string> query;  // percent-decoded
  HeaderFields headers;                           // as sent, nothing decoded
  std::string body;
  std::string remote_address;  // numeric, of the socket's peer

  std::string_view Header(std::string_view name) const { return FieldValue(headers, name); }
  // Empty where the query has no such parameter.
  std::string QueryValue(const std::string& name) const;
  // What may be done without authentication on this machine alone, such as POST /-/reload.
  bool FromLoopback() const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // these win over the server's own
};

// {"error":{"code":…,"message":…}}
HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message);
HttpResponse JsonResponse(std::string json);
