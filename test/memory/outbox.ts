import type { Outbox, Owing } from '../../lib/outbox.ts';

/** Documents of a store in memory, as its outbox reaches them. */
export interface MemoryPlace {
  documents(): Iterable<{ readonly id: string; readonly etag: string; readonly value: Owing }>;
  /** Writes the members of the document that owe. */
  put(id: string, owing: Owing): void;
}

/** The events that documents in memory owe. */
export function createMemoryOutbox(places: Readonly<Record<string, MemoryPlace>>): Outbox {
  const notices = new Map<string, Owing>();
  const noticed: MemoryPlace = {
    documents: () => [...notices].map(([id, value]) => ({ id, etag: '', value })),
    put: (id, owing) => void notices.set(id, owing),
  };
  const all: Readonly<Record<string, MemoryPlace>> = { ...places, notices: noticed };
  return {
    async note(event) {
      if (!notices.has(event.id)) notices.set(event.id, { outbox: [event], owedSince: event.time });
    },
    async owing(limit) {
      const found = Object.entries(all).flatMap(([place, { documents }]) =>
        [...documents()].flatMap(({ id, etag, value }) => {
          return value.owedSince === undefined ? [] : [{ place, id, etag, events: value.outbox ?? [] }];
        }),
      );
      return structuredClone(found.slice(0, limit));
    },
    async settle(sent) {
      for (const { place, id, events } of sent) {
        const document = [...(all[place]?.documents() ?? [])].find((each) => each.id === id);
        const outbox = document?.value.outbox?.filter((event) => !events.some((each) => each.id === event.id)) ?? [];
        const [first] = outbox;
        if (document === undefined) continue;
        all[place]?.put(id, first === undefined ? {} : { outbox, owedSince: first.time });
      }
    },
  };
}

/** @returns the document with other members that owe, or none */
export function withOwing<T extends Owing>({ outbox: _outbox, owedSince: _owedSince, ...rest }: T, owing: Owing): T {
  return { ...rest, ...owing } as T;
}
