import { readFile } from 'node:fs/promises';
import { type Checkpoint, readVerifierKey, verifierKey } from '../../lib/audit/checkpoint.ts';
import { checkpointName } from '../../lib/audit/cursor.ts';
import type { AuditEntry } from '../../lib/audit/entry.ts';
import { readKeptCheckpoint, verifyLog } from '../../lib/audit/verify.ts';
import { FleetError } from '../../lib/errors.ts';
import type { Context } from '../context.ts';
import { exitCodes, usageError } from '../errors.ts';
import type { Line } from '../output.ts';
import { ArchiveMatcher } from './archives.ts';
import { findPlace } from './place.ts';

/*
 * `fleet audit verify`, `checkpoint` and `key`: the audit trail of a deployment, past its HTTP API. docs/audit.md
 */

interface PlaceOptions {
  readonly settings?: string | undefined;
}

interface VerifyOptions extends PlaceOptions {
  readonly key?: string | undefined;
  readonly older?: string | undefined;
  readonly logOnly?: true | undefined;
}

/** Prints the latest checkpoint, as it is signed. */
export async function printCheckpoint(context: Context, options: PlaceOptions): Promise<undefined> {
  const { services } = await findPlace(context, options);
  const note = await services.auditLog.head.read(checkpointName);
  if (note === undefined) throw new FleetError('not-found', 'The audit trail has no checkpoint yet.');
  await context.output.raw(note);
  return undefined;
}

/** Prints the public key of the log. */
export async function printKey(context: Context, options: PlaceOptions): Promise<undefined> {
  const { auditLog } = (await findPlace(context, options)).services;
  await context.output.raw(`${verifierKey(auditLog.origin, (await auditLog.signer()).publicKey)}\n`);
  return undefined;
}

export async function verifyAudit(context: Context, options: VerifyOptions): Promise<number> {
  const { key, older: olderFile, logOnly } = options;
  const { services, name } = await findPlace(context, options);
  const { auditLog, bundles } = services;
  const publicKey =
    key === undefined ? (await auditLog.signer()).publicKey : readVerifierKey(await readFile(key, 'utf8'));
  if (publicKey === undefined) throw usageError(`${key} is not a key that "fleet audit key" printed.`);
  const older: Checkpoint | undefined =
    olderFile === undefined ? undefined : readKeptCheckpoint(await readFile(olderFile), publicKey);

  const listed = logOnly ? [] : await Array.fromAsync(bundles.list(''));
  const copies: number[] = [];
  for await (const { name: blob } of auditLog.log.list('checkpoints/')) copies.push(Number(blob.split('/')[1]));
  const matcher = new ArchiveMatcher();
  const onEntry = (entry: AuditEntry) => matcher.note(entry);
  const log = await verifyLog({ ...auditLog, publicKey, older, copies, onEntry });
  const archives = await matcher.match(bundles, listed);

  const { bundleRetentionDays: retentionDays } = services;
  const gone = logOnly ? [] : matcher.gone(listed, { retentionDays, now: services.now() });

  const findings = [...log.findings, ...archives.findings, ...gone];
  const lines: Line[] = [
    ...findings.map(({ where, what }) => `FOUND ${where}: ${what}`),
    `${name}: ${log.size} entries in the log, ${log.waiting} in the intake that wait for it`,
    ...(logOnly ? [] : [`${archives.archives} archives, ${archives.certificates} certificates`]),
    ...(archives.older > 0
      ? [`${archives.older} archives are from before the audit trail, so no entry names them`]
      : []),
    findings.length === 0 ? 'intact' : 'NOT intact',
  ];
  await context.output.one({ ...log, ...archives, findings }, () => lines);
  if (key === undefined) {
    context.say('The deployment said which key is right. Verify with --key to be independent of it.');
  }
  return findings.length === 0 ? exitCodes.ok : exitCodes.failed;
}
