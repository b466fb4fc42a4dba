#!/bin/bash
# The page in a browser: `rollcall serve` on the ledger of the demo's incident, which `rollcall watch` goes on
# writing, with hostile names in its log. ONLY='pattern' chooses tests.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
page=$here/../page
web=$here/../../dashboards/web
chromium=${CHROMIUM:-/usr/bin/chromium}

skip() { echo "SKIPPED page: $1"; exit 0; }
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then skip "there is no node with npm"; fi
[[ -x $chromium ]] || skip "there is no chromium"
for directory in "$web" "$page"; do
  [[ $directory/node_modules/.package-lock.json -nt $directory/package-lock.json ]] && continue
  (cd "$directory" && npm ci --ignore-scripts --no-audit --no-fund) || skip "npm cannot install what it takes"
done

echo "-- the sources are well typed"
"$page/node_modules/.bin/tsc" --project "$web" --paths null --typeRoots "$page/node_modules"
[[ -f $web/dist/index.html ]] || node "$web/build.mjs"
node --test "$page/pure.test.mjs"

directory=$(mktemp -d)
watch='' serve=''
end() {
  local status=$?
  ((status == 0)) || tail -n 20 "$directory"/*.log >&2
  for pid in $serve $watch; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$directory"
}
trap end EXIT

free_port() {
  node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'
}

# Until a URL answers 200; a process that has ended will not.
await() {
  local pid=$1 url=$2 log=$3
  for ((i = 0; i < 300; i++)); do
    curl --fail --silent --output /dev/null "$url" && return 0
    kill -0 "$pid" 2>/dev/null || break
    read -rt 0.1 <> <(:) || true
  done
  echo "run_page.sh: $url does not answer" >&2
  cat "$log" >&2
  return 1
}

echo "-- the incident, and a log with hostile names"
"$ROLLCALL" demo --directory "$directory/demo" --seed 7 >"$directory/story"
node "$page/hostile_log.mjs" >>"$directory/demo/logs/data-01/compactd.log"
watch_port=$(free_port)
"$ROLLCALL" watch --config "$directory/demo/rollcall.yml" --listen "127.0.0.1:$watch_port" 2>"$directory/watch.log" &
watch=$!
await "$watch" "http://127.0.0.1:$watch_port/-/ready" "$directory/watch.log"
serve_port=$(free_port)
"$ROLLCALL" serve --config "$directory/demo/rollcall.yml" --listen "127.0.0.1:$serve_port" 2>"$directory/serve.log" &
serve=$!
await "$serve" "http://127.0.0.1:$serve_port/-/ready" "$directory/serve.log"
curl --silent --output "$directory/index.html" "http://127.0.0.1:$serve_port/"
grep -q '<div id="app">' "$directory/index.html" || skip "this build of rollcall has no page"
# Its names say what is in it.
cmp "$directory/index.html" "$web/dist/index.html" || { echo "run_page.sh: rollcall was built with another page than dist/" >&2; exit 1; }

export ROLLCALL_PAGE_URL=http://127.0.0.1:$serve_port ROLLCALL_TRUTH=$directory/demo/truth.json
export ROLLCALL_WATCH_PID=$watch ROLLCALL_SERVE_PID=$serve
for tests in page states stopped; do
  echo "-- $tests"
  node --test ${ONLY:+--test-name-pattern="$ONLY"} "$page/$tests.test.mjs"
done
