import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { readBundle } from '../../../infra/local/demo/bundle-files.ts';
import type { DelegatedCa } from '../../../lib/authorities/delegated-ca.ts';
import { readArchiveIndex } from '../../../lib/bundle/archive.ts';
import { certificatesOf } from '../../../lib/devices/certificates.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { downloadBundle } from '../../../lib/pipeline/download-bundle.ts';
import { estCaCertificates } from '../../../lib/pipeline/est-ca-certificates.ts';
import { provisionChunk } from '../../../lib/pipeline/provision-chunk.ts';
import { readRolloverGate } from '../../../lib/pipeline/rollover-gate.ts';
import type { Issued } from '../../../lib/pipeline/steps/issue.ts';
import { isIssuedBy } from '../../../lib/pki/x509.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';
import { estGroup, estRequest, openEstWorld } from './est-world.ts';

const plain: GroupInput = { keyCustody: 'plain' };
const vaultWorld = () => createWorld({ chunkRows: 2, usesKeyVault: true });
const listOf = (count: number) =>
  `deviceId,enrollmentGroup\n${Array.from({ length: count }, (_, index) => `gw-${index},line7`).join('\n')}\n`;

async function chainIn(world: World, id: string, path = 'certs/device-identity.full-chain.pem') {
  const { body } = await downloadBundle(id, 'Ann', world.services());
  const text = (await readBundle(body)).get(path)?.body.toString() ?? '';
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((pem) => new X509Certificate(pem));
}

const deviceIn = (world: World, id = 'gw-0') => world.devices.records.get(id) ?? assert.fail(`no device ${id}`);
const idOf = ({ serialNumber }: X509Certificate) => serialNumber.toLowerCase();

describe('a group that issues by delegated CAs', () => {
  for (const [name, input, casInBundle] of [
    ['identities', {}, 1],
    ['Edge CAs', { edgeCa: 'issued' }, 2],
  ] as const) {
    it(`has bundles with a chain of leaf, delegated CA and issuing CA, for ${name}`, async () => {
      using world = vaultWorld();
      const { group } = await world.declare('line7', { ...plain, ...input });
      await world.upload('list.csv', listOf(1));
      await world.settle();
      const [leaf, delegated, issuing, ...rest] = await chainIn(world, 'gw-0');
      assert.ok(leaf && delegated && issuing);
      assert.deepEqual(rest, []);
      const [ca] = group.issuingCas;
      assert.equal(issuing.fingerprint256, new X509Certificate(ca?.certificatePem ?? '').fingerprint256);
      assert.ok(isIssuedBy(leaf, delegated) && isIssuedBy(delegated, issuing));
      const certificates = certificatesOf(deviceIn(world));
      assert.equal(certificates.length, casInBundle);
      for (const each of certificates) {
        assert.deepEqual([each.delegatedCa, each.caGeneration], [idOf(delegated), 1], each.kind);
      }
      if (casInBundle === 1) return;
      const [edgeCa, issuer] = await chainIn(world, 'gw-0', 'certs/edge-ca.full-chain.pem');
      assert.ok(edgeCa && issuer && isIssuedBy(edgeCa, issuer));
      assert.equal(idOf(issuer), idOf(delegated));
    });
  }

  it('is named by serial number in the index of the archive, in the audit trail, and in its own record', async () => {
    using world = vaultWorld();
    await world.declare('line7', plain);
    await world.upload('list.csv', listOf(2));
    await world.settle();
    const [ca] = world.delegatedCas.all();
    assert.ok(ca?.certificatePem);
    const [archive] = [...world.bundles.blobs.values()];
    const index = readArchiveIndex<Issued>(archive ?? Buffer.alloc(0));
    assert.deepEqual(
      index.map(({ info }) => [info.deviceId, info.delegatedCa, info.caGeneration]),
      [
        ['gw-0', ca.id, 1],
        ['gw-1', ca.id, 1],
      ],
    );
    const issued = world.audit.entries.find(({ action }) => action === 'issue-certificates');
    const [named] = (issued?.details?.['groups'] ?? []) as { rows: number; delegatedCa: string }[];
    assert.deepEqual([named?.rows, named?.delegatedCa], [2, ca.id]);
  });

  it('issues directly where its keys are in files, unless it is declared, and with individual enrollments', async () => {
    using world = createWorld();
    await world.declare('line7', plain);
    await world.declare('line8', { ...plain, issuance: 'delegated' });
    await world.declare('line9', { ...plain, enrollment: 'individual' });
    await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-7,line7\ngw-8,line8\ngw-9,line9\n');
    await world.settle();
    const delegatedTo = ['gw-7', 'gw-8', 'gw-9'].map((id) => certificatesOf(deviceIn(world, id))[0]?.delegatedCa);
    assert.deepEqual(delegatedTo, [undefined, world.delegatedCas.all()[0]?.id, undefined]);
    assert.equal((await chainIn(world, 'gw-7')).length, 2);
  });

  it('issues directly with an issuing CA that is too short, until it is rolled over', async () => {
    using world = vaultWorld();
    await world.declare('line7', { ...plain, issuance: 'direct' });
    await world.declare('line7', plain);
    await world.upload('list.csv', listOf(1));
    await world.settle();
    assert.equal(certificatesOf(deviceIn(world))[0]?.delegatedCa, undefined);
    await world.services().groups.rollOver('line7');
    await world.upload('again.csv', listOf(1), { onConflict: 'reissue' });
    await world.settle();
    const [present] = certificatesOf(deviceIn(world));
    assert.deepEqual([present?.caGeneration, present?.delegatedCa], [2, world.delegatedCas.all()[0]?.id]);
  });

  it('shares one between chunks in work at the same time', async () => {
    using world = vaultWorld();
    await world.declare('line7', plain);
    await world.upload('list.csv', listOf(6));
    await world.queue.shift()?.run();
    const services = world.services();
    const chunks = world.queue.splice(0).map(({ message }) => provisionChunk(message as never, services));
    assert.equal(chunks.length, 3);
    await Promise.all(chunks);
    assert.equal(world.delegatedCas.all().length, 1);
    assert.equal([...world.devices.records.values()].filter(({ status }) => status === 'provisioned').length, 6);
  });

  it('has its message delivered again while the vault throttles, as with direct issuing', async () => {
    using world = vaultWorld();
    await world.declare('line7', plain);
    await world.upload('list.csv', listOf(1));
    await world.queue.shift()?.run();
    const message = world.queue[0]?.message as never;
    const throttled = new FleetError('throttled', 'Key Vault is throttling this app.', { retryAfter: 7 });
    const services = world.services();
    const openIssuance = () => Promise.reject(throttled);
    await assert.rejects(provisionChunk(message, { ...services, openIssuance }), (error) => error === throttled);
    await world.settle();
    assert.equal(deviceIn(world).status, 'provisioned');
  });

  it('counts its certificates under the issuing CA when that is to leave', async () => {
    using world = vaultWorld();
    await world.declare('line7', plain);
    await world.upload('list.csv', listOf(3));
    await world.settle();
    await world.services().groups.rollOver('line7');
    const services = world.services();
    const { value } = (await services.groups.directory()).get('line7') ?? assert.fail('no group');
    const gate = await readRolloverGate(value, services);
    assert.equal(gate?.ca.generation, 1);
    assert.equal(gate?.notInstalled.devices, 3);
  });
});

describe('a worker that issues by a delegated CA and dies', () => {
  it('leaves a record of every delegated CA, whichever call was its last one, and one certificate per device', async () => {
    const begin = async () => {
      const world = vaultWorld();
      await world.declare('line7', plain);
      await world.upload('list.csv', listOf(3));
      return world;
    };
    using calm = await begin();
    calm.interruptAfter(0);
    const calls = await calm.settle();
    for (let call = 1; call <= calls; call++) {
      using world = await begin();
      world.interruptAfter(call);
      await world.settle();
      const records = new Map(world.delegatedCas.all().map((ca): [string, DelegatedCa] => [ca.id, ca]));
      const intents = world.audit.entries.filter((each) => each.action === 'create-delegated-ca');
      // Nothing was signed that has no record, and no record was made that the audit trail does not name.
      for (const id of records.keys())
        assert.ok(
          intents.some(({ subject }) => subject['delegatedCa'] === id),
          `cut after call ${call}`,
        );
      for (const { id } of [...world.devices.records.values()]) {
        const [leaf, delegated] = await chainIn(world, id);
        const [present, ...others] = certificatesOf(deviceIn(world, id));
        assert.deepEqual(others, [], `cut after call ${call}`);
        assert.equal(present?.serialNumber, leaf && idOf(leaf), `cut after call ${call}`);
        const record = records.get(present?.delegatedCa ?? '');
        assert.equal(record?.id, delegated && idOf(delegated), `cut after call ${call}`);
        assert.equal(record?.certificatePem?.trim(), delegated?.toString().trim(), `cut after call ${call}`);
      }
      assert.doesNotMatch(JSON.stringify([...records.values(), ...world.audit.entries]), /PRIVATE/);
    }
  });
});

describe('the EST server', () => {
  const open = (definition: GroupInput = estGroup) => openEstWorld(definition, ['gw-1'], { usesKeyVault: true });
  const blocked = { by: 'Ada', at: someTime.toISOString(), reason: 'the host was lost' };

  it('takes a certificate of a delegated CA, issues by the issuing CA, and answers the chain of that', async () => {
    using world = await open();
    const leaf = await world.bundleLeaf();
    assert.ok(certificatesOf(world.record())[0]?.delegatedCa);
    const renewed = await world.ask(leaf, await estRequest());
    const cas = await estCaCertificates({ label: 'line7~1', leaf }, world.services());
    const [issuing] = cas.map((pem) => new X509Certificate(pem));
    assert.ok(issuing && isIssuedBy(renewed, issuing));
    assert.equal(cas.length, 2);
    assert.equal(certificatesOf(world.record())[0]?.delegatedCa, undefined);
    assert.ok(await world.ask(renewed, await estRequest({ kind: 'est-id' })));
  });

  it('takes it after its end, as long as the group says so: its delegated CA has ended by then', async () => {
    using world = await open({ ...estGroup, est: { url: 'fleet', identity: true, renewExpiredWithinDays: 30 } });
    const leaf = await world.bundleLeaf();
    world.pass(380 * 24 * 3600);
    assert.ok(await world.ask(leaf, await estRequest()));
  });

  it('refuses it when the delegated CA is blocked, and takes what the issuing CA gave before', async () => {
    using world = await open();
    const leaf = await world.bundleLeaf();
    const estId = await world.ask(leaf, await estRequest({ kind: 'est-id' }));
    const [ca] = world.delegatedCas.all();
    const found = await world.delegatedCas.read(ca?.id ?? '');
    assert.ok(found);
    await world.delegatedCas.replace({ value: { ...found.value, blocked }, etag: found.etag });
    await assert.rejects(world.ask(leaf, await estRequest()), (error: FleetError) => {
      assert.equal(error.code, 'renewal-refused');
      assert.match(error.message, /^Delegated CA [0-9a-f]{32}, which issued the client certificate, is blocked/);
      return true;
    });
    assert.ok(await world.ask(estId, await estRequest()));
  });

  it('refuses it when there is no record of the delegated CA, or another CA has its place', async () => {
    using world = await open();
    const leaf = await world.bundleLeaf();
    const read = world.delegatedCas.read;
    world.delegatedCas.read = async () => undefined;
    const notOurs = /was not issued by a CA of group "line7"/;
    await assert.rejects(world.ask(leaf, await estRequest()), notOurs);
    const { certificatePem } = (await world.services().groups.directory()).get('line7')?.value.issuingCas[0] ?? {};
    world.delegatedCas.read = async (id) => {
      const found = await read(id);
      return found && { ...found, value: { ...found.value, certificatePem: certificatePem ?? '' } };
    };
    await assert.rejects(world.ask(leaf, await estRequest()), notOurs);
  });
});
