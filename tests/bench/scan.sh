#!/bin/bash
# Measures the scan of canonical files against `find -printf` on the same tree in the same run, warm:
# a million files in 10,000 directories, made before and removed after. Prints a table, which goes
# into README.md too. Exit 1 when somebody did not see all files; never for being slow.
#
#   tests/bench/scan.sh [DIRECTORY]   the tree is made in there; build/bench without it
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

directories=10000
in_each=100
rounds=3
files=$((directories * in_each))

cmake --preset release -B build/bench -D ROLLCALL_TESTS=ON >/dev/null
cmake --build build/bench --parallel 2 --target rollcall-scan-files >/dev/null
scan=$PWD/build/bench/tests/bench/rollcall-scan-files
work=$(mktemp -d "${1:-build/bench}/scan-XXXXXX")
work=$(realpath "$work")
trap 'rm -rf "$work"' EXIT
tree=$work/tree
"$scan" make "$tree" "$directories" "$in_each"
# What changed just now is looked at with more care, which is not what is measured.
while [[ -n $(find "$tree" -maxdepth 1 -newermt '-3 seconds' -print -quit) ]]; do sleep 0.2; done

# Each prints one line a file; its wall and processor seconds go to a file of its name.
by_find() { find "$tree" -type f -printf '%p\t%s\t%T@\t%B@\t%i\n'; }
by_stat() { find "$tree" -type f -print0 | xargs -0 stat --printf='%n\t%s\t%.Y\t%.W\t%i\n'; }
measure() {
  local TIMEFORMAT='%R %U %S' lines
  { time "$1" >"$work/out"; } 2>"$work/time"
  lines=$(wc -l <"$work/out")
  if ((lines != files)); then
    echo "$1 saw $lines of $files files" >&2
    exit 1
  fi
  awk '{ print $1, $2 + $3 }' "$work/time" >>"$work/$1"
}

by_find >/dev/null
for ((round = 0; round < rounds; ++round)); do
  measure by_find
  measure by_stat
  "$scan" scan "$tree" >"$work/out"
  read -r seen wall processor again_wall again_processor resident <"$work/out"
  if ((seen != files)); then
    echo "rollcall saw $seen of $files files" >&2
    exit 1
  fi
  echo "$wall $processor" >>"$work/first"
  echo "$again_wall $again_processor" >>"$work/again"
done

# The median of a column of a file.
median() { cut -d' ' -f"$2" "$work/$1" | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
row() {
  awk -v name="$1" -v wall="$(median "$2" 1)" -v cpu="$(median "$2" 2)" -v files=$files \
    -v find_wall="$(median by_find 1)" -v find_cpu="$(median by_find 2)" 'BEGIN {
      printf "| %s | %.2f | %.2f | %.2f | %.2f times | %.2f times |\n", name, wall, cpu,
        wall * 1e6 / files, find_wall / wall, find_cpu / cpu }'
}
find_version=$(find . -maxdepth 0 --version | sed -n '1s/.*) //p')
{
  cpu=$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1)
  echo "\`tests/bench/scan.sh\`, $(date -u +%F), medians of $rounds rounds: $files files in $directories" \
    "directories on $(findmnt --noheadings --output FSTYPE --target "$tree"), warm. ${cpu:-$(uname -m)}, $(nproc) cores," \
    "Linux $(uname -r | cut -d- -f1), load $(cut -d' ' -f1 /proc/loadavg);" \
    "rollcall $(git rev-parse --short HEAD), find $find_version."
  echo
  echo "|  | wall s | CPU s | µs a file | of find's speed, wall | of find's speed, CPU |"
  echo "| --- | ---: | ---: | ---: | ---: | ---: |"
  row "\`find -printf\`: path, size, time, inode; no birth" by_find
  row "\`find -print0 \\| xargs stat\`: the same, and birth" by_stat
  row "**rollcall, first pass**: all of these, handle, project, day" first
  row "**rollcall, a pass after it**: nothing had changed" again
  echo
  echo "Peak resident memory of rollcall's scan: $((resident / 1024)) MB."
} >"$work/table"
cat "$work/table"

begin='<!-- scan: written by scan.sh -->'
end='<!-- end of scan -->'
readme=tests/bench/README.md
awk -v begin="$begin" -v end="$end" -v table="$work/table" '
  $0 == end { inside = 0 }
  !inside { print }
  $0 == begin { inside = 1; while ((getline line < table) > 0) print line }' \
  "$readme" >"$work/readme"
cat "$work/readme" >"$readme"
