#include "collectors/files/keeper.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "collectors/files/directory_names.h"

namespace {

constexpr mode_t kPrivate = 0700;
// Another file, or none, is there by now, and an event will say so.
constexpr int kChanged = -2;

std::string ProcPath(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

// Gives the file behind a descriptor another name.
int LinkFrom(int fd, int directory, const std::string& name) {
  return linkat(AT_FDCWD, ProcPath(fd).c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW) == 0
             ? 0
             : errno;
}

// Opens `name`, one component, as a directory of ours, which is made where it is missing.
UniqueFd MakeDirectory(int parent, const std::string& name) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  UniqueFd opened(openat(parent, name.c_str(), kFlags));
  if (opened || errno != ENOENT) return opened;
  if (mkdirat(parent, name.c_str(), kPrivate) != 0 && errno != EEXIST) return opened;
  return UniqueFd(openat(parent, name.c_str(), kFlags));
}

// What the kernel says, in words of somebody who wants it to work.
std::string WhyNotKept(int error) {
  switch (error) {
    case EXDEV:
      return "the preserve directory is on another file system than the file";
    case EPERM:
    case EACCES:
      return "linking files of others takes CAP_FOWNER, or to be their owner";
    case EMLINK:
      return "the file has as many links as its file system allows";
    case ENAMETOOLONG:
      return "the file's name is too long to be kept under";
    case ENOSPC:
    case EDQUOT:
      return "the disk is full";
    default:
      return std::strerror(error);
  }
}

template <typename Number>
bool TakeNumber(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

std::string Below(std::string_view directory, const std::string& root) {
  directory.remove_prefix(std::min(directory.size(), root == "/" ? 0 : root.size()));
  directory.remove_prefix(std::min(directory.find_first_not_of('/'), directory.size()));
  return std::string(directory);
}

std::string Joined(const std::string& directory, const std::string& below) {
  return below.empty() ? directory : directory + "/" + below;
}

bool IsStill(FileStatus wanted, int file) {
  FileStatus status;
  if (LookAt(file, status) != 0) return false;
  wanted.handle = status.handle;
  return status == wanted;
}

}  // namespace

std::string NameOfCopy(std::string_view name, const FileStatus& status) {
  return std::string(name) + "@" + std::to_string(status.modified_ns) + "." +
         std::to_string(status.inode) + "." + std::to_string(status.born_ns) + "." +
         std::to_string(status.size_bytes);
}

std::optional<CopyName> ParseCopyName(std::string_view name) {
  const size_t at = name.rfind('@');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  CopyName copy;
  copy.name = std::string(name.substr(0, at));
  std::string_view rest = name.substr(at + 1);
  const auto dot = [&rest] {
    const bool is = !rest.empty() && rest[0] == '.';
    if (is) rest.remove_prefix(1);
    return is;
  };
  const bool parsed = TakeNumber(rest, copy.modified_ns) && dot() && TakeNumber(rest, copy.inode) &&
                      dot() && TakeNumber(rest, copy.born_ns) && dot() &&
                      TakeNumber(rest, copy.size_bytes) && rest.empty();
  if (!parsed) return std::nullopt;
  return copy;
}

bool CanReflink(int directory) {
  const UniqueFd from(openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const UniqueFd to(openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  constexpr std::array<char, 4096> kBlock{};
  return from && to && write(from.get(), kBlock.data(), kBlock.size()) > 0 &&
         ioctl(to.get(), FICLONE, from.get()) == 0;
}

Keeper::Keeper(const PreserveConfig& config, const std::vector<CanonicalFilesConfig>& files,
               const std::vector<FilePattern>& patterns, const Clock& clock)
    : config_(config), files_(files), patterns_(patterns), clock_(clock) {
  for (const CanonicalFilesConfig& format : files) {
    preserved_.push_back(Preserves(config, format.format));
  }
  Tick(0);
}

// Nobody but its owner may go in: a copy keeps the permissions of its file, whose own directory may
// have been what protected it, and whoever could write here could have anything removed.
Result<void> Keeper::Open() {
  const auto fail = [&](const std::string& why) {
    return Fail(Error::Kind::kInput, "preserve.directory " + config_.directory + ": " + why);
  };
  if (mkdir(config_.directory.c_str(), kPrivate) != 0 && errno != EEXIST) {
    return fail(std::strerror(errno));
  }
  UniqueFd opened(open(config_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status;
  if (!opened || fstat(opened.get(), &status) != 0) return fail(std::strerror(errno));
  if (status.st_uid != geteuid()) return fail("it belongs to another user");
  if ((status.st_mode & 077) != 0) {
    return fail(
        "others may go in; `chmod 700` it, since copies keep the permissions of their files");
  }
  directory_ = std::move(opened);
  status_.problem.clear();
  reflinks_ = CanReflink(directory_.get());
  status_.method = reflinks_ ? "reflink" : "link";
  for (size_t i = 0; i < files_.size(); ++i) {
    if (preserved_[i]) to_list_.push_back({static_cast<int16_t>(i), ""});
  }
  return {};
}

void Keeper::Tick(int64_t files) {
  there_ = files;
  struct stat status;
  if (directory_ && fstat(directory_.get(), &status) == 0 && status.st_nlink > 0) return;
  directory_ = {};
  place_ = {};
  status_.method.clear();
  if (const auto opened = Open(); !opened) status_.problem = opened.error().message;
}

// A directory in ours, which is made where it is missing; an errno is left behind.
std::optional<int> Keeper::Place(const std::string& within) {
  if (place_ && place_of_ == within) return place_.get();
  place_ = UniqueFd(dup(directory_.get()));
  for (size_t at = 0; place_ && at < within.size();) {
    const size_t slash = std::min(within.find('/', at), within.size());
    place_ = MakeDirectory(place_.get(), within.substr(at, slash - at));
    at = slash + 1;
  }
  place_of_ = within;
  if (!place_) return std::nullopt;
  return place_.get();
}

void Keeper::Keep(const FileLook& look, const FileSighting& sighting, Batch& batch) {
  if (!directory_ || !sighting.present || !Preserved(sighting.files)) return;
  const auto made = Make(look, sighting, batch);
  if (made) return;
  ++status_.failed;
  status_.problem = made.error().message;
}

// What stands at the path now is kept if it is still what was seen.
Result<void> Keeper::Make(const FileLook& look, const FileSighting& sighting, Batch& batch) {
  const std::string directory(batch.View(sighting.directory));
  const std::string name(batch.View(sighting.name));
  const auto fail = [&](const std::string& why) {
    return Fail(Error::Kind::kInput, directory + "/" + name + " is not kept: " + why);
  };
  const auto files = static_cast<size_t>(sighting.files);
  const Generation& seen = sighting.generation;
  const FileStatus wanted{{}, seen.inode, seen.born_ns, seen.modified_ns, seen.size_bytes};
  const std::string within =
      Joined(files_[files].format, Below(directory, patterns_[files].root()));
  const std::string copy_name = NameOfCopy(name, wanted);
  if (IsCanonical(config_.directory + "/" + within, copy_name)) {
    return fail("the copy would be a canonical file itself; choose another preserve.directory");
  }
  const auto place = Place(within);
  if (!place) return fail(WhyNotKept(errno));
  if (faccessat(*place, copy_name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) return {};
  if (there_ >= config_.max_files) return fail("there are max_files copies already");
  const int error = reflinks_ ? Reflink(look, directory, name, wanted, copy_name)
                              : Link(look, directory, name, wanted, copy_name);
  if (error == kChanged || error == EEXIST) return {};
  if (error == ENOENT) place_ = {};  // somebody removed it
  if (error != 0) return fail(WhyNotKept(error));
  KeptCopy kept{sighting.files,
                reflinks_,
                sighting.directory,
                sighting.name,
                sighting.project,
                sighting.day,
                seen.inode,
                seen.born_ns,
                seen.modified_ns,
                seen.size_bytes,
                {},
                clock_.Now()};
  kept.copy = batch.Add(config_.directory + "/" + within + "/" + copy_name);
  batch.files.kept.push_back(kept);
  ++there_;
  ++status_.made;
  status_.problem.clear();
  return {};
}

bool Keeper::IsCanonical(const std::string& directory, const std::string& name) const {
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const FilePattern& pattern) {
    return pattern.MatchFile(directory, name).has_value();
  });
}

int Keeper::Link(const FileLook& look, const std::string& directory, const std::string& name,
                 const FileStatus& wanted, const std::string& copy_name) const {
  const auto parent = look.OpenToSearch(directory);
  if (!parent) return kChanged;
  const UniqueFd file(openat(parent->get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file || !IsStill(wanted, file.get())) return kChanged;
  return LinkFrom(file.get(), place_.get(), copy_name);
}

// It gets its name when it is whole.
int Keeper::Reflink(const FileLook& look, const std::string& directory, const std::string& name,
                    const FileStatus& wanted, const std::string& copy_name) const {
  const auto file = look.OpenFile(directory, name);
  if (!file) return IsGone(file.error()) ? kChanged : file.error();
  const UniqueFd clone(openat(place_.get(), ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  struct stat status;
  if (!clone || fstat(file->get(), &status) != 0) return errno;
  if (ioctl(clone.get(), FICLONE, file->get()) != 0) return errno;
  if (!IsStill(wanted, file->get())) return kChanged;
  // Whoever puts it back finds it as it was; verification knows it by its time.
  const timespec times[2] = {{0, UTIME_OMIT}, status.st_mtim};
  if (fchown(clone.get(), status.st_uid, status.st_gid) != 0 ||
      fchmod(clone.get(), status.st_mode & 0777) != 0 || futimens(clone.get(), times) != 0) {
    return errno;
  }
  return LinkFrom(clone.get(), place_.get(), copy_name);
}

bool Keeper::List(Batch& batch, int budget) {
  const auto before = static_cast<int64_t>(batch.files.kept.size());
  while (!to_list_.empty()) {
    if (static_cast<int64_t>(batch.files.kept.size()) - before >= budget) return true;
    const Listed next = std::move(to_list_.back());
    to_list_.pop_back();
    ListDirectory(next, batch);
  }
  return false;
}

void Keeper::ListDirectory(const Listed& listed, Batch& batch) {
  const auto place = Place(Joined(files_[static_cast<size_t>(listed.files)].format, listed.below));
  DirectoryNames names;
  if (!place || names.Read(*place) != 0) return;
  for (const DirectoryNames::Entry& entry : names.entries()) {
    struct stat status;
    const char* const name = names.name(entry);
    if (fstatat(*place, name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      const std::string below = listed.below.empty() ? name : listed.below + "/" + name;
      to_list_.push_back({listed.files, below});
    } else if (S_ISREG(status.st_mode)) {
      Found(listed, name, status, batch);
    }
  }
}

// A link is the file itself, under another name.
void Keeper::Found(const Listed& listed, const std::string& name, const struct stat& status,
                   Batch& batch) {
  const auto copy = ParseCopyName(name);
  if (!copy) return;
  const FilePattern& pattern = patterns_[static_cast<size_t>(listed.files)];
  const std::string directory = Joined(pattern.root() == "/" ? "" : pattern.root(), listed.below);
  const auto match = pattern.MatchFile(directory, copy->name);
  if (!match) return;
  KeptCopy kept;
  kept.files = listed.files;
  kept.reflink = status.st_ino != copy->inode;
  kept.directory = batch.Add(directory);
  kept.name = batch.Add(copy->name);
  kept.project = batch.Add(match->project);
  kept.day = match->day;
  kept.inode = copy->inode;
  kept.born_ns = copy->born_ns;
  kept.modified_ns = copy->modified_ns;
  kept.size_bytes = copy->size_bytes;
  kept.copy = batch.Add(config_.directory + "/" + place_of_ + "/" + name);
  kept.kept_at = clock_.Now();
  batch.files.kept.push_back(kept);
}
