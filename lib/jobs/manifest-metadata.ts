import { enrollmentGroupId } from '../devices/ids.ts';
import { excerpt, FleetError, type Issue } from '../errors.ts';
import type { BlobProperties } from '../storage.ts';
import { didYouMean } from '../suggest.ts';
import { type ConflictPolicy, conflictPolicies } from './job.ts';
import { type OrderReference, orderReference } from './order-reference.ts';

/*
 * The metadata of a manifest's blob. `onconflict`, `adopt`, `dryrun` and `check` are for every uploader. The other names are this app's: they carry to the job
 * what an order or a limited caller said, since the event of the blob alone may make the job.
 *
 * Names and values count in any case. Metadata of other programs is left alone, as long as its name is not one of ours misspelt.
 */

/** What uploaders may set. */
const settings = ['onconflict', 'adopt', 'dryrun', 'check'] as const;

export interface ManifestMetadata {
  readonly onConflict?: ConflictPolicy;
  /** Replace individual enrollments that this deployment did not write. */
  readonly adopt?: boolean | undefined;
  /** True: the job is a dry run. */
  readonly dryRun?: boolean | undefined;
  /** The digest of the check that has to hold. */
  readonly check?: string | undefined;
  readonly orderId?: string;
  readonly reference?: OrderReference;
  /** Ids of enrollment groups. */
  readonly allowedGroups?: readonly string[];
}

/**
 * Metadata of an order's or a caller's manifest, as blobs have it: ASCII only, so texts are base64url of their UTF-8.
 * @param orderDigest tells a second order with the same id from the same one
 */
export function writeMetadata(given: ManifestMetadata & { readonly orderDigest?: string }): Record<string, string> {
  const { onConflict = 'reject', adopt, dryRun, check, orderId, orderDigest, reference, allowedGroups } = given;
  const written: Record<string, string> = { onconflict: onConflict };
  if (adopt) written['adopt'] = 'true';
  if (dryRun) written['dryrun'] = 'true';
  if (check !== undefined) written['check'] = check;
  if (orderId !== undefined) written['orderid'] = encoded(orderId);
  if (orderDigest !== undefined) written['orderdigest'] = orderDigest;
  if (reference !== undefined) written['orderreference'] = encoded(JSON.stringify(reference));
  if (allowedGroups !== undefined) written['allowedgroups'] = allowedGroups.join(',');
  return written;
}

/** Reads the metadata of a manifest. Wrong entries are left out. `refusal` names them and fails the job. */
export function readMetadata(metadata: BlobProperties['metadata']): ManifestMetadata & { refusal?: FleetError } {
  const values = new Map(Object.entries(metadata).map(([name, value]) => [name.toLowerCase(), value]));
  const issues = [...values.keys()].flatMap(nameIssue);
  const read = <T>(name: string, parse: (value: string) => T | undefined, expected: string): T | undefined => {
    const value = values.get(name);
    const parsed = value === undefined ? undefined : parse(value);
    if (value !== undefined && parsed === undefined) {
      issues.push({ path: name, message: `is ${JSON.stringify(excerpt(value))} (expected ${expected})` });
    }
    return parsed;
  };
  const onConflict = read('onconflict', policyIn, conflictPolicies.join(', '));
  const adopt = read('adopt', flagIn, 'true or false');
  const dryRun = read('dryrun', flagIn, 'true or false');
  const check = read('check', digestIn, 'sha256: and 64 hex digits');
  const orderId = read('orderid', decoded, 'base64url of UTF-8');
  const reference = read('orderreference', referenceIn, 'base64url of a JSON object');
  const allowedGroups = read('allowedgroups', groupsIn, '');
  // A limit that is wrong stays a limit. No id at all is one too: to no group.
  const wrong = allowedGroups?.find((group) => group !== '' && !enrollmentGroupId.test(group));
  if (wrong !== undefined) issues.push({ path: 'allowedgroups', message: notGroups(wrong) });
  return {
    ...(onConflict !== undefined && { onConflict }),
    ...(adopt && { adopt }),
    ...(dryRun && { dryRun }),
    ...(check !== undefined && { check }),
    ...(orderId !== undefined && { orderId }),
    ...(reference !== undefined && { reference }),
    ...(allowedGroups !== undefined && { allowedGroups }),
    ...(issues.length > 0 && { refusal: FleetError.of('manifest-metadata', 'The metadata of the blob', issues) }),
  };
}

const names: readonly string[] = [...settings, 'orderid', 'orderdigest', 'orderreference', 'allowedgroups'];

function nameIssue(name: string): Issue[] {
  if (names.includes(name)) return [];
  const path = excerpt(name);
  if (/^enrollment[-_]?group$/.test(name)) return [{ path, message: groupIsFolder }];
  const hint = didYouMean(name, settings);
  return hint === '' ? [] : [{ path, message: `is not known${hint}` }];
}

const groupIsFolder = 'is not known (name the group by the folder of the blob, <group>/list.csv)';

function notGroups(found: string): string {
  return `has ${JSON.stringify(excerpt(found))} (expected ids of enrollment groups, with commas between)`;
}

function policyIn(value: string): ConflictPolicy | undefined {
  const word = value.trim().toLowerCase();
  return conflictPolicies.find((policy) => policy === word);
}

function flagIn(value: string): boolean | undefined {
  const word = value.trim().toLowerCase();
  return word === 'true' || word === 'false' ? word === 'true' : undefined;
}

function digestIn(value: string): string | undefined {
  const digest = value.trim().toLowerCase();
  return /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
}

function groupsIn(value: string): readonly string[] {
  return value.split(',').map((group) => group.trim().toLowerCase());
}

function referenceIn(value: string): OrderReference | undefined {
  const text = decoded(value);
  if (text === undefined) return undefined;
  try {
    return orderReference.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function decoded(value: string): string | undefined {
  if (!/^[\w-]+$/.test(value)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'base64url'));
  } catch {
    return undefined;
  }
}
