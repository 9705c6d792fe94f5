/** How qemu is called. All of it is emulated: no machine needs to offer virtualization. */

export interface Machine {
  /** Name of the guest, its folder in the share, and its host name. */
  readonly name: string;
  /** The folder that `scripts/vm/kernel.sh` makes. */
  readonly kernel: string;
  readonly memoryMegabytes: number;
  /** A folder of the machine outside that the guest can write to. */
  readonly share: string;
  /** A file for what the kernel says. */
  readonly console: string;
  /** Unix sockets, listened to, for the command's output; `null`: a shell on this process's terminal. */
  readonly output: { readonly stdout: string; readonly stderr: string } | null;
}

/** The first panic, oops or failed step of init ends qemu: `-no-reboot`. */
const KERNEL_PARAMETERS = [
  'console=ttyS0 quiet panic=-1 oops=panic',
  // A processor that is emulated need not be protected from itself, nor does its clock need to be checked.
  'mitigations=off random.trust_cpu=1 tsc=reliable no_timer_check',
  // What waits for all readers of a list to have gone, as the end of a device does, waits a tenth as long.
  'rcupdate.rcu_expedited=1',
  // With its libraries where the last process had them, a process takes a third of the time: what qemu has translated
  // is found again. The rest is a hardening that costs a tenth.
  'norandmaps init_on_alloc=0 hardened_usercopy=off apparmor=0 audit=0',
];

/** One without AVX, SMAP and their kin, which take longer to emulate than they save. */
const PROCESSOR = 'Nehalem,+rdrand';

/** Throws for a path that qemu's option syntax cannot hold. */
export function qemuCommand(machine: Machine): string[] {
  const { name, kernel, memoryMegabytes, share, output } = machine;
  return [
    'qemu-system-x86_64',
    ...['-machine', 'q35,accel=tcg', '-cpu', PROCESSOR, '-m', `${memoryMegabytes}M`],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-nic', 'none'],
    ...['-kernel', `${kernel}/vmlinux`, '-initrd', `${kernel}/initramfs`],
    ...['-append', [...KERNEL_PARAMETERS, `guest=${name}`].join(' ')],
    ...['-chardev', `file,id=console,path=${plain(machine.console)}`, '-serial', 'chardev:console'],
    ...folder('machine', '/', 'readonly=on,multidevs=remap'),
    ...folder('share', share, 'multidevs=remap'),
    ...['-device', 'virtio-serial-pci'],
    ...(output === null
      ? ['-chardev', 'stdio,id=shell,signal=off', '-device', 'virtconsole,chardev=shell']
      : Object.entries(output).flatMap(([port, path]) => [
          ...['-chardev', `socket,id=${port},path=${plain(path)}`],
          ...['-device', `virtserialport,chardev=${port},name=${port}`],
        ])),
  ];
}

function folder(tag: string, path: string, options: string): string[] {
  const file = `local,id=${tag},path=${plain(path)},security_model=none,${options}`;
  return ['-fsdev', file, '-device', `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`];
}

function plain(path: string): string {
  if (!path.includes(',')) return path;
  throw new Error(`${path}: qemu takes no path with a comma`);
}
