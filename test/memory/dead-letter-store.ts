import type { DeadLetter, DeadLetterStore } from '../../lib/jobs/dead-letters.ts';

/** Dead letters in memory. */
export function createMemoryDeadLetterStore(): DeadLetterStore {
  const letters = new Map<string, DeadLetter>();
  const reasons = new Map<string, DeadLetter['reason']>();
  const key = (id: string, queue: string) => `${queue} ${id}`;
  return {
    async noteReason(id, queue, reason) {
      reasons.set(key(id, queue), reason);
    },
    async readReason(id, queue) {
      return reasons.get(key(id, queue));
    },
    async put(letter) {
      const times = (letters.get(key(letter.id, letter.queue))?.times ?? 0) + 1;
      letters.set(key(letter.id, letter.queue), { ...letter, times });
    },
    async list({ size, continuation = '', queue, redriven = false }) {
      const sorted = [...letters.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      const found = sorted.filter(
        (letter) =>
          letter.id > continuation &&
          (queue === undefined || letter.queue === queue) &&
          (letter.redriven !== undefined) === redriven,
      );
      const items = found.slice(0, size);
      return found.length > size ? { items, continuation: items.at(-1)?.id } : { items };
    },
    async noteRedriven({ id, queue, times }, redriven) {
      const letter = letters.get(key(id, queue));
      if (letter?.times === times) letters.set(key(id, queue), { ...letter, redriven });
    },
  };
}
