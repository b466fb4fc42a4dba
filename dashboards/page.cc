#include "dashboards/page.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include "dashboards/embedded_files.h"

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTypes = {{
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".json", "application/json"},
    {".woff2", "font/woff2"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
}};
// Addresses of the page, and those that begin so.
constexpr std::array<std::string_view, 6> kExact = {"/",      "/servers", "/alerts",
                                                    "/audit", "/permits", "/help"};
constexpr std::array<std::string_view, 3> kBegin = {"/incident/", "/project/", "/audit/"};

std::string_view TypeOf(std::string_view name) {
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return type;
  }
  return "application/octet-stream";
}

const EmbeddedFile* Find(std::string_view name) {
  const auto files = EmbeddedFiles();
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const EmbeddedFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

bool IsPageAddress(std::string_view path) {
  const auto begins = [&](std::string_view begin) { return path.starts_with(begin); };
  return std::find(kExact.begin(), kExact.end(), path) != kExact.end() ||
         std::any_of(kBegin.begin(), kBegin.end(), begins);
}

// "app-5G2XQ7LK.js": the name changes with the content, as a bundler writes it.
bool NamesItsContent(std::string_view name) {
  const size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) return false;
  const std::string_view rest = name.substr(dash + 1);
  const std::string_view hash = rest.substr(0, rest.find('.'));
  return hash.size() >= 8 && std::all_of(hash.begin(), hash.end(), [](unsigned char c) {
           return std::isdigit(c) != 0 || std::isupper(c) != 0;
         });
}

HttpResponse FileResponse(const EmbeddedFile& file) {
  HttpResponse response;
  response.content_type = TypeOf(file.name);
  response.body = file.content;
  response.headers.emplace_back("Cache-Control", NamesItsContent(file.name)
                                                     ? "public, max-age=31536000, immutable"
                                                     : "no-cache");
  return response;
}

HttpResponse Answer(const HttpRequest& request) {
  const std::string_view path = request.path;
  if (path.starts_with("/api/")) return ErrorResponse(404, "not_found", "there is no such path");
  const EmbeddedFile* index = Find("index.html");
  if (IsPageAddress(path)) {
    if (index) return FileResponse(*index);
    if (path != "/") return ErrorResponse(404, "no_page", "this build of rollcall has no page");
    HttpResponse plain;
    plain.body = "This build of rollcall has no page. Its API: /api/v1/openapi.json\n";
    return plain;
  }
  const EmbeddedFile* file = index ? Find(path.substr(1)) : nullptr;
  if (file && file->name != "openapi.json") return FileResponse(*file);
  return ErrorResponse(404, "not_found", "there is no such path");
}

}  // namespace

void AddPage(HttpServer& server) {
  server.Get("/api/v1/openapi.json", [](const HttpRequest&) {
    const EmbeddedFile* api = Find("openapi.json");
    return api ? FileResponse(*api) : ErrorResponse(404, "not_found", "it was not built in");
  });
  server.GetElse(Answer);
}
