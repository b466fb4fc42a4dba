#include "collectors/followed_files.h"

#include <algorithm>

FollowedFiles::FollowedFiles(std::vector<LogPattern> patterns, bool follow, const Clock* clock)
    : patterns_(std::move(patterns)),
      follow_(follow),
      clock_(clock),
      watch_([patterns = patterns_](const std::string& path) {
        return std::any_of(patterns.begin(), patterns.end(),
                           [&](const LogPattern& pattern) { return Concerns(pattern, path); });
      }) {}

bool FollowedFiles::Refresh(bool must_list) {
  if (follow_) must_list |= TakeHints();
  if (must_list) List();
  return must_list;
}

// True when the directories have to be listed.
bool FollowedFiles::TakeHints() {
  WatchDirectories::Hints hints = watch_.Drain();
  bool unknown = false;
  for (const std::string& path : hints.modified) {
    const auto found = by_path_.find(path);
    if (found != by_path_.end()) found->second->pending = true;
    unknown |= found == by_path_.end();
  }
  if (unknown) LookAtUnlisted();  // a deleted file is told of by the name it had
  for (std::string& path : hints.came_went) {
    lost_.push_back({std::move(path), "log vanished before it was read"});
  }
  for (std::string& path : hints.let_go) {
    lost_.push_back({std::move(path), "log was written after it was moved away or deleted"});
  }
  if (hints.overflowed) {
    lost_.push_back({patterns_.front().base, "events were lost: logs may have come and gone"});
  }
  return hints.list_again;
}

void FollowedFiles::List() {
  listed_at_ = clock_->SinceBoot();
  const auto is_gone = [](const auto& file) { return !file->listed && !file->input; };
  // A directory in which files are renamed while it is read may hide one of them.
  for (int attempt = 0; attempt < 4; ++attempt) {
    ReadDirectories();
    if (!follow_ || std::none_of(files_.begin(), files_.end(), is_gone)) break;
  }
  LookAtUnlisted();
  for (auto& file : files_) {
    if (!is_gone(file)) continue;
    by_inode_.erase({file->name.state.device, file->name.state.inode});
    gone_.push_back(std::move(file));
  }
  std::erase(files_, nullptr);
}

void FollowedFiles::ReadDirectories() {
  for (int attempt = 0; attempt < 8; ++attempt) {
    listing_ = ListLogs(patterns_, follow_);
    if (!follow_) break;
    std::vector<std::string> wanted = listing_.directories;
    for (const LogPattern& pattern : patterns_) wanted.push_back(pattern.base);
    for (const ListingProblem& problem : listing_.problems) {
      if (problem.expected) wanted.push_back(problem.path);
    }
    if (!watch_.Watch(wanted)) break;
  }
  for (const auto& file : files_) file->listed = file->input.is_pipe();
  by_path_.clear();
  int order = 0;
  for (const ListedLog& found : listing_.logs) {
    watch_.Listed(found.Path());
    if (!found.unreadable_archive) Merge(found, order++);
  }
  for (const auto& file : files_) {
    if (!file->listed) MissFromListing(*file);
  }
}

void FollowedFiles::Merge(const ListedLog& found, int order) {
  TailedFile*& file = by_inode_[{found.state.device, found.state.inode}];
  if (file == nullptr) {
    files_.push_back(std::make_unique<TailedFile>());
    file = files_.back().get();
    file->name = found;
    file->listed = false;
    file->changed_at = clock_->SinceBoot();
    file->seen_at = clock_->Now();
  }
  by_path_[found.Path()] = file;
  if (file->listed) return;  // a hard link to it
  const FileState& known = file->name.state;
  const bool written =
      known.size != found.state.size || known.modified_ns != found.state.modified_ns;
  const bool moved = known != found.state || file->name.Path() != found.Path();
  // A finished file is only renamed by later rotations: that is no reason to read it again.
  const bool unread = !file->input && !file->at_end;
  if (written || (!file->finished && (moved || unread))) file->pending = true;
  if (file->name.rotated != found.rotated) file->changed_at = clock_->SinceBoot();
  file->name = found;
  file->listed = true;
  file->order = order;
}

void FollowedFiles::MissFromListing(TailedFile& file) {
  file.order = -1;  // older than what has names
  // What could not be read while it had a name will not become readable without one.
  if ((file.log == nullptr && !file.pending) || file.reported_blind) file.input.Close();
}

void FollowedFiles::LookAtUnlisted() {
  for (const auto& file : files_) {
    if (file->listed || !file->input) continue;
    const auto state = StateOf(file->input.fd());
    if (state && *state != file->name.state) file->pending = true;
  }
}

void FollowedFiles::LetGo(TailedFile& file) {
  if (!file.listed && follow_ && !watch_.LetGo(file.input.fd(), file.name.Path())) {
    lost_.push_back({file.name.Path(), "log was moved away or deleted and may still be written"});
  }
  file.input.Close();
}

TailedFile& FollowedFiles::AddPipe(int fd) {
  files_.push_back(std::make_unique<TailedFile>());
  TailedFile& file = *files_.back();
  file.name.base = "";
  file.name.below = "-";
  file.input = LogInput::Pipe(fd);
  return file;
}

TailedFile* FollowedFiles::Pending() {
  TailedFile* oldest = nullptr;
  for (const auto& file : files_) {
    if (file->pending && (oldest == nullptr || file->order < oldest->order)) oldest = file.get();
  }
  return oldest;
}

std::vector<std::unique_ptr<TailedFile>> FollowedFiles::TakeGone() {
  return std::exchange(gone_, {});
}

bool FollowedFiles::WasListed(const std::string& directory) const {
  return std::find(listing_.directories.begin(), listing_.directories.end(), directory) !=
         listing_.directories.end();
}

const TailedFile* FollowedFiles::SuccessorOf(const TailedFile& file) const {
  const auto found = by_path_.find(file.name.StemPath());
  return found == by_path_.end() || found->second == &file ? nullptr : found->second;
}

size_t FollowedFiles::open_count() const {
  return static_cast<size_t>(std::count_if(
      files_.begin(), files_.end(), [](const auto& f) { return static_cast<bool>(f->input); }));
}
