import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { wellKnownKey } from 'fleet-emulators/dps';
import { readLinkedHubs } from '../../../lib/azure/dps-hubs.ts';
import { type RunningDps, startDps } from '../../infra/emulators/dps/running-dps.ts';
import { anyCredential, someResource } from '../enrollment/fleet-on-dps.ts';

describe('hubs that are linked to DPS', () => {
  let dps: RunningDps;
  before(async () => {
    dps = await startDps({
      hubs: [
        { hostName: 'hub-1.localhost', key: wellKnownKey },
        { hostName: 'hub-2.localhost', key: wellKnownKey },
      ],
    });
  });
  after(() => dps.stop());

  it('are read by the management API', async () => {
    const options = { resource: someResource, credential: anyCredential, maxRetries: 0 };
    assert.deepEqual(await readLinkedHubs({ ...options, endpoint: `https://localhost:${dps.port}` }), [
      { host: 'hub-1.localhost', isAllocated: true },
      { host: 'hub-2.localhost', isAllocated: true },
    ]);
  });
});
