#!/bin/bash
# Generations are kept, found again and restored, on real files and processes: preserve.py.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if ((EUID != 0)); then
  echo "SKIPPED run_preserve: linking the files of others takes root"
  exit 0
fi
directory=$(mktemp -d "${ROLLCALL_BUILD_DIR:-/tmp}/preserve.XXXXXX")
python3 preserve.py --rollcall "$ROLLCALL" --directory "$directory"
rm -rf "$directory"
