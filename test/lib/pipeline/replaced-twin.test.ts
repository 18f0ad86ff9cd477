import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { startDriftFleet } from './drift/drift-fleet.ts';

/* On the DPS emulator and its hubs: DPS leaves the twin of a device that it knows as it is. */

const header = 'deviceId,enrollmentGroup,tags.site,tags.line:number,desired.rate:number';

describe('the twin at the hub of a device whose row is replaced', () => {
  for (const enrollment of ['group', 'individual'] as const) {
    it(`has what the new row says, and what others wrote: ${enrollment} enrollment`, async (t) => {
      const fleet = await startDriftFleet();
      t.after(() => fleet.stop());
      const { world, dps } = fleet;
      await world.declare('line7', { keyCustody: 'plain', enrollment, initialTwin: { tags: { line: 7 } } });
      await fleet.provision(`${header}\ngw-1,line7,berlin,1,10\n`);
      const hub = world.devices.records.get('gw-1')?.registration?.assignedHub ?? assert.fail('not at a hub');
      const registry = fleet.registryOf(hub);
      const twin = async () => {
        const { tags, properties } = (await registry.getTwin('gw-1')).responseBody;
        const { $metadata: _metadata, $version: _version, ...desired } = properties.desired;
        return { tags, desired };
      };
      assert.deepEqual(await twin(), { tags: { site: 'berlin', line: 1 }, desired: { rate: 10 } });
      await registry.updateTwin('gw-1', { tags: { owner: 'ops' }, properties: { desired: { level: 3 } } }, '*');

      const row = 'deviceId,enrollmentGroup,tags.site,desired.mode\ngw-1,line7,paris,eco\n';
      await world.upload('replace.csv', row, { onconflict: 'replace' });
      await world.settle();
      await dps.register('gw-1', await fleet.identityOf('gw-1'));
      await reconcileRegistrations(world.services());
      assert.equal(world.devices.records.get('gw-1')?.status, 'assigned');
      assert.deepEqual(await twin(), {
        tags: { site: 'paris', line: 7, owner: 'ops' },
        desired: { mode: 'eco', level: 3 },
      });
    });
  }
});
