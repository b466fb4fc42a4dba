#!/bin/bash
# The incident on real files and real processes: files.py. It needs the privileges to watch file events
# (root); without them it says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if ((EUID != 0)); then
  echo "SKIPPED run_files: file events can only be watched by root"
  exit 0
fi
directory=$(mktemp -d "${ROLLCALL_BUILD_DIR:-/tmp}/files.XXXXXX")
python3 files.py --rollcall "$ROLLCALL" --directory "$directory"
rm -rf "$directory"
