#!/bin/bash
# Brings a fresh Debian 12 with Node 20 and npm to where tartan can be built, tested and shown.
# Does nothing, quickly, where nothing is missing.
#
#   scripts/setup.sh [packages] [modules] [bpf] [promtool] [vm]     the first three when none is named
#
# vm is another kernel to test on, and the emulator for it.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  clang llvm linux-libc-dev libbpf-dev make     # BPF objects and the bench's C tools
  libbpf1 iproute2 nftables                     # what tartan itself calls
  bpftool ethtool iperf3 iputils-ping jq tcpdump traceroute etcd-server etcd-client # lab, tests, bench
  systemd curl iptables                         # tests: systemd-analyze verifies the units; foreign rules
)
vm_packages=(qemu-system-x86 kmod busybox-static xz-utils)

say() { printf '\033[1msetup:\033[0m %s\n' "$*"; }
fail() {
  printf 'setup: %s\n       %s\n' "$1" "$2" >&2
  exit 1
}

missing_packages() { # PACKAGE…
  local package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
  done
}

# Debian starts a service as soon as its package is installed. The lab starts its own etcd, in a namespace.
without_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e $policy ]; then "$@"; return; fi
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod 755 $policy
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  "$@"
  rm -f $policy
  trap - EXIT
}

install_packages() { # PACKAGE…
  command -v dpkg-query >/dev/null || fail "this is no Debian" "install the counterparts of: $*"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0

  local line="apt-get install --no-install-recommends ${missing[*]}"
  [ "$(id -u)" = 0 ] || fail "Debian packages are missing, and only root can install them" "sudo $line"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q || fail "the Debian package lists cannot be fetched" "is there a network? then: $line"
  without_services apt-get install -q -y --no-install-recommends "${missing[@]}" ||
    fail "the Debian packages cannot be installed" "see apt's own message above; by hand: $line"
  case " ${missing[*]} " in
    *' etcd-server '*) systemctl disable etcd.service >/dev/null 2>&1 || true ;;
  esac
}

setup_packages() {
  install_packages "${packages[@]}"
}

setup_modules() {
  local stamp=node_modules/.lock-of-last-install major
  command -v npm >/dev/null || fail "npm is missing" "install Node 20 or newer with npm"
  if ! cmp -s package-lock.json $stamp; then
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge 20 ] || fail "Node $(node --version) is too old" "install Node 20 or newer"
    say "npm ci"
    npm ci || fail "npm ci failed" "is there a network, and is the registry of 'npm config get registry' reachable?"
    cp package-lock.json $stamp
  fi
  scripts/node --version >/dev/null || fail "npm brought no Node 24 along" "npm ci --include=optional"
}

setup_bpf() {
  command -v clang >/dev/null || fail "clang is missing: the BPF programs cannot be built" "make setup, as root"
  make --no-print-directory bpf
}

# Tests of metrics and rules: one program of Debian's package. Installed, that would bring a server with its service and
# its user, and half a dozen packages of web pages.
setup_promtool() {
  local tool=build/tools/promtool folder
  [ ! -x $tool ] || return 0
  command -v promtool >/dev/null && return 0
  command -v apt-get >/dev/null || fail "this is no Debian" "put promtool of Prometheus 2.42 or newer into PATH"
  say "fetching promtool"
  rm -rf build/tools/new
  mkdir -p build/tools/new
  folder=$(cd build/tools/new && pwd)
  (cd "$folder" && apt-get download -q -o APT::Sandbox::User=root prometheus) || {
    [ "$(id -u)" = 0 ] && apt-get update -q && (cd "$folder" && apt-get download -q -o APT::Sandbox::User=root prometheus)
  } || fail "the package prometheus cannot be fetched" "is there a network? then, as root: apt-get update"
  dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -C "$folder" ./usr/bin/promtool ||
    fail "there is no promtool in the package prometheus" "put promtool of Prometheus 2.42 or newer into PATH"
  mv "$folder/usr/bin/promtool" $tool
  rm -r "$folder"
}

setup_vm() {
  [ "$(uname -m)" = x86_64 ] ||
    fail "another kernel is not supported on $(uname -m)" "its emulator and kernel are chosen for x86_64 only"
  install_packages "${vm_packages[@]}"
  scripts/vm/kernel.sh
}

[ $# -gt 0 ] || set -- packages modules bpf
for part in "$@"; do "setup_$part"; done
