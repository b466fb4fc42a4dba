#!/bin/bash
# What `rollcall demo` must do beside telling its story (run_live.sh compares that with the truth): run in
# any directory, two at a time, end cleanly when it is stopped, and watch a store that is not part of it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TMPDIR="$work/tmp"
mkdir "$TMPDIR"

fail() { echo "run_demo.sh: $1" >&2; exit 1; }

echo "-- two at once, one in a path with a blank, one with a document for programs"
"$ROLLCALL" demo --directory "$work/a store" >"$work/story" &
first=$!
"$ROLLCALL" demo --seed 7 --format json >"$work/impact.json" 2>"$work/told"
wait "$first"
grep -q 'ALERT count_drop, [0-9]* ms after' "$work/story" || fail "no loss was told"
hint=$(sed -n "s/^  \(sqlite3 .*\)/\1/p" "$work/story")
[[ $(bash -c "$hint" | wc -l) == 5 ]] || fail "what it says to look further does not run: $hint"
python3 -c 'import json, sys; assert json.load(sys.stdin)["totals"]["events_missing"] > 0' <"$work/impact.json"
rm -r "$TMPDIR"/rollcall-demo-*

echo "-- a directory that is in use is left alone"
"$ROLLCALL" demo --directory "$work/a store" 2>"$work/err" && fail "a second life in one directory"
grep -q 'is not empty' "$work/err" || fail "$(cat "$work/err")"

echo "-- stopped by Ctrl-C, kill, a hang-up or a closed pipe it leaves no file and no process"
python3 - "$ROLLCALL" "$TMPDIR" <<'END'
import os, signal, subprocess, sys
rollcall, directory = sys.argv[1:]
for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, None):
    demo = subprocess.Popen([rollcall, "demo"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    for line in demo.stdout:
        if b"late data" in line:
            break
    children = open(f"/proc/{demo.pid}/task/{demo.pid}/children").read().split()
    assert children, "the store is a process of its own"
    if stop is None:
        demo.stdout.close()
    else:
        demo.send_signal(stop)
    code = demo.wait(timeout=30)
    assert code == (3 if stop is None else -stop), f"{stop}: exit {code}"
    assert not os.listdir(directory), f"{stop}: left {os.listdir(directory)}"
    for child in children:
        assert not os.path.exists(f"/proc/{child}"), f"{stop}: the store still runs"
END

echo "-- the store is no part of the monitor"
monitor=$(nm -C "$ROLLCALL")
store=$(nm -C "$(dirname "$ROLLCALL")/../../deploy/demo/rollcall-demo-store")
grep -q 'Session::Start' <<<"$monitor" || fail "nm sees no symbols"
grep -q 'Compactor::Compact' <<<"$store" || fail "this is not the store"
if grep -q 'Compactor::Compact' <<<"$monitor"; then fail "the store is linked into the monitor"; fi
echo "the demo ends as it should"
