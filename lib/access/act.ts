import type { Caller } from './access.ts';

/** Who did something, and when: recorded on the thing that it was done to. */
export interface Act {
  /** A signed-in user as `name (object id)`, `function key`, or `order` and the source of the order. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly at: string;
}

/** Recorded for what the app does by itself. */
export const serviceActor = 'service';

/** Recorded for an act without a caller, such as one from a script. */
export const unknownActor = 'unknown';

/** The caller of a request, as it is recorded. The object id tells apart users who have one name. */
export function actorName({ name, id }: Caller): string {
  return id === undefined ? name : `${name} (${id})`;
}
