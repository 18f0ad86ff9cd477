import { X509Certificate } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { type ErrorCode, isRetriable } from '../../lib/errors.ts';
import { type ArchivedBundle, readArchives } from './archives.ts';
import type { ChaosStack } from './chaos-stack.ts';
import type { JobDocument, PartDocument } from './job-observer.ts';
import type { ExpectedRow } from './manifests.ts';
import { readSigned } from './signed-certificates.ts';
import { openDocuments, readDpsFile } from './stores.ts';

/*
 * The books are closed: every row, record, certificate, bundle, signature, enrollment and message is held against the
 * others. Written without lib/, from what services have on disk or say on the wire.
 */

/** What has to have become of a job. */
export interface ExpectedJob {
  /** The blob's name or the order's id. */
  readonly name: string;
  readonly rows: readonly ExpectedRow[];
  /** Whether rows may have been dropped by a cancellation. */
  readonly cancelled?: boolean;
}

export interface Ledger {
  /** What does not add up; empty where all is well. */
  readonly problems: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

interface DeviceDocument {
  readonly id: string;
  readonly status: string;
  readonly enrollmentGroup: string;
  readonly claim: { readonly jobId: string; readonly line: number; readonly attempt: number };
  readonly serialNumber: string;
  readonly identity?: { readonly sha256Thumbprint: string };
  readonly bundle?: { readonly archive: string; readonly offset: number; readonly length: number };
  readonly history: readonly { readonly event: string; readonly detail?: string }[];
}

interface GroupDocument {
  readonly id: string;
  readonly definition?: { readonly enrollment: string };
  readonly issuingCas?: readonly { readonly certificatePem: string }[];
  /** Of the document `_root`. */
  readonly certificatePem?: string;
}

interface Report {
  readonly results: readonly {
    line: number;
    deviceId: string;
    status: string;
    serialNumber: string;
    sha256Thumbprint: string;
  }[];
  readonly faults: readonly { readonly line: number; readonly code: string; readonly message: string }[];
}

type Complain = (problem: string) => void;

const isLive = ({ status }: DeviceDocument) => status === 'provisioned' || status === 'assigned';

export async function closeBooks(chaos: ChaosStack, expected: readonly ExpectedJob[]): Promise<Ledger> {
  const { directory, stack, claims, journal, observer } = chaos;
  const problems = [...observer.problems];
  const complain: Complain = (problem) => void problems.push(problem);
  const cosmos = openDocuments(stack);
  const read = async <T>(container: string) => (await cosmos.all(container)) as unknown as T[];
  const devices = new Map((await read<DeviceDocument>('devices')).map((device) => [device.id, device]));
  const jobDocuments = await read<JobDocument | PartDocument>('jobs');
  const groups = await read<GroupDocument>('groups');
  const letters = (await cosmos.all('dead-letters')).filter(({ type }) => type === 'letter');
  cosmos.close();
  const bundles = await readArchives(stack.storageConnectionString);

  const rows = await checkJobs(expected, jobDocuments, devices, stack.storageConnectionString, complain);
  checkDevices(devices, bundles, groups, complain);
  const signed = checkSignatures(devices, readSigned(journal), claims, complain);
  checkDps(directory, groups, devices, bundles, complain);
  await checkQueues(stack.storageConnectionString, complain);
  const live = [...devices.values()].filter(isLive).length;
  return {
    problems,
    figures: {
      ...rows,
      devices: devices.size,
      live,
      bundles: bundles.length,
      ...signed,
      letters: letters.length,
      looks: observer.looks,
    },
  };
}

/** Each row of each manifest has one outcome: the one that was expected, and the one that its device's record tells. */
async function checkJobs(
  expected: readonly ExpectedJob[],
  documents: readonly (JobDocument | PartDocument)[],
  devices: ReadonlyMap<string, DeviceDocument>,
  connectionString: string,
  complain: Complain,
) {
  const reports = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('reports');
  const read = async (name: string) =>
    JSON.parse((await reports.getBlobClient(name).downloadToBuffer()).toString()) as Report;
  const figures = { jobs: 0, rows: 0, provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };
  for (const { name, rows, cancelled = false } of expected) {
    const named = documents.filter(
      (document) => document.type === 'job' && document['name' as never] === name,
    ) as JobDocument[];
    const [job] = named.filter(({ status }) => status !== 'failed');
    if (job === undefined || named.filter(({ status }) => status !== 'failed').length > 1) {
      complain(`manifest ${name} is ${named.length} jobs: ${named.map(({ status }) => status).join(', ')}`);
      continue;
    }
    figures.jobs += 1;
    figures.rows += rows.length;
    for (const outcome of ['provisioned', 'unchanged', 'rejected', 'failed', 'cancelled'] as const)
      figures[outcome] += job.counts[outcome];
    if (!job.finishedAt) complain(`job ${name} is ${job.status} and has not ended: ${JSON.stringify(job.counts)}`);
    if (job.counts.total !== rows.length) complain(`job ${name} has ${job.counts.total} rows of ${rows.length}`);

    const parts = documents.filter(
      (document): document is PartDocument => document.type === 'part' && document.jobId === job.jobId,
    );
    const outcomes = new Map<
      number,
      { status: string; message?: string; deviceId?: string; serialNumber?: string; sha256Thumbprint?: string }
    >();
    const attempt = ({ part }: PartDocument) => Number(/-retry-(\d+)$/.exec(part)?.[1] ?? 1);
    for (const part of parts.toSorted((a, b) => attempt(a) - attempt(b))) {
      if (part.report === undefined) continue;
      const { results, faults } = await read(part.report);
      const lines = [...results, ...faults].map(({ line }) => line);
      if (new Set(lines).size !== lines.length) complain(`report ${part.report} names a row twice`);
      for (const result of results) outcomes.set(result.line, result);
      for (const { line, code, message } of faults) outcomes.set(line, { status: code, message });
    }
    checkRows(job, rows, cancelled, outcomes, devices, complain);
  }
  return figures;
}

function checkRows(
  job: JobDocument,
  rows: readonly ExpectedRow[],
  cancelled: boolean,
  outcomes: ReadonlyMap<
    number,
    { status: string; message?: string; deviceId?: string; serialNumber?: string; sha256Thumbprint?: string }
  >,
  devices: ReadonlyMap<string, DeviceDocument>,
  complain: Complain,
): void {
  const counted = { provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };
  for (const { line, deviceId, fault } of rows) {
    const outcome = outcomes.get(line);
    const device = devices.get(deviceId);
    const isOwn = device !== undefined && device.claim.jobId === job.jobId && device.claim.line === line;
    const where = `${job.jobId} line ${line} (${deviceId})`;
    if (outcome === undefined) {
      counted.cancelled += 1;
      if (!cancelled) complain(`${where} has no outcome`);
      if (isOwn) complain(`${where} was dropped, and its device is ${device.status}`);
    } else if (outcome.status === 'provisioned' || outcome.status === 'unchanged') {
      counted[outcome.status] += 1;
      if (fault !== undefined) complain(`${where} is ${outcome.status} where ${fault} was expected`);
      if (device === undefined || !isLive(device))
        complain(`${where} is ${outcome.status}, its device ${device?.status}`);
      else if (outcome.status === 'provisioned' && !isOwn && !isSuperseded(device, job.jobId, line))
        complain(`${where} is provisioned, its device belongs to ${device.claim.jobId} line ${device.claim.line}`);
      else if (
        isOwn &&
        (device.serialNumber !== outcome.serialNumber || device.identity?.sha256Thumbprint !== outcome.sha256Thumbprint)
      )
        complain(`${where} reports certificate ${outcome.serialNumber}, its device has ${device.serialNumber}`);
    } else if (isRetriable(outcome.status as ErrorCode)) {
      counted.failed += 1;
      if (isOwn && device.status !== 'failed')
        complain(`${where} failed (${outcome.status}), its device is ${device.status}`);
      complain(`${where} failed at the end: ${outcome.status} ${outcome.message}`);
    } else {
      counted.rejected += 1;
      if (outcome.status !== fault) complain(`${where} is ${outcome.status} where ${fault ?? 'a device'} was expected`);
      if (isOwn) complain(`${where} was rejected (${outcome.status}) and holds its device`);
    }
  }
  for (const outcome of Object.keys(counted) as (keyof typeof counted)[]) {
    if (counted[outcome] !== job.counts[outcome])
      complain(`job ${job.jobId} counts ${job.counts[outcome]} ${outcome}, its reports say ${counted[outcome]}`);
  }
}

function isSuperseded({ history }: DeviceDocument, jobId: string, line: number): boolean {
  return history.some(
    ({ event, detail }) => event.startsWith('superseded') && detail?.includes(`job ${jobId}, line ${line},`),
  );
}

/** Serial numbers that a record has had, its own first. */
function serialsOf({ serialNumber, history }: DeviceDocument): Set<string> {
  return new Set([
    serialNumber,
    ...history.flatMap(({ detail }) => /certificate ([0-9a-f]{32})/.exec(detail ?? '')?.[1] ?? []),
  ]);
}

/** Each device has one live certificate, in the bundle that its record points at; any other bundle is of its past. */
function checkDevices(
  devices: ReadonlyMap<string, DeviceDocument>,
  bundles: readonly ArchivedBundle[],
  groups: readonly GroupDocument[],
  complain: Complain,
): void {
  const byDevice = Map.groupBy(bundles, ({ deviceId }) => deviceId);
  const issuers = new Map(
    groups.flatMap(({ id, issuingCas = [] }) =>
      issuingCas.map(({ certificatePem }): [string, X509Certificate] => {
        const certificate = new X509Certificate(certificatePem);
        return [`${id} ${certificate.subject}`, certificate];
      }),
    ),
  );
  const root = new X509Certificate(groups.find(({ id }) => id === '_root')?.certificatePem ?? '');
  for (const issuer of issuers.values())
    if (!issuer.verify(root.publicKey)) complain(`${issuer.subject} is not the root's`);

  for (const device of devices.values()) {
    const { id, status, bundle, identity, serialNumber, enrollmentGroup } = device;
    if (status === 'claimed')
      complain(`device ${id} is still claimed, by ${device.claim.jobId} line ${device.claim.line}`);
    const found = byDevice.get(id) ?? [];
    const at = (each: ArchivedBundle) =>
      each.archive === bundle?.archive && each.offset === bundle.offset && each.length === bundle.length;
    const [live] = found.filter(at);
    if (isLive(device)) {
      if (live === undefined) complain(`device ${id} has no bundle where its record says: ${JSON.stringify(bundle)}`);
      else {
        if (live.serialNumber !== serialNumber)
          complain(`device ${id} has certificate ${live.serialNumber}, its record ${serialNumber}`);
        if (live.sha256Thumbprint !== identity?.sha256Thumbprint)
          complain(`device ${id} has another thumbprint than its record`);
        for (const fault of live.faults) complain(`the bundle of ${id} ${fault}`);
        const issuer = issuers.get(`${enrollmentGroup} ${live.certificate.issuer}`);
        if (issuer === undefined || !live.certificate.verify(issuer.publicKey))
          complain(`device ${id} is not signed by a CA of its group`);
      }
    }
    const past = serialsOf(device);
    for (const other of found) {
      if (other === live && isLive(device)) continue;
      if (other.serialNumber === serialNumber && isLive(device))
        complain(`device ${id} has a second certificate with its serial number, in ${other.archive}`);
      else if (!past.has(other.serialNumber))
        complain(`no record names certificate ${other.serialNumber} of ${id}, in ${other.archive}`);
    }
  }
  for (const id of byDevice.keys()) if (!devices.has(id)) complain(`there is a bundle of ${id} and no record`);
}

/** What was signed is on record, was on record before, and what is on record was signed. */
function checkSignatures(
  devices: ReadonlyMap<string, DeviceDocument>,
  journal: ReturnType<typeof readSigned>,
  claims: ChaosStack['claims'],
  complain: Complain,
) {
  const signed = journal.filter(({ key }) => key.startsWith('issuing-'));
  const named = new Map(
    [...devices.values()].flatMap((device) => [...serialsOf(device)].map((serial) => [serial, device])),
  );
  const serials = new Set(signed.map(({ serialNumber }) => serialNumber));
  for (const { serialNumber, at } of signed) {
    if (!named.has(serialNumber)) complain(`certificate ${serialNumber} was signed, and no record names it`);
    const claimed = claims.get(serialNumber);
    if (claimed === undefined || claimed > at)
      complain(`certificate ${serialNumber} was signed at ${at}, its claim written at ${claimed}`);
  }
  for (const device of devices.values()) {
    if (isLive(device) && !serials.has(device.serialNumber)) complain(`nobody signed the certificate of ${device.id}`);
  }
  return { signatures: signed.length, certificates: serials.size };
}

/** DPS holds each group once, by its current issuing CA, and each device with an enrollment of its own once. */
function checkDps(
  directory: string,
  groups: readonly GroupDocument[],
  devices: ReadonlyMap<string, DeviceDocument>,
  bundles: readonly ArchivedBundle[],
  complain: Complain,
): void {
  const dps = readDpsFile(directory);
  const own = new Set(groups.filter(({ definition }) => definition?.enrollment === 'individual').map(({ id }) => id));
  const wanted = groups.filter(({ id, definition }) => definition !== undefined && !own.has(id));
  const holds = (kind: string, id: string, certificate: X509Certificate) => {
    const held = dps.certificates.get(certificate.fingerprint256.replaceAll(':', ''));
    return held?.kind === kind && held.id.toLowerCase() === id;
  };
  for (const { id, issuingCas = [] } of wanted) {
    const times = dps.groups.filter((group) => group.id.toLowerCase() === id).length;
    if (times !== 1) complain(`DPS holds group ${id} ${times} times`);
    const [current] = issuingCas;
    if (current === undefined || !holds('group', id, new X509Certificate(current.certificatePem)))
      complain(`DPS does not know group ${id} by its issuing CA`);
  }
  if (dps.groups.length !== wanted.length)
    complain(`DPS holds ${dps.groups.length} groups where ${wanted.length} were declared`);

  const bundleAt = new Map(bundles.map((bundle) => [`${bundle.archive} ${bundle.offset}`, bundle]));
  const enrolled = [...devices.values()].filter((device) => own.has(device.enrollmentGroup) && isLive(device));
  for (const { id, bundle } of enrolled) {
    const live = bundleAt.get(`${bundle?.archive} ${bundle?.offset}`);
    if (live === undefined || !holds('individual', id, live.certificate))
      complain(`DPS does not know ${id} by its certificate`);
  }
  const strangers = dps.individuals.filter(({ id }) => !own.has(devices.get(id)?.enrollmentGroup ?? ''));
  for (const { id } of strangers) complain(`DPS holds an enrollment of ${id}, and no record does`);
}

/** Nothing is left on any queue: whatever came to a poison queue is on record as a dead letter. */
async function checkQueues(connectionString: string, complain: Complain): Promise<void> {
  const service = QueueServiceClient.fromConnectionString(connectionString);
  for await (const { name } of service.listQueues()) {
    const { approximateMessagesCount = 0 } = await service.getQueueClient(name).getProperties();
    if (approximateMessagesCount > 0) complain(`queue ${name} holds ${approximateMessagesCount} messages at the end`);
  }
}
