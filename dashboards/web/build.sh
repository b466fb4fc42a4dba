#!/bin/bash
# Makes dist/, the page that the next build of rollcall carries; where nothing changed since, does nothing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
if [[ -f dist/index.html && -z $(find src build.mjs package-lock.json -newer dist/index.html -print -quit) ]]; then
  exit 0
fi
if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
  npm ci --ignore-scripts --no-audit --no-fund
fi
node build.mjs
