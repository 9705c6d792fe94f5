/** Every object of a lab is found by its name alone, so that it can be removed without any record of it. */

import { existsSync, readdirSync } from 'node:fs';

const NAMESPACES = '/run/netns';

/** What the names of all namespaces begin with: checkouts that test side by side give themselves other ones. */
const PREFIX = process.env.TARTAN_LAB_PREFIX || 'tartan';

/** What removes a lab, for messages. */
export function removalOf(lab: string): string {
  const prefix = PREFIX === 'tartan' ? '' : `TARTAN_LAB_PREFIX=${PREFIX} `;
  return `${prefix}make lab-down LAB=${lab}`;
}

/** Below it, one folder a lab. Outside /sys, which entering a namespace may remount. */
export const LABS = `/run/${PREFIX}-lab`;

/** Throws unless the name can be part of a namespace's name without two labs being taken for each other. */
export function checkLabName(name: string): void {
  if (/^[a-z][a-z0-9]{0,15}$/.test(name)) return;
  throw new Error(`lab name '${name}': use 1 to 16 of a-z and 0-9, a letter first`);
}

/** `tartan-demo-a` */
export function namespaceOf(lab: string, node: string): string {
  return `${namespacePrefix(lab)}${node}`;
}

export function namespacePath(namespace: string): string {
  return `${NAMESPACES}/${namespace}`;
}

export function folderOf(lab: string): string {
  return `${LABS}/${lab}`;
}

export function bpffsOf(lab: string): string {
  return `${folderOf(lab)}/bpf`;
}

export function stateFileOf(lab: string): string {
  return `${folderOf(lab)}/lab.json`;
}

/** The namespaces of a lab that exist now. */
export function namespacesOf(lab: string): string[] {
  if (!existsSync(NAMESPACES)) return [];
  return readdirSync(NAMESPACES).filter((name) => name.startsWith(namespacePrefix(lab)));
}

/** Every lab of which anything is left: a folder, or namespaces. */
export function labNames(): string[] {
  const folders = existsSync(LABS) ? readdirSync(LABS) : [];
  const namespaces = existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : [];
  const named = namespaces
    .map((name) => name.split('-'))
    .map(([prefix, lab, node]) => (prefix === PREFIX && node !== undefined ? lab : undefined));
  return [...new Set([...folders, ...named.filter((name) => name !== undefined)])].sort();
}

function namespacePrefix(lab: string): string {
  return `${PREFIX}-${lab}-`;
}
