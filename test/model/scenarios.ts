/** What is explored: which nodes there are, and what may go wrong how often. All orders of it are tried. */
import type { Scenario } from './world.ts';

/** Together about ten seconds. */
export const SCENARIOS = {
  cut: {
    name: 'a node is cut off past the end of its lease',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 2, cuts: 1 },
    victims: 1,
  },
  lostReplies: {
    name: 'replies are lost',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 2, lostReplies: 1 },
  },
  clock: {
    name: 'a clock is put back or on',
    nodes: ['watch', 'timer'],
    subnets: 1,
    faults: { ticks: 2, clockSteps: 1 },
  },
  death: {
    name: 'a machine reboots',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 1, reboots: 1 },
  },
  resync: {
    name: 'watches are told everything anew',
    nodes: ['watch', 'watch'],
    subnets: 2,
    faults: { ticks: 1, resyncs: 2 },
  },
  restore: {
    name: 'the store is restored from a backup',
    nodes: ['watch', 'timer'],
    subnets: 1,
    faults: { ticks: 2, restores: 1 },
  },
  reservation: {
    name: 'a node has a reservation',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 3, leaves: 1 },
    reservation: true,
  },
  deletion: {
    name: 'a lease is removed by somebody else',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 1, deletions: 1 },
  },
  move: {
    name: 'an address changes, a process is killed',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 0, moves: 1, lostReplies: 1, crashes: 1 },
  },
  exhaustion: {
    name: 'two nodes want the one subnet',
    nodes: ['watch', 'timer'],
    subnets: 1,
    faults: { ticks: 1, leaves: 1 },
  },
} satisfies Record<string, Scenario>;

/** Hours: `make model`. */
export const LARGE: readonly Scenario[] = [
  {
    name: 'cut off and back, with replies lost',
    nodes: ['watch', 'watch'],
    subnets: 2,
    faults: { ticks: 4, cuts: 2, lostReplies: 1 },
  },
  {
    name: 'a bit of everything',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 3, cuts: 1, lostReplies: 1, crashes: 1, clockSteps: 1 },
  },
  {
    name: 'restored while replies are lost and processes die',
    nodes: ['watch', 'watch'],
    subnets: 2,
    faults: { ticks: 2, restores: 1, lostReplies: 1, crashes: 1, resyncs: 1 },
  },
  {
    name: 'two watches, one cut off',
    nodes: ['watch', 'watch'],
    subnets: 2,
    faults: { ticks: 3, cuts: 1 },
  },
  {
    name: 'three nodes want two subnets',
    nodes: ['timer', 'timer', 'timer'],
    subnets: 2,
    faults: { ticks: 1, leaves: 1 },
  },
  {
    name: 'three nodes',
    nodes: ['watch', 'timer', 'timer'],
    subnets: 3,
    faults: { ticks: 2, cuts: 1 },
  },
  {
    name: 'a reservation, cut off, and moved',
    nodes: ['watch', 'timer'],
    subnets: 2,
    faults: { ticks: 3, cuts: 1, moves: 1, leaves: 1, lostReplies: 1 },
    reservation: true,
  },
];
