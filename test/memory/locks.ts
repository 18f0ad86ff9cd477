import type { Lock } from '../../lib/lock.ts';

/** Locks in memory, by name. Each call gives the lock as another process would have it. */
export function createMemoryLocks(): (name: string) => Lock {
  const held = new Set<string>();
  return (name) => {
    let previous: Promise<unknown> = Promise.resolve();
    async function run(work: () => Promise<void>): Promise<boolean> {
      if (held.has(name)) return false;
      held.add(name);
      try {
        await work();
        return true;
      } finally {
        held.delete(name);
      }
    }
    return {
      tryRun(work) {
        const result = previous.then(() => run(work));
        previous = result.catch(() => undefined);
        return result;
      },
    };
  };
}
