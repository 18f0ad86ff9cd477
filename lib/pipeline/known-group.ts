import type { Groups } from '../enrollment/groups.ts';
import { type ErrorCode, excerpt, FleetError } from '../errors.ts';
import { looseName } from '../manifest/blanks.ts';
import { suggestion } from '../suggest.ts';

/*
 * Whether the one group that a whole submission names is declared. Rows that name groups of their own are checked row by row
 * (lib/manifest/rows.ts). The directory is a cache, so a group that it lacks is looked up once more.
 */

type Directory = Pick<Groups, 'directory'>;

/**
 * @param code `group-unknown` for work that waits for the group, `not-found` for a caller that waits for an answer
 * @throws FleetError with that code for a group that is not declared, with the one that was meant
 */
export async function requireKnownGroup(
  id: string,
  groups: Directory,
  code: Extract<ErrorCode, 'group-unknown' | 'not-found'>,
): Promise<void> {
  const others = await othersUnlessKnown(id, groups);
  if (others !== undefined) throw unknownGroup(id, suggestion(id, others), code);
}

/**
 * A folder need not be a group. One whose name differs from a group in case, blanks, "-" or "_" only was meant as that group:
 * `Line 7` for `line7`.
 * @throws FleetError `group-unknown` for such a folder
 */
export async function refuseLookalike(folder: string, groups: Directory): Promise<void> {
  const others = await othersUnlessKnown(folder, groups);
  const loose = looseName(folder.normalize('NFKC'));
  const meant = others?.find((id) => looseName(id) === loose);
  if (meant === undefined) return;
  throw unknownGroup(folder, meant, 'group-unknown', ` Upload the manifest to the folder ${meant}/.`);
}

/** @returns the groups that there are, when `id` is none of them */
async function othersUnlessKnown(id: string, groups: Directory): Promise<readonly string[] | undefined> {
  if ((await groups.directory()).has(id)) return undefined;
  const latest = await groups.directory({ maxAgeSeconds: 0 });
  return latest.has(id) ? undefined : [...latest.keys()];
}

function unknownGroup(id: string, meant: string | undefined, code: ErrorCode, advice = ''): FleetError {
  const value = excerpt(id);
  const hint = meant === undefined ? '' : ` Did you mean "${meant}"?`;
  const message = `There is no enrollment group "${value}".${hint}${advice}`;
  return new FleetError(code, message, { column: 'enrollmentGroup', value });
}
