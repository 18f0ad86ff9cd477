import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { seedFleet } from '../../../../bench/harness/seed-fleet.ts';
import { type DriftFleet, startDriftFleet } from './drift-fleet.ts';

/* The sweep of the product reads 10,000 devices from the DPS emulator and its hubs. */

const devices = 10_000;

let directory: string;
let fleet: DriftFleet;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'clean-fleet-'));
  const dpsFile = join(directory, 'dps.sqlite');
  fleet = await startDriftFleet({ dataFile: dpsFile });
  await fleet.world.declare('line7', { keyCustody: 'plain' });
  const { hubs, world } = fleet;
  await seedFleet({ ...world, enrollmentGroup: 'line7', hubs, dpsFile, now: new Date() }, 0, devices);
});

after(async () => {
  await fleet.stop();
  await rm(directory, { recursive: true, force: true });
});

it('a fleet of 10,000 devices with nothing wrong has no findings, and each edit is found', {
  timeout: 300_000,
}, async () => {
  const clean = await fleet.sweep();
  assert.deepEqual(
    [clean.devices, clean.registrations, clean.identities, clean.changed, clean.opened, clean.silentHubs],
    [devices, devices, devices, 0, 0, 0],
  );
  assert.deepEqual(fleet.found(), []);
  assert.ok(clean.calls <= (devices / 1000) * 25, `${clean.calls} calls`);

  const [tagged, deleted, disabled, archived] = [
    'seeded-0000007',
    'seeded-0004242',
    'seeded-0009998',
    'seeded-0000250',
  ];
  const hubOf = (id: string) => fleet.world.devices.records.get(id)?.registration?.assignedHub ?? '';
  await fleet.registryOf(hubOf(tagged)).updateTwin(tagged, { tags: { site: 'ber' } }, '*');
  await fleet.registryOf(hubOf(deleted)).delete(deleted);
  const { responseBody } = await fleet.registryOf(hubOf(disabled)).get(disabled);
  await fleet.registryOf(hubOf(disabled)).update({ ...responseBody, status: 'disabled' } as never);
  const archive = fleet.world.devices.records.get(archived)?.bundle?.archive ?? '';
  fleet.world.bundles.delete(archive);
  await fleet.sweep();
  assert.deepEqual(fleet.found().sort(), [
    `archive-missing ${archive}`,
    `identity-disabled ${disabled}`,
    `identity-missing ${deleted}`,
    `tags-differ ${tagged}`,
  ]);
});
