#!/bin/bash
# Resident memory of `rollcall watch` with so many canonical files in its ledger, each of them kept: after
# all were found, and after a restart. Prints what goes into README.md. Exit 1 when not all were seen or kept.
#
#   tests/bench/files.sh [FILES [DIRECTORY]]   default: 1000000 build/bench; ROLLCALL: another program
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

files=${1:-1000000}
days=1000
mkdir -p build/bench
if [[ -z ${ROLLCALL:-} ]]; then
  cmake --preset release -B build/bench -D ROLLCALL_TESTS=ON >/dev/null
  cmake --build build/bench --parallel 2 --target rollcall >/dev/null
fi
rollcall=${ROLLCALL:-$PWD/build/bench/monitor/app/rollcall}
work=$(realpath "$(mktemp -d "${2:-build/bench}/files-XXXXXX")")
port=$((20000 + RANDOM % 20000))
watch=''
end() {
  if [[ -n $watch ]]; then kill "$watch" 2>/dev/null || true; wait "$watch" || true; fi
  rm -rf "$work"
}
trap end EXIT

python3 - "$work/data" $((files / days)) "$days" <<'END'
import datetime, os, sys
data, projects, days = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
names = [(datetime.date(2013, 1, 1) + datetime.timedelta(n)).isoformat() for n in range(days)]
for project in range(projects):
    os.makedirs(f"{data}/project-{project:04d}")
    for name in names:
        os.close(os.open(f"{data}/project-{project:04d}/{name}.col", os.O_CREAT | os.O_WRONLY))
END
touch "$work/compactd.log"
cat >"$work/rollcall.yml" <<END
server: data-1
ledger: $work/ledger.db
listen: 127.0.0.1:$port
compaction_logs:
  - {name: compactd, paths: [$work/compactd.log], fields: {time: ts, project: project, day: day, existing: existing, fresh: new, written: written}}
canonical_files:
  - {format: columnar, path: "$work/data/{project}/{day}.col", required: true}
preserve: {formats: [columnar], directory: $work/data/.kept, max_files: $((files * 2))}
END

figure() { curl --silent "http://127.0.0.1:$port/metrics" | sed -n "s/^$1{[^}]*} //p"; }
run() {
  "$rollcall" watch --config "$work/rollcall.yml" 2>"$work/watch.err" &
  watch=$!
  local seconds=$SECONDS
  until [[ $(figure rollcall_files_scanned) == 1 && $(figure rollcall_kept_files) == "$files" ]]; do
    kill -0 "$watch" || { cat "$work/watch.err"; exit 1; }
    ((SECONDS - seconds < 1800)) || { echo "not all files were kept in half an hour" >&2; exit 1; }
    sleep 1
  done
  sleep "${2:-0}"
  printf '%s: %d files, %d kept, after %d s; at most %d MB resident, ledger %d MB\n' "$1" "$(figure rollcall_files)" \
    "$(figure rollcall_kept_files)" $((SECONDS - seconds)) \
    "$(awk '/VmHWM/ { printf "%d", $2 / 1024 }' "/proc/$watch/status")" $(($(stat -c %s "$work/ledger.db") / 1000000))
  kill "$watch"
  wait "$watch" || true
  watch=''
}
run "found"
run "restarted" 60
