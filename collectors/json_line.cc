#include "collectors/json_line.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "collectors/byte_scan.h"

namespace {

namespace ondemand = simdjson::ondemand;
using Kind = Value::Kind;

constexpr int kMaxDepth = 64;
constexpr size_t kMaxDots = 6;  // a path of k dots has 2^k ways through the objects
constexpr std::string_view kNotJson = "not json";
constexpr std::string_view kTooDeep = "json nested too deep";

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The end of the number at `at` (RFC 8259 section 6); null for what is none.
const char* NumberEnd(const char* at, const char* end) {
  if (at != end && *at == '-') ++at;
  if (at == end || !IsDigit(*at)) return nullptr;
  if (*at == '0') {
    ++at;
  } else {
    at = FindDigitsEnd(at, end);
  }
  if (at != end && *at == '.') {
    const char* const first = ++at;
    at = FindDigitsEnd(at, end);
    if (at == first) return nullptr;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    const char* const first = at;
    at = FindDigitsEnd(at, end);
    if (at == first) return nullptr;
  }
  return at;
}

// true, false or null at `at`: its end, or null.
const char* WordEnd(const char* at, const char* end, Value& value) {
  for (const std::string_view word : {"true", "false", "null"}) {
    if (!std::string_view(at, static_cast<size_t>(end - at)).starts_with(word)) continue;
    value = word == "null" ? Value{} : Value{Kind::kBool, {at, word.size()}};
    return at + word.size();
  }
  return nullptr;
}

// A template's hole: a scalar, strings only without escapes.
const char* ScanScalar(const char* at, const char* end, Value& value) {
  if (at == end) return nullptr;
  if (*at == '"') {
    const char* const first = ++at;
    at = FindStringEnd(at, end);
    if (at == end || *at != '"') return nullptr;
    value = {Kind::kText, {first, static_cast<size_t>(at - first)}};
    return at + 1;
  }
  if (*at != '-' && !IsDigit(*at)) return WordEnd(at, end, value);
  const char* const number_end = NumberEnd(at, end);
  if (number_end != nullptr) value = {Kind::kNumber, {at, static_cast<size_t>(number_end - at)}};
  return number_end;
}

// Where the scalars of a line that is JSON stand, in order; keys are none.
std::vector<TemplateHole> ScalarsOf(std::string_view line) {
  std::vector<TemplateHole> scalars;
  const char* const end = line.data() + line.size();
  for (const char* at = line.data(); at != end;) {
    const char* const begin = at;
    const auto add = [&] {
      scalars.push_back({static_cast<uint32_t>(begin - line.data()),
                         static_cast<uint32_t>(at - line.data()), -1});
    };
    if (*at == '"') {
      for (++at; *at != '"'; ++at) at += *at == '\\' ? 1 : 0;
      const char* next = ++at;
      while (next != end && IsSpace(*next)) ++next;
      if (next == end || *next != ':') add();
    } else if (*at == '-' || IsDigit(*at) || (*at >= 'a' && *at <= 'z')) {
      while (at != end && !IsSpace(*at) && *at != ',' && *at != '}' && *at != ']') ++at;
      add();
    } else {
      ++at;
    }
  }
  return scalars;
}

}  // namespace

class JsonLine::Reader {
 public:
  // Where a path met the line, for learning.
  struct Hit {
    int path = -1;
    uint32_t begin = 0;
    bool nested = false;
  };

  explicit Reader(const std::vector<std::string>& paths) {
    nodes_.emplace_back();
    ranks_.resize(paths.size());
    for (size_t i = 0; i < paths.size(); ++i) AddPath(0, paths[i], static_cast<int>(i), 0);
  }

  std::string_view Read(std::string_view line, std::span<Value> values);
  // Of the last Read().
  const std::vector<Hit>& hits() const { return hits_; }

 private:
  struct Edge {
    std::string key;
    int path = -1;      // that ends here
    int rank = 0;       // of the ways to that path; the lowest one present counts
    int node = -1;      // if longer paths go through here
    int next = -1;      // with the same hash
    uint32_t seen = 0;  // the line in which the key was last met
  };
  // One object on the way to a path.
  struct Node {
    std::vector<Edge> edges;
    std::array<int16_t, 64> first_of = MakeEmpty();  // edge by hash
    static std::array<int16_t, 64> MakeEmpty() {
      std::array<int16_t, 64> empty;
      empty.fill(-1);
      return empty;
    }
  };

  static size_t Hash(std::string_view key) {
    if (key.empty()) return 0;
    return (key.size() * 7 + static_cast<unsigned char>(key.front()) * 3 +
            static_cast<unsigned char>(key.back())) %
           64;
  }

  void AddPath(int node, std::string_view path, int index, int rank);
  Edge& EdgeOf(int node, std::string_view key);
  Edge* Find(int node, std::string_view key);
  std::string_view ReadObject(ondemand::object object, int node, int depth);
  std::string_view ReadArray(ondemand::array array, int depth);
  // `edge` is null where nobody asked.
  std::string_view ReadValue(ondemand::value value, const Edge* edge, int depth);
  std::string_view ReadScalar(ondemand::value& value, const Edge* edge);
  void Set(const Edge* edge, Kind kind, std::string_view text);

  std::vector<Node> nodes_;  // the first is the line's object
  ondemand::parser parser_;
  std::vector<char> padded_;  // the line, and what simdjson may read behind it
  uint32_t line_number_ = 0;
  bool escapes_ = false;  // somewhere in the line
  std::vector<int> ranks_;
  std::vector<Hit> hits_;
  std::span<Value> values_;  // only within Read()
};

// Ranks: at each level the longest literal key is tried first, so ways are numbered in that order.
void JsonLine::Reader::AddPath(int node, std::string_view path, int index, int rank) {
  int next_rank = rank;
  for (size_t dot = path.size(); dot != path.npos;
       dot = dot == 0 ? path.npos : path.rfind('.', dot - 1)) {
    if (dot == path.size()) {
      Edge& edge = EdgeOf(node, path);
      edge.path = index;
      edge.rank = next_rank++;
      continue;
    }
    Edge& edge = EdgeOf(node, path.substr(0, dot));
    if (edge.node < 0) {
      const int child = static_cast<int>(nodes_.size());
      edge.node = child;
      nodes_.emplace_back();
    }
    const int child = EdgeOf(node, path.substr(0, dot)).node;
    AddPath(child, path.substr(dot + 1), index, next_rank);
    next_rank +=
        1 << std::count(path.begin() + static_cast<std::ptrdiff_t>(dot) + 1, path.end(), '.');
  }
}

JsonLine::Reader::Edge& JsonLine::Reader::EdgeOf(int node, std::string_view key) {
  if (Edge* edge = Find(node, key)) return *edge;
  Node& owner = nodes_[static_cast<size_t>(node)];
  int16_t& first = owner.first_of[Hash(key)];
  Edge edge;
  edge.key = key;
  edge.next = first;
  first = static_cast<int16_t>(owner.edges.size());
  owner.edges.push_back(std::move(edge));
  return owner.edges.back();
}

JsonLine::Reader::Edge* JsonLine::Reader::Find(int node, std::string_view key) {
  Node& owner = nodes_[static_cast<size_t>(node)];
  for (int i = owner.first_of[Hash(key)]; i >= 0; i = owner.edges[static_cast<size_t>(i)].next) {
    Edge& edge = owner.edges[static_cast<size_t>(i)];
    if (edge.key == key) return &edge;
  }
  return nullptr;
}

std::string_view JsonLine::Reader::Read(std::string_view line, std::span<Value> values) {
  for (Value& value : values) value = {};
  values_ = values;
  hits_.clear();
  if (line.empty()) return kNotJson;
  if (++line_number_ == 0) ++line_number_;
  if (padded_.size() < line.size() + simdjson::SIMDJSON_PADDING) {
    padded_.resize(line.size() * 2 + simdjson::SIMDJSON_PADDING);
  }
  std::memcpy(padded_.data(), line.data(), line.size());
  std::memset(padded_.data() + line.size(), ' ', simdjson::SIMDJSON_PADDING);
  escapes_ = line.find('\\') != line.npos;

  ondemand::document document;
  ondemand::object object;
  if (parser_.iterate(padded_.data(), line.size(), padded_.size()).get(document) != 0 ||
      document.get_object().get(object) != 0) {
    return kNotJson;
  }
  if (const auto reason = ReadObject(object, 0, 1); !reason.empty()) return reason;
  const char* rest = nullptr;
  if (document.current_location().get(rest) == 0) return kNotJson;  // something follows
  return {};
}

std::string_view JsonLine::Reader::ReadObject(ondemand::object object, int node, int depth) {
  for (auto item : object) {
    ondemand::field field;
    if (std::move(item).get(field) != 0) return kNotJson;
    const char* const raw = field.key().raw();
    std::string_view key(
        raw,
        static_cast<size_t>(static_cast<const char*>(std::memchr(raw, '"', padded_.size())) - raw));
    if (escapes_ && field.unescaped_key().get(key) != 0) return kNotJson;
    Edge* edge = node < 0 ? nullptr : Find(node, key);
    if (edge != nullptr && std::exchange(edge->seen, line_number_) == line_number_) edge = nullptr;
    if (const auto reason = ReadValue(field.value(), edge, depth); !reason.empty()) return reason;
  }
  return {};
}

std::string_view JsonLine::Reader::ReadArray(ondemand::array array, int depth) {
  for (auto item : array) {
    ondemand::value value;
    if (item.get(value) != 0) return kNotJson;
    if (const auto reason = ReadValue(value, nullptr, depth); !reason.empty()) return reason;
  }
  return {};
}

std::string_view JsonLine::Reader::ReadValue(ondemand::value value, const Edge* edge, int depth) {
  const std::string_view token = value.raw_json_token();
  if (token.empty()) return kNotJson;
  if (edge != nullptr && edge->path >= 0) {
    hits_.push_back({edge->path, static_cast<uint32_t>(token.data() - padded_.data()),
                     token.front() == '{' || token.front() == '['});
  }
  if (token.front() != '{' && token.front() != '[') return ReadScalar(value, edge);
  if (depth == kMaxDepth) return kTooDeep;
  Set(edge, Kind::kNested, {});
  if (token.front() == '[') {
    ondemand::array array;
    return value.get_array().get(array) != 0 ? kNotJson : ReadArray(array, depth + 1);
  }
  ondemand::object object;
  if (value.get_object().get(object) != 0) return kNotJson;
  return ReadObject(object, edge == nullptr ? -1 : edge->node, depth + 1);
}

std::string_view JsonLine::Reader::ReadScalar(ondemand::value& value, const Edge* edge) {
  std::string_view token = value.raw_json_token();
  while (!token.empty() && IsSpace(token.back())) token.remove_suffix(1);
  if (token.front() != '"') {
    Value scalar;
    const char* const end = token.data() + token.size();
    const bool number = token.front() == '-' || IsDigit(token.front());
    const char* const scalar_end =
        number ? NumberEnd(token.data(), end) : WordEnd(token.data(), end, scalar);
    if (scalar_end != end) return kNotJson;
    Set(edge, number ? Kind::kNumber : scalar.kind, number ? token : scalar.text);
    return {};
  }
  if (token.size() < 2 || token.back() != '"') return kNotJson;
  std::string_view text = token.substr(1, token.size() - 2);
  // Taken either way: simdjson would skip a string that was only looked at, and a colon with it.
  const auto error = escapes_ ? value.get_string().get(text) : value.get_raw_json_string().error();
  if (error != 0) return kNotJson;
  Set(edge, Kind::kText, text);
  return {};
}

void JsonLine::Reader::Set(const Edge* edge, Kind kind, std::string_view text) {
  if (edge == nullptr || edge->path < 0 || kind == Kind::kAbsent) return;
  const auto path = static_cast<size_t>(edge->path);
  if (values_[path].kind != Kind::kAbsent && ranks_[path] < edge->rank) return;
  values_[path].kind = kind;
  values_[path].text = text;
  ranks_[path] = edge->rank;
}

JsonLine::JsonLine(std::unique_ptr<Reader> reader) : reader_(std::move(reader)) {}
JsonLine::JsonLine(JsonLine&&) noexcept = default;
JsonLine& JsonLine::operator=(JsonLine&&) noexcept = default;
JsonLine::~JsonLine() = default;

Result<JsonLine> JsonLine::Create(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (std::count(path.begin(), path.end(), '.') > static_cast<std::ptrdiff_t>(kMaxDots)) {
      return Fail(Error::Kind::kUsage, "fields: '" + path + "' has more than 6 dots");
    }
  }
  return JsonLine(std::make_unique<Reader>(paths));
}

std::string_view JsonLine::ReadAnyShape(std::string_view line, std::span<Value> values) {
  return reader_->Read(line, values);
}

std::string_view JsonLine::Read(std::string_view line, std::span<Value> values) {
  for (Value& value : values) value = {};
  if (templates_.Match<ScanScalar>(line, values)) return {};
  const std::string_view reason = reader_->Read(line, values);
  if (!reason.empty() || !templates_.WantsToLearn()) return reason;

  std::vector<TemplateHole> holes = ScalarsOf(line);
  std::array<bool, FieldMapping::kMaxPaths> fed{};
  for (const Reader::Hit& hit : reader_->hits()) {
    // Which of two ways to one path counts depends on nulls, and a nested value is no hole.
    if (hit.nested || std::exchange(fed[static_cast<size_t>(hit.path)], true)) return {};
    for (TemplateHole& hole : holes) {
      if (hole.begin == hit.begin) hole.path = hit.path;
    }
  }
  templates_.Learn(line, holes);
  return {};
}
