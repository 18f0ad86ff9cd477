import { hash } from 'node:crypto';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import type { ArchivedCertificate, Archives } from './archives.ts';

/*
 * Reads the audit trail from its blobs and by its specifications only: C2SP tlog-tiles and RFC 6962, 2.1.
 */

interface Entry {
  readonly id: string;
  readonly phase: 'intent' | 'result';
  readonly action: string;
  readonly subject: Readonly<Record<string, unknown>>;
  readonly details?: {
    readonly archive?: string;
    readonly certificates?: number;
    readonly certificatesSha256?: string;
    /** Of a renewal. */
    readonly serialNumber?: string;
  };
}

type AddProblem = (problem: string) => void;

/**
 * Each archive has one intent and, behind it, one result that names its certificates. No entry is there twice with two
 * contents. The log has the entries of the intake, in their order and without a gap, under the root hash that it states.
 */
export async function checkAudit(
  connectionString: string,
  archives: Archives,
  addProblem: AddProblem,
): Promise<Readonly<Record<'auditEntries' | 'auditSequenced', number>>> {
  const service = BlobServiceClient.fromConnectionString(connectionString);
  const lines = await readIntake(service.getContainerClient('audit'));
  checkArchives(entriesOf(lines, addProblem), archives, addProblem);
  const auditSequenced = await checkLog(service, lines, addProblem);
  return { auditEntries: lines.length, auditSequenced };
}

/** A certificate that was signed for a device that asked for it. */
export interface RenewedCertificate {
  readonly deviceId: string;
  /** Lower-case hex. */
  readonly serialNumber: string;
}

/**
 * An intent names each renewed certificate. A host that is killed between the record and the result leaves no result.
 * @returns how many have no result
 */
export async function checkRenewalAudit(
  connectionString: string,
  renewed: readonly RenewedCertificate[],
  addProblem: AddProblem,
): Promise<Readonly<Record<'renewalsWithoutResult', number>>> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('audit');
  const entries = entriesOf(await readIntake(container), () => {});
  const ofRenewals = entries.filter(({ action }) => action === 'renew-certificate');
  const bySerial = Map.groupBy(ofRenewals, ({ details }) => details?.serialNumber?.toLowerCase());
  const ended = new Set(ofRenewals.flatMap(({ id, phase }) => (phase === 'result' ? [id] : [])));
  let renewalsWithoutResult = 0;
  for (const { deviceId, serialNumber } of renewed) {
    const own = (bySerial.get(serialNumber) ?? []).filter(({ subject }) => subject['deviceId'] === deviceId);
    if (!own.some(({ phase }) => phase === 'intent'))
      addProblem(`no audit entry names certificate ${serialNumber} of ${deviceId} before it was signed`);
    if (!own.some(({ id }) => ended.has(id))) renewalsWithoutResult += 1;
  }
  return { renewalsWithoutResult };
}

/** The lines of all segments, in order. */
async function readIntake(container: ContainerClient): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const { name } of container.listBlobsFlat({ prefix: 'intake/' })) {
    const segment = (await container.getBlobClient(name).downloadToBuffer()).toString();
    lines.push(...segment.split('\n').slice(0, -1));
  }
  return lines;
}

/** An append that was repeated leaves the same line twice, which is one entry (docs/audit.md). */
function entriesOf(lines: readonly string[], addProblem: AddProblem): readonly Entry[] {
  const seen = new Map<string, string>();
  const entries: Entry[] = [];
  for (const line of lines) {
    const entry = JSON.parse(line) as Entry;
    // Results without an intent share their id.
    const key = entry.id === 'without-intent' ? line : `${entry.id} ${entry.phase}`;
    const before = seen.get(key);
    if (before === line) continue;
    if (before !== undefined) addProblem(`audit entry ${key} is there twice, with two contents`);
    if (entry.phase === 'result' && !seen.has(`${entry.id} intent`) && entry.id !== 'without-intent')
      addProblem(`audit entry ${key} (${entry.action}) has no intent before it`);
    seen.set(key, line);
    entries.push(entry);
  }
  return entries;
}

function checkArchives(entries: readonly Entry[], { bundles, erased }: Archives, addProblem: AddProblem): void {
  const issued = entries.filter(({ action, phase }) => action === 'issue-certificates' && phase === 'result');
  const results = Map.groupBy(issued, ({ details }) => details?.archive ?? '');
  const archived = Map.groupBy<string, ArchivedCertificate>([...bundles, ...erased], ({ archive }) => archive);
  for (const [archive, certificates] of archived) {
    const digest = digestOf(certificates);
    const own = (results.get(archive) ?? []).filter(({ details }) => details?.certificatesSha256 === digest);
    if (own.length !== 1) addProblem(`${own.length} audit entries name the certificates of archive ${archive}`);
    const [{ details } = { details: undefined }] = own;
    if (details !== undefined && details.certificates !== certificates.length)
      addProblem(`the audit entry of ${archive} counts ${details.certificates} of ${certificates.length} certificates`);
  }
}

/** docs/audit.md: SHA-256 of the sorted lines `deviceId serialNumber sha256Thumbprint`, lower case. */
function digestOf(certificates: readonly ArchivedCertificate[]): string {
  const lines = certificates.map(({ deviceId, serialNumber, sha256Thumbprint }) =>
    `${deviceId} ${serialNumber} ${sha256Thumbprint}\n`.toLowerCase(),
  );
  return hash('sha256', lines.sort().join(''));
}

/** @returns the number of entries in the log; 0 before the first checkpoint */
async function checkLog(service: BlobServiceClient, lines: readonly string[], addProblem: AddProblem): Promise<number> {
  const head = service.getContainerClient('audit-head');
  const checkpoint = head.getBlobClient('checkpoint');
  if (!(await checkpoint.exists())) return 0;
  const [, size = '0', root = ''] = (await checkpoint.downloadToBuffer()).toString().split('\n');
  const entries = await readEntries(service, Number(size));
  for (const [index, entry] of entries.entries())
    if (entry.toString() !== lines[index])
      addProblem(`entry ${index} of the audit log is not line ${index + 1} of the intake`);
  if (rootOf(entries).toString('base64') !== root) addProblem(`the audit log of ${size} entries has another root hash`);
  return entries.length;
}

/** Full bundles of 256 entries are in `audit`, the last one is in `audit-head` (tlog-tiles, "Log entries"). */
async function readEntries(service: BlobServiceClient, size: number): Promise<readonly Buffer[]> {
  const entries: Buffer[] = [];
  while (entries.length < size) {
    const number = String(entries.length / 256).padStart(3, '0');
    const width = Math.min(256, size - entries.length);
    const place = width === 256 ? { container: 'audit', part: '' } : { container: 'audit-head', part: `.p/${width}` };
    const blob = service.getContainerClient(place.container).getBlobClient(`tile/entries/${number}${place.part}`);
    const bundle = await blob.downloadToBuffer();
    for (let at = 0, end = 0; at < bundle.length; at = end) {
      end = at + 2 + bundle.readUInt16BE(at);
      entries.push(bundle.subarray(at + 2, end));
    }
  }
  return entries;
}

/** The Merkle Tree Hash of RFC 6962, 2.1. */
function rootOf(entries: readonly Buffer[]): Buffer {
  const [first] = entries;
  if (first === undefined) return hash('sha256', '', 'buffer');
  if (entries.length === 1) return hash('sha256', Buffer.concat([Buffer.of(0), first]), 'buffer');
  const half = 2 ** (Math.ceil(Math.log2(entries.length)) - 1);
  const [left, right] = [rootOf(entries.slice(0, half)), rootOf(entries.slice(half))];
  return hash('sha256', Buffer.concat([Buffer.of(1), left, right]), 'buffer');
}
