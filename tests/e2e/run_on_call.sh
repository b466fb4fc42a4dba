#!/bin/bash
# Who is called when: a real Prometheus and a real Alertmanager with the files of deploy/, beside `rollcall
# watch` on the demo's store: on_call.py. It takes both programs, and says so where they are missing.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
for program in prometheus promtool prometheus-alertmanager amtool; do
  if ! command -v "$program" >/dev/null; then
    echo "SKIPPED run_on_call: $program is not installed"
    exit 0
  fi
done
work=$(mktemp -d "${ROLLCALL_BUILD_DIR:-/tmp}/on_call.XXXXXX")
store=$(dirname "$ROLLCALL")/../../deploy/demo/rollcall-demo-store
python3 "$here/on_call.py" --rollcall "$ROLLCALL" --store "$store" --directory "$work"
rm -rf "$work"
