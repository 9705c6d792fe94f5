/** `make lab-down`: removes a lab, and what crashed ones have left. */

import { destroyLab } from './destroy.ts';
import { labNameFromEnvironment } from './environment.ts';
import { runMain } from './interrupt.ts';
import { labNames, removalOf } from './names.ts';
import { isInUse, readState } from './state.ts';

await runMain(async () => {
  const wanted = labNameFromEnvironment(process.env);
  const names = labNames();
  if (!names.includes(wanted)) console.log(`there is no lab ${wanted}`);
  for (const name of names) {
    const state = readState(name);
    // Without a record it may be somebody else's: only by its name.
    if (name !== wanted && (state === null || isInUse(state))) {
      console.log(`lab ${name} stays: ${removalOf(name)}`);
      continue;
    }
    await destroyLab(name);
    console.log(`lab ${name} is gone`);
  }
});
