#pragma once

#include <sched.h>
#include <sys/mount.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temporary_directory.h"

// The file systems that canonical files may be on, each made for a test: in a sparse file on a loop
// device, in a mount namespace of the test's own, so that nothing is left of them when it ends.

inline const char* const kFileSystems[] = {"tmpfs", "ext4", "xfs", "btrfs", "overlayfs"};

// One of them, mounted for as long as this lives.
class MountedFileSystem {
 public:
  explicit MountedFileSystem(const std::string& type) {
    if (!OwnNamespace()) {
      problem_ = "no mount namespace without privileges";
      return;
    }
    std::filesystem::create_directory(path());
    Mount(type);
  }
  MountedFileSystem(const MountedFileSystem&) = delete;
  ~MountedFileSystem() {
    if (mounted_) umount2(path().c_str(), MNT_DETACH);
    if (below_) umount2((directory_ / "below").c_str(), MNT_DETACH);
  }
  // Why it could not be mounted; empty: it is.
  const std::string& problem() const { return problem_; }
  std::string path() const { return directory_ / "mounted"; }

 private:
  static bool OwnNamespace() {
    static const bool kOwn =
        unshare(CLONE_NEWNS) == 0 && mount("", "/", "", MS_REC | MS_PRIVATE, nullptr) == 0;
    return kOwn;
  }
  static bool Run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }
  void Mount(const std::string& type) {
    if (type == "tmpfs") {
      mounted_ = mount("tmpfs", path().c_str(), "tmpfs", 0, nullptr) == 0;
    } else if (type == "overlayfs") {
      MountOverlay();
    } else {
      const std::string image = directory_ / "image";
      std::ofstream(image).close();
      std::filesystem::resize_file(image, 400 << 20);
      const std::string make = "mkfs." + type;
      if (!Run("command -v " + make) || !Run(make + " -q " + image)) {
        problem_ = make + " is not here or fails";
        return;
      }
      mounted_ = Run("mount -t " + type + " -o loop " + image + " " + path());
    }
    if (!mounted_) problem_ = "it cannot be mounted";
  }
  void MountOverlay() {
    const std::string below = directory_ / "below";
    std::filesystem::create_directory(below);
    below_ = mount("tmpfs", below.c_str(), "tmpfs", 0, nullptr) == 0;
    if (!below_) return;
    for (const char* part : {"/lower", "/upper", "/work"}) {
      std::filesystem::create_directory(below + part);
    }
    const std::string options =
        "lowerdir=" + below + "/lower,upperdir=" + below + "/upper,workdir=" + below + "/work";
    mounted_ = mount("overlay", path().c_str(), "overlay", 0, options.c_str()) == 0;
  }

  TemporaryDirectory directory_;
  std::string problem_;
  bool mounted_ = false, below_ = false;
};

// Calls `test(type, directory)` on each that this machine can mount; says which it cannot, by a
// name that is also in tests/skips.txt: "NAME on TYPE".
template <class Test>
void OnEachFileSystem(const std::string& name, Test test) {
  for (const std::string type : kFileSystems) {
    const MountedFileSystem system(type);
    if (system.problem().empty()) {
      test(type, system.path());
    } else {
      std::printf("\nSKIPPED %s on %s: %s\n", name.c_str(), type.c_str(), system.problem().c_str());
    }
  }
}
