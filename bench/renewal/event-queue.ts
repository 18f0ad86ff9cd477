/** Events by time; those of the same time in the order in which they were added. A binary heap. */
export interface EventQueue<Event> {
  add(at: number, event: Event): void;
  /** @returns undefined when there is none */
  next(): { readonly at: number; readonly event: Event } | undefined;
}

interface Entry<Event> {
  readonly at: number;
  readonly order: number;
  readonly event: Event;
}

export function createEventQueue<Event>(): EventQueue<Event> {
  const heap: Entry<Event>[] = [];
  let added = 0;

  function rise(entry: Entry<Event>): void {
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = entry;
  }

  /** Puts the entry at the top, and lets it sink. */
  function sink(entry: Entry<Event>): void {
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      if (left === undefined) break;
      let child = left;
      if (right !== undefined && isBefore(right, left)) {
        child = right;
        below += 1;
      }
      if (isBefore(entry, child)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = entry;
  }

  return {
    add(at, event) {
      rise({ at, order: added++, event });
    },
    next() {
      const [first] = heap;
      const last = heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (heap.length > 0) sink(last);
      return first;
    },
  };
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
