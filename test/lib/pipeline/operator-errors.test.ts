import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type ErrorCode, errorCodes, FleetError } from '../../../lib/errors.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import type { ChunkMessage } from '../../../lib/jobs/messages.ts';
import { provisionChunk } from '../../../lib/pipeline/provision-chunk.ts';
import { retryJob } from '../../../lib/pipeline/retry-job.ts';
import type { KeyStore } from '../../../lib/pki/key-store.ts';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';
import { caExtensions, createOpensslCa } from '../../openssl-ca.ts';
import { createWorld, type World } from '../../world.ts';

/*
 * Rows that meet an error for which an operator has to act: they count as failed, the operator acts, and a retry of the job
 * provisions them. lib/errors.ts says which codes these are.
 */

const manifest = ['deviceId', 'gw-1', 'gw-2', 'gw-3', ''].join('\n');
const rows = 3;

/** Uploads the manifest and checks that all of its rows failed with this code. @returns the id of the job */
async function failedJob(world: World, code: ErrorCode): Promise<string> {
  const jobId = await world.upload('line7/list.csv', manifest);
  await world.settle();
  const { counts, status } = await world.job(jobId);
  assert.deepEqual([status, counts.failed, counts.rejected], ['completedWithErrors', rows, 0]);
  const codes = [...world.devices.records.values()].map(({ failure }) => failure?.code);
  assert.deepEqual(codes, Array(rows).fill(code));
  return jobId;
}

/** Retries the job and checks that all of its rows are provisioned. */
async function retried(world: World, jobId: string): Promise<void> {
  assert.equal((await retryJob(await world.job(jobId), world.services())).rows, rows);
  await world.settle();
  const { counts, status } = await world.job(jobId);
  assert.deepEqual([status, counts.provisioned, counts.failed], ['completed', rows, 0]);
}

/** CA keys in files, read again at every use, as a worker does that has just started. */
function freshKeyStore(directory: string): KeyStore {
  const store = () => createSoftwareKeyStore({ directory });
  return {
    signer: (name, keyType, publicKey) => store().signer(name, keyType, publicKey),
    check: (name, keyType, publicKey) => store().check(name, keyType, publicKey),
    importKey: (name, keyType, privateKey) => store().importKey(name, keyType, privateKey),
  };
}

describe('an operator acts, and a retry provisions the rows that failed', () => {
  it('ca-missing: the issuing CA is signed elsewhere and imported', async () => {
    using ca = createOpensslCa();
    using world = createWorld({ now: () => new Date() });
    const external: GroupInput = { keyCustody: 'plain', issuingCa: { origin: 'outside' } };
    await world.declare('line7', external);
    const jobId = await failedJob(world, 'ca-missing');

    const { groups } = world.services();
    const root = ca.issue({ subject: '/CN=Acme root' });
    const { requestPem } = await groups.requestIssuingCa('line7');
    const { pem } = ca.issue({ requestPem, issuer: root, extensions: caExtensions(0) });
    await groups.importIssuingCa('line7', { certificate: pem, chain: root.pem });
    await retried(world, jobId);
  });

  it('ca-unregistered: the issuing CA is registered with DPS', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain', attestation: 'caReference' });
    const jobId = await failedJob(world, 'ca-unregistered');

    const { groups } = world.services();
    const [issuingCa] = (await groups.directory()).get('line7')?.value.issuingCas ?? [];
    assert.ok(issuingCa);
    await groups.noteRegistration('line7', issuingCa, 'line7-1');
    await retried(world, jobId);
  });

  it('ca-unregistered: a worker that read the group before goes on at once when the CA is registered', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain', attestation: 'caReference' });
    // The groups of a process, which it keeps for 10 seconds.
    const worker = world.services();
    const outdated = (await worker.groups.directory()).get('line7') ?? assert.fail();
    assert.deepEqual(
      outdated.value.issuingCas.map(({ registration }) => registration),
      [undefined],
    );
    const [issuingCa = assert.fail()] = outdated.value.issuingCas;
    // `fleet ca register line7` is another process.
    await world.services().groups.noteRegistration('line7', issuingCa, 'line7-1');

    const jobId = await world.upload('line7/list.csv', 'deviceId\ngw-1\ngw-2\n');
    const [ingest] = world.queue.splice(0);
    await ingest?.run();
    const [chunk] = world.queue.splice(0);
    await provisionChunk(chunk?.message as ChunkMessage, worker);
    const { status, counts } = await world.job(jobId);
    assert.deepEqual([status, counts.provisioned], ['completed', 2]);
    assert.equal((await worker.groups.ensure(outdated)).value.issuingCas[0]?.registration?.name, 'line7-1');
  });

  for (const [code, act, undo] of [
    [
      'ca-key-unusable',
      (key: string) => renameSync(key, `${key}.lost`),
      (key: string) => renameSync(`${key}.lost`, key),
    ],
    ['setting-invalid', (key: string) => chmodSync(key, 0o644), (key: string) => chmodSync(key, 0o600)],
  ] as const) {
    it(`${code}: the key file of the issuing CA is put in order`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'fleet-operator-'));
      try {
        using world = createWorld({ keys: freshKeyStore(directory) });
        await world.declare('line7', { keyCustody: 'plain' });
        const [issuingCa] = (await world.services().groups.directory()).get('line7')?.value.issuingCas ?? [];
        const key = join(directory, `${issuingCa?.keyName}.pem`);
        act(key);
        const jobId = await failedJob(world, code);
        undo(key);
        await retried(world, jobId);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }

  it('enrollment-refused: DPS has room for the enrollments again', async () => {
    using world = createWorld();
    const { enroll } = world.enrollments;
    world.enrollments.enroll = async (devices) => devices.map(() => ({ errorCode: 400205, message: 'Quota reached.' }));
    await world.declare('line7', { keyCustody: 'plain', enrollment: 'individual' });
    const jobId = await failedJob(world, 'enrollment-refused');
    world.enrollments.enroll = enroll;
    await retried(world, jobId);
  });

  // Whatever makes a group unusable, the same holds for each code: the mechanism is one.
  for (const code of errorCodes.filter((each) => new FleetError(each, '').acts === 'operator')) {
    it(`${code}, met at the group`, async () => {
      using world = createWorld();
      const { ensureGroup } = world.enrollments;
      world.enrollments.ensureGroup = async () => Promise.reject(new FleetError(code, 'An operator has to act.'));
      await world.declare('line7', { keyCustody: 'plain' }).catch(() => {});
      const jobId = await failedJob(world, code);
      world.enrollments.ensureGroup = ensureGroup;
      await retried(world, jobId);
    });
  }
});

describe('a row that its sender has to fix', () => {
  it('counts as rejected, and a retry leaves it out', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const jobId = await world.upload('line7/list.csv', ['deviceId', 'GW_ä', ''].join('\n'));
    await world.settle();
    const job = await world.job(jobId);
    assert.deepEqual([job.counts.failed, job.counts.rejected], [0, 1]);
    await assert.rejects(retryJob(job, world.services()), { code: 'method-conflict' });
  });
});
