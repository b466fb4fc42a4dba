#!/bin/bash
# Random lines of the three formats, against Python's own parsers. The seed is random and printed; SEED
# repeats one.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
python3 "$here/check_lines.py" --rollcall "$ROLLCALL" --seed "${SEED:-$RANDOM}"
