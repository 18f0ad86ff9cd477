import { unknownActor } from '../access/act.ts';
import { FleetError } from '../errors.ts';
import type { LetterFilter } from '../jobs/dead-letters.ts';
import { currentLog } from '../log.ts';
import { forEachLetter } from './for-each-letter.ts';
import type { Ports } from './ports.ts';

export interface Discard {
  /** Letters that no longer wait. */
  readonly discarded: number;
  /** Letters that changed meanwhile: they arrived again, or were redriven. They stay as they are. */
  readonly left: number;
  /** True: the time was over before all letters were met. */
  readonly more: boolean;
}

/** Which letters to discard: those that match, or all. */
export interface DiscardSelection extends LetterFilter {
  /** Without it, a selection that names nothing is refused. */
  readonly all?: boolean | undefined;
}

/**
 * Takes dead letters off the list, for messages whose work is not wanted any more. Each keeps who did it, and when, and can be
 * read for as long as the retention says; all letters of one call have the same time. The log says how many there were.
 * @param by who asks for it
 * @throws FleetError `request-invalid` when nothing is selected; `throttled`, `unavailable`
 */
export async function discardDeadLetters(
  { all = false, ...filter }: DiscardSelection,
  ports: Pick<Ports, 'deadLetters' | 'now'>,
  by: string = unknownActor,
): Promise<Discard> {
  const { queue, code, ids } = filter;
  const namesNothing = queue === undefined && code === undefined && ids === undefined;
  if (namesNothing && !all) {
    const expected = 'queue, reason or ids, or all=true';
    const message = `No letters are selected. Expected ${expected}.`;
    throw new FleetError('request-invalid', message, { column: 'all', expected });
  }
  const act = { by, at: ports.now().toISOString() };
  let [discarded, left] = [0, 0];
  try {
    const more = await forEachLetter(filter, ports, async (letter) => {
      if (await ports.deadLetters.noteDiscarded(letter, act)) discarded += 1;
      else left += 1;
    });
    return { discarded, left, more };
  } finally {
    currentLog().warn('dead letters discarded', { ...act, queue, code, ids: ids?.length, discarded, left });
  }
}
