import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { createDpsCertificates, parseDpsResourceId } from '../../../lib/azure/dps-certificates.ts';
import type { CaRegistry } from '../../../lib/enrollment/ca-registration.ts';
import { registerIssuingCa, registerRoot, unregisterFormerCas } from '../../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../../lib/errors.ts';
import { anyCredential, type Fleet, someResource, startFleet } from './fleet-on-dps.ts';

const definition = { keyCustody: 'plain', target: 'dps-device' } as const;

/** Runs a test on a new deployment, since each test depends on what DPS holds. */
async function withFleet(work: (fleet: Fleet) => Promise<void>): Promise<void> {
  const fleet = await startFleet();
  try {
    await work(fleet);
  } finally {
    await fleet.stop();
  }
}

class Cut extends Error {}

/** A registry whose n-th call takes effect but throws, as when its answer is lost. */
function cutAfter(registry: CaRegistry, call: number): CaRegistry {
  let calls = 0;
  return new Proxy(registry, {
    get(target, property) {
      const method = Reflect.get(target, property) as (...given: unknown[]) => Promise<unknown>;
      return async (...given: unknown[]) => {
        const answer = await method.apply(target, given);
        calls += 1;
        if (calls === call) throw new Cut(String(property));
        return answer;
      };
    },
  });
}

describe('registering the root', () => {
  it('uploads it, proves possession, and changes nothing the second time', () =>
    withFleet(async (fleet) => {
      assert.deepEqual(await registerRoot(fleet), { state: 'verified', name: 'fleet-root', already: false });
      const first = await fleet.registry.list();
      assert.equal(first.length, 1);
      assert.equal(first[0]?.isVerified, true);
      assert.deepEqual(await registerRoot(fleet), { state: 'verified', name: 'fleet-root', already: true });
      assert.deepEqual(await fleet.registry.list(), first);
      assert.equal((await fleet.authority.rootCa()).value.registration?.name, 'fleet-root');
    }));

  for (const call of [1, 2, 3, 4]) {
    it(`continues where it was interrupted after call ${call}`, () =>
      withFleet(async (fleet) => {
        await assert.rejects(registerRoot({ ...fleet, registry: cutAfter(fleet.registry, call) }), Cut);
        const outcome = await registerRoot(fleet);
        assert.equal(outcome.state, 'verified');
        assert.deepEqual(
          (await fleet.registry.list()).map(({ isVerified }) => isVerified),
          [true],
        );
        assert.equal((await fleet.authority.rootCa()).value.registration?.name, 'fleet-root');
      }));
  }

  it('succeeds when two operators do it at once', () =>
    withFleet(async (fleet) => {
      const outcomes = await Promise.all([registerRoot(fleet), registerRoot(fleet)]);
      assert.deepEqual(
        outcomes.map(({ state }) => state),
        ['verified', 'verified'],
      );
      assert.equal((await fleet.registry.list()).length, 1);
    }));

  it('finds it under another name', () =>
    withFleet(async (fleet) => {
      await fleet.registry.upload('by-hand', (await fleet.authority.rootCa()).value.certificatePem, {
        withoutProof: true,
      });
      assert.deepEqual(await registerRoot(fleet), { state: 'verified', name: 'by-hand', already: true });
    }));

  it('does not replace another certificate', () =>
    withFleet(async (fleet) => {
      const other = await startFleet();
      try {
        await fleet.registry.upload('fleet-root', (await other.authority.rootCa()).value.certificatePem, {
          withoutProof: true,
        });
      } finally {
        await other.stop();
      }
      await assert.rejects(registerRoot(fleet), { code: 'ca-invalid' });
      assert.deepEqual(await registerRoot(fleet, { name: 'root-2' }), {
        state: 'verified',
        name: 'root-2',
        already: false,
      });
    }));

  it('verifies it without a proof when asked to, also after an upload with the need of one', () =>
    withFleet(async (fleet) => {
      await fleet.registry.upload('fleet-root', (await fleet.authority.rootCa()).value.certificatePem, {
        withoutProof: false,
      });
      assert.deepEqual(await registerRoot(fleet, { withoutProof: true }), {
        state: 'verified',
        name: 'fleet-root',
        already: false,
      });
    }));

  it('is required before devices can register', () =>
    withFleet(async (fleet) => {
      await fleet.groups.declare('line7', definition);
      await assert.rejects(fleet.provision('line7', 'gw-1'), /"errorCode":401002.*CA certificate not found/);
      await registerRoot(fleet);
      assert.notEqual(await fleet.provision('line7', 'gw-1'), '');
    }));

  it('reports the answer of DPS when it refuses', () =>
    withFleet(async (fleet) => {
      await assert.rejects(registerRoot(fleet, { name: 'no/such name' }), (error: unknown) => {
        assert.ok(error instanceof FleetError, String(error));
        assert.equal(error.code, 'ca-refused');
        assert.match(error.message, /HTTP 400/);
        return true;
      });
    }));

  it('reports a service that cannot be reached', async () => {
    const registry = createDpsCertificates({
      resource: someResource,
      credential: anyCredential,
      endpoint: 'https://localhost:1',
      maxRetries: 0,
    });
    await assert.rejects(registry.list(), { code: 'unavailable' });
  });
});

describe('a group that refers to its CA by name', () => {
  let fleet: Fleet;
  before(async () => {
    fleet = await startFleet();
  });
  after(() => fleet.stop());

  it('waits until DPS has the CA, and does not need the root', async () => {
    const { group, pending } = await fleet.groups.declare('line7', { ...definition, attestation: 'caReference' });
    assert.equal(group.enrolled, undefined);
    assert.equal(pending?.code, 'ca-unregistered');
    assert.match(pending?.hint ?? '', /fleet ca register/);
    assert.equal(group.issuingCas.length, 1);

    const outcome = await registerIssuingCa(fleet, 'line7');
    assert.deepEqual(outcome, { state: 'verified', name: 'line7-1', already: false });
    const { responseBody } = await fleet.dps.service.getEnrollmentGroup('line7');
    assert.deepEqual(responseBody.attestation.x509?.caReferences, { primary: 'line7-1' });
    assert.notEqual(await fleet.provision('line7', 'gw-1'), '');
  });

  it('is sent to DPS once', async () => {
    const before = (await fleet.dps.service.getEnrollmentGroup('line7')).responseBody;
    await registerIssuingCa(fleet, 'line7');
    const record = await fleet.groupStore.read('line7');
    assert.ok(record);
    await fleet.groups.ensure(record);
    assert.equal((await fleet.dps.service.getEnrollmentGroup('line7')).responseBody.etag, before.etag);
  });

  it('refers to both CAs after a rollover, once the new one is registered', async () => {
    const old = await fleet.issue('line7', 'gw-old');
    const { pending } = await fleet.groups.rollOver('line7', { from: 1 });
    assert.equal(pending?.code, 'ca-unregistered');
    await registerIssuingCa(fleet, 'line7');
    const { responseBody } = await fleet.dps.service.getEnrollmentGroup('line7');
    assert.deepEqual(responseBody.attestation.x509?.caReferences, { primary: 'line7-2', secondary: 'line7-1' });
    assert.equal((await fleet.dps.register('gw-old', old)).status, 'assigned');
    assert.notEqual(await fleet.provision('line7', 'gw-new'), '');
  });

  it('contains its CAs again when it is declared so', async () => {
    await registerRoot(fleet);
    const { pending } = await fleet.groups.declare('line7', definition);
    assert.equal(pending, undefined);
    const { x509 } = (await fleet.dps.service.getEnrollmentGroup('line7')).responseBody.attestation;
    assert.equal(x509?.caReferences, undefined);
    assert.ok(x509?.signingCertificates?.primary?.info);
    assert.notEqual(await fleet.provision('line7', 'gw-3'), '');
  });

  it('cannot have individual enrollments', async () => {
    const declared = fleet.groups.declare('single', {
      ...definition,
      attestation: 'caReference',
      enrollment: 'individual',
    });
    await assert.rejects(declared, { code: 'group-invalid' });
  });
});

describe('parseDpsResourceId', () => {
  it('reads a resource id and nothing else', () => {
    const id =
      '/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-1/providers/Microsoft.Devices/provisioningServices/dps-1';
    assert.deepEqual(parseDpsResourceId(id), {
      subscriptionId: '00000000-0000-0000-0000-000000000000',
      resourceGroup: 'rg-1',
      name: 'dps-1',
    });
    for (const wrong of ['', 'dps-1', `${id}/certificates`, `${id}/../other`]) {
      assert.throws(() => parseDpsResourceId(wrong), { code: 'request-invalid' });
    }
  });
});

describe('removing the CAs of a deleted group', () => {
  it('removes what only that group used, by certificate and not by name, and nothing the second time', () =>
    withFleet(async (fleet) => {
      const { groups } = fleet;
      await groups.declare('line7', definition);
      await groups.declare('line8', definition);
      const [first, other] = [await registerIssuingCa(fleet, 'line7'), await registerIssuingCa(fleet, 'line8')];
      await assert.rejects(unregisterFormerCas(fleet, 'line7'), { code: 'not-found' });
      await groups.markDeleting('line7', 'Ann');
      await groups.finishDeletion('line7');
      assert.deepEqual(await unregisterFormerCas(fleet, 'line7'), { removed: [first.name], kept: [] });
      assert.deepEqual(await unregisterFormerCas(fleet, 'line7'), { removed: [], kept: [] });
      assert.deepEqual(
        (await fleet.registry.list()).map(({ name }) => name),
        [other.name],
      );
    }));
});

describe('a deleted group on DPS', () => {
  it('is gone, and its devices are refused; declared again it works with another CA', () =>
    withFleet(async (fleet) => {
      const { groups, dps } = fleet;
      await registerRoot(fleet);
      await groups.declare('line7', definition);
      const identity = await fleet.issue('line7', 'gw-1');
      await groups.markDeleting('line7', 'Ann');
      assert.equal((await groups.finishDeletion('line7')).dps, 'deleted');
      await assert.rejects(dps.register('gw-1', identity), /"errorCode":401002.*No enrollment holds this certificate/);
      await groups.declare('line7', definition);
      await assert.rejects(dps.register('gw-1', identity), /"errorCode":401002.*No enrollment holds this certificate/);
      assert.ok(await fleet.provision('line7', 'gw-1'));
    }));

  it('of a device that is blocked, DPS refuses the device until the block is removed', () =>
    withFleet(async (fleet) => {
      const { groups, dps, enrollments } = fleet;
      await registerRoot(fleet);
      await groups.declare('line7', definition);
      const identity = await fleet.issue('line7', 'gw-1');
      assert.equal(await enrollments.block('gw-1', 'deleted 1'), undefined);
      await assert.rejects(dps.register('gw-1', identity), /disabled/);
      assert.ok(await fleet.provision('line7', 'gw-2'));
      assert.equal(await enrollments.deleteEnrollment('gw-1', ({ mark }) => mark === 'deleted 1'), 'deleted');
      assert.ok((await dps.register('gw-1', identity)).assignedHub);
    }));
});
