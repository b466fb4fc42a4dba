#!/bin/bash
# Real compaction logs through the presets, against a reader that shares no code with them: every
# compaction is a run, all identities hold, and nothing is raised except for the one table whose time to
# live is not declared. Then one thing in a log is changed, and exactly that is raised.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
check() { python3 "$here/check_real_logs.py" --rollcall "$ROLLCALL" "$@"; }

check rocksdb "$here/../data/rocksdb/LOG"
cassandra=${ROLLCALL_CASSANDRA_LOG:-}
if [[ ! -e $cassandra ]]; then
  echo "SKIPPED cassandra real log: ROLLCALL_CASSANDRA_LOG names no file"
  exit 0
fi
check cassandra "$cassandra"
