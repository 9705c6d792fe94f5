/** docs/benchmarks.md: a run, for people. */
import type { Figure } from './figures.ts';
import { METRIC_NAMES, METRICS, type Metric, type Row } from './findings.ts';
import { besideOf, figureOf, flannelsOf, formatSpread, type Report } from './report.ts';

export function formatPage(report: Report): string {
  const { machine, run, rows, findings, figures, verdicts } = report;
  const cells = [...new Set(rows.map(({ cell }) => cell))];
  return `# Benchmarks

Written by \`make bench\`. Do not edit.

${[
  `- Machine: ${machine.cpu}, ${machine.cpuCount} CPUs, ${machine.memoryGigabytes} GiB; Linux ${machine.kernel}`,
  `- Date: ${machine.date}; commit ${machine.commit}`,
  `- Command: \`${run.command}\` (${run.repeats} × ${run.seconds} s, TCP of whole seconds; other things took ${(100 * run.busyBefore).toFixed(0)} % of the CPUs before it began)`,
  ...doubtsOf(report).map((doubt) => `- **${doubt}**`),
].join('\n')}

Two hosts are two network namespaces, a pod on each is a third and a fourth. **N** is plain kernel routing without a
tunnel, **B** flannel's vxlan set up by hand (a classic device with route, FDB and neigh entries), **F** a real flanneld
where one was given. **T** is tartan as it comes, **P** tartan with FastPath, **K** its kernel mode, **C** tartan by
clsact instead of TCX, **X** with XDP, **DT** and **DP** with DirectRouting. **U** is flannel's udp, played by a relay in C
(a process with a TUN), **UT** tartan's udp, **UP** the same with FastPath, **UU** its relay in user space. **GT** is
host-gw, which is plain routing, **GP** host-gw with FastPath. All setups stand at the same time and are measured in turn; figures are medians
over the repeats, least and most in brackets, beside flannel (U for udp, else B) and N. Only ratios mean anything on another machine.

![Throughput beside plain routing](benchmarks.svg)

## Goals

${table(
  ['goal', 'figure', 'target', 'result'],
  verdicts.map((verdict) => [verdict.goal, figureOf(verdict), verdict.target, verdict.result]),
)}

${cells.map((cell) => cellSection(rows, cell)).join('\n\n')}

## Measured by itself

${table(
  ['what', 'median (min–max)', 'unit'],
  findings.map(({ what, unit, value }) => [what, formatSpread(value, 3), unit]),
)}

## Commands and control plane

${table(['what', 'median', 'target'], figures.map(figureRow))}

## How it is measured

- **TCP** is iperf3 with cubic and writes of 1 MB; the first second does not count. Writes of iperf3's default size
  end in two small packets each, and each of those costs a wake-up: that would measure the sender.
- **CPU a gigabyte** is what the whole machine spent, sender, receiver and everything between.
- **Packets** are UDP in IP packets of 64 bytes, sent by one core as fast as it can by \`sendmmsg\`; those count that the
  other pod's socket gets. The path runs on the sender's core, the receiver's only empties the socket.
- **Ping-pong** is one such packet there and back at a time, both ends and all between on one core.
- **veth**: frames of 64 KB pass the underlay whole. **wire**: the underlay's offloads are off, so that frames are of the
  MTU's size and are segmented and merged in software, as on a network card without tunnel offloads.
- **CPUs** are dealt out by receive packet steering: on veth each host has one, else two CPUs work at one connection and
  overtake each other, which measures retransmissions. On the wire all runs on one: a veth's ring between two CPUs drops
  what a card's queue would hold back.

What the figures do not say: nothing here leaves the machine, so neither a network card's offloads nor its interrupts
are in them; and two CPUs are few.
`;
}

/** What keeps a reader from relying on the figures. */
function doubtsOf({ run, remarks }: Report): string[] {
  return [
    ...(run.busyBefore > 0.1 ? ['The machine was busy with other things: these are noise.'] : []),
    ...(run.seconds < 1 || run.repeats < 3
      ? ['A short run: it shows that all can be measured; the figures do not hold.']
      : []),
    ...remarks.map((remark) => `Left out: ${remark}.`),
  ];
}

function cellSection(rows: readonly Row[], cell: string): string {
  const ofCell = rows.filter((row) => row.cell === cell);
  const head = METRIC_NAMES.flatMap((metric) => [METRICS[metric].name, '/ flannel', '/N']);
  return `## ${cell}

${table(
  ['setup', ...head],
  ofCell.map((row) => [
    `**${row.letter}** ${row.name}`,
    ...METRIC_NAMES.flatMap((metric: Metric) => [
      `${formatSpread(row.values[metric], METRICS[metric].digits)} ${METRICS[metric].unit}`,
      besideOf(rows, row, metric, flannelsOf(row)),
      besideOf(rows, row, metric, 'N'),
    ]),
  ]),
)}`;
}

function figureRow({ what, value, unit, limit }: Figure): string[] {
  const target = limit === null ? '' : `≤ ${limit} ${unit}: ${value <= limit ? 'met' : 'missed'}`;
  return [what, `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`, target];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
