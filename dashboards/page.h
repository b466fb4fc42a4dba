#pragma once

#include "dashboards/http_server.h"

// The page: files that the build put into the binary, and index.html for each of its own addresses.
// In a build without it, `/` says so. Also /api/v1/openapi.json.
void AddPage(HttpServer& server);
