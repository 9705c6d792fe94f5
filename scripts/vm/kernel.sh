#!/bin/bash
# Makes Debian's stock kernel for amd64 bootable in build/vm/kernel, without installing it:
#
#   vmlinux        uncompressed: in emulation the kernel's own unpacking takes 2.5 s
#   initramfs      busybox, init.sh, and the modules that reach the machine's root over 9p
#   lib/modules/   the rest, loaded on demand from there
#
# Does nothing where all that is there. No version is pinned: old ones leave the mirror.
set -euo pipefail
cd "$(dirname "$0")/../.."
kernel=build/vm/kernel
init=scripts/vm/init.sh

fail() {
  printf 'vm kernel: %s\n           %s\n' "$1" "$2" >&2
  exit 1
}

fetch() { # FOLDER
  local package
  package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
  [ -n "$package" ] || fail "apt does not know linux-image-amd64" "as root: apt-get update"
  printf '\033[1msetup:\033[0m fetching %s, for tests on another kernel\n' "$package"
  # As root, because apt's own user may not be able to write here.
  (cd "$1" && apt-get download -qq -o APT::Sandbox::User=root "$package") ||
    fail "$package cannot be fetched" "is there a network? as root: apt-get update"
  dpkg-deb -x "$1"/*.deb "$1"
}

# Where the compressed kernel lies: setup_sects, payload_offset and payload_length of the boot protocol's header
# (Documentation/arch/x86/boot.rst). The last four bytes are its uncompressed length.
uncompress() { # VMLINUZ
  local sectors offset length
  sectors=$(od -An -tu1 -j $((0x1f1)) -N1 "$1")
  offset=$(od -An -tu4 -j $((0x248)) -N4 "$1")
  length=$(od -An -tu4 -j $((0x24c)) -N4 "$1")
  dd if="$1" status=none bs=1M iflag=skip_bytes,count_bytes \
    skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) | xz -dc
}

make_kernel() {
  local new=build/vm/kernel.tmp
  rm -rf $new && mkdir -p $new/package $new/lib
  fetch $new/package
  uncompress $new/package/boot/vmlinuz-* >$new/vmlinux
  mv $new/package/lib/modules $new/lib/
  rm -r $new/package
  depmod -b $new "$(basename $new/lib/modules/*)"
  rm -rf $kernel && mv $new $kernel
}

# Files of the modules that the guest needs before it sees the machine's root, in the order of loading.
first_modules() {
  local module
  for module in virtio_pci 9pnet_virtio 9p overlay virtio_console; do
    modprobe -d "$PWD/$kernel" -S "$(basename $kernel/lib/modules/*)" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

make_initramfs() {
  local root=build/vm/initramfs.tmp module
  rm -rf $root && mkdir -p $root/{bin,modules,proc,sys,dev,lower,upper,root}
  cp /bin/busybox $root/bin/
  install -m 755 $init $root/init
  first_modules | while read -r module; do
    cp "$module" $root/modules/
    basename "$module" >>$root/modules/order
  done
  (cd $root && find . | busybox cpio -o -H newc 2>/dev/null) >$kernel/initramfs.tmp
  rm -r $root
  mv $kernel/initramfs.tmp $kernel/initramfs
}

[ -f $kernel/vmlinux ] || make_kernel
[ $kernel/initramfs -nt $init ] && [ $kernel/initramfs -nt "$0" ] || make_initramfs
