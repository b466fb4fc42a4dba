#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/complaints.h"
#include "monitor/yaml_node.h"

// Reads one map strictly. Every read names a key and by that makes it known; Finish() then
// complains of the keys nobody asked for. A read of an absent or wrong value leaves its target as
// it is; a wrong one is complained about. Lives on the stack of the function that parses; the node
// and the complaints outlive it.
class YamlMap {
 public:
  // `path` is the map's place in the file ("compaction_logs[0]"); empty: the whole file.
  YamlMap(const YamlNode& node, std::string path, Complaints& complaints);

  // True: the key was there, its value was right and is in `into`.
  bool Text(std::string_view key, std::string& into);  // not empty, no control characters
  bool Texts(std::string_view key, std::vector<std::string>& into);  // a list of at least one
  bool TextOrTexts(std::string_view key, std::vector<std::string>& into);
  bool Bool(std::string_view key, bool& into);
  bool Count(std::string_view key, int64_t min, std::optional<int64_t>& into);
  bool Ratio(std::string_view key, std::optional<double>& into);
  bool Duration(std::string_view key, std::chrono::milliseconds& into);
  bool Duration(std::string_view key, std::optional<std::chrono::milliseconds>& into);
  bool Size(std::string_view key, int64_t& into);
  // The index in `names` of the value.
  std::optional<size_t> Choice(std::string_view key, std::span<const std::string_view> names);

  std::optional<YamlMap> Map(std::string_view key);
  // One map an item, paths "key[0]", …; complains of an empty list.
  std::vector<YamlMap> Maps(std::string_view key);
  // The value of whatever type, or null; complains of an empty one.
  const YamlNode* Find(std::string_view key);

  bool Has(std::string_view key) const { return Entry(key) != nullptr; }
  // All keys in file order.
  std::vector<std::string> Keys() const;
  int line() const { return node_.line; }
  int Line(std::string_view key) const;  // the map's own line when the key is absent
  const std::string& path() const { return path_; }
  std::string Path(std::string_view key) const;

  // Complains at the key.
  void Complain(std::string_view key, const std::string& what);
  // Complains at the map.
  void Complain(const std::string& what) { complaints_.Add(line(), path_, what); }
  // Complains of keys that were not read: "unknown <noun>; did you mean …".
  void Finish(std::string_view noun = "key");

  Complaints& complaints() { return complaints_; }

 private:
  const YamlEntry* Entry(std::string_view key) const;
  const YamlNode* Find(std::string_view key, YamlNode::Kind kind);
  bool CheckText(const YamlNode& node, const std::string& where);

  const YamlNode& node_;
  Complaints& complaints_;
  std::string path_;
  std::map<std::string, const YamlEntry*, std::less<>> entries_;  // the first one of each key
  std::vector<std::string> known_;
};
