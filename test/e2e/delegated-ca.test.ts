import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CosmosClient } from '@azure/cosmos';
import { BlobServiceClient } from '@azure/storage-blob';
import type { GroupAnswer } from '../../infra/local/demo/api.ts';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { readArchiveIndex } from '../../lib/bundle/archive.ts';
import { unpack } from '../../lib/bundle/tar.ts';
import { assertEvery } from '../assert-every.ts';
import { until } from '../until.ts';
import { jobOf, manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * A worker dies (SIGKILL) while it holds a delegated CA. Nothing that it left can sign: its key is in no file, record, blob, queue or
 * log. The job completes, and the record of the CA is ended as lost.
 */

interface Ca {
  readonly serialNumber: string;
  readonly state: string;
  readonly certificatePem?: string;
  readonly ended?: { readonly reason: string };
}

let fleet: TestStack;
/** Outside of what the stack writes. */
const kept = mkdtempSync(join(tmpdir(), 'fleet-kept-'));
const keptKeys = join(kept, 'keys.jsonl');

before(async () => {
  fleet = await startTestStack({
    ...{ hosts: 2, leaseSeconds: 5 },
    settings: {
      CHUNK_ROWS: '20',
      RECONCILE_SCHEDULE: '*/3 * * * * *',
      NODE_OPTIONS: `--import=${new URL('./keep-generated-keys.ts', import.meta.url)}`,
      KEPT_KEYS: keptKeys,
    },
  });
  await fleet.api.put<GroupAnswer>('enrollment-groups/line7', { keyCustody: 'plain', issuance: 'delegated' });
});
after(async () => {
  await fleet?.close();
  rmSync(kept, { recursive: true, force: true });
});

const authorities = async () =>
  (await fleet.api.get<{ certificateAuthorities: Ca[] }>('certificate-authorities')).certificateAuthorities;

/** The private scalar of a kept key whose public key is that of the CA. */
function scalarOf({ certificatePem = '' }: Ca): Buffer | undefined {
  if (!existsSync(keptKeys)) return undefined;
  const { x } = new X509Certificate(certificatePem).publicKey.export({ format: 'jwk' });
  const lines = readFileSync(keptKeys, 'utf8').split('\n').filter(Boolean);
  const found = lines.map((line) => JSON.parse(line) as { x: string; d: string }).find((key) => key.x === x);
  return found && Buffer.from(found.d, 'base64url');
}

/** Parts of a secret number in every form in which software writes one. 12 octets are enough: no chance repeats them. */
function patternsOf(scalar: Buffer): string[] {
  const parts = [0, 1, 2, 18, 19, 20].map((from) => scalar.subarray(from, from + 12));
  const base64 = parts.map((part) => part.toString('base64'));
  const raw = [scalar, Buffer.from(scalar).reverse()].map((octets) => octets.toString('latin1', 0, 16));
  const hex = [scalar.toString('hex', 0, 12), scalar.toString('hex', 0, 12).toUpperCase()];
  return [...raw, ...hex, ...base64, ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))];
}

/** Everything that the stack has stored, with texts of base64 decoded and bundles unpacked. */
async function* stored(): AsyncGenerator<[name: string, content: string]> {
  for (const path of globSync('**/*', { cwd: fleet.directory })) {
    const file = join(fleet.directory, path);
    if (!statSync(file).isFile()) continue;
    const text = readFileSync(file, 'latin1');
    yield [path, text];
    for (const [encoded] of text.matchAll(/[A-Za-z0-9+/]{100,}={0,2}/g))
      yield [`${path}, decoded`, Buffer.from(encoded, 'base64').toString('latin1')];
  }
  const blobs = BlobServiceClient.fromConnectionString(fleet.stack.storageConnectionString);
  const bundles = blobs.getContainerClient('bundles');
  for await (const { name } of bundles.listBlobsFlat()) {
    const archive = await bundles.getBlobClient(name).downloadToBuffer();
    for (const { offset, length, name: device } of readArchiveIndex(archive))
      yield [`${name} ${device}`, unpack(archive.subarray(offset, offset + length)).toString('latin1')];
  }
}

async function placesOf(scalars: ReadonlyMap<string, Buffer>): Promise<Map<string, string[]>> {
  const patterns = [...scalars].map(([name, scalar]) => [name, patternsOf(scalar)] as const);
  const places = new Map([...scalars.keys()].map((name) => [name, [] as string[]]));
  for await (const [place, content] of stored()) {
    for (const [name, texts] of patterns)
      if (texts.some((text) => content.includes(text))) places.get(name)?.push(place);
  }
  return places;
}

/** The time passes for the records of these CAs. */
async function passTheirHour(lost: readonly Ca[]): Promise<void> {
  const { endpoint, key, database } = fleet.stack.cosmos;
  const client = new CosmosClient({ endpoint, key });
  const container = client.database(database).container('delegated-cas');
  for (const { serialNumber } of lost) {
    const { resource } = await container.item(serialNumber, serialNumber).read();
    await container.item(serialNumber, serialNumber).replace({ ...resource, signsUntil: '2026-01-01T00:00:00.000Z' });
  }
  client.dispose();
}

test('a worker that dies with a delegated CA leaves nothing that can sign', { timeout: 180_000 }, async () => {
  const jobId = await fleet.upload('line7/list.csv', manifestOf('gw', 1000));
  const job = await until(async () => {
    const found = await jobOf(fleet.api, jobId);
    return found !== undefined && found.counts.provisioned > 0 && found;
  });
  assert.ok(job.counts.waiting > 0, 'the job was too fast for this test');
  await Promise.all([
    fleet.stack.process('functions').kill('SIGKILL'),
    fleet.stack.process('functions-2').kill('SIGKILL'),
  ]);
  await fleet.stack.process('functions').restart();
  const { status, counts } = await fleet.ended(jobId);
  assert.deepEqual([status, counts.provisioned], ['completed', 1000]);

  const all = await authorities();
  const signed = all.filter(({ certificatePem }) => certificatePem !== undefined);
  assert.ok(signed.length >= 2, 'the host that came back made one of its own');
  assertEvery(all, ({ state }) => state === 'open', 'a worker that dies notes nothing');
  const scalars = new Map(signed.flatMap((ca) => [[ca.serialNumber, scalarOf(ca)] as const]));
  const known = new Map(
    [...scalars].flatMap(([name, scalar]) => (scalar === undefined ? [] : [[name, scalar] as const])),
  );
  assert.deepEqual([...known.keys()], [...scalars.keys()], 'every key was kept by the test');

  // Control: the key of a device with custody "plain" is in its bundle, and is found there.
  const bundle = await readBundle(await fleet.api.getBytes('devices/gw-1/bundle'));
  const [, deviceKey] = [...bundle].find(([path]) => path.endsWith('.key.pem')) ?? [];
  const { d = '' } = createPrivateKey(deviceKey?.body ?? '').export({ format: 'jwk' });
  known.set('control', Buffer.from(d, 'base64url'));
  const places = await placesOf(known);
  assert.ok((places.get('control')?.length ?? 0) > 0, 'the search finds a key that is there');
  for (const serialNumber of scalars.keys()) assert.deepEqual(places.get(serialNumber), []);

  // Only the last one can still be held, by the host that runs.
  const lost = all.slice(1);
  await passTheirHour(lost);
  await until(async () => {
    const ends = new Map((await authorities()).map(({ serialNumber, ended }) => [serialNumber, ended?.reason]));
    return lost.every(({ serialNumber }) => ends.get(serialNumber) === 'lost');
  });
});

test('a blocked CA locks its devices out of DPS until they are issued again', { timeout: 120_000 }, async () => {
  const bundleOf = async () => readBundle(await fleet.api.getBytes('devices/gw-1/bundle'));
  const before = await bundleOf();
  assert.notEqual(await registerDevice('gw-1', before, fleet.stack.dps), '');
  const { certificates } = await fleet.api.get<{ certificates: { delegatedCa?: string }[] }>('devices/gw-1');
  const serial = certificates[0]?.delegatedCa ?? '';
  const path = `certificate-authorities/${serial}`;
  const headers = { 'x-functions-key': fleet.stack.functionsKey, 'content-type': 'application/json' };
  const answer = await fetch(`${fleet.stack.urls.functions}/api/${path}/block`, {
    ...{ method: 'POST', headers, body: JSON.stringify({ reason: 'memory was read' }) },
  });
  assert.equal(answer.status, 200);
  await assert.rejects(registerDevice('gw-1', before, fleet.stack.dps), { message: 'status is disabled' });
  const rows = await fleet.api.getBytes(`${path}/reissue-list`);
  const submitted = await fetch(`${fleet.stack.urls.functions}/api/jobs?onConflict=reissue`, {
    ...{ method: 'POST', body: Buffer.from(rows), headers: { ...headers, 'content-type': 'application/x-ndjson' } },
  });
  const { jobId } = (await submitted.json()) as { jobId: string };
  const job = await fleet.ended(jobId);
  assert.equal(job.status, 'completed');
  assert.notEqual(await registerDevice('gw-1', await bundleOf(), fleet.stack.dps), '');
  const { devices } = await fleet.api.get<{ devices: unknown[] }>(`${path}/devices`);
  assert.deepEqual(devices, []);
});
