#pragma once

#include <span>
#include <string_view>

// Files that the build put into the binary: openapi.json, and those of the page where it was built
// (dashboards/embed.cmake writes the other half of this).
struct EmbeddedFile {
  std::string_view name;  // "app.js"
  std::string_view content;
};
std::span<const EmbeddedFile> EmbeddedFiles();
