#!/bin/bash
# Real compaction logs through the presets: every compaction becomes a run, all identities hold, and
# nothing is raised except for the one table whose time to live is not declared.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

expect() { # what, got, wanted
  [[ "$2" == "$3" ]] || { echo "$1: $2, expected $3"; exit 1; }
  echo "$1: $2"
}
query() { sqlite3 "$1" "$2"; }
alerts() { "$ROLLCALL" alerts --ledger "$1" --state all --format json | python3 -c \
  'import json,sys; print(*[a["labels"]["project"] + " " + a["rule"] for a in json.load(sys.stdin)])'; }

log=$here/../data/rocksdb/LOG
"$ROLLCALL" ingest --ledger "$work/rocksdb.db" --preset rocksdb --partition '{project}/{day}' "$log" \
  --format json
for kind in compaction flush; do
  expect "rocksdb ${kind}s" \
    "$(query "$work/rocksdb.db" "SELECT count(*) FROM runs WHERE kind = 'run' AND detail ->> 'kind' = '$kind'")" \
    "$(grep -c "\"event\": \"${kind}_finished\"" "$log")"
done
expect "rocksdb records that compactions read" \
  "$(query "$work/rocksdb.db" "SELECT sum(existing) FROM runs WHERE detail ->> 'kind' = 'compaction'")" \
  "$(grep -o '"num_input_records": [0-9]*' "$log" | awk '{sum += $2} END {print sum}')"
expect "rocksdb alerts" "$(alerts "$work/rocksdb.db")" ""
expect "rocksdb verdicts" "$(query "$work/rocksdb.db" 'SELECT DISTINCT verdict FROM balances')" clear

log=$here/../../../shared/data/cassandra/node-191-system.log
if [[ ! -e $log ]]; then
  echo "SKIPPED cassandra real log: not present"
  exit 0
fi
"$ROLLCALL" ingest --ledger "$work/undeclared.db" --preset cassandra "$log" --format json
expect "cassandra compactions" \
  "$(query "$work/undeclared.db" "SELECT count(*) FROM runs WHERE detail ->> 'kind' = 'compaction'")" \
  "$(grep -c ' - Compacted ' "$log")"
expect "cassandra alerts without a declared time to live" "$(alerts "$work/undeclared.db")" \
  "system.compaction_history count_drop"
cat >"$work/rollcall.yml" <<END
compaction_logs:
  - name: cassandra
    preset: cassandra
    paths: ['$(readlink -f "$log")']
    expires: [system.compaction_history]
END
"$ROLLCALL" ingest --config "$work/rollcall.yml" --ledger "$work/declared.db" "$log" --format json
expect "cassandra alerts with it" "$(alerts "$work/declared.db")" ""
