#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/catch.h"

// Includes run one way (each folder's README says which): reads every source file of the tree and
// names the lines that break it. The checks are functions of text, so that the test can also show
// them failing.

namespace {

struct Source {
  std::string path;  // from the root: "rules/engine.cc"
  std::string text;
};

struct Include {
  std::string name;
  bool quoted = false;  // "ours", as opposed to <theirs>
};

std::vector<Include> IncludesOf(std::string_view text) {
  std::vector<Include> includes;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto skip = [&line](std::string_view word) {
      line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
      if (!line.starts_with(word)) return false;
      line.remove_prefix(word.size());
      return true;
    };
    if (!skip("#") || !skip("include") || !skip("") || line.empty()) continue;
    const bool quoted = line.front() == '"';
    const size_t end = line.find(quoted ? '"' : '>', 1);
    if (end == std::string_view::npos) continue;
    includes.push_back({std::string(line.substr(1, end - 1)), quoted});
  }
  return includes;
}

std::string FolderOf(const std::string& path) {
  if (path.starts_with("monitor/app/")) return "monitor/app";
  return path.substr(0, path.find('/'));
}

const std::map<std::string, std::set<std::string>>& Directions() {
  static const std::map<std::string, std::set<std::string>> kDirections = {
      {"monitor", {"monitor"}},
      {"collectors", {"collectors", "monitor"}},
      {"rules", {"rules", "monitor"}},
      {"dashboards", {"dashboards", "rules", "monitor"}},
      {"monitor/app", {"monitor/app", "dashboards", "rules", "collectors", "monitor"}},
      {"tests", {"tests", "monitor/app", "dashboards", "rules", "collectors", "monitor"}},
      // The demo's store is watched, so it shares nothing with who watches.
      {"deploy", {"deploy"}},
  };
  return kDirections;
}

// What is wrong with the includes of one file, a sentence each.
std::vector<std::string> IncludeFaults(const Source& source) {
  std::vector<std::string> faults;
  const auto fault = [&](const std::string& what) { faults.push_back(source.path + ": " + what); };
  const auto folder = Directions().find(FolderOf(source.path));
  if (folder == Directions().end()) {
    fault("is in a folder that holds no sources");
    return faults;
  }
  const bool is_implementation = source.path.ends_with(".cc");
  const std::string own_header = source.path.substr(0, source.path.rfind('.')) + ".h";
  bool ours_began = false;
  const std::vector<Include> includes = IncludesOf(source.text);
  for (size_t i = 0; i < includes.size(); ++i) {
    const auto& [name, quoted] = includes[i];
    if (!quoted) {
      if (ours_began) fault("<" + name + "> comes after a header of ours");
      continue;
    }
    if (!Directions().contains(FolderOf(name)))
      fault("\"" + name + "\" is not from the root");
    else if (!folder->second.contains(FolderOf(name)))
      fault("may not include \"" + name + "\"");
    if (name == own_header && i > 0) fault("its own header is not first");
    ours_began = ours_began || i > 0 || !is_implementation;
  }
  return faults;
}

// Libraries that one file alone may know, so that they can be replaced there: SQLite, and
// cpp-httplib once as a server and once as a client. Tests may play the peer of either.
std::vector<std::string> SharedFaults(const std::vector<Source>& sources) {
  std::map<std::string, std::vector<std::string>> users;
  for (const Source& source : sources) {
    if (source.path.starts_with("tests/")) continue;
    for (const Include& include : IncludesOf(source.text)) {
      if (include.name == "sqlite3.h") users["<sqlite3.h>"].push_back(source.path);
      if (include.name != "httplib.h") continue;
      const bool serves = source.text.find("httplib::Server") != std::string::npos;
      users[serves ? "<httplib.h> as server" : "<httplib.h> as client"].push_back(source.path);
    }
  }
  std::vector<std::string> faults;
  for (const auto& [library, paths] : users) {
    for (size_t i = 1; i < paths.size(); ++i) {
      faults.push_back(paths[i] + ": includes " + library + ", as " + paths[0] + " does");
    }
  }
  return faults;
}

std::vector<Source> ReadTree() {
  namespace fs = std::filesystem;
  const fs::path root = ROLLCALL_SOURCE_DIR;
  std::vector<Source> sources;
  for (const char* folder : {"monitor", "collectors", "rules", "dashboards", "tests", "deploy"}) {
    for (auto at = fs::recursive_directory_iterator(root / folder);
         at != fs::recursive_directory_iterator(); ++at) {
      if (at->path().filename() == "node_modules") at.disable_recursion_pending();
      const std::string extension = at->path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      std::ifstream file(at->path(), std::ios::binary);
      sources.push_back({at->path().lexically_relative(root).generic_string(),
                         std::string(std::istreambuf_iterator<char>(file), {})});
    }
  }
  std::sort(sources.begin(), sources.end(),
            [](const Source& a, const Source& b) { return a.path < b.path; });
  return sources;
}

using Faults = std::vector<std::string>;

}  // namespace

TEST_CASE("includes run one way through the source tree", "[include_order]") {
  const std::vector<Source> sources = ReadTree();
  REQUIRE(sources.size() > 10);
  for (const Source& source : sources) CHECK(IncludeFaults(source) == Faults{});
  CHECK(SharedFaults(sources) == Faults{});
}

TEST_CASE("every include of a file is seen", "[include_order]") {
  const auto includes = IncludesOf("#include <a.h>\n#  include\t\"b/c.h\"  // why\n#include \"cut");
  REQUIRE(includes.size() == 2);
  CHECK(includes[0].name == "a.h");
  CHECK_FALSE(includes[0].quoted);
  CHECK(includes[1].name == "b/c.h");
  CHECK(includes[1].quoted);
}

TEST_CASE("an include against the direction is a fault", "[include_order]") {
  const auto faults = [](const char* path, const std::string& header) {
    return IncludeFaults({path, "#include \"" + header + "\"\n"});
  };
  CHECK(faults("monitor/a.h", "rules/b.h") == Faults{"monitor/a.h: may not include \"rules/b.h\""});
  CHECK(faults("monitor/a.h", "monitor/app/b.h").size() == 1);
  CHECK(faults("collectors/a.h", "rules/b.h").size() == 1);
  CHECK(faults("rules/a.h", "collectors/b.h").size() == 1);
  CHECK(faults("dashboards/a.h", "collectors/b.h").size() == 1);
  CHECK(faults("monitor/app/a.h", "tests/b.h").size() == 1);
  CHECK(faults("dashboards/a.h", "rules/b.h").empty());
  CHECK(faults("monitor/app/a.h", "collectors/b.h").empty());
  CHECK(faults("tests/fuzz/a.cc", "monitor/app/b.h").empty());
}

TEST_CASE("a header not included from the root is a fault", "[include_order]") {
  CHECK(IncludeFaults({"rules/a.cc", "#include \"a.h\"\n"}) ==
        Faults{"rules/a.cc: \"a.h\" is not from the root"});
  CHECK(IncludeFaults({"rules/a.cc", "#include \"../monitor/a.h\"\n"}).size() == 1);
}

TEST_CASE("a file's own header comes first and ours come last", "[include_order]") {
  CHECK(IncludeFaults({"rules/a.cc", "#include <map>\n#include \"rules/a.h\"\n"}) ==
        Faults{"rules/a.cc: its own header is not first"});
  CHECK(IncludeFaults(
            {"rules/a.cc", "#include \"rules/a.h\"\n#include \"rules/b.h\"\n#include <map>\n"}) ==
        Faults{"rules/a.cc: <map> comes after a header of ours"});
  CHECK(IncludeFaults({"rules/a.h", "#include \"rules/b.h\"\n#include <map>\n"}).size() == 1);
  CHECK(IncludeFaults(
            {"rules/a.cc", "#include \"rules/a.h\"\n#include <map>\n#include \"rules/b.h\"\n"})
            .empty());
}

TEST_CASE("a source in a folder that holds none is a fault", "[include_order]") {
  CHECK(IncludeFaults({"docs/a.cc", ""}).size() == 1);
}

TEST_CASE("a second file that knows SQLite or serves HTTP is a fault", "[include_order]") {
  const Source sqlite{"monitor/a.cc", "#include <sqlite3.h>\n"};
  const Source server{"dashboards/a.cc", "#include <httplib.h>\nclass A : httplib::Server {};\n"};
  const Source client{"monitor/b.cc", "#include <httplib.h>\nhttplib::Client client;\n"};
  const Source test{"tests/a_test.cc", "#include <httplib.h>\n#include <sqlite3.h>\n"};
  CHECK(SharedFaults({sqlite, server, client, test, test}).empty());
  CHECK(SharedFaults({sqlite, sqlite}).size() == 1);
  CHECK(SharedFaults({server, server}) ==
        Faults{"dashboards/a.cc: includes <httplib.h> as server, as dashboards/a.cc does"});
  CHECK(SharedFaults({client, client}).size() == 1);
}
