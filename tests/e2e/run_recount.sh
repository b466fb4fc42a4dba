#!/bin/bash
# Parquet files that DuckDB writes now, a hundred times the size of those in tests/data/parquet, are
# counted as DuckDB counts them. SCALE changes the size.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
bench=$here/../bench

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "SKIPPED recount of fresh Parquet files: there is no node with npm"
  exit 0
fi
if [[ ! $bench/node_modules/.package-lock.json -nt $bench/package-lock.json ]]; then
  if ! (cd "$bench" && npm ci --ignore-scripts --no-audit --no-fund); then
    echo "SKIPPED recount of fresh Parquet files: npm cannot install @duckdb/node-api"
    exit 0
  fi
fi

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
node "$here/write_parquet.mjs" "$bench/node_modules" "$directory" "${SCALE:-100}" >"$directory/rows"
cat "$directory/rows"
ROLLCALL_PARQUET_DIRECTORY=$directory \
  "$ROLLCALL_BUILD_DIR/tests/parquet_rows_test" 'files written just now have the rows that DuckDB counts'
