#!/bin/sh
# First process of the guest, on the machine's own root: makes what a booted machine has, runs the command, and writes
# its exit status to the share.
checkout=$1
mine=/run/vm/$guest
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm /lib/modules
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
mount --bind "$checkout/build/vm/kernel/lib/modules" /lib/modules
ln -s /proc/self/fd /dev/fd
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr

# Nothing that lies in the machine's /tmp concerns the guest, but the checkout may be there.
mkdir /run/checkout
mount --bind "$checkout" /run/checkout
mount -t tmpfs -o mode=1777 tmp /tmp
case $checkout in
  /tmp/*) mkdir -p "$checkout" && mount --move /run/checkout "$checkout" ;;
  *) umount /run/checkout ;;
esac

hostname "$guest"
ip link set lo up
# Not the machine's, which other processes write to meanwhile.
export NODE_COMPILE_CACHE=/run/compile-cache
export TARTAN_LAB_PATIENCE=5
. "$mine/environment.sh"
cd "$checkout" || exit

# The device of a named port of the virtual serial line: udev, which makes links by name, does not run here.
port() {
  for entry in /sys/class/virtio-ports/*; do
    [ "$(cat "$entry/name")" != "$1" ] || echo "/dev/${entry##*/}"
  done
}

if [ -e "$mine/interactive" ]; then
  # shellcheck disable=SC2046 # two numbers
  stty $(cat "$mine/interactive") </dev/hvc0
  setsid --ctty --wait bash -i </dev/hvc0 >/dev/hvc0 2>&1
  code=$?
else
  # Pipes, because a port can be opened only once, and a command may open /dev/stderr.
  mkfifo /run/stdout /run/stderr
  cat /run/stdout >"$(port stdout)" &
  relays=$!
  cat /run/stderr >"$(port stderr)" &
  relays="$relays $!"
  bash "$mine/command.sh" </dev/null >/run/stdout 2>/run/stderr
  code=$?
  # What it left running may hold the pipes open.
  (sleep 1; kill $relays) 2>/dev/null &
  # shellcheck disable=SC2086 # two pids
  wait $relays
fi

dmesg >"$mine/dmesg"
echo $code >"$mine/exit"
exec busybox poweroff -f
