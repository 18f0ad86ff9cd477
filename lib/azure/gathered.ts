/** Most requests at a time. More of them would be smaller, and each costs the same beside what is in it. */
const requestsInFlight = 4;

/** Milliseconds after which a request does not count any more: Cosmos DB answers within some ten, and other reads must not wait for one that hangs. */
const slowMs = 250;

export interface GatherOptions<Key, Value> {
  /** Most keys of one request. */
  readonly most: number;
  /** Reads several keys. The value of a key that is not in the answer is undefined. */
  readonly read: (keys: readonly Key[]) => Promise<ReadonlyMap<Key, Value>>;
}

/**
 * Makes reads of single keys that are asked for at the same time one request. What a client library does for a request costs
 * more than a read itself. A read is never answered by a request that was sent before it was asked for, so it sees every
 * write that ended before. One that comes alone is sent at once.
 * @returns a function that reads one key; it throws what `read` throws
 */
export function gathered<Key, Value>({
  most,
  read,
}: GatherOptions<Key, Value>): (key: Key) => Promise<Value | undefined> {
  let waiting = new Map<Key, PromiseWithResolvers<Value | undefined>>();
  let inFlight = 0;
  let isPlanned = false;

  function plan(): void {
    if (isPlanned || inFlight >= requestsInFlight || waiting.size === 0) return;
    isPlanned = true;
    // After every request to this process that has arrived by now was taken.
    setImmediate(() => {
      isPlanned = false;
      void send();
    });
  }

  async function send(): Promise<void> {
    const taken = [...waiting].slice(0, most);
    if (taken.length === waiting.size) waiting = new Map();
    else for (const [key] of taken) waiting.delete(key);
    inFlight += 1;
    let isCounted = true;
    const release = () => {
      if (!isCounted) return;
      isCounted = false;
      inFlight -= 1;
      plan();
    };
    const timer = setTimeout(release, slowMs).unref();
    plan();
    try {
      const found = await read(taken.map(([key]) => key));
      for (const [key, { resolve }] of taken) resolve(found.get(key));
    } catch (error) {
      for (const [, { reject }] of taken) reject(error);
    } finally {
      clearTimeout(timer);
      release();
    }
  }

  return (key) => {
    const asked = waiting.get(key) ?? Promise.withResolvers<Value | undefined>();
    waiting.set(key, asked);
    plan();
    return asked.promise;
  };
}
