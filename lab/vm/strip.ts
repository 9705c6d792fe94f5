/**
 * The checkout's TypeScript without its types, made outside: in a guest, Node takes longer to take the types away than to
 * run what is left. Lines and columns stay as they are.
 */
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname } from 'node:path';
import { CHECKOUT } from '../host.ts';

/** `lab/lab.ts` becomes `<folder>/lab/lab.mjs`; lab/vm/stripped.ts finds it there. */
export function stripInto(folder: string): void {
  for (const file of globSync('{bench,cmd,integration,lab,src,test}/**/*.ts', { cwd: CHECKOUT })) {
    const stripped = `${folder}/${file.replace(/\.ts$/, '.mjs')}`;
    mkdirSync(dirname(stripped), { recursive: true });
    writeFileSync(stripped, stripTypeScriptTypes(readFileSync(`${CHECKOUT}/${file}`, 'utf8')));
  }
}
