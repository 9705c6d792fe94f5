#!/bin/busybox sh
# First process of the guest, in the initramfs: puts the machine's own root, read-only, under a tmpfs, and goes on there
# with guest.sh. The share is the one place outside its memory that the guest can write to. A step that fails ends this
# process, and that is a panic: the machine outside prints it.
set -eu
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do insmod "/modules/$module"; done </modules/order

# The machine's files do not change under a running guest, so it may keep all that it has read.
mount -t 9p -o ro,version=9p2000.L,cache=loose,msize=512000 machine /lower
mount -t tmpfs -o size=75% upper /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /root

mount -t tmpfs run /root/run
mkdir /root/run/vm
mount -t 9p -o version=9p2000.L,cache=none,msize=512000 share /root/run/vm
checkout=$(cat /root/run/vm/checkout)
umount /sys /dev /proc
# The name of this guest is in the environment: guest=… of the kernel's command line.
exec switch_root /root /bin/sh "$checkout/scripts/vm/guest.sh" "$checkout"
