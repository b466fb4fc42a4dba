#include "dashboards/http_routes.h"

#include <openssl/sha.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "dashboards/socket.h"

namespace {

// Everything a page needs comes from here, nothing may frame it, and no answer outlives its moment.
constexpr std::array<std::pair<const char*, const char*>, 7> kGuards = {{
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy",
     "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"Vary", "Accept-Encoding"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
}};

bool HasHeader(const HttpResponse& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [&](const auto& header) { return SameToken(header.first, name); });
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// "[::1]:9717" to "::1", "LOCALHOST.:80" to "localhost".
std::string HostName(std::string_view authority) {
  if (!authority.empty() && authority.front() == '[') {
    const size_t end = authority.find(']');
    return end == std::string_view::npos ? "" : LowerCase(authority.substr(1, end - 1));
  }
  authority = authority.substr(0, authority.find(':'));
  if (!authority.empty() && authority.back() == '.') authority.remove_suffix(1);
  return LowerCase(authority);
}

// A browser sends Origin with every POST. Without this, any page open on this machine could reload
// the daemon: its request comes from loopback, to an allowed host.
bool FromOtherOrigin(const HttpRequest& request) {
  const std::string_view origin = request.Header("Origin");
  if (origin.empty()) return false;
  const size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ||
         !SameToken(origin.substr(scheme + 3), request.Header("Host"));
}

// Weak, since the same tag stands for the body as it is and compressed.
std::string EntityTag(const std::string& body) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data());
  std::string tag = "W/\"";
  for (size_t i = 0; i < 12; ++i) {
    tag += "0123456789abcdef"[digest[i] >> 4];
    tag += "0123456789abcdef"[digest[i] & 15];
  }
  return tag + '"';
}

// RFC 9110 section 13.1.2, weak comparison.
bool NamesTag(std::string_view if_none_match, std::string_view tag) {
  tag.remove_prefix(2);
  while (!if_none_match.empty()) {
    const size_t comma = if_none_match.find(',');
    std::string_view one = TrimBlanks(if_none_match.substr(0, comma));
    if (one == "*") return true;
    if (one.substr(0, 2) == "W/") one.remove_prefix(2);
    if (one == tag) return true;
    if (comma == std::string_view::npos) return false;
    if_none_match.remove_prefix(comma + 1);
  }
  return false;
}

void TagBody(const HttpRequest& request, HttpResponse& response) {
  if (response.status != 200 || HasHeader(response, "ETag")) return;
  const std::string tag = EntityTag(response.body);
  response.headers.emplace_back("ETag", tag);
  if (!NamesTag(request.Header("If-None-Match"), tag)) return;
  response.status = 304;
  response.body.clear();
}

bool Reads(const std::string& method) { return method == "GET" || method == "HEAD"; }

std::string JoinMethods(const std::map<std::string, HttpRoutes::Handler>& methods) {
  std::string all;
  for (const auto& [method, handler] : methods) {
    all += (all.empty() ? "" : ", ") + method + (method == "GET" ? ", HEAD" : "");
  }
  return all;
}

HttpResponse Call(const HttpRoutes::Handler& handler, const HttpRequest& request,
                  const std::string& path) {
  std::string what = "not an exception";
  try {
    return handler(request);
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
  }
  // What an exception says may quote the client: it must stay one line of plain text.
  std::replace_if(
      what.begin(), what.end(), [](char c) { return c < 0x20 || c == 0x7f; }, '?');
  spdlog::error("http handler failed path={} error={}", path, what);
  return ErrorResponse(500, "internal", "the request failed; the log says why");
}

}  // namespace

void HttpRoutes::AllowHost(const std::string& host) {
  hosts_.push_back(IsAddress(host) ? LowerCase(host) : HostName(host));
}

void HttpRoutes::Get(const std::string& path, Handler handler) {
  routes_[path]["GET"] = std::move(handler);
}

void HttpRoutes::Post(const std::string& path, Handler handler) {
  routes_[path]["POST"] = std::move(handler);
}

std::vector<std::string> HttpRoutes::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, methods] : routes_) paths.push_back(path);
  return paths;
}

HttpResponse HttpRoutes::Answer(const HttpRequest& request) const {
  const auto began = std::chrono::steady_clock::now();
  HttpResponse response = Route(request);
  if (Reads(request.method)) TagBody(request, response);
  if (observer_) {
    const auto route = routes_.find(request.path);
    observer_(route == routes_.end() ? "-" : route->first, response.status,
              std::chrono::steady_clock::now() - began);
  }
  Guard(response);
  return response;
}

void HttpRoutes::Guard(HttpResponse& response) {
  for (const auto& [name, value] : kGuards) {
    if (!HasHeader(response, name)) response.headers.emplace_back(name, value);
  }
}

// HTTP/1.0 may go without Host; no browser does, so that no page can be behind it.
bool HttpRoutes::HostAllowed(std::string_view host_header) const {
  if (host_header.empty()) return true;
  const std::string name = HostName(host_header);
  if (any_address_ && IsAddress(name)) return true;
  return std::find(hosts_.begin(), hosts_.end(), name) != hosts_.end();
}

HttpResponse HttpRoutes::Route(const HttpRequest& request) const {
  if (!HostAllowed(request.Header("Host"))) {
    return ErrorResponse(403, "host_not_allowed",
                         "this server does not go by that name; add it to the allowed hosts");
  }
  if (!Reads(request.method) && FromOtherOrigin(request)) {
    return ErrorResponse(403, "cross_origin", "another site's page may not ask for this");
  }
  const auto route = routes_.find(request.path);
  if (route == routes_.end()) {
    if (otherwise_ && Reads(request.method)) return Call(otherwise_, request, "any other");
    return ErrorResponse(404, "not_found", "there is no such path");
  }
  const auto& methods = route->second;
  const auto handler = methods.find(request.method == "HEAD" ? "GET" : request.method);
  if (handler != methods.end()) return Call(handler->second, request, route->first);
  HttpResponse refusal =
      ErrorResponse(405, "method_not_allowed", "this path does not take that method");
  refusal.headers.emplace_back("Allow", JoinMethods(methods));
  return refusal;
}
