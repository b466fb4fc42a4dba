#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitor/config.h"
#include "monitor/yaml_map.h"

// The sections of the configuration file that are big enough for a file of their own. Called by
// ParseConfig only; each complains through its map and leaves nothing half-said.

// What the sections need besides their own map.
struct ConfigOrigin {
  std::string directory;  // relative paths start here
  std::vector<Preset> presets;
  CheckSource check;  // may be empty
};

std::vector<CompactionLogConfig> ReadCompactionLogs(YamlMap& root, const ConfigOrigin& origin);
std::vector<CanonicalFilesConfig> ReadCanonicalFiles(YamlMap& root, const ConfigOrigin& origin);

// `path` itself when absolute, else below the configuration's directory.
std::string Resolved(const std::string& path, const ConfigOrigin& origin);
// Reads a path, resolved; complains of what a shell would have expanded.
bool ReadPath(YamlMap& map, std::string_view key, const ConfigOrigin& origin, std::string& into);
void CheckPath(YamlMap& map, std::string_view key, const std::string& path);
// The bytes of a file, at most one more than a configuration may have.
Result<std::string> ReadWholeFile(const std::string& path);
