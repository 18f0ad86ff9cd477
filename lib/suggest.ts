/**
 * The known name that a wrong one was probably meant to be. Case and separators do not count: `onconflict` and `on-conflict`
 * both mean `onConflict`.
 * @returns undefined when no name is near enough
 * @example
 * suggestion('group', ['enrollmentGroup', 'onConflict']) // 'enrollmentGroup'
 */
export function suggestion(found: string, known: readonly string[]): string | undefined {
  // A name of ours is short. A longer text is not a slip of the pen, and comparing it costs time.
  if (found.length > 64) return undefined;
  const wanted = plain(found);
  const ranked = known
    .map((name) => ({ name, distance: distanceBetween(wanted, plain(name)) }))
    .sort((a, b) => a.distance - b.distance);
  const [nearest] = ranked;
  if (nearest !== undefined && nearest.distance <= Math.floor(wanted.length / 3)) return nearest.name;
  if (wanted.length < 3) return undefined;
  return known.find((name) => plain(name).includes(wanted) || wanted.includes(plain(name)));
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_.-]/g, '');
}

/** Edits that turn one text into the other: insert, delete or replace one character, or swap two neighbours. */
function distanceBetween(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
