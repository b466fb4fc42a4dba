#include "collectors/files/file_look.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tests/catch.h"
#include "tests/temporary_directory.h"

namespace {

namespace fs = std::filesystem;

class Looked {
 public:
  Looked() { fs::create_directories(directory_ / "root/acme"); }
  void Write(const std::string& path, const std::string& content) const {
    std::ofstream(directory_ / path) << content;
  }
  FileLook Open() const {
    auto look = FileLook::Open(root());
    REQUIRE(look);
    return *std::move(look);
  }
  std::string root() const { return directory_ / "root"; }
  std::string acme() const { return directory_ / "root/acme"; }
  std::string operator/(const std::string& path) const { return directory_ / path; }

 private:
  TemporaryDirectory directory_;
};

}  // namespace

TEST_CASE("a regular file is looked at: its size, times and identity", "[file_look]") {
  const Looked files;
  files.Write("root/acme/a", "twelve bytes");
  FileStatus status, quick;
  REQUIRE(files.Open().Look(files.acme(), "a", status) == 0);
  CHECK(status.size_bytes == 12);
  CHECK(status.inode != 0);
  CHECK(status.modified_ns > 1'700'000'000'000'000'000);
  const auto directory = files.Open().OpenToSearch(files.acme());
  REQUIRE(directory);
  REQUIRE(LookQuickly(directory->get(), "a", quick) == 0);
  CHECK(quick == status);
  Batch batch;
  CHECK(batch.View(GenerationOf(status, batch).handle) == status.handle);
}

TEST_CASE("what is not a regular file is never opened", "[file_look]") {
  const Looked files;
  files.Write("secret", "x");
  REQUIRE(mkfifo((files / "root/acme/pipe").c_str(), 0600) == 0);
  fs::create_symlink("../../secret", files / "root/acme/link");
  fs::create_directory(files / "root/acme/directory");
  const FileLook look = files.Open();
  FileStatus status;
  for (const char* name : {"pipe", "link", "directory"}) {
    INFO(name);
    CHECK(look.Look(files.acme(), name, status) == kNotAFile);
    CHECK(look.OpenFile(files.acme(), name).error() == kNotAFile);
  }
  CHECK(look.Look(files.acme(), "none", status) == ENOENT);
  CHECK(look.OpenFile(files.acme(), "none").error() == ENOENT);
}

TEST_CASE("nothing is followed out of the root, which may itself be a link", "[file_look]") {
  const Looked files;
  fs::create_directory(files / "outside");
  files.Write("outside/a", "x");
  files.Write("root/acme/a", "x");
  fs::create_directory_symlink(files / "outside", files / "root/evil");
  fs::create_directory_symlink("acme", files / "root/alias");
  const FileLook look = files.Open();
  CHECK(look.OpenToList(files / "root/evil").error() == ELOOP);
  CHECK(look.OpenToSearch(files / "root/alias").error() == ELOOP);
  FileStatus status;
  CHECK(look.Look(files.root(), "../outside/a", status) == EXDEV);
  CHECK(look.OpenToSearch(files / "outside").error() == EXDEV);
  CHECK(look.OpenToSearch(files.root() + "2").error() == EXDEV);
  fs::create_directory_symlink(files.root(), files / "data");
  const auto linked = FileLook::Open(files / "data");
  REQUIRE(linked);
  CHECK(linked->Look(files / "data/acme", "a", status) == 0);
  CHECK(linked->real_root() == fs::canonical(files.root()).string());
}

TEST_CASE("reading a file leaves its access time as it was", "[file_look]") {
  const Looked files;
  files.Write("root/acme/a", "x");
  const timespec old[2] = {{1'000'000'000, 0}, {1'500'000'000, 0}};
  REQUIRE(utimensat(AT_FDCWD, (files / "root/acme/a").c_str(), old, 0) == 0);
  const auto file = files.Open().OpenFile(files.acme(), "a");
  REQUIRE(file);
  char byte = 0;
  CHECK(read(file->get(), &byte, 1) == 1);
  struct stat status;
  REQUIRE(stat((files / "root/acme/a").c_str(), &status) == 0);
  CHECK(status.st_atim.tv_sec == 1'000'000'000);
}

TEST_CASE("a root that is replaced by a link afterwards is not followed", "[file_look]") {
  const Looked files;
  FileLook look = files.Open();
  look.Close();
  CHECK(look.Reopen() == 0);
  fs::rename(files.root(), files / "away");
  CHECK(look.Reopen() == ENOENT);
  fs::create_directory_symlink(files / "away", files.root());
  CHECK(look.Reopen() == ELOOP);
}

TEST_CASE("a root that is not there is an error", "[file_look]") {
  const Looked files;
  CHECK(FileLook::Open(files / "none").error() == ENOENT);
  files.Write("file", "x");
  CHECK(FileLook::Open(files / "file").error() == ENOTDIR);
}
