#!/bin/bash
# Installs what is missing, builds, and runs all tests, on Debian 12 or 13.
#
#   tests/run.sh                  every stage, as CI does
#   tests/run.sh --quick          dependencies, dev
#   tests/run.sh format asan …    only these stages, in the order given
#
# Stages: dependencies format dev tidy asan tsan fuzz e2e, and on request `clang`. A failed stage does not
# stop the later ones. The last line counts: ctest's tests, fuzz targets, end-to-end scripts, and one for
# a stage that failed without any of these (a build, the format).
#
# A test that cannot run here prints `SKIPPED name: reason`. With CI=true a skipped name that is not in
# tests/skips.txt fails the run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

all_stages=(dependencies format dev tidy asan tsan fuzz e2e)
fuzz_seconds=${FUZZ_SECONDS:-30}
passed=0
failed=0
skipped=0
summary=()

# Read by CMake at the first configuration of a build folder.
if command -v ccache >/dev/null; then export CMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
# The sanitizers' run times in Debian 12 do not know the address space layout of newer kernels.
fixed_addresses=()
if setarch -R true 2>/dev/null; then fixed_addresses=(setarch -R); fi

own_sources() {
  find monitor collectors rules dashboards tests deploy -name node_modules -prune -o \
    \( -name '*.h' -o -name '*.cc' \) -print
}

# With the page where it can be made: run_page.sh says so where it cannot.
build() {
  dashboards/web/build.sh || echo "the page is left out: it cannot be built here"
  cmake --preset "$1" && cmake --build --preset "$1" --parallel 2
}

# Reports the names on standard input (`SKIPPED name: reason` anywhere in them) that may not skip.
note_skips() {
  local name line bad=0
  while IFS= read -r line; do
    name=${line#SKIPPED }
    name=${name%%:*}
    skipped=$((skipped + 1))
    echo "$line"
    [[ "${CI:-}" == true ]] || continue
    cut -d: -f1 tests/skips.txt | grep -qxF -- "$name" && continue
    echo "FAILED: '$name' was skipped in CI and is not in tests/skips.txt"
    bad=1
  done < <(grep -a '^SKIPPED [^:]*:' | sort -u)
  return "$bad"
}

# Builds a preset and runs its tests; adds ctest's own count.
build_and_test() {
  local preset=$1 log status counts
  build "$preset" || return 1
  log=build/$preset/ctest.log
  "${fixed_addresses[@]}" ctest --preset "$preset" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  counts=$(sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+)/\1 \2/p' "$log")
  if [[ -z "$counts" ]]; then return 1; fi
  failed=$((failed + ${counts% *}))
  passed=$((passed + ${counts#* } - ${counts% *}))
  note_skips <"build/$preset/Testing/Temporary/LastTest.log" || status=1
  return "$status"
}

stage_dependencies() { deploy/install_dependencies.sh test; }

stage_format() {
  local scripts
  # Releases of clang-format disagree with each other; Debian 12's decides.
  if clang-format --version | grep -q 'version 14\.'; then
    own_sources | xargs clang-format --dry-run -Werror || return 1
  else
    note_skips <<<"SKIPPED clang-format: this is not version 14" || return 1
  fi
  mapfile -t scripts < <(find .ci deploy tests dashboards -name node_modules -prune -o -name '*.sh' -print)
  shellcheck .ci/run "${scripts[@]}"
}

stage_dev() { build_and_test dev; }
stage_clang() { build_and_test clang; }
stage_asan() { build_and_test asan; }
stage_tsan() { build_and_test tsan; }

stage_tidy() {
  if ! clang-tidy --version | grep -q 'version 14\.'; then
    note_skips <<<"SKIPPED clang-tidy: this is not version 14"
    return
  fi
  build dev >build/tidy_build.log || { cat build/tidy_build.log; return 1; }
  run-clang-tidy -quiet -p build/dev -j2 "^$PWD/(monitor|collectors|rules|dashboards|tests)/" \
    >build/tidy.log 2>&1 && return
  grep -aE '(warning|error):' build/tidy.log | sort -u
  echo "the whole report is in build/tidy.log"
  return 1
}

stage_fuzz() {
  local log=build/fuzz/fuzz.log status
  if ! compgen -G 'tests/fuzz/*_fuzz.cc' >/dev/null; then return 0; fi
  build fuzz || return 1
  "${fixed_addresses[@]}" tests/fuzz/run.sh "$fuzz_seconds" build/fuzz 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  passed=$((passed + $(grep -c '^PASSED ' "$log")))
  failed=$((failed + $(grep -c '^FAILED ' "$log")))
  return "$status"
}

# Each script is given the program to test in ROLLCALL and its build folder in ROLLCALL_BUILD_DIR.
stage_e2e() {
  local script log status=0
  compgen -G 'tests/e2e/run_*.sh' >/dev/null || return 0
  build dev || return 1
  for script in tests/e2e/run_*.sh; do
    log=build/dev/$(basename "$script" .sh).log
    echo "-- $script"
    if ROLLCALL_BUILD_DIR=$PWD/build/dev ROLLCALL=$PWD/build/dev/monitor/app/rollcall \
      timeout 900 "$script" </dev/null 2>&1 | tee "$log"; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1))
      status=1
      echo "FAILED $script"
    fi
    note_skips <"$log" || status=1
  done
  return "$status"
}

run_stage() {
  local name=$1 start=$SECONDS failed_before=$failed result=ok
  printf '\n== %s (%d s since the start)\n' "$name" "$SECONDS"
  if ! "stage_$name"; then
    result=FAILED
    if ((failed == failed_before)); then failed=$((failed + 1)); fi
  fi
  summary+=("$(printf '%-12s %-6s %5d s' "$name" "$result" $((SECONDS - start)))")
}

stages=("$@")
if (($# == 0)); then stages=("${all_stages[@]}"); fi
if [[ "${1:-}" == --quick ]]; then stages=(dependencies dev); fi
for stage in "${stages[@]}"; do
  [[ " ${all_stages[*]} clang " == *" $stage "* ]] && continue
  echo "usage: $0 [--quick | STAGE…]; stages: ${all_stages[*]} clang" >&2
  exit 2
done

# Under sudo the builds must stay the caller's.
if ((EUID == 0)) && [[ -n "${SUDO_UID:-}" && -n "${SUDO_GID:-}" ]]; then
  trap 'chown -R "$SUDO_UID:$SUDO_GID" build' EXIT
fi
mkdir -p build
for stage in "${stages[@]}"; do run_stage "$stage"; done

printf '\n== summary\n'
printf '%s\n' "${summary[@]}"
printf '%-12s %-6s %5d s\n\n' total "" "$SECONDS"
counted="$passed passed, $failed failed"
if ((skipped > 0)); then counted+=", $skipped skipped"; fi
echo "$counted"
((failed == 0))
