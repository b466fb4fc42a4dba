#include "collectors/partition_name.h"

#include <string>

#include "collectors/timestamp.h"

namespace {

constexpr std::string_view kProject = "{project}";
constexpr std::string_view kDay = "{day}";

// The pattern's three literals and which placeholder stands first.
struct Shape {
  std::string_view before, between, after;
  bool project_first = true;
};

Shape ShapeOf(std::string_view pattern) {
  const size_t project = pattern.find(kProject), day = pattern.find(kDay);
  const bool project_first = project < day;
  const size_t first = project_first ? project : day;
  const size_t second = project_first ? day : project;
  const size_t first_end = first + (project_first ? kProject : kDay).size();
  const size_t second_end = second + (project_first ? kDay : kProject).size();
  return {pattern.substr(0, first), pattern.substr(first_end, second - first_end),
          pattern.substr(second_end), project_first};
}

}  // namespace

PartitionName SplitPartition(std::string_view pattern, std::string_view name,
                             std::string_view day_format) {
  const PartitionName whole{name, Day{}};
  if (day_format == "-" || !CheckPartition(pattern)) return whole;
  const Shape shape = ShapeOf(pattern);
  if (name.size() < shape.before.size() + shape.between.size() + shape.after.size() ||
      !name.starts_with(shape.before) || !name.ends_with(shape.after)) {
    return whole;
  }
  const std::string_view body =
      name.substr(shape.before.size(), name.size() - shape.before.size() - shape.after.size());
  // The longest project first: cuts from the right when it stands first, else from the left.
  size_t cut = shape.project_first ? body.rfind(shape.between) : body.find(shape.between);
  while (cut != body.npos) {
    const std::string_view left = body.substr(0, cut);
    const std::string_view right = body.substr(cut + shape.between.size());
    const std::string_view project = shape.project_first ? left : right;
    const auto day = ParseDayAs(day_format, shape.project_first ? right : left);
    if (day && !project.empty()) return {project, *day};
    if (shape.project_first && cut == 0) break;
    cut = shape.project_first ? body.rfind(shape.between, cut - 1)
                              : body.find(shape.between, cut + 1);
  }
  return whole;
}

Result<void> CheckPartition(std::string_view pattern) {
  for (const std::string_view placeholder : {kProject, kDay}) {
    const size_t at = pattern.find(placeholder);
    if (at == pattern.npos || pattern.find(placeholder, at + 1) != pattern.npos) {
      return Fail(Error::Kind::kUsage, "partition: '" + std::string(pattern) + "' needs " +
                                           std::string(placeholder) + " once");
    }
  }
  return {};
}
