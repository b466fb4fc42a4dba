#include "collectors/files/directory_book.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>

#include "collectors/files/mount_table.h"

namespace {

constexpr size_t kFileSystemId = 8;
constexpr size_t kMaxLearned = 200'000;  // some 250 bytes each
constexpr size_t kMaxFound = 32 * 1024;

UniqueFd OpenById(int file_system, ObjectId id) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> room{};
  const ObjectId handle = id.substr(kFileSystemId);
  if (handle.size() > room.size()) return UniqueFd();
  std::memcpy(room.data(), handle.data(), handle.size());
  return UniqueFd(open_by_handle_at(file_system, reinterpret_cast<file_handle*>(room.data()),
                                    O_PATH | O_DIRECTORY | O_CLOEXEC));
}

// The path of an open directory, if it leads there: one that was removed, or lies outside of what
// is mounted, has a path that does not.
std::string PathOf(int fd) {
  std::array<char, PATH_MAX> room;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(link.c_str(), room.data(), room.size());
  if (size <= 0) return {};
  std::string path(room.data(), static_cast<size_t>(size));
  struct stat meant, found;
  const bool leads_there = fstat(fd, &meant) == 0 && lstat(path.c_str(), &found) == 0 &&
                           meant.st_dev == found.st_dev && meant.st_ino == found.st_ino;
  return leads_there ? path : std::string();
}

}  // namespace

bool DirectoryBook::AddFileSystem(const std::string& path) {
  const UniqueFd directory = OpenDirectoryAt(AT_FDCWD, path.c_str());
  const std::string id = directory ? ObjectIdOf(directory.get()) : std::string();
  if (id.empty() || !OpenById(directory.get(), id)) return false;
  std::pair entry(id.substr(0, kFileSystemId), path);
  if (std::find(file_systems_.begin(), file_systems_.end(), entry) == file_systems_.end()) {
    file_systems_.push_back(std::move(entry));
  }
  return true;
}

bool DirectoryBook::Learn(ObjectId id, const std::string& path) {
  if (id.empty() || learned_.size() >= kMaxLearned) return false;
  learned_.insert_or_assign(std::string(id), Describe(path));
  return true;
}

const KnownDirectoryPath* DirectoryBook::Find(ObjectId id) {
  if (id.empty()) return nullptr;
  if (!learned_.empty()) {
    const auto learned = learned_.find(std::string(id));
    if (learned != learned_.end()) return &learned->second;
  }
  if (file_systems_.empty()) return nullptr;
  if (const auto found = found_by_id_.find(id); found != found_by_id_.end()) {
    found_.splice(found_.begin(), found_, found->second);
    return &found->second->known;
  }
  if (found_.size() >= kMaxFound) {
    found_by_id_.erase(found_.back().id);
    found_.pop_back();
  }
  found_.push_front({std::string(id), Describe(Resolve(id))});
  found_by_id_[found_.front().id] = found_.begin();
  return &found_.front().known;
}

std::string DirectoryBook::Resolve(ObjectId id) const {
  std::string any;
  for (const auto& [file_system, root] : file_systems_) {
    if (!id.starts_with(file_system)) continue;
    const UniqueFd directory = OpenDirectoryAt(AT_FDCWD, root.c_str());
    const UniqueFd found = directory ? OpenById(directory.get(), id) : UniqueFd();
    if (!found) continue;
    std::string path = PathOf(found.get());
    // Of several mounts of one file system, the one where formats are.
    if (!Describe(path).places.empty()) return path;
    if (any.empty()) any = std::move(path);
  }
  return any;
}

KnownDirectoryPath DirectoryBook::Describe(std::string path) const {
  KnownDirectoryPath known;
  for (size_t i = 0; !path.empty() && i < formats_->size(); ++i) {
    const WatchedFormat& format = (*formats_)[i];
    if (format.real_root.empty() || !IsAtOrBelow(path, format.real_root)) continue;
    const size_t skip = format.real_root == "/" ? 0 : format.real_root.size();
    const std::string& root = format.pattern.root();
    FormatPlace place;
    place.directory = (root == "/" ? "" : root) + path.substr(skip);
    if (place.directory.empty()) place.directory = "/";
    place.files = static_cast<int16_t>(i);
    place.place = format.pattern.PlaceOf(place.directory);
    if (place.place != FilePattern::Place::kElsewhere) known.places.push_back(std::move(place));
  }
  known.path = std::move(path);
  return known;
}

void DirectoryBook::Forget(const std::string& path) {
  const auto gone = [&](const KnownDirectoryPath& known) {
    return known.path.empty() || IsAtOrBelow(known.path, path);
  };
  std::erase_if(learned_, [&](const auto& learned) { return gone(learned.second); });
  for (auto found = found_.begin(); found != found_.end();) {
    if (!gone(found->known)) {
      ++found;
      continue;
    }
    found_by_id_.erase(found->id);
    found = found_.erase(found);
  }
}

void DirectoryBook::RootsChanged() {
  for (auto& [id, known] : learned_) known = Describe(known.path);
  found_by_id_.clear();
  found_.clear();
}
