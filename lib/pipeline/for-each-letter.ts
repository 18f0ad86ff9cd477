import type { DeadLetter, LetterFilter } from '../jobs/dead-letters.ts';
import type { Ports } from './ports.ts';

/** Letters per request to the store. */
const pageSize = 100;

/** A caller waits for the answer, and the front end of Azure closes a request after 230 s. */
const longestMilliseconds = 60_000;

/**
 * Meets each waiting letter that matches, until 60 seconds are over. Letters that `act` takes off the list do not disturb the
 * order: a page goes on after an id.
 * @returns whether letters were left because the time was over
 */
export async function forEachLetter(
  filter: LetterFilter,
  { deadLetters, now }: Pick<Ports, 'deadLetters' | 'now'>,
  act: (letter: DeadLetter) => Promise<void>,
): Promise<boolean> {
  const end = now().getTime() + longestMilliseconds;
  let continuation: string | undefined;
  do {
    const page = await deadLetters.list({ ...filter, size: pageSize, continuation });
    for (const letter of page.items) {
      if (now().getTime() > end) return true;
      await act(letter);
    }
    continuation = page.continuation;
  } while (continuation !== undefined);
  return false;
}
