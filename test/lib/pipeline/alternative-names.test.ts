import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { jobErrors } from '../../../lib/jobs/reports.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { Interruption } from '../../world.ts';
import { estGroup, estRequest, openEstWorld } from './est-world.ts';

const day = 24 * 60 * 60;

describe('the group setting subjectAltName', () => {
  for (const [form, name] of [
    ['none', undefined],
    ['dns', 'DNS:gw-1'],
    ['uri', 'URI:urn:fleet:line7:gw-1'],
  ] as const) {
    it(`"${form}" is in the certificate of the bundle and in renewed ones`, async () => {
      using world = await openEstWorld({ ...estGroup, subjectAltName: form });
      const leaf = await world.bundleLeaf();
      const ofGateway = await world.ask(leaf, await estRequest({ kind: 'est-id' }));
      const renewed = await world.ask(leaf, await estRequest());
      const names = [leaf, renewed, ofGateway].map(({ subjectAltName }) => subjectAltName);
      // The EST server alone sees an est-id.
      assert.deepEqual(names, [name, name, undefined]);
    });
  }

  it('"dns" refuses the row of an id that is not a host name, and no other, as the dry run says', async () => {
    using world = await openEstWorld({ ...estGroup, subjectAltName: 'dns' });
    await world.declare('line8', { ...estGroup, subjectAltName: 'dns' });
    const text = 'deviceId\ngw_2\ngw-3\n';
    for (const group of ['line7', 'line8']) {
      // The group of the second run has no CA yet.
      const checked = await world.upload(`${group}/check.csv`, text, { dryRun: 'true' });
      await world.settle();
      const { check } = await world.job(checked);
      assert.deepEqual([check?.outcomes.new, check?.outcomes.refused], [1, 1], group);
      assert.deepEqual(
        check?.faults.map(({ code }) => code),
        ['device-id-invalid'],
      );
    }
    const jobId = await world.upload('line7/real.csv', text);
    await world.settle();
    const { counts } = await world.job(jobId);
    assert.deepEqual([counts.provisioned, counts.rejected, counts.failed], [1, 1, 0]);
    const [fault] = await Array.fromAsync(jobErrors(jobId, world));
    assert.deepEqual([fault?.code, fault?.line, fault?.column], ['device-id-invalid', 2, 'deviceId']);
    assert.match(fault?.message ?? '', /not a host name/);
  });

  it('"dns" locks no device out whose id is not a host name: it renews without', async () => {
    using world = await openEstWorld(estGroup, ['gw_1']);
    await world.declare('line7', { ...estGroup, subjectAltName: 'dns' });
    const leaf = await world.bundleLeaf('gw_1');
    const renewed = await world.ask(leaf, await estRequest({ commonName: 'gw_1' }));
    assert.deepEqual([renewed.subject, renewed.subjectAltName], ['CN=gw_1', undefined]);
  });

  it('is as it was when a request came, also when that is signed again after a crash', async () => {
    using world = await openEstWorld({ ...estGroup, subjectAltName: 'uri' });
    const leaf = await world.bundleLeaf();
    world.register(leaf);
    await reconcileRegistrations(world.services());
    world.pass(200 * day);
    const request = await estRequest();
    world.failOn('result');
    await assert.rejects(world.ask(leaf, request), Interruption);
    await world.declare('line7', { ...estGroup, subjectAltName: 'dns' });
    world.pass(60);
    const answer: X509Certificate = await world.ask(leaf, request);
    assert.equal(answer.subjectAltName, 'URI:urn:fleet:line7:gw-1');
    assert.equal((await world.ask(leaf, await estRequest())).subjectAltName, 'DNS:gw-1');
  });
});
