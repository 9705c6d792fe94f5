/**
 * How many times as long as elsewhere a lab waits for commands and conditions. An emulated machine is slow, and a limit
 * that is fit to notice a hang on a real one is not fit for it.
 */
export const PATIENCE = readPatience(process.env.TARTAN_LAB_PATIENCE);

function readPatience(text: string | undefined): number {
  if (!text) return 1;
  if (!/^[1-9]\d?$/.test(text)) throw new Error(`TARTAN_LAB_PATIENCE=${text}: must be 1 to 99`);
  return Number(text);
}
