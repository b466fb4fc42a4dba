#!/bin/bash
# Measures rollcall against DuckDB, lnav, mtail and the bare reading of the file, all on the same log
# in the same run, and `rollcall watch` live. Installs what is missing, builds, and prints a table,
# which goes into README.md too. Exit 1 when one of them did not do its work; never for being slow.
#
#   tests/bench/run.sh                  1 GB, three rounds: 15 minutes, 5 GB of disk, 2 GB of memory
#   tests/bench/run.sh --size-mb 50     a try
#   tests/bench/run.sh --only json …    only these, and nothing into README.md; --help names them
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Under sudo the builds must stay the caller's.
if ((EUID == 0)) && [[ -n "${SUDO_UID:-}" && -n "${SUDO_GID:-}" ]]; then
  trap 'chown -R "$SUDO_UID:$SUDO_GID" build tests/bench' EXIT
fi

deploy/install_dependencies.sh bench
if [[ ! tests/bench/node_modules/.package-lock.json -nt tests/bench/package-lock.json ]]; then
  (cd tests/bench && npm ci --ignore-scripts --no-audit --no-fund)
fi

# The release, with the generator beside it: that preset alone leaves out all of tests/.
cmake --preset release -B build/bench -D ROLLCALL_TESTS=ON
cmake --build build/bench --parallel 2 --target rollcall rollcall-make-log

python3 tests/bench/measure.py "$@"
