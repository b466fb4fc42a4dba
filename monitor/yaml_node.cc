#include "monitor/yaml_node.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <utility>

#include "monitor/config_values.h"

// The only file that calls yaml-cpp, and its exceptions end here. Seen in yaml-cpp 0.7 and guarded
// against below: doubled keys pass, a quote that is never closed ends with the file, "- a\nb: c" is
// two documents, and some errors carry the mark of line 1, column 1 wherever they are.

namespace {

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr size_t kMaxWidth = 1000;  // entries of one list or map; bounds every check over pairs
constexpr size_t kMaxDepth = 16;    // the deepest known key stands at 6

// Bytes of the UTF-8 character at `at`; 0 where there is none (also overlong forms and surrogates).
size_t CharacterSize(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned lead = byte(at);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
  if ((lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
  return size;
}

bool IsControl(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte == '\r') return at + 1 >= text.size() || text[at + 1] != '\n';
  return (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
}

// Whether the bytes are fit to be given to the YAML parser.
bool CheckBytes(std::string_view yaml, Complaints& complaints) {
  if (yaml.size() > kMaxBytes) {
    complaints.Add(0, "", "larger than 1 MiB; this is no configuration");
    return false;
  }
  int line = 1;
  bool indenting = true, tab = false, content = false, fine = true;
  for (size_t at = 0; at < yaml.size();) {
    const size_t size = CharacterSize(yaml, at);
    if (size == 0 || IsControl(yaml, at)) {
      complaints.Add(line, "", size == 0 ? "not UTF-8" : "a control character");
      return false;
    }
    const char c = yaml[at];
    at += size;
    if (c == '\n') {
      ++line;
      indenting = true;
      tab = false;
      continue;
    }
    if (c == '\t') tab = tab || indenting;
    if (c == ' ' || c == '\t' || c == '\r' || !indenting) continue;
    indenting = false;
    if (c == '#') continue;
    content = true;
    if (!tab) continue;
    complaints.Add(line, "", "a tab in the indentation; YAML wants spaces");
    fine = false;
  }
  if (!content) complaints.Add(0, "", "empty; deploy/rollcall.example.yml shows what belongs here");
  return fine && content;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Complaints& complaints) : complaints_(complaints) {}

  YamlNode& root() { return root_; }
  int start_line() const { return start_line_; }
  int last_line() const { return last_line_; }
  bool too_deep() const { return too_deep_; }
  bool too_wide() const { return too_wide_; }
  const YAML::Mark& last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_line_ = Line(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    Value(Made(YamlNode::Kind::kNull, mark));
  }
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    complaints_.Add(Line(mark), "", "anchor &" + name + ": anchors are not supported; repeat it");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    complaints_.Add(Line(mark), "", "aliases (*name) are not supported; repeat what is meant");
    Value(Made(YamlNode::Kind::kRefused, mark));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    last_quoted_ = tag == "!" ? mark : YAML::Mark::null_mark();
    Value(Made(Kind(mark, tag, YamlNode::Kind::kText), mark, value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    Open(mark, Kind(mark, tag, YamlNode::Kind::kList));
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    Open(mark, Kind(mark, tag, YamlNode::Kind::kMap));
  }
  void OnMapEnd() override { Close(); }

 private:
  struct Frame {
    YamlNode node;
    std::optional<YamlEntry> entry;  // a key that waits for its value
  };

  int Line(const YAML::Mark& mark) {
    if (!mark.is_null()) last_line_ = mark.line + 1;
    return last_line_;
  }

  YamlNode::Kind Kind(const YAML::Mark& mark, const std::string& tag, YamlNode::Kind kind) {
    if (tag.empty() || tag == "?" || tag == "!") return kind;
    complaints_.Add(Line(mark), "", "tag " + Quoted(tag) + ": tags (!name) are not supported");
    return YamlNode::Kind::kRefused;
  }

  YamlNode Made(YamlNode::Kind kind, const YAML::Mark& mark, std::string text = {}) {
    return {kind, Line(mark), std::move(text), {}, {}};
  }

  void Open(const YAML::Mark& mark, YamlNode::Kind kind) {
    open_.push_back({Made(kind, mark), std::nullopt});
    too_deep_ = too_deep_ || open_.size() > kMaxDepth;
  }

  void Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Value(std::move(node));
  }

  void Value(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    too_wide_ = too_wide_ || frame.node.items.size() + frame.node.entries.size() >= kMaxWidth;
    if (too_wide_) return;
    if (frame.node.kind == YamlNode::Kind::kList) {
      frame.node.items.push_back(std::move(node));
      return;
    }
    if (frame.node.kind != YamlNode::Kind::kMap) return;
    if (frame.entry) {
      frame.entry->value = std::move(node);
      frame.node.entries.push_back(std::move(*frame.entry));
      frame.entry.reset();
      return;
    }
    if (node.kind != YamlNode::Kind::kText) {
      complaints_.Add(node.line, "",
                      "a key must be a string, not " + std::string(NameOf(node.kind)));
    }
    frame.entry = YamlEntry{std::move(node.text), node.line, {}};
  }

  Complaints& complaints_;
  YamlNode root_;
  std::vector<Frame> open_;
  YAML::Mark last_quoted_ = YAML::Mark::null_mark();
  int start_line_ = 0;
  int last_line_ = 1;
  bool too_deep_ = false;
  bool too_wide_ = false;
};

// What a person should look for; yaml-cpp's words alone help few.
std::string Explained(const std::string& message) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kHints = {{
      {"end of map not found", "check the indentation"},
      {"end of sequence not found", "check the indentation"},
      {"illegal map value", "check the indentation, or quote a text that contains \": \""},
      {"end of sequence flow not found", "a [ is never closed"},
      {"end of map flow not found", "a { is never closed"},
      {"unknown token", "quote a text that starts with @, ` or %"},
      {"bad file", "nested too deeply"},
  }};
  for (const auto& [words, hint] : kHints) {
    if (message == words) return "not valid YAML: " + message + " (" + std::string(hint) + ")";
  }
  return "not valid YAML: " + message;
}

void AddSyntaxError(const YAML::ParserException& error, int last_line, Complaints& complaints) {
  const bool placed = !error.mark.is_null() && (error.mark.line > 0 || error.mark.column > 0);
  if (placed) return complaints.Add(error.mark.line + 1, "", Explained(error.msg));
  complaints.Add(0, "",
                 Explained(error.msg) + "; the parser does not say where, it got as far as line " +
                     std::to_string(last_line));
}

// Whether the quoted text that starts at `mark` is closed before the end of the file.
bool Closed(std::string_view yaml, const YAML::Mark& mark) {
  size_t at = 0;
  for (int line = 0; line < mark.line && at < yaml.size(); ++line) at = yaml.find('\n', at) + 1;
  at += static_cast<size_t>(mark.column);  // yaml-cpp counts bytes
  if (at >= yaml.size() || (yaml[at] != '"' && yaml[at] != '\'')) return true;  // | or >
  const char quote = yaml[at++];
  for (; at < yaml.size(); ++at) {
    if (quote == '"' && yaml[at] == '\\') {
      ++at;
      continue;
    }
    if (yaml[at] != quote) continue;
    if (quote == '"' || at + 1 >= yaml.size() || yaml[at + 1] != '\'') return true;
    ++at;
  }
  return false;
}

// Complains of keys that stand twice in one map, at any depth.
void CheckDoubled(const YamlNode& node, const std::string& path, Complaints& complaints) {
  for (size_t i = 0; i < node.items.size(); ++i) {
    CheckDoubled(node.items[i], path + "[" + std::to_string(i) + "]", complaints);
  }
  std::map<std::string_view, int> first_lines;
  for (const YamlEntry& entry : node.entries) {
    const std::string here = path.empty() ? Shown(entry.key) : path + "." + Shown(entry.key);
    const auto [first, fresh] = first_lines.try_emplace(entry.key, entry.line);
    if (!fresh) {
      complaints.Add(entry.line, here,
                     "duplicate key; first on line " + std::to_string(first->second));
    }
    CheckDoubled(entry.value, here, complaints);
  }
}

}  // namespace

std::string_view NameOf(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kText:
      return "a string";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMap:
      return "a map";
    case YamlNode::Kind::kRefused:
      break;
  }
  return "refused";
}

std::optional<YamlNode> ParseYaml(std::string_view yaml, Complaints& complaints) {
  if (yaml.substr(0, 3) == "\xEF\xBB\xBF") yaml.remove_prefix(3);
  if (!CheckBytes(yaml, complaints)) return std::nullopt;
  std::istringstream in{std::string(yaml)};
  TreeBuilder builder(complaints);
  TreeBuilder second(complaints);
  try {
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
    if (!Closed(yaml, builder.last_quoted())) {
      complaints.Add(builder.last_quoted().line + 1, "", "not valid YAML: a quote is never closed");
      return std::nullopt;
    }
    if (!builder.too_deep() && parser.HandleNextDocument(second)) {
      complaints.Add(second.start_line(), "",
                     "a second document starts here; check the indentation, or remove the ---");
      return std::nullopt;
    }
  } catch (const YAML::ParserException& error) {
    AddSyntaxError(error, std::max(builder.last_line(), second.last_line()), complaints);
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    complaints.Add(0, "", Explained(error.msg));
    return std::nullopt;
  }
  if (builder.too_deep()) {
    complaints.Add(0, "", "nested more than 16 deep");
    return std::nullopt;
  }
  if (builder.too_wide()) {
    complaints.Add(0, "", "more than 1000 entries in one list or map");
    return std::nullopt;
  }
  CheckDoubled(builder.root(), "", complaints);
  return std::move(builder.root());
}
