#!/bin/bash
# What it costs a reader that rollcall watches, and how fast events are drained: two tables on
# standard output. As root, a minute or two.
#
#   tests/bench/reads.sh [DIRECTORY] [PAIRS]
#
# DIRECTORY is where files are made, in a directory of its own that is removed afterwards; /tmp by
# default. PAIRS is how often the reader runs with and without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cmake --preset dev >/dev/null
cmake --build --preset dev --parallel 2 --target rollcall-watched-reads >/dev/null
directory=$(mktemp -d "${1:-/tmp}/rollcall-reads-XXXXXX")
trap 'rm -rf "$directory"' EXIT
model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
echo "$model, $(nproc) cores, Linux $(uname -r), $(stat -f -c %T "$directory"); ${2:-9} pairs, median [range]"
echo
build/dev/tests/bench/rollcall-watched-reads "$directory" "${2:-9}"
