#!/bin/bash
# From a fresh checkout on Debian 12 or 13 to the incident, found: installs what is missing, builds a
# release, and runs `rollcall demo` on the embedded SQLite ledger. Running it again repeats the demo.
#
#   deploy/quickstart.sh [ARGUMENTS OF rollcall demo]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Under sudo the build must stay the caller's, or their next build could not write to it; and so must
# what the demo leaves to look at.
as_caller=()
if ((EUID == 0)) && [[ -n "${SUDO_UID:-}" && -n "${SUDO_GID:-}" ]]; then
  trap '[[ ! -d build ]] || chown -R "$SUDO_UID:$SUDO_GID" build' EXIT
  as_caller=(setpriv --reuid "$SUDO_UID" --regid "$SUDO_GID" --init-groups)
fi

program=build/release/monitor/app/rollcall
step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

step "1/3 dependencies"
deploy/install_dependencies.sh build

step "2/3 release build in build/release"
dashboards/web/build.sh || echo "the page of \`rollcall serve\` is left out: npm cannot fetch what it takes"
cmake --preset release
cmake --build --preset release

step "3/3 $program demo"
"${as_caller[@]}" "$program" demo "$@"

cat <<END

== done ($SECONDS s). Where to look further:
  $program --help   what else it does
  README.md         what it is and how it is laid out
  deploy/README.md  how to run it beside a real store
  tests/run.sh      all tests
END
