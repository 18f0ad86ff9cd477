import { readFile } from 'node:fs/promises';
import { type Checkpoint, readVerifierKey, verifierKey } from '../../lib/audit/checkpoint.ts';
import { checkpointName, readCursor } from '../../lib/audit/cursor.ts';
import { type AuditEntry, decodeEntry } from '../../lib/audit/entry.ts';
import { readBundleEntries, tilePath } from '../../lib/audit/tiles.ts';
import { tileWidth } from '../../lib/audit/tree.ts';
import { readKeptCheckpoint, verifyLog } from '../../lib/audit/verify.ts';
import { FleetError } from '../../lib/errors.ts';
import type { Context } from '../context.ts';
import { exitCodes, usageError } from '../errors.ts';
import type { Column, Line } from '../output.ts';
import { ArchiveMatcher } from './archives.ts';
import { findPlace } from './place.ts';

/*
 * `fleet audit`: verifies and exports the audit trail of a deployment. docs/audit.md
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

  const findings = [...log.findings, ...archives.findings];
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

interface ExportOptions extends PlaceOptions {
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly action?: string | undefined;
  readonly by?: string | undefined;
}

const columns: readonly Column<AuditEntry>[] = [
  { name: 'at', value: ({ at }) => at, kind: 'time' },
  { name: 'action', value: ({ action }) => action },
  { name: 'phase', value: ({ phase }) => phase },
  { name: 'outcome', value: ({ outcome }) => outcome },
  { name: 'by', value: ({ by }) => by },
  { name: 'subject', value: ({ subject }) => JSON.stringify(subject) },
  { name: 'why', value: ({ why }) => why },
  { name: 'id', value: ({ id }) => id },
];

/** Writes the entries of the log, in its order. Whether the log is intact is said by `fleet audit verify`. */
export async function exportAudit(context: Context, options: ExportOptions): Promise<undefined> {
  const { services } = await findPlace(context, options);
  const count = await context.output.rows(columns, selected(entriesOf(services.auditLog), options));
  context.say(`${count} entries. Whether the log is intact: fleet audit verify`);
  return undefined;
}

async function* selected(entries: AsyncIterable<AuditEntry>, { since, until, action, by }: ExportOptions) {
  const [from, to] = [since, until].map((time) => (time === undefined ? undefined : Date.parse(time)));
  for await (const entry of entries) {
    const at = Date.parse(entry.at);
    if ((from !== undefined && at < from) || (to !== undefined && at >= to)) continue;
    if ((action !== undefined && entry.action !== action) || (by !== undefined && !entry.by.includes(by))) continue;
    yield entry;
  }
}

type AuditLog = Awaited<ReturnType<typeof findPlace>>['services']['auditLog'];

/** @throws FleetError `audit-damaged` where entries are missing */
async function* entriesOf({ log, head }: AuditLog): AsyncGenerator<AuditEntry> {
  const { size } = await readCursor(head);
  for (let bundle = 0; bundle * tileWidth < size; bundle++) {
    const width = Math.min(tileWidth, size - bundle * tileWidth);
    const path = tilePath('entries', bundle, width);
    const body = await (width === tileWidth ? log : head).read(path);
    const entries = readBundleEntries(body ?? Buffer.alloc(0));
    if (entries.length !== width) {
      throw new FleetError('audit-damaged', `${path} has ${entries.length} of ${width} entries.`);
    }
    for (const entry of entries) {
      const decoded = decodeEntry(entry);
      if (decoded === undefined) throw new FleetError('audit-damaged', `${path} has an entry that is not of this app.`);
      yield decoded;
    }
  }
}
