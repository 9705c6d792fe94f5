/** What the host looks like beside our own objects. */
import type { HostReader } from './contract.ts';
import { readJson } from './iproute.ts';
import { readIpInterfaces, toHostInterface } from './links.ts';
import { readForwardChains, readNat } from './netfilter.ts';

interface DefaultRoute {
  readonly dev?: string;
  readonly metric?: number;
}

/** Reads the host by iproute2. */
export const hostReader: HostReader = {
  async readInterfaces() {
    return (await readIpInterfaces()).map(toHostInterface);
  },

  async defaultRouteInterface() {
    const routes = await readJson<DefaultRoute>('ip', '-4', 'route', 'show', 'default');
    const best = routes.toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0))[0];
    return best?.dev ?? null;
  },

  readNat,
  readForwardChains,
};
