#include "dashboards/http_message.h"

#include <nlohmann/json.hpp>

#include "dashboards/socket.h"

std::string HttpRequest::QueryValue(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

bool HttpRequest::FromLoopback() const { return IsLoopback(remote_address); }

HttpResponse ErrorResponse(int status, std::string_view code, std::string_view message) {
  const nlohmann::json error = {{"error", {{"code", code}, {"message", message}}}};
  using Dump = nlohmann::json::error_handler_t;
  HttpResponse response = JsonResponse(error.dump(-1, ' ', false, Dump::replace));
  response.status = status;
  return response;
}

HttpResponse JsonResponse(std::string json) {
  return HttpResponse{200, "application/json", std::move(json), {}};
}
