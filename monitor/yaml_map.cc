#include "monitor/yaml_map.h"

#include <algorithm>
#include <set>
#include <utility>

#include "monitor/config_values.h"

namespace {

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
  });
}

}  // namespace

YamlMap::YamlMap(const YamlNode& node, std::string path, Complaints& complaints)
    : node_(node), complaints_(complaints), path_(std::move(path)) {
  for (const YamlEntry& entry : node.entries) entries_.emplace(entry.key, &entry);
}

bool YamlMap::Text(std::string_view key, std::string& into) {
  const YamlNode* node = Find(key, YamlNode::Kind::kText);
  if (!node || !CheckText(*node, Path(key))) return false;
  into = node->text;
  return true;
}

bool YamlMap::Texts(std::string_view key, std::vector<std::string>& into) {
  const YamlNode* node = Find(key, YamlNode::Kind::kList);
  if (!node) return false;
  if (node->items.empty()) Complain(key, "an empty list; leave the key out or name something");
  std::vector<std::string> texts;
  std::set<std::string_view> seen;
  for (size_t i = 0; i < node->items.size(); ++i) {
    const YamlNode& item = node->items[i];
    const std::string where = Path(key) + "[" + std::to_string(i) + "]";
    if (item.kind == YamlNode::Kind::kRefused) return false;
    if (item.kind != YamlNode::Kind::kText) {
      complaints_.Add(item.line, where, "must be a string, is " + std::string(NameOf(item.kind)));
      return false;
    }
    if (!CheckText(item, where)) return false;
    if (!seen.insert(item.text).second) {
      complaints_.Add(item.line, where, Quoted(item.text) + " appears twice");
      return false;
    }
    texts.push_back(item.text);
  }
  if (texts.empty()) return false;
  into = std::move(texts);
  return true;
}

bool YamlMap::TextOrTexts(std::string_view key, std::vector<std::string>& into) {
  const YamlEntry* entry = Entry(key);
  if (entry && entry->value.kind == YamlNode::Kind::kList) return Texts(key, into);
  std::string text;
  if (entry && entry->value.kind == YamlNode::Kind::kMap) {
    Find(key);
    Complain(key, "must be a string or a list of strings, is a map");
    return false;
  }
  if (!Text(key, text)) return false;
  into = {text};
  return true;
}

bool YamlMap::Bool(std::string_view key, bool& into) {
  const YamlNode* node = Find(key, YamlNode::Kind::kText);
  if (!node) return false;
  if (node->text != "true" && node->text != "false") {
    Complain(key, "must be true or false, is " + Quoted(node->text));
    return false;
  }
  into = node->text == "true";
  return true;
}

bool YamlMap::Count(std::string_view key, int64_t min, std::optional<int64_t>& into) {
  const YamlNode* node = Find(key, YamlNode::Kind::kText);
  if (!node) return false;
  const auto count = ParseCount(node->text);
  if (!count || *count < min) {
    Complain(key, "must be a whole number of at least " + std::to_string(min) +
                      " without leading zeros, is " + Quoted(node->text));
    return false;
  }
  into = count;
  return true;
}

bool YamlMap::Ratio(std::string_view key, std::optional<double>& into) {
  const YamlNode* node = Find(key, YamlNode::Kind::kText);
  if (!node) return false;
  const auto ratio = ParseRatio(node->text);
  if (!ratio) {
    Complain(key, "must be a number from 0 to 1, is " + Quoted(node->text));
    return false;
  }
  into = ratio;
  return true;
}

bool YamlMap::Duration(std::string_view key, std::chrono::milliseconds& into) {
  const YamlNode* node = Find(key, YamlNode::Kind::kText);
  if (!node) return false;
  const auto duration = ParseDuration(node->text);
  if (!duration) {
    Complain(key,
             "must be a duration such as 500ms, 90s, 10m, 1h30m or 400d, is " + Quoted(node->text));
    return false;
  }
  into = *duration;
  return true;
}

bool YamlMap::Duration(std::string_view key, std::optional<std::chrono::milliseconds>& into) {
  std::chrono::milliseconds duration{};
  if (!Duration(key, duration)) return false;
  into = duration;
  return true;
}

bool YamlMap::Size(std::string_view key, int64_t& into) {
  const YamlNode* node = Find(key, YamlNode::Kind::kText);
  if (!node) return false;
  const auto size = ParseSize(node->text);
  if (!size || *size == 0) {
    Complain(key, "must be a size such as 100MB, 64MiB or 50GiB, is " + Quoted(node->text));
    return false;
  }
  into = *size;
  return true;
}

std::optional<size_t> YamlMap::Choice(std::string_view key,
                                      std::span<const std::string_view> names) {
  const YamlNode* node = Find(key, YamlNode::Kind::kText);
  if (!node) return std::nullopt;
  const auto found = std::find(names.begin(), names.end(), node->text);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  Complain(key, "unknown value " + Quoted(node->text) + Suggestion(node->text, names));
  return std::nullopt;
}

std::optional<YamlMap> YamlMap::Map(std::string_view key) {
  const YamlNode* node = Find(key, YamlNode::Kind::kMap);
  if (!node) return std::nullopt;
  return YamlMap(*node, Path(key), complaints_);
}

std::vector<YamlMap> YamlMap::Maps(std::string_view key) {
  std::vector<YamlMap> maps;
  const YamlNode* node = Find(key, YamlNode::Kind::kList);
  if (!node) return maps;
  if (node->items.empty()) Complain(key, "an empty list; leave the key out or name something");
  for (size_t i = 0; i < node->items.size(); ++i) {
    const YamlNode& item = node->items[i];
    const std::string where = Path(key) + "[" + std::to_string(i) + "]";
    if (item.kind == YamlNode::Kind::kMap) {
      maps.emplace_back(item, where, complaints_);
    } else if (item.kind != YamlNode::Kind::kRefused) {
      complaints_.Add(item.line, where, "must be a map, is " + std::string(NameOf(item.kind)));
    }
  }
  return maps;
}

const YamlNode* YamlMap::Find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const YamlEntry* entry = Entry(key);
  if (!entry || entry->value.kind == YamlNode::Kind::kRefused) return nullptr;
  if (entry->value.kind != YamlNode::Kind::kNull) return &entry->value;
  Complain(key, "has no value; give one or leave the key out");
  return nullptr;
}

const YamlNode* YamlMap::Find(std::string_view key, YamlNode::Kind kind) {
  const YamlNode* node = Find(key);
  if (!node || node->kind == kind) return node;
  Complain(key, "must be " + std::string(NameOf(kind)) + ", is " + std::string(NameOf(node->kind)));
  return nullptr;
}

std::vector<std::string> YamlMap::Keys() const {
  std::vector<std::string> keys;
  for (const YamlEntry& entry : node_.entries) keys.push_back(entry.key);
  return keys;
}

int YamlMap::Line(std::string_view key) const {
  const YamlEntry* entry = Entry(key);
  return entry ? entry->line : line();
}

std::string YamlMap::Path(std::string_view key) const {
  return path_.empty() ? Shown(key) : path_ + "." + Shown(key);
}

void YamlMap::Complain(std::string_view key, const std::string& what) {
  complaints_.Add(Line(key), Path(key), what);
}

void YamlMap::Finish(std::string_view noun) {
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  for (const auto& [key, entry] : entries_) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string what = "unknown " + std::string(noun);
    if (!complaints_.full()) what += Suggestion(key, known);
    if (key == "<<") what = "merge keys are not supported; repeat what is meant";
    complaints_.Add(entry->line, Path(key), what);
  }
}

const YamlEntry* YamlMap::Entry(std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second;
}

bool YamlMap::CheckText(const YamlNode& node, const std::string& where) {
  if (node.text.empty()) {
    complaints_.Add(node.line, where, "is empty");
    return false;
  }
  if (!HasControl(node.text)) return true;
  complaints_.Add(node.line, where,
                  "has a line break or control character; for a long text write >-");
  return false;
}
