#!/bin/bash
# `rollcall serve` as a process beside a real `watch`: hostile names, POST, a second user, a ledger
# that is replaced, and that nothing but operator.db is written.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
python3 "$here/serve.py" --rollcall "$ROLLCALL" --directory "$work"
