import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than anything here takes on a busy machine. A test that waits in vain has to end, or its process never does. */
const longest = 90_000;

/** Looks until there is something to see. @throws Error when it has looked for too long, or what `look` throws */
export async function until<T>(look: () => Promise<T | undefined | false> | T | undefined | false): Promise<T> {
  for (const deadline = Date.now() + longest; ; await sleep(50)) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > deadline) throw new Error(`Nothing to see after ${longest / 1000} s: ${look}`);
  }
}
