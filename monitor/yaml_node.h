#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/complaints.h"

// One YAML document as a tree that keeps every key in file order with its line, unlike yaml-cpp's
// own nodes, which drop doubled keys silently. Plain data.
struct YamlEntry;

struct YamlNode {
  // kRefused: already complained about, to be passed over in silence.
  enum class Kind { kNull, kText, kList, kMap, kRefused };
  Kind kind = Kind::kNull;
  int line = 0;
  std::string text;                // kText: as written, whatever type it looks like
  std::vector<YamlNode> items;     // kList
  std::vector<YamlEntry> entries;  // kMap; the first one of a doubled key counts
};

struct YamlEntry {
  std::string key;
  int line = 0;
  YamlNode value;
};

// "a text", "a list", …, for messages.
std::string_view NameOf(YamlNode::Kind kind);

// Refuses what a configuration must not contain: more than 1 MiB, other encodings than UTF-8,
// control characters, tabs as indentation, anchors, aliases, tags, doubled keys, a second document,
// depth beyond 16. Nothing: there is no tree; a tree with complaints: worth reading on for more of
// them.
std::optional<YamlNode> ParseYaml(std::string_view yaml, Complaints& complaints);
