import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseHub } from '../../../lib/enrollment/choose-hub.ts';
import fc from '../../fast-check.ts';

const hubs = ['a.example', 'b.example', 'c.example'];
const stays = { updateHubAssignment: false, migrateDeviceData: true };
const moves = { updateHubAssignment: true, migrateDeviceData: true };
const rule = (iotHubs: string[] = [], reprovisionPolicy = moves) => ({ iotHubs, reprovisionPolicy });
const ids = fc.string({ minLength: 1, maxLength: 20 });
const someHubs = fc.uniqueArray(fc.domain(), { minLength: 1, maxLength: 6, selector: (hub) => hub.toLowerCase() });

describe('the hub of a device', () => {
  it('is the same each time, whatever the order of the hubs and the case of names', () => {
    fc.assert(
      fc.property(ids, someHubs, (registrationId, linkedHubs) => {
        const chosen = chooseHub({ registrationId, definition: rule(), linkedHubs });
        assert.ok(chosen !== undefined && linkedHubs.includes(chosen));
        const reversed = linkedHubs.toReversed().map((hub) => hub.toUpperCase());
        const again = chooseHub({
          registrationId: registrationId.toUpperCase(),
          definition: rule(),
          linkedHubs: reversed,
        });
        // Upper case of some letters has more than one: those ids are not ids of devices.
        if (registrationId.toUpperCase().toLowerCase() === registrationId.toLowerCase())
          assert.equal(again?.toLowerCase(), chosen.toLowerCase());
      }),
    );
  });

  it('is one that is linked and that the group allows', () => {
    fc.assert(
      fc.property(
        ids,
        someHubs,
        someHubs,
        fc.option(fc.domain(), { nil: undefined }),
        (registrationId, linkedHubs, iotHubs, currentHub) => {
          const chosen = chooseHub({ registrationId, definition: rule(iotHubs), linkedHubs, currentHub });
          const allowed = linkedHubs.filter((hub) => iotHubs.some((each) => each.toLowerCase() === hub.toLowerCase()));
          if (allowed.length === 0) assert.equal(chosen, undefined);
          else assert.ok(chosen !== undefined && allowed.includes(chosen));
        },
      ),
    );
  });

  it('spreads devices evenly, and a new hub moves only what it gets', () => {
    const devices = Array.from({ length: 3000 }, (_, index) => `gw-${index}`);
    const at = (linkedHubs: string[]) =>
      devices.map((registrationId) => chooseHub({ registrationId, definition: rule(), linkedHubs }));
    const [three, two] = [at(hubs), at(hubs.slice(0, 2))];
    for (const hub of hubs) {
      const share = three.filter((each) => each === hub).length;
      assert.ok(share > 900 && share < 1100, `${hub} has ${share}`);
    }
    for (const [index, hub] of three.entries()) if (hub !== 'c.example') assert.equal(two[index], hub);
  });

  it('is the one where the device is, while it is allowed', () => {
    for (const currentHub of hubs) {
      const common = { registrationId: 'gw-1', linkedHubs: hubs, currentHub };
      assert.equal(chooseHub({ ...common, definition: rule() }), currentHub);
      assert.equal(chooseHub({ ...common, definition: rule(['b.example']) }), 'b.example');
      assert.equal(chooseHub({ ...common, definition: rule(['b.example'], stays) }), currentHub);
    }
    const unlinked = { registrationId: 'gw-1', linkedHubs: hubs, currentHub: 'gone.example' };
    assert.equal(chooseHub({ ...unlinked, definition: rule(['b.example'], stays) }), 'b.example');
  });
});
