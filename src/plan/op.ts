import type { Address, Attachment, Link, Peer, Route, VxlanSettings } from './state.ts';

/** One step towards the desired state: plain JSON, and what `--dry-run` prints. */
export type Op =
  | { readonly op: 'link.add'; readonly link: Link }
  | { readonly op: 'link.remove'; readonly name: string }
  | { readonly op: 'link.set'; readonly name: string; readonly up?: boolean; readonly mtu?: number; readonly mac?: string }
  | { readonly op: 'vni.add'; readonly device: string; readonly vni: number }
  | { readonly op: 'vni.remove'; readonly device: string; readonly vni: number }
  | { readonly op: 'address.add'; readonly address: Address }
  | { readonly op: 'address.remove'; readonly address: Address }
  | { readonly op: 'route.add'; readonly route: Route }
  | { readonly op: 'route.remove'; readonly route: Route }
  /** Load the object's programs and maps and pin them; pinned maps of the same layout are kept. */
  | { readonly op: 'bpf.load'; readonly object: 'vxlan'; readonly settings: VxlanSettings }
  /** Unpin programs and maps. */
  | { readonly op: 'bpf.unload'; readonly object: 'vxlan' }
  | { readonly op: 'bpf.attach'; readonly attachment: Attachment }
  | { readonly op: 'bpf.detach'; readonly attachment: Attachment }
  | { readonly op: 'settings.write'; readonly settings: VxlanSettings }
  | { readonly op: 'peers.write'; readonly peers: readonly Peer[] }
  | { readonly op: 'peers.remove'; readonly subnets: readonly string[] };
