import type { CommandName } from './options.ts';

/** What the help says of a command. */
export interface CommandSpec {
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly description: string;
  /** The one argument it takes, if it takes one. */
  readonly argument?: {
    readonly name: string;
    readonly help: string;
    readonly optional?: boolean;
  };
  /** What it takes instead, where it takes several words: `<action>`, `[interface]`. */
  readonly words?: readonly { readonly usage: string; readonly help: string }[];
  readonly examples: readonly (readonly [command: string, what: string])[];
}

export const COMMANDS: Readonly<Record<CommandName, CommandSpec>> = {
  'init-config': {
    summary: 'check a network config and write it to the store',
    description:
      'Checks a network config and writes it to the store, byte for byte. A different config that stands there already is kept, unless --force is given. Needs no privilege.',
    argument: {
      name: 'config',
      help: 'path of a JSON file, - for standard input, or the JSON itself',
    },
    examples: [
      [
        `tartan init-config '{"Network":"10.5.0.0/16","Backend":{"Type":"vxlan"}}'`,
        'for flannel-compatible hosts in etcd on this machine',
      ],
      [
        'tartan init-config --store file:/var/lib/tartan/net.db network.json',
        'in the embedded store',
      ],
      ['tartan init-config --etcd-endpoints http://10.0.0.1:2379 - < network.json', 'from a pipe'],
    ],
  },
  join: {
    summary: 'take a subnet and connect this host to the network',
    description:
      'Takes a subnet (or keeps, or renews the one that this host has), puts the programs into the kernel, brings the peers in step and writes subnet.env. Doing it again changes nothing. No process stays behind. Prints one JSON object.',
    examples: [
      ['tartan join', 'with etcd on this machine, over the interface of the default route'],
      ['tartan join --store file:/var/lib/tartan/net.db --iface eth1', 'with the embedded store'],
      ['tartan join --iface eth0 --public-ip 203.0.113.7', 'behind NAT'],
      ['tartan join | jq -r .subnet', 'only the subnet'],
      ['tartan join --dry-run | jq .ops', 'what it would do'],
    ],
  },
  renew: {
    summary: "renew this host's lease",
    description:
      'Renews the lease that join took, if this host still owns it; otherwise says who does, and ends with 1. Needs no privilege beyond reading the state folder.',
    examples: [
      ['tartan renew', 'renews for another 24 hours'],
      ['tartan renew --store file:/var/lib/tartan/net.db', 'with the embedded store'],
    ],
  },
  watch: {
    summary: 'keep a joined host in step',
    description:
      'Keeps a host that has joined in step: follows peers, renews the lease when due, and repairs what others changed. Prints one JSON event a line. Ends on a signal; the network goes on without it.',
    examples: [
      ['tartan watch', 'in the foreground'],
      [`tartan watch | jq -r 'select(.type == "added") | .subnet'`, 'only new peers'],
      ['tartan watch --reconcile-interval 60', 'look at the kernel once a minute'],
    ],
  },
  run: {
    summary: 'join and keep in step, in one process, as flanneld does',
    description:
      "Joins and then watches, in one process, with flanneld's own options and variables. Waits for the store, its config and the underlay interface, however long they take. Prints one JSON event a line. Tells systemd that it is ready when packets can flow, and the watchdog that it is alive. Ends on a signal; the network goes on without it.",
    examples: [
      ['tartan run', 'in the foreground, with etcd on this machine'],
      ['tartan run --iface eth1 --healthz-port 8080', 'with /healthz, /readyz and /metrics'],
      ['tartan run -iface=eth1 -v=1', "flags in flanneld's spelling"],
    ],
  },
  serve: {
    summary: 'offer a store to other hosts over HTTP or HTTPS',
    description:
      "Offers the store that its options name to hosts that have --remote, over flannel's HTTP paths. Takes no lease itself, and needs no privilege. A client may write only its own lease. Prints one JSON event a line. Ends on a signal; its clients go on when it is back. tartan run --listen does the same.",
    examples: [
      ['tartan serve --listen 10.0.0.1:8889 --store file:/var/lib/tartan/net.db', 'without etcd'],
      [
        'tartan serve --listen 10.0.0.1:8889 --remote-cafile ca.pem --remote-certfile server.pem --remote-keyfile server.key',
        'in front of etcd on this machine, for clients with certificates',
      ],
      ['tartan join --remote 10.0.0.1:8889', 'on the other hosts'],
    ],
  },
  status: {
    summary: 'show whether this host is as it should be, and its traffic',
    description:
      'Shows the lease, what in the kernel is not as join would have it, the peers with their traffic, and what was dropped and why: a table, JSON with --json. Changes nothing, and takes no lock. Ends with 0 if there is no problem, else with 1; with --watch on a signal, with 0. Works without the store as far as the kernel tells. Looks with the interface, PublicIP and dataplane of the last join, unless others are given.',
    examples: [
      ['tartan status', 'for people'],
      ['tartan status >/dev/null || tartan join', 'as a health check'],
      ['tartan status --watch', 'a live screen'],
      ['tartan status --json | jq .differences', 'what join would do'],
      [`tartan status --json | jq '.peers[] | {subnet, traffic}'`, 'traffic by peer'],
    ],
  },
  lease: {
    summary: 'show who has which subnet, and reserve subnets for hosts',
    description:
      'Lists the leases in the store (a table; JSON with --json) or shows one; reserves a subnet for a host, by its PublicIP: the host takes it at its next join and keeps it for ever; or releases a reservation: one that a host has taken up becomes a lease of 24 hours, which the host goes on renewing; one that none has is free at once. A host that has the lease already keeps all that it published. Again changes nothing. Works on the store alone, and needs no privilege beyond it.',
    words: [
      { usage: '<action>', help: 'list, show, reserve or release' },
      { usage: '[subnet]', help: 'to show, reserve or release, such as 10.5.52.0/24' },
      {
        usage: '[public-ip]',
        help: 'for whom it is reserved (default: the host that has it now)',
      },
    ],
    examples: [
      ['tartan lease list', 'all of them, reservations too'],
      [
        `tartan lease list --json | jq -r '.leases[] | select(.own) | .subnet'`,
        "this host's, for scripts",
      ],
      [
        'tartan lease reserve 10.5.52.0/24 192.168.64.3',
        'for a host that is yet to join, or has it',
      ],
      ['tartan lease release 10.5.52.0/24', 'the host keeps it while it renews it'],
      ['tartan lease release --force 10.5.52.0/24', 'the lease of a host that is gone for good'],
    ],
  },
  endpoint: {
    summary: 'say which pods FastPath serves on this host',
    description:
      "Makes a pod an endpoint, which FastPath carries past the host's stack; makes it an ordinary pod again; or lists the endpoints. For CNI plugins: needs no store, and returns when the kernel has it, also while watch is running. Again changes nothing. A pod that is deleted need not be removed. Prints one JSON object.",
    words: [
      { usage: '<action>', help: 'add, remove or list' },
      { usage: '[interface]', help: "the host's end of the pod's veth cable" },
      { usage: '[address]', help: "the pod's IPv4 address; to remove: all of the interface's" },
    ],
    examples: [
      ['tartan endpoint add veth0a1b2c 10.5.52.7', 'serves a pod, be it on a bridge or not'],
      ['tartan endpoint remove veth0a1b2c', 'gives it back to the host'],
      ['tartan endpoint list | jq .endpoints', 'all of them, and whether they are served'],
    ],
  },
  teardown: {
    summary: 'disconnect this host and give its subnet back',
    description:
      'Removes all that join made, and gives the lease back. Works without the store as far as this host goes: if the store cannot be reached, the host is cleaned up and the status is 75, so that a second run can give the lease back. Doing it again changes nothing.',
    examples: [
      ['tartan teardown', 'removes everything'],
      ['tartan teardown --keep-lease', 'keeps the subnet for the next join'],
      ['tartan teardown --dry-run', 'what it would do'],
    ],
  },
  'docker-opts': {
    summary: "turn subnet.env into options of Docker's daemon",
    description:
      "Writes the variables that Docker's unit takes as its EnvironmentFile, from subnet.env: --bip, --mtu, and --ip-masq=false where the network masquerades itself. Takes the flags of flannel's mk-docker-opts.sh and writes the same bytes, but refuses a subnet.env that is missing or makes no sense, where the script would let Docker choose a subnet of its own. Needs no privilege beyond writing the file.",
    examples: [
      ['tartan docker-opts', 'from /run/flannel/subnet.env to /run/docker_opts.env'],
      ['tartan docker-opts -c -k DOCKER_NETWORK_OPTIONS -d /run/docker.env', 'one variable'],
      ['tartan docker-opts && systemctl restart docker', 'after a subnet has changed'],
    ],
  },
  relay: {
    summary: 'carry the packets of a udp network in user space',
    description:
      'Carries packets between a TUN and the other hosts in user space, as flannel does it, for kernels that cannot do it themselves. Its peers are the routes of the device, which it follows; it keeps nothing of its own, so it can be stopped and started at any time, and packets are lost only meanwhile. Prints one JSON event a line. Ends on a signal.',
    examples: [
      ['tartan relay', 'in the foreground, over flannel0'],
      ['tartan relay --bind 192.168.64.3', 'for a host with several addresses'],
      [`tartan relay | jq -c 'select(.type == "dropped") | .counters'`, 'only what is dropped'],
    ],
  },
  bench: {
    summary: 'measure the way between two hosts or pods',
    description:
      'Measures the way to another host or pod, where `tartan bench --serve` runs: TCP with one stream and with several (by iperf3), 64-byte UDP packets a second, round-trip latency, and what it costs in CPU time at both ends. Prints one JSON object; people get a table on stderr. Needs no privilege and no store.',
    argument: { name: 'address', help: 'IPv4 address of the end that serves', optional: true },
    examples: [
      ['tartan bench --serve', 'at one end'],
      ['tartan bench 10.5.2.2', 'at the other, when the first has 10.5.2.2'],
      ['tartan bench 10.5.2.2 --seconds 10 --streams 8 --repeats 5', 'for longer'],
      [`tartan bench 10.5.2.2 | jq '.tcp[0].bitsPerSecond.median / 1e9'`, 'one stream, in Gb/s'],
    ],
  },
};

export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];
