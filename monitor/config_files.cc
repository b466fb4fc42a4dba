#include <algorithm>
#include <array>
#include <map>

#include "monitor/config_parts.h"
#include "monitor/config_values.h"
#include "monitor/time.h"

// The section `canonical_files`.

namespace {

constexpr std::array<std::string_view, 3> kRecounts = {"parquet", "lines", "none"};

void CheckTemplate(YamlMap& map, const std::string& path) {
  int projects = 0, days = 0;
  for (const std::string& name : Placeholders(path)) {
    projects += name == "project";
    days += name == "day";
    if (name == "project" || name == "day") continue;
    map.Complain("path",
                 "unknown placeholder " + Quoted("{" + name + "}") + " (known: {project}, {day})");
  }
  if (projects == 0) map.Complain("path", "must contain {project}");
  if (days == 0) map.Complain("path", "must contain {day}");
}

void ReadRecount(YamlMap& map, CanonicalFilesConfig& files) {
  const YamlNode* node = map.Find("recount");
  if (!node) return;
  if (node->kind == YamlNode::Kind::kText) {
    if (const auto index = map.Choice("recount", kRecounts)) {
      files.recount = {std::string(kRecounts[*index])};
    }
    return;
  }
  if (node->kind != YamlNode::Kind::kMap) {
    map.Complain("recount", "must be parquet, lines, none or exec: [program, …], is " +
                                std::string(NameOf(node->kind)));
    return;
  }
  YamlMap recount(*node, map.Path("recount"), map.complaints());
  std::vector<std::string> command;
  if (recount.Texts("exec", command)) {
    if (command[0][0] != '/') {
      recount.Complain("exec", "the program must be an absolute path, is " + Quoted(command[0]));
    }
    if (std::none_of(command.begin(), command.end(), [](const std::string& argument) {
          return argument.find("{path}") != std::string::npos;
        })) {
      recount.Complain("exec", "no argument contains {path}, the file to count");
    }
    files.recount = {"exec"};
    files.recount.insert(files.recount.end(), command.begin(), command.end());
  } else if (!recount.Has("exec")) {
    recount.Complain("missing \"exec\"");
  }
  recount.Finish();
}

bool IsUnit(std::string_view text) {
  return text.ends_with(".service") || text.ends_with(".scope") || text.ends_with(".slice");
}

void ReadDead(YamlMap& map, CanonicalFilesConfig& files) {
  auto dead = map.Map("dead");
  if (!dead) return;
  std::string since;
  if (dead->Text("since", since)) {
    const auto day = ParseDay(since);
    if (!day || day->days == Day::kNone) {
      dead->Complain("since", "must be a date such as 2016-02-01, is " + Quoted(since));
    }
    files.dead_since = since;
  } else if (!dead->Has("since")) {
    dead->Complain("missing \"since\"");
  }
  dead->Texts("except", files.dead_except);
  for (const std::string& reader : files.dead_except) {
    if (reader[0] == '/' || IsUnit(reader)) continue;
    dead->Complain("except",
                   "must be absolute paths of executables or units such as "
                   "restic.service, is " +
                       Quoted(reader));
  }
  dead->Finish();
  if (files.serving) dead->Complain("a format that is serving cannot be dead");
}

CanonicalFilesConfig ReadFiles(YamlMap& map, const ConfigOrigin& origin) {
  CanonicalFilesConfig files;
  files.line = map.line();
  if (!map.Text("format", files.format) && !map.Has("format")) map.Complain("missing \"format\"");
  if (ReadPath(map, "path", origin, files.path)) {
    CheckTemplate(map, files.path);
  } else if (!map.Has("path")) {
    map.Complain("missing \"path\"");
  }
  if (map.Text("reads", files.reads) && files.reads == files.format) {
    map.Complain("reads", "names its own format, which is the default; leave it out");
  }
  map.Bool("serving", files.serving);
  map.Bool("required", files.required);
  map.Duration("grace", files.grace);
  ReadRecount(map, files);
  if (map.Duration("retention", files.retention) && files.retention->count() == 0) {
    map.Complain("retention", "must be longer than 0s; leave it out to keep files forever");
  }
  ReadDead(map, files);
  map.Finish();
  return files;
}

}  // namespace

std::vector<CanonicalFilesConfig> ReadCanonicalFiles(YamlMap& root, const ConfigOrigin& origin) {
  std::vector<CanonicalFilesConfig> all;
  std::map<std::string, std::string> owners;  // of formats, of paths, of `serving`
  for (YamlMap& map : root.Maps("canonical_files")) {
    CanonicalFilesConfig files = ReadFiles(map, origin);
    const auto claim = [&](std::string_view key, const std::string& what) {
      const auto [other, fresh] = owners.try_emplace(std::string(key) + what, map.path());
      if (!fresh) map.Complain(key, "the same as that of " + other->second);
    };
    if (!files.format.empty()) claim("format", files.format);
    if (!files.path.empty()) claim("path", files.path);
    if (files.serving) {
      const auto [other, fresh] = owners.try_emplace("serving", map.path());
      if (!fresh) {
        map.Complain("serving", "only one format can be serving; " + other->second + " already is");
      }
    }
    all.push_back(std::move(files));
  }
  return all;
}
