#pragma once

#include <filesystem>
#include <iosfwd>
#include <span>

#include "deploy/demo/compactor.h"

// What the demo store leaves beside its data for those who watch it.

// ROOT/rollcall.yml, which watches all servers at once, and ROOT/SERVER/rollcall.yml, which watches
// one, as in production.
void WriteConfigurations(const std::filesystem::path& root, std::span<const Compactor> servers);

// ROOT/truth.json: for every canonical file, the events that should be in it and those that are,
// recounted from the files themselves.
void WriteTruth(const std::filesystem::path& root, std::span<const Compactor> servers);

// Prints "server project day format events" for every canonical file under `root`, knowing nothing
// but the files: of several row files of a partition the latest counts.
void PrintFiles(const std::filesystem::path& root, std::ostream& out);
