import { X509Certificate } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { type ArchivedBundle, type Archives, readArchives } from './archives.ts';
import { checkAudit } from './audit-ledger.ts';
import type { ChaosStack } from './chaos-stack.ts';
import {
  type DeviceDocument,
  type GroupDocument,
  holderOf,
  isBlocked,
  isLive,
  isRenewed,
  serialsOf,
} from './documents.ts';
import { checkDps } from './dps-ledger.ts';
import { checkEvents, eventQueue } from './event-book.ts';
import type { JobDocument, PartDocument } from './job-observer.ts';
import type { ExpectedRow } from './manifests.ts';
import { readSigned } from './signed-certificates.ts';
import { openDocuments } from './stores.ts';

/*
 * Compares every row, record, certificate, bundle, signature, enrollment and message with the others. Uses no code of lib/:
 * it reads what services have on disk or answer on the wire.
 */

/** The expected outcome of a job. */
export interface ExpectedJob {
  /** The blob's name or the order's id. */
  readonly name: string;
  readonly rows: readonly ExpectedRow[];
  /** Whether a cancellation may have dropped rows. */
  readonly cancelled?: boolean;
}

export interface InvariantReport {
  /** Broken invariants; empty if all hold. */
  readonly problems: readonly string[];
  readonly metrics: Readonly<Record<string, number>>;
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

type AddProblem = (problem: string) => void;

/**
 * Checks all invariants of a stack that has come to rest.
 * @param except queues that may have messages
 */
export async function checkInvariants(
  chaos: ChaosStack,
  expected: readonly ExpectedJob[],
  except: readonly string[] = [],
): Promise<InvariantReport> {
  const { directory, stack, claims, journal, observer } = chaos;
  const problems = [...observer.problems, ...claims.problems];
  const addProblem: AddProblem = (problem) => void problems.push(problem);
  const cosmos = openDocuments(stack);
  const read = async <T>(container: string) => (await cosmos.all(container)) as unknown as T[];
  const devices = new Map((await read<DeviceDocument>('devices')).map((device) => [device.id, device]));
  const jobDocuments = await read<JobDocument | PartDocument>('jobs');
  const groups = await read<GroupDocument>('groups');
  const letters = (await cosmos.all('dead-letters')).filter(({ type }) => type === 'letter');
  cosmos.close();
  const archives = await readArchives(stack.storageConnectionString);
  const { bundles } = archives;

  const rows = await checkJobs(expected, jobDocuments, devices, stack.storageConnectionString, addProblem);
  checkDevices(devices, archives, groups, addProblem);
  const signed = checkSignatures(
    devices,
    readSigned(journal),
    { claims, claimed: claimedSerials(jobDocuments) },
    addProblem,
  );
  checkDps(directory, groups, devices, bundles, addProblem);
  const audit = await checkAudit(stack.storageConnectionString, archives, addProblem);
  await checkQueues(stack.storageConnectionString, [eventQueue, ...except], addProblem);
  const events = await checkEvents(chaos, addProblem);
  const live = [...devices.values()].filter(isLive).length;
  return {
    problems,
    metrics: {
      ...rows,
      devices: devices.size,
      live,
      bundles: bundles.length,
      ...signed,
      ...audit,
      ...events,
      letters: letters.length,
      looks: observer.observations,
    },
  };
}

/** Each row of each manifest has one outcome, which is the expected one and agrees with the record of its device. */
async function checkJobs(
  expected: readonly ExpectedJob[],
  documents: readonly (JobDocument | PartDocument)[],
  devices: ReadonlyMap<string, DeviceDocument>,
  connectionString: string,
  addProblem: AddProblem,
) {
  const reports = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('reports');
  const read = async (name: string) =>
    JSON.parse((await reports.getBlobClient(name).downloadToBuffer()).toString()) as Report;
  const metrics = { jobs: 0, rows: 0, provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };
  for (const { name, rows, cancelled = false } of expected) {
    const named = documents.filter(
      (document) => document.type === 'job' && document['name' as never] === name,
    ) as JobDocument[];
    const [job] = named.filter(({ status }) => status !== 'failed');
    if (job === undefined || named.filter(({ status }) => status !== 'failed').length > 1) {
      addProblem(`manifest ${name} is ${named.length} jobs: ${named.map(({ status }) => status).join(', ')}`);
      continue;
    }
    metrics.jobs += 1;
    metrics.rows += rows.length;
    for (const outcome of ['provisioned', 'unchanged', 'rejected', 'failed', 'cancelled'] as const)
      metrics[outcome] += job.counts[outcome];
    if (!job.finishedAt) addProblem(`job ${name} is ${job.status} and has not ended: ${JSON.stringify(job.counts)}`);
    if (job.counts.total !== rows.length) addProblem(`job ${name} has ${job.counts.total} rows of ${rows.length}`);

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
      if (new Set(lines).size !== lines.length) addProblem(`report ${part.report} names a row twice`);
      for (const result of results) outcomes.set(result.line, result);
      for (const { line, code, message } of faults) outcomes.set(line, { status: code, message });
    }
    checkRows(job, rows, cancelled, outcomes, devices, addProblem);
  }
  return metrics;
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
  addProblem: AddProblem,
): void {
  const counted = { provisioned: 0, unchanged: 0, rejected: 0, failed: 0, cancelled: 0 };
  for (const { line, deviceId, fault, orFault } of rows) {
    const outcome = outcomes.get(line);
    const device = devices.get(deviceId);
    const holder = device && holderOf(device);
    const isOwn = device !== undefined && holder?.jobId === job.jobId && holder.line === line;
    const where = `${job.jobId} line ${line} (${deviceId})`;
    if (outcome === undefined) {
      counted.cancelled += 1;
      if (!cancelled) addProblem(`${where} has no outcome`);
      if (isOwn) addProblem(`${where} was dropped, and its device is ${device.status}`);
    } else if (outcome.status === 'provisioned' || outcome.status === 'unchanged') {
      counted[outcome.status] += 1;
      if (fault !== undefined) addProblem(`${where} is ${outcome.status} where ${fault} was expected`);
      if (device === undefined || !(isLive(device) || isBlocked(device)))
        addProblem(`${where} is ${outcome.status}, its device ${device?.status}`);
      else if (outcome.status === 'provisioned') checkCertificate(where, device, isOwn, outcome, addProblem);
    } else if (outcome.status === fault) {
      counted.rejected += 1;
      if (isOwn) addProblem(`${where} was rejected (${outcome.status}) and holds its device`);
    } else if (orFault !== undefined && outcome.status === orFault) {
      counted.rejected += 1;
      if (isOwn && !isBlocked(device)) addProblem(`${where} is ${orFault}, its device ${device.status}`);
    } else {
      counted.failed += 1;
      if (isOwn && device.status !== 'failed')
        addProblem(`${where} failed (${outcome.status}), its device is ${device.status}`);
      addProblem(`${where} is ${outcome.status} where ${fault ?? 'a device'} was expected: ${outcome.message}`);
    }
  }
  for (const outcome of Object.keys(counted) as (keyof typeof counted)[]) {
    if (counted[outcome] !== job.counts[outcome])
      addProblem(`job ${job.jobId} counts ${job.counts[outcome]} ${outcome}, its reports say ${counted[outcome]}`);
  }
}

/** The record names the certificate of the row: as its present one if the row holds the device, else as a former one. */
function checkCertificate(
  where: string,
  device: DeviceDocument,
  isOwn: boolean,
  { serialNumber, sha256Thumbprint }: { readonly serialNumber?: string; readonly sha256Thumbprint?: string },
  addProblem: AddProblem,
): void {
  const named = device.certificates?.find((each) => each.serialNumber === serialNumber);
  if (named?.sha256Thumbprint !== sha256Thumbprint)
    addProblem(`${where} reports certificate ${serialNumber}, which its device does not name`);
  else if (isOwn && device.serialNumber !== serialNumber && !isRenewed(device))
    addProblem(`${where} reports certificate ${serialNumber}, its device has ${device.serialNumber}`);
  else if (!isOwn && named?.state === 'live')
    addProblem(`${where} is provisioned, its device belongs to ${device.claim.jobId} line ${device.claim.line}`);
}

/**
 * Each device has one live certificate, in the bundle that its record points to. The record names any other. Only bundles of
 * scrapped devices are erased.
 */
function checkDevices(
  devices: ReadonlyMap<string, DeviceDocument>,
  { bundles, erased }: Archives,
  groups: readonly GroupDocument[],
  addProblem: AddProblem,
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
    if (!issuer.verify(root.publicKey)) addProblem(`${issuer.subject} is not signed by the root`);

  for (const device of devices.values()) {
    const { id, status, bundle, serialNumber, enrollmentGroup } = device;
    if (status === 'claimed')
      addProblem(`device ${id} is still claimed, by ${device.claim.jobId} line ${device.claim.line}`);
    const found = byDevice.get(id) ?? [];
    const at = (each: ArchivedBundle) =>
      each.archive === bundle?.archive && each.offset === bundle.offset && each.length === bundle.length;
    const [live] = found.filter(at);
    if (isLive(device)) {
      if (live === undefined) addProblem(`device ${id} has no bundle where its record says: ${JSON.stringify(bundle)}`);
      else {
        const installed = certificateOfBundle(device, live);
        if (live.serialNumber !== installed?.serialNumber)
          addProblem(`device ${id} has certificate ${live.serialNumber}, its record ${serialNumber}`);
        if (live.sha256Thumbprint !== installed?.sha256Thumbprint)
          addProblem(`device ${id} has another thumbprint than its record`);
        for (const fault of live.faults) addProblem(`the bundle of ${id} ${fault}`);
        const issuer = issuers.get(`${enrollmentGroup} ${live.certificate.issuer}`);
        if (issuer === undefined || !live.certificate.verify(issuer.publicKey))
          addProblem(`device ${id} is not signed by a CA of its group`);
      }
    }
    const past = serialsOf(device);
    for (const other of found) {
      if (other === live && isLive(device)) continue;
      if (other.serialNumber === serialNumber && isLive(device))
        addProblem(`device ${id} has a second certificate with its serial number, in ${other.archive}`);
      else if (!past.has(other.serialNumber))
        addProblem(`no record names certificate ${other.serialNumber} of ${id}, in ${other.archive}`);
    }
  }
  for (const { deviceId, serialNumber, archive } of erased) {
    const device = devices.get(deviceId);
    if (device?.status !== 'scrapped') addProblem(`the bundle of ${deviceId} in ${archive} was erased`);
    else if (!serialsOf(device).has(serialNumber))
      addProblem(`no record names certificate ${serialNumber} of ${deviceId}, in ${archive}`);
  }
  for (const id of byDevice.keys()) if (!devices.has(id)) addProblem(`there is a bundle of ${id} and no record`);
}

/** The certificate that the bundle has by the record: the present one, or an earlier one of a device that renewed it. */
function certificateOfBundle(device: DeviceDocument, bundle: ArchivedBundle) {
  const { serialNumber, identity } = device;
  if (isRenewed(device)) return device.certificates?.find((each) => each.serialNumber === bundle.serialNumber);
  return { serialNumber, sha256Thumbprint: identity?.sha256Thumbprint };
}

/** The serial numbers in the claims of chunks. */
function claimedSerials(documents: readonly unknown[]): ReadonlySet<string> {
  const claims = documents as readonly { type: string; serialNumbers?: readonly (readonly [string, string])[] }[];
  return new Set(claims.flatMap(({ serialNumbers = [] }) => serialNumbers.map(([, serial]) => serial)));
}

/** A claim or a record named every signed certificate before it was signed, and every live certificate was signed. */
function checkSignatures(
  devices: ReadonlyMap<string, DeviceDocument>,
  journal: ReturnType<typeof readSigned>,
  { claims, claimed: inClaims }: { readonly claims: ChaosStack['claims']; readonly claimed: ReadonlySet<string> },
  addProblem: AddProblem,
) {
  const signed = journal.filter(({ key }) => key.startsWith('issuing-'));
  const named = new Map(
    [...devices.values()].flatMap((device) => [...serialsOf(device)].map((serial) => [serial, device])),
  );
  const serials = new Set(signed.map(({ serialNumber }) => serialNumber));
  for (const { serialNumber, at } of signed) {
    // A device that no row was given has no record; its claim stays.
    if (!named.has(serialNumber) && !inClaims.has(serialNumber))
      addProblem(`certificate ${serialNumber} was signed, and no record names it`);
    const claimed = claims.times.get(serialNumber);
    if (claimed === undefined || claimed > at)
      addProblem(`certificate ${serialNumber} was signed at ${at}, its claim written at ${claimed}`);
  }
  for (const device of devices.values()) {
    if (isLive(device) && !serials.has(device.serialNumber))
      addProblem(`the certificate of ${device.id} was never signed`);
  }
  return { signatures: signed.length, certificates: serials.size };
}

/** No queue has messages: every message of a poison queue was recorded as a dead letter. */
async function checkQueues(connectionString: string, except: readonly string[], addProblem: AddProblem): Promise<void> {
  const service = QueueServiceClient.fromConnectionString(connectionString);
  for await (const { name } of service.listQueues()) {
    if (except.includes(name)) continue;
    const { approximateMessagesCount = 0 } = await service.getQueueClient(name).getProperties();
    if (approximateMessagesCount > 0) addProblem(`queue ${name} holds ${approximateMessagesCount} messages at the end`);
  }
}
