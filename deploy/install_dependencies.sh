#!/bin/bash
# Installs the Debian packages (12 or 13) that are missing; where nothing is missing, does nothing.
# This is the one list of them: deploy/quickstart.sh asks for `build`, tests/run.sh for `test`,
# tests/bench/run.sh for `bench`.
#
#   deploy/install_dependencies.sh build   what building and running rollcall takes
#   deploy/install_dependencies.sh test    that, and what the tests take
#   deploy/install_dependencies.sh bench   as build, and what rollcall is measured against
set -euo pipefail

build=(
  ca-certificates cmake g++ ninja-build pkgconf
  catch2 libboost-dev libcap-dev libcctz-dev libcli11-dev libcpp-httplib-dev libcrypt-dev
  libexpected-dev libisal-dev libpcre2-dev libsimdjson-dev libspdlog-dev libsqlite3-dev libssl-dev
  libthrift-dev libxxhash-dev libyaml-cpp-dev libzstd-dev nlohmann-json3-dev prometheus-cpp-dev sqlite3
  zlib1g-dev
)
test=(
  ccache clang clang-format clang-tidy libclang-rt-dev llvm shellcheck
  btrfs-progs chromium curl e2fsprogs jq prometheus prometheus-alertmanager rocksdb-tools xfsprogs zstd
)
bench=(lnav mtail python3)
# Their packages start them as services. Tests start their own, on ports of their own.
services=(prometheus prometheus-alertmanager clickhouse-server mtail)

# The page is bundled with Node; any installed Node with npm will do, and Debian's npm refuses to be
# installed beside the Node of another publisher.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then build+=(nodejs npm); fi
# Debian 13 has no clickhouse-server.
if grep -qs '^VERSION_ID="12"' /etc/os-release; then test+=(clickhouse-server); fi

case "${1:-}" in
  build) wanted=("${build[@]}") ;;
  test) wanted=("${build[@]}" "${test[@]}") ;;
  bench) wanted=("${build[@]}" "${bench[@]}") ;;
  *) echo "usage: $0 build|test|bench" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "this is not Debian; install what corresponds to: ${wanted[*]}" >&2
  exit 1
fi

installed=$(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "${wanted[@]}" \
  2>/dev/null | sed -n 's/ installed$//p' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "all ${#wanted[@]} packages are installed"
  exit 0
fi
echo "installing ${#missing[@]} of ${#wanted[@]} packages: ${missing[*]}"

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    echo "run this as root, or install sudo" >&2
    exit 1
  fi
  as_root=(sudo)
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get --quiet --option DPkg::Lock::Timeout=500 --option Dpkg::Use-Pty=0 "$@" </dev/null
}
apt update
apt install --yes --no-install-recommends "${missing[@]}"

for service in "${services[@]}"; do
  [[ " ${missing[*]} " == *" $service "* ]] || continue
  "${as_root[@]}" service "$service" stop >/dev/null 2>&1 || true
  if [[ -d /run/systemd/system ]]; then "${as_root[@]}" systemctl disable "$service" || true; fi
done
