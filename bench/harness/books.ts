import { createHash, X509Certificate } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { CosmosClient } from '@azure/cosmos';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import pMap from 'p-map';
import { fromBufferPromise } from 'yauzl';
import type { Stack } from '../../infra/local/stack.ts';

/*
 * Counts what became of a job, independently of the job: from the documents, the archives and the reports that the services have.
 * Uses no code of lib/ and no counter of the job.
 */

export interface CountedJob {
  readonly jobId: string;
  readonly rows: number;
  /** The device id of a row, from 1. It ends with the number of the row, seven digits. */
  readonly deviceIds: (row: number) => string;
}

/** One bundle of so many is unpacked, and its certificate read. */
const opened = 100;

/** Blobs that are read at the same time. */
const concurrency = 4;

/** Faults that are told; all are counted. */
const maxTold = 5;

interface DeviceDocument {
  readonly id: string;
  readonly status: string;
  readonly serialNumber: string;
  readonly claim: { readonly line: number };
  readonly bundle?: {
    readonly archive: string;
    readonly offset: number;
    readonly length: number;
    readonly sha256: string;
  };
  readonly certificates?: readonly { readonly serialNumber: string; readonly state: string }[];
}

interface ArchiveIndex {
  readonly entries: readonly { readonly name: string; readonly info: { deviceId: string; serialNumber: string } }[];
}

interface Report {
  readonly results: readonly { readonly line: number; readonly deviceId: string; readonly serialNumber: string }[];
  readonly faults: readonly unknown[];
}

/**
 * Checks that each row has one record, which has one certificate of its own; that the archives hold each device once, as its
 * record says; that the reports name each row once; and that the job and its parts count the same.
 * @returns how many times that is not so, and the first few
 */
export async function checkBooks(
  { cosmos, storageConnectionString }: Pick<Stack, 'cosmos' | 'storageConnectionString'>,
  { jobId, rows, deviceIds }: CountedJob,
): Promise<{ readonly faults: number; readonly told: readonly string[] }> {
  let faults = 0;
  const told: string[] = [];
  const fault = (text: string) => {
    faults += 1;
    if (told.length < maxTold) told.push(text);
  };
  const ledger = createLedger(rows);
  const rowOf = (deviceId: string): number | undefined => {
    const row = Number(deviceId.slice(-7));
    if (row >= 1 && row <= rows && deviceIds(row) === deviceId) return row;
    fault(`${deviceId} is not in the manifest`);
    return undefined;
  };

  const client = new CosmosClient({ endpoint: cosmos.endpoint, key: cosmos.key });
  const database = client.database(cosmos.database);
  const pages = database.container('devices').items.query<DeviceDocument>(
    {
      query: 'SELECT * FROM c WHERE c.claim.jobId = @jobId',
      parameters: [{ name: '@jobId', value: jobId }],
    },
    { maxItemCount: 1000 },
  );
  while (pages.hasMoreResults()) {
    for (const device of (await pages.fetchNext()).resources ?? []) {
      const { id, status, serialNumber, claim, bundle, certificates = [] } = device;
      const row = rowOf(id);
      if (row === undefined) continue;
      if (status !== 'provisioned') fault(`${id} is ${status}`);
      if (claim.line !== row + 1) fault(`${id} has line ${claim.line}`);
      const [certificate] = certificates;
      if (certificates.length !== 1 || certificate?.state !== 'live' || certificate.serialNumber !== serialNumber)
        fault(`${id} has ${certificates.length} certificates`);
      if (bundle === undefined) fault(`${id} has no bundle`);
      else ledger.record(row, serialNumber, bundle);
    }
  }
  if (ledger.sharedSerials() > 0) fault(`${ledger.sharedSerials()} serial numbers are not unique`);

  const blobs = BlobServiceClient.fromConnectionString(storageConnectionString);
  await eachBlob(blobs.getContainerClient('bundles'), jobId, async (name, archive) => {
    for (const { deviceId, serialNumber, offset, body } of await readArchive(archive)) {
      const row = rowOf(deviceId);
      if (row === undefined) continue;
      ledger.archived[row] = (ledger.archived[row] ?? 0) + 1;
      if (!ledger.says(row, serialNumber, { archive: name, offset, body }))
        fault(`${deviceId} is another one in ${name}`);
      if (row % opened === 0 && serialIn(body, deviceId) !== serialNumber) fault(`${deviceId} has another certificate`);
    }
  });
  await eachBlob(blobs.getContainerClient('reports'), jobId, (_, body) => {
    const report = JSON.parse(body.toString()) as Report;
    if (report.faults.length > 0) fault(`a report has ${report.faults.length} faults`);
    for (const { line, deviceId } of report.results) {
      const row = rowOf(deviceId);
      if (row === undefined) continue;
      ledger.reported[row] = (ledger.reported[row] ?? 0) + 1;
      if (line !== row + 1) fault(`${deviceId} is reported at line ${line}`);
    }
  });
  for (const name of ['recorded', 'archived', 'reported'] as const) {
    const not = ledger[name].subarray(1).filter((times) => times !== 1).length;
    if (not > 0) fault(`${not} rows are not ${name} once`);
    faults += Math.max(0, not - 1);
  }

  const documents = database
    .container('jobs')
    .items.query<Counts>(
      { query: 'SELECT * FROM c WHERE c.jobId = @jobId', parameters: [{ name: '@jobId', value: jobId }] },
      { partitionKey: jobId, maxItemCount: 1000 },
    );
  const { resources } = await documents.fetchAll();
  const counted = resources.reduce((sum, { outcome }) => sum + (outcome?.provisioned ?? 0), 0);
  const job = resources.find(({ id }) => id === 'job');
  const [total, provisioned] = [job?.counts?.total, job?.counts?.provisioned];
  if (total !== rows || provisioned !== rows || counted !== rows)
    fault(`the job counts ${provisioned} of ${total}, its parts ${counted}, of ${rows} rows`);
  client.dispose();
  return { faults, told };
}

interface Counts {
  readonly id: string;
  readonly counts?: { readonly total: number; readonly provisioned: number };
  readonly outcome?: { readonly provisioned: number };
}

const serialOctets = 16;
const digestOctets = 32;

/** Keeps 51 bytes per row. A million records as objects would take gigabytes. */
function createLedger(rows: number) {
  const serials = Buffer.alloc((rows + 1) * serialOctets);
  const digests = Buffer.alloc((rows + 1) * digestOctets);
  const recorded = new Uint8Array(rows + 1);
  const serialAt = (row: number) => serials.subarray(row * serialOctets, (row + 1) * serialOctets);
  const digestAt = (row: number) => digests.subarray(row * digestOctets, (row + 1) * digestOctets);
  /** Of a bundle and its place. */
  const digestOf = (place: { archive: string; offset: number; length: number; sha256: string }) =>
    createHash('sha256').update(`${place.archive} ${place.offset} ${place.length} ${place.sha256}`).digest();
  return {
    recorded,
    archived: new Uint8Array(rows + 1),
    reported: new Uint8Array(rows + 1),

    record(row: number, serialNumber: string, bundle: NonNullable<DeviceDocument['bundle']>): void {
      recorded[row] = (recorded[row] ?? 0) + 1;
      serialAt(row).write(serialNumber, 'hex');
      digestOf(bundle).copy(digestAt(row));
    },

    /** Whether the record of the row names this certificate and this bundle. */
    says(row: number, serialNumber: string, found: { archive: string; offset: number; body: Buffer }): boolean {
      const { archive, offset, body } = found;
      const sha256 = createHash('sha256').update(body).digest('hex');
      const digest = digestOf({ archive, offset, length: body.length, sha256 });
      return serialAt(row).toString('hex') === serialNumber && digestAt(row).equals(digest);
    },

    /** Serial numbers are random, so their first 64 bits tell them apart. */
    sharedSerials(): number {
      const heads = new BigUint64Array(rows);
      for (let row = 1; row <= rows; row++) heads[row - 1] = serials.readBigUInt64BE(row * serialOctets);
      return heads.sort().filter((head, index) => head === heads[index - 1]).length;
    },
  };
}

async function eachBlob(
  container: ContainerClient,
  jobId: string,
  read: (name: string, body: Buffer) => void | Promise<void>,
): Promise<void> {
  const blobs = container.listBlobsFlat({ prefix: `${jobId}/` });
  await pMap(blobs, async ({ name }) => read(name, await container.getBlobClient(name).downloadToBuffer()), {
    concurrency,
  });
}

/** The bundles of an archive by its directory, and the certificates by its index. */
async function readArchive(archive: Buffer) {
  const zip = await fromBufferPromise(archive, { lazyEntries: true });
  const bundles = new Map<string, { readonly offset: number; readonly body: Buffer }>();
  for await (const entry of zip.eachEntry()) {
    const { fileDataStart: offset } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    bundles.set(entry.fileName, { offset, body: archive.subarray(offset, offset + entry.uncompressedSize) });
  }
  const index = JSON.parse(bundles.get('index.json')?.body.toString() ?? '{"entries":[]}') as ArchiveIndex;
  return index.entries.map(({ name, info: { deviceId, serialNumber } }) => {
    return { deviceId, serialNumber, ...(bundles.get(name) ?? { offset: 0, body: Buffer.alloc(0) }) };
  });
}

/** @returns the serial number of the device's certificate in its bundle: a tar has its files as they are */
function serialIn(bundle: Buffer, deviceId: string): string | undefined {
  const text = gunzipSync(bundle).toString('latin1');
  const pems = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const own = pems.map((pem) => new X509Certificate(pem)).find(({ subject }) => subject === `CN=${deviceId}`);
  return own?.serialNumber.toLowerCase();
}
