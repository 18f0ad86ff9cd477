import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HubIdentities } from '../../lib/enrollment/hub-identities.ts';
import { assertEvery } from '../assert-every.ts';

export interface HubIdentitiesUnderTest {
  readonly identities: HubIdentities;
  /** A hub that has the device, which is enabled. */
  readonly hub: string;
  readonly deviceId: string;
  /** A hub that does not have the device. */
  readonly otherHub: string;
  /** Thumbprints of its certificate, upper-case hex: SHA-1, SHA-256 or both. */
  readonly thumbprints: readonly string[];
  /** All of the identity that does not follow from its status. */
  rest(hub: string, deviceId: string): Promise<unknown>;
  /** Someone else disables the device. */
  disableElsewhere(hub: string, deviceId: string, reason: string): Promise<void>;
}

const freely = async () => true;
const own = { isOwn: (mark: string) => mark.startsWith('act '), mayWrite: freely };

/** Tests that every HubIdentities passes. */
export function hubIdentitiesContract(name: string, open: () => Promise<HubIdentitiesUnderTest>): void {
  describe(`hub identities: ${name}`, () => {
    it('disables a device with the reason, keeps all else of it, and enables it again', async () => {
      const { identities, hub, deviceId, rest } = await open();
      const before = await rest(hub, deviceId);
      const disabled = { status: 'disabled', statusReason: 'act 1' };
      assert.deepEqual(await identities.disable(hub, deviceId, 'act 1', own), disabled);
      assert.deepEqual(await identities.disable(hub, deviceId, 'act 1', own), disabled);
      assert.deepEqual(await identities.read(hub, deviceId), disabled);
      assert.deepEqual(await rest(hub, deviceId), before);
      assert.deepEqual(await identities.enable(hub, deviceId, own), { status: 'enabled' });
      assert.deepEqual(await rest(hub, deviceId), before);
    });

    it('puts the mark of a later operation over the earlier one', async () => {
      const { identities, hub, deviceId } = await open();
      await identities.disable(hub, deviceId, 'act 1', own);
      const later = { status: 'disabled', statusReason: 'act 2' };
      assert.deepEqual(await identities.disable(hub, deviceId, 'act 2', own), later);
      const isFirst = { isOwn: (mark: string) => mark === 'act 1', mayWrite: freely };
      assert.deepEqual(await identities.enable(hub, deviceId, isFirst), later);
      assert.deepEqual(await identities.enable(hub, deviceId, own), { status: 'enabled' });
    });

    it('leaves a device that someone else disabled', async () => {
      const { identities, hub, deviceId, disableElsewhere } = await open();
      await disableElsewhere(hub, deviceId, 'maintenance');
      const theirs = { status: 'disabled', statusReason: 'maintenance' };
      assert.deepEqual(await identities.disable(hub, deviceId, 'act 1', own), theirs);
      assert.deepEqual(await identities.enable(hub, deviceId, own), theirs);
      await identities.enable(hub, deviceId, { isOwn: () => true, mayWrite: freely });
    });

    it('opens no door that was closed again after it asked whether it may', async () => {
      const { identities, hub, deviceId } = await open();
      await identities.disable(hub, deviceId, 'act 1', own);
      let asked = 0;
      async function mayWrite() {
        asked += 1;
        if (asked > 1) return false;
        await identities.disable(hub, deviceId, 'act 2', own);
        return true;
      }
      const left = await identities.enable(hub, deviceId, { ...own, mayWrite });
      assert.deepEqual([asked, left], [2, { status: 'disabled', statusReason: 'act 2' }]);
      await identities.enable(hub, deviceId, own);
    });

    it('shows an identity with its credential, whether it is enabled or not', async () => {
      const { identities, hub, deviceId, thumbprints } = await open();
      const shown = async () => {
        const seen = (await identities.observe(hub, deviceId)) ?? assert.fail('no identity');
        assert.deepEqual([seen.deviceId, seen.hub, seen.authentication], [deviceId, hub, 'selfSigned']);
        assertEvery(seen.thumbprints, (each) => thumbprints.includes(each));
        return [seen.status, seen.statusReason];
      };
      assert.deepEqual(await shown(), ['enabled', undefined]);
      await identities.disable(hub, deviceId, 'act 1', own);
      assert.deepEqual(await shown(), ['disabled', 'act 1']);
      await identities.enable(hub, deviceId, own);
      assert.deepEqual(await shown(), ['enabled', undefined]);
    });

    it('shows nothing of a device that a hub does not have', async () => {
      const { identities, hub, otherHub, deviceId } = await open();
      assert.equal(await identities.observe(otherHub, deviceId), null);
      assert.equal(await identities.observe(hub, 'nobody'), null);
    });

    it('asks no question, and writes nothing, where the device is as it should be', async () => {
      const { identities, hub, deviceId } = await open();
      const unasked = { ...own, mayWrite: async () => assert.fail('asked') };
      assert.deepEqual(await identities.enable(hub, deviceId, unasked), { status: 'enabled' });
      await identities.disable(hub, deviceId, 'act 1', own);
      const disabled = { status: 'disabled', statusReason: 'act 1' };
      assert.deepEqual(await identities.disable(hub, deviceId, 'act 1', unasked), disabled);
      assert.deepEqual(await identities.enable(hub, deviceId, { ...own, mayWrite: async () => false }), disabled);
      await identities.enable(hub, deviceId, own);
    });

    it('says that a device is absent', async () => {
      const { identities, hub, otherHub, deviceId } = await open();
      assert.deepEqual(await identities.read(otherHub, deviceId), { status: 'absent' });
      assert.deepEqual(await identities.disable(hub, 'nobody', 'act 1', own), { status: 'absent' });
      assert.deepEqual(await identities.enable(hub, 'nobody', own), { status: 'absent' });
    });
  });
}
