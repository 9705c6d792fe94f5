/** Runs a program on a packet in a state that BPF_PROG_TEST_RUN does not make: see stage.c. */
import { parseIpv4 } from '../../src/net/ipv4.ts';
import { updateElement } from '../../src/sys/bpf.ts';
import { compileAndLoad } from './compile.ts';
import type { ContextFields } from './context.ts';
import {
  nameVerdict,
  type Outcome,
  observe,
  type ProgramName,
  type Programs,
  runProgram,
} from './programs.ts';
import { makeQuickRunner } from './quick_run.ts';

export interface Steps {
  /** The packet is cut, or grown with zeros, to so many bytes. */
  readonly length?: number;
  /** The kernel's vxlan device has taken it out of a packet from this address. */
  readonly tunnelSource?: string;
  /** It has been encapsulated once already: 50 more bytes, which begin with a copy of its IP header, precede that. */
  readonly isEncapsulated?: boolean;
  /** Tagged for this VLAN; the tag stands beside the packet, as interfaces and the kernel put it. */
  readonly vlan?: number;
  /** What of the mark came along with the tunnel key. */
  readonly policy?: number;
  readonly gsoSegments?: number;
  readonly gsoSize?: number;
}

export interface Stage extends Disposable {
  /** The stage's own program, which now runs this one; what it is to do stands in `cb`, in the order of stage.c. */
  programFor(program: ProgramName): number;
  /** The mark that a packet has in the end. */
  markAfter(
    program: ProgramName,
    packet: Buffer,
    steps: Steps & { readonly mark?: number },
  ): number;
  run(program: ProgramName, packet: Buffer, steps: Steps): Outcome;
}

export function loadStage(programs: Programs): Stage {
  const object = compileAndLoad('stage.c', ['under_test'], ['stage']);
  const inject = object.programFd('stage');
  const key = Buffer.alloc(4);
  const value = Buffer.alloc(4);
  const prepare = (program: ProgramName, steps: Steps): ContextFields => {
    const { length = 0, tunnelSource, isEncapsulated, vlan = 0, policy = 0 } = steps;
    value.writeInt32LE(programs.programFd(program));
    updateElement(object.mapFd('under_test'), key, value);
    const source = tunnelSource === undefined ? 0 : parseIpv4(tunnelSource);
    const cb = [length, source, isEncapsulated ? 1 : 0, vlan, policy];
    return { cb, gsoSegments: steps.gsoSegments ?? 0, gsoSize: steps.gsoSize ?? 0 };
  };
  return {
    run: (program, packet, steps) => {
      const context = prepare(program, steps);
      return observe(programs.maps, () => runProgram(inject, packet, context));
    },
    programFor: (program) => {
      prepare(program, {});
      return inject;
    },
    markAfter: (program, packet, { mark = 0, ...steps }) => {
      const runner = makeQuickRunner(inject);
      runner.setContext({ ...prepare(program, steps), mark });
      packet.copy(runner.input);
      nameVerdict(runner.run(packet.length));
      return runner.mark();
    },
    [Symbol.dispose]: () => object.close(),
  };
}
