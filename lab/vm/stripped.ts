/** In a guest, imported first (`node --import`): modules of the checkout come without their types from another folder. */
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

/** Of what `stripInto` has made. */
const FOLDER = new URL('../../', import.meta.url);

/** With the stroke at its end, as a URL. */
const CHECKOUT = new URL(`file://${process.cwd()}/`).href;

registerHooks({
  resolve(specifier, context, next) {
    const isOurs = /^\.{1,2}\/.*\.ts$/.test(specifier) && context.parentURL?.startsWith(CHECKOUT);
    if (!isOurs) return next(specifier, context);
    const { href: url } = new URL(specifier, context.parentURL);
    return { url, format: 'module', shortCircuit: true };
  },
  load(url, context, next) {
    if (!url.startsWith(CHECKOUT) || !url.endsWith('.ts')) return next(url, context);
    const stripped = new URL(url.slice(CHECKOUT.length).replace(/\.ts$/, '.mjs'), FOLDER);
    if (!existsSync(stripped)) return next(url, context);
    return { format: 'module', source: readFileSync(stripped), shortCircuit: true };
  },
});
