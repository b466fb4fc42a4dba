#!/bin/bash
# Runs every fuzz target for SECONDS, two at a time, and prints PASSED or FAILED for each. What a target
# finds is kept in the build folder: its corpus for the next run, and the input of a crash.
#
#   tests/fuzz/run.sh [SECONDS [BUILD_FOLDER]]     default: 30 build/fuzz
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

fuzz() {
  local seconds=$1 folder=$2/tests/fuzz target=$3 name=${3%_fuzz} corpora
  corpora=("$folder/corpus/$name")
  mkdir -p "${corpora[0]}"
  if [[ -d tests/fuzz/corpus/$name ]]; then corpora+=("tests/fuzz/corpus/$name"); fi
  if "$folder/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$folder/$target-" "${corpora[@]}" \
    >"$folder/$target.log" 2>&1; then
    echo "PASSED $target: $(sed -n 's/.*number_of_executed_units: *//p' "$folder/$target.log") inputs"
    return
  fi
  tail -n 60 "$folder/$target.log"
  echo "FAILED $target: see $folder/$target.log"
  return 1
}

if [[ "${1:-}" == --one ]]; then
  fuzz "$2" "$3" "$4"
  exit
fi
for source in tests/fuzz/*_fuzz.cc; do basename "$source" .cc; done |
  xargs -P 2 -I '{}' tests/fuzz/run.sh --one "${1:-30}" "${2:-build/fuzz}" '{}'
