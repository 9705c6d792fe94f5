/** Conversations between namespaces: who answered, and whom it saw asking. */
import assert from 'node:assert/strict';
import type { Namespace } from '../../lab/namespace.ts';
import type { Running } from '../../lab/process.ts';
import { waitFor } from '../../lab/ready.ts';
import { runScript, startScript } from '../../lab/script.ts';

const TALK = `${import.meta.dirname}/tools/talk.ts`;

export const PROTOCOLS = ['tcp', 'udp'] as const;

export interface Answer {
  readonly by: string;
  /** The address that the question came from, as the one who answered saw it. */
  readonly seen: string;
}

/** Answers on TCP and UDP. */
export async function startServer(
  at: Namespace,
  to: { readonly address: string; readonly port: number },
  name: string,
): Promise<Running> {
  const server = startScript(at, [TALK, 'serve', `${to.port}`, name, to.address]);
  await waitFor('the server listens', () => server.stdout().startsWith('listening'));
  return server;
}

/** Three questions over one connection, which must all be answered by the same, and alike. */
export async function ask(
  from: Namespace,
  protocol: (typeof PROTOCOLS)[number],
  to: { readonly address: string; readonly port: number },
): Promise<Answer> {
  const { stdout } = await runScript(from, [TALK, 'ask', protocol, to.address, `${to.port}`, '3']);
  const answers = stdout.trim().split('\n');
  const [by = '', seen = ''] = answers[0]?.split(' ') ?? [];
  assert.deepEqual(
    answers,
    [0, 1, 2].map((number) => `${by} ${seen} ${number}`),
  );
  return { by, seen };
}

export interface Chat {
  /** Ends it; rejects if the connection broke or an answer was wrong. */
  end(): Promise<{ readonly answered: number; readonly longestMs: number }>;
}

/** A question every 2 ms over one connection, until it is ended. */
export async function startChat(
  from: Namespace,
  to: { readonly address: string; readonly port: number },
): Promise<Chat> {
  const running = startScript(from, [TALK, 'chat', to.address, `${to.port}`]);
  await waitFor('the chat is connected', () => running.stdout().startsWith('connected'));
  return {
    async end() {
      const { code, stdout, stderr } = await running.stop();
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout.split('\n')[1] ?? '');
    },
  };
}
