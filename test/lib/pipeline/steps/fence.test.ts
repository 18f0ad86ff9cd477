import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate } from '../../../../lib/devices/certificate.ts';
import type { DeviceRecord } from '../../../../lib/devices/device.ts';
import { FleetError } from '../../../../lib/errors.ts';
import type { GroupRecord, IssuingCa } from '../../../../lib/groups/group.ts';
import type { Issuance } from '../../../../lib/pipeline/issuance.ts';
import { fenceIssuances, fenceRecords } from '../../../../lib/pipeline/steps/fence.ts';
import { someDelegatedCa } from '../../../contract/delegated-ca-store.ts';
import { someDevice, someGroup, someTime } from '../../../factories.ts';
import { createMemoryDelegatedCaStore } from '../../../memory/delegated-ca-store.ts';
import { createMemoryDeviceStore } from '../../../memory/device-store.ts';

const at = someTime.toISOString();
const ca = (generation: number) => ({ generation, certificatePem: '', chainPem: [] }) as unknown as IssuingCa;
const group = (generations: readonly number[], more: Partial<GroupRecord> = {}): GroupRecord => ({
  ...{ id: 'line7', definition: someGroup(), createdAt: at, updatedAt: at },
  issuingCas: generations.map(ca),
  ...more,
});
const removing = { generation: 1, by: 'Ann', at } as never;
const blocked = { by: 'Ada', at, reason: 'memory was read' };

describe('before an archive is stored', () => {
  async function fence(given: GroupRecord | undefined, delegated?: Parameters<typeof someDelegatedCa>[0] | 'unknown') {
    const delegatedCas = createMemoryDelegatedCaStore();
    const own = someDelegatedCa({ id: 'ca-1', ...(delegated !== 'unknown' && delegated) });
    if (delegated !== 'unknown') await delegatedCas.create(own);
    const issuance = { group: group([1]), ...(delegated !== undefined && { delegatedCa: { id: 'ca-1' } }) };
    const ended: string[] = [];
    await fenceIssuances(new Map([['line7', issuance as unknown as Issuance]]), {
      delegatedCas,
      endDelegatedCa: async (id, reason) => void ended.push(`${id} ${reason}`),
      groups: { directory: async () => new Map(given === undefined ? [] : [['line7', { value: given, etag: '' }]]) },
    }).catch((error: unknown) => {
      throw Object.assign(error as Error, { ended });
    });
    return ended;
  }

  it('certificates of a CA that the group has are stored', async () => {
    assert.deepEqual(await fence(group([1])), []);
    assert.deepEqual(await fence(group([2, 1])), []);
    assert.deepEqual(await fence(group([1]), {}), []);
    // A group that is gone is found after the records are written.
    assert.deepEqual(await fence(undefined), []);
  });

  it('certificates of a CA that left the group are not', async () => {
    const refused = { code: 'concurrent-change', message: /CA 1 of group "line7" was removed/ };
    await assert.rejects(fence(group([2])), refused);
    await assert.rejects(fence(group([2, 1], { removingCa: removing })), refused);
  });

  it('certificates of a delegated CA that is blocked, or has no record, are not; its key is dropped', async () => {
    for (const delegated of [{ blocked }, 'unknown'] as const) {
      const message = /Delegated CA ca-1 was blocked/;
      await assert.rejects(fence(group([1]), delegated), (error: FleetError & { ended: string[] }) => {
        assert.deepEqual([error.code, error.ended], ['concurrent-change', ['ca-1 blocked']]);
        assert.match(error.message, message);
        return true;
      });
    }
  });
});

describe('after the records are written', () => {
  function device(id: string, change: Partial<DeviceCertificate> = {}, more: Partial<DeviceRecord> = {}): DeviceRecord {
    const certificate: DeviceCertificate = {
      ...{ kind: 'identity', serialNumber: id, sha1Thumbprint: id, sha256Thumbprint: id, notBefore: at, notAfter: at },
      ...{ enrollmentGroup: 'line7', caGeneration: 1, state: 'live', since: at, ...change },
    };
    return someDevice({ id, serialNumber: id, status: 'provisioned', certificates: [certificate], ...more });
  }

  async function fence(
    given: readonly DeviceRecord[],
    found: GroupRecord | FleetError,
    { cas = [] as readonly Parameters<typeof someDelegatedCa>[0][], meanwhile = given } = {},
  ) {
    const devices = createMemoryDeviceStore();
    await devices.create([...meanwhile]);
    const delegatedCas = createMemoryDelegatedCaStore();
    for (const each of cas) await delegatedCas.create(someDelegatedCa(each));
    const latest = async () => {
      if (found instanceof FleetError) throw found;
      return { value: found, etag: '' };
    };
    const ports = { devices, delegatedCas, now: () => someTime, groups: { latest } };
    const error = await fenceRecords(given, ports).then(
      () => undefined,
      (reason: FleetError) => reason,
    );
    return { error, state: (id: string) => devices.records.get(id) };
  }

  it('devices keep certificates of a CA that the group has, and those of earlier versions', async () => {
    const devices = [device('gw-1'), device('gw-2', { caGeneration: undefined as never })];
    const { error } = await fence(devices, group([1]));
    assert.equal(error, undefined);
    assert.equal((await fence([devices[1] ?? assert.fail()], group([2]))).error, undefined);
    assert.equal((await fence([], group([2]))).error, undefined);
  });

  for (const [what, found] of [
    ['has left the group', group([2])],
    ['is being removed', group([2, 1], { removingCa: removing })],
    ['is of a group that is being deleted', group([1], { deleting: { by: 'Ann', at } as never })],
    ['is of a group that was deleted', new FleetError('not-found', 'There is no group.')],
  ] as const) {
    it(`devices lose a certificate whose CA ${what}`, async () => {
      const { error, state } = await fence([device('gw-1'), device('gw-2')], found);
      assert.equal(error?.code, 'concurrent-change');
      assert.match(error?.message ?? '', /The CA of 2 certificates was removed/);
      for (const id of ['gw-1', 'gw-2']) {
        assert.deepEqual([state(id)?.status, state(id)?.failure?.code], ['failed', 'ca-removed']);
        assert.match(state(id)?.failure?.message ?? '', /Group "line7" was deleted, or the CA/);
      }
    });
  }

  it('an error of the store is not taken for a group that is gone', async () => {
    const { error, state } = await fence([device('gw-1')], new FleetError('unavailable', 'Away.'));
    assert.equal(error?.code, 'unavailable');
    assert.equal(state('gw-1')?.status, 'provisioned');
  });

  it('devices lose a certificate of a delegated CA that is blocked, and only those', async () => {
    const devices = [
      device('gw-1', { delegatedCa: 'ca-1' }),
      device('gw-2', { delegatedCa: 'ca-2' }),
      device('gw-3'),
      device('gw-4', { delegatedCa: 'ca-3' }),
    ];
    const cas = [{ id: 'ca-1', blocked }, { id: 'ca-2' }];
    const { error, state } = await fence(devices, group([1]), { cas });
    assert.match(error?.message ?? '', /The CA of 2 certificates/);
    assert.deepEqual(
      devices.map(({ id }) => state(id)?.status),
      ['failed', 'provisioned', 'provisioned', 'failed'],
    );
    assert.match(state('gw-1')?.failure?.message ?? '', /Delegated CA ca-1, which signed its certificate, was blocked/);
  });

  it('a device that has registered, or has another certificate by now, keeps what it has', async () => {
    for (const meanwhile of [
      device('gw-1', {}, { status: 'assigned' }),
      device('gw-1', {}, { serialNumber: 'other' }),
    ]) {
      const { error, state } = await fence([device('gw-1')], group([2]), { meanwhile: [meanwhile] });
      assert.equal(error, undefined);
      assert.deepEqual(state('gw-1'), meanwhile);
    }
  });
});
