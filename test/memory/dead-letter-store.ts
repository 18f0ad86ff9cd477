import { type DeadLetter, type DeadLetterStore, inPlaceOf, type LetterState } from '../../lib/jobs/dead-letters.ts';
import { type MemoryPlace, withOwing } from './outbox.ts';

/** Dead letters in memory. */
export function createMemoryDeadLetterStore(): DeadLetterStore & { readonly place: MemoryPlace } {
  const letters = new Map<string, DeadLetter>();
  const reasons = new Map<string, DeadLetter['reason']>();
  const key = (id: string, queue: string) => `${queue} ${id}`;
  return {
    place: {
      documents: () => [...letters].map(([id, value]) => ({ id, etag: '', value })),
      put: (id, owing) => void letters.set(id, withOwing(letters.get(id) as DeadLetter, owing)),
    },
    async noteReason(id, queue, reason) {
      reasons.set(key(id, queue), reason);
    },
    async readReason(id, queue) {
      return reasons.get(key(id, queue));
    },
    async put(letter) {
      const before = letters.get(key(letter.id, letter.queue));
      const times = (before?.times ?? 0) + 1;
      letters.set(key(letter.id, letter.queue), inPlaceOf({ ...letter, times }, before));
    },
    async list(asked) {
      const { size, continuation = '', queue, code, ids, state = 'waiting' } = asked;
      const sorted = [...letters.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      const found = sorted.filter(
        (letter) =>
          letter.id > continuation &&
          (queue === undefined || letter.queue === queue) &&
          (code === undefined || letter.reason.code === code) &&
          (ids === undefined || ids.includes(letter.id)) &&
          stateOf(letter) === state,
      );
      const items = found.slice(0, size);
      return found.length > size ? { items, continuation: items.at(-1)?.id } : { items };
    },
    async read(id) {
      return [...letters.values()].find((letter) => letter.id === id);
    },
    async countByReason() {
      const waiting = [...letters.values()].filter((letter) => stateOf(letter) === 'waiting');
      const members = waiting.map(({ queue, reason: { code } }) => ({ queue, code }));
      const alike = Map.groupBy(members, (each) => JSON.stringify(each));
      const value = [...alike.values()].flatMap((each) => (each[0] ? { ...each[0], letters: each.length } : []));
      return { value, requestUnits: 0 };
    },
    async noteRedriven({ id, queue, times }, redriven) {
      const letter = letters.get(key(id, queue));
      if (letter?.times !== times) return;
      const { discarded: _, ...rest } = letter;
      letters.set(key(id, queue), { ...rest, redriven });
    },
    async noteDiscarded({ id, queue, times }, discarded) {
      const letter = letters.get(key(id, queue));
      if (letter?.times !== times || stateOf(letter) !== 'waiting') return false;
      letters.set(key(id, queue), { ...letter, discarded });
      return true;
    },
  };
}

function stateOf({ redriven, discarded }: DeadLetter): LetterState {
  if (discarded !== undefined) return 'discarded';
  return redriven === undefined ? 'waiting' : 'redriven';
}
