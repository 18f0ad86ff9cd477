import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { type DpsEntryOnWire, observedEntry, observedIdentity } from '../../lib/azure/observed-entries.ts';
import type { DeviceRecord } from '../../lib/devices/device.ts';
import type { ObservedDevice } from '../../lib/enrollment/observed.ts';
import { compareGroup } from '../../lib/findings/compare-group.ts';
import type { GroupInput } from '../../lib/groups/definition.ts';
import { createDriftDetector } from '../../lib/pipeline/detect-drift.ts';
import { someDevice } from '../factories.ts';
import fc from '../fast-check.ts';
import { type Fleet, startFleet } from '../lib/enrollment/fleet-on-dps.ts';
import { createWorld } from '../world.ts';

/* A fleet with nothing wrong has no findings: DPS and IoT Hub leave out, add and reorder what means the same. */

const runs = 40;

const leaf = fc.oneof(fc.string({ maxLength: 8 }), fc.integer({ min: -1000, max: 1000 }), fc.boolean());
const key = fc.stringMatching(/^[a-z]{1,6}$/);
const section = fc.dictionary(key, fc.oneof(leaf, fc.array(leaf, { maxLength: 3 }), fc.dictionary(key, leaf)), {
  maxKeys: 4,
});

const definition: fc.Arbitrary<GroupInput> = fc.record(
  {
    keyCustody: fc.constant('plain' as const),
    target: fc.constantFrom('iotedge-1.6', 'dps-device'),
    provisioningStatus: fc.constantFrom('enabled', 'disabled'),
    initialTwin: fc.record({ tags: section, desired: section }, { requiredKeys: [] }),
    allocationPolicy: fc.constantFrom('hashed', 'geoLatency'),
    iotHubs: fc.constantFrom([], ['localhost']),
    reprovisionPolicy: fc.record(
      { updateHubAssignment: fc.boolean(), migrateDeviceData: fc.boolean() },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['keyCustody'] },
);

let fleet: Fleet;
before(async () => {
  fleet = await startFleet();
});
after(() => fleet.stop());

it('no group differs from what DPS has of it, whatever is declared', async () => {
  for (const [index, input] of fc.sample(definition, runs).entries()) await fleet.groups.declare(`line${index}`, input);
  const at = new Date(Date.now() + 1000).toISOString();
  const query = fleet.dps.service.createEnrollmentGroupQuery({ query: 'SELECT *' }, 100);
  const { responseBody } = await query.next(query.continuationToken);
  const seen = new Map((responseBody as unknown as DpsEntryOnWire[]).map(observedEntry).map((each) => [each.id, each]));
  const records = [...(await fleet.groups.directory({ maxAgeSeconds: 0 })).values()];
  assert.equal(records.length, runs);
  for (const { value } of records) {
    const { decided, differences } = compareGroup(value, seen.get(value.id), at);
    assert.deepEqual([decided.length, differences], [4, []], JSON.stringify(value.definition));
  }
});

it('10,000 devices as the hub and DPS show them have no findings', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const day = (days: number) => new Date(Date.parse(at) + days * 24 * 60 * 60 * 1000).toISOString();
  const at = world.services().now().toISOString();
  const observe = createDriftDetector(world.services());
  await world.bundles.write('job/chunk.zip', Buffer.alloc(1), { contentType: 'application/zip' });
  for (let first = 0; first < 10_000; first += 100) {
    const own = Array.from({ length: 100 }, (_, index): DeviceRecord => {
      const name = String(first + index).padStart(5, '0');
      const identity = {
        sha1Thumbprint: `${name}A`.padStart(40, '0'),
        sha256Thumbprint: `${name}B`.padStart(64, '0'),
        notBefore: day(-30),
        notAfter: day(300),
      };
      const tags = { site: 'ams', rack: { row: index, empty: {} } };
      return someDevice({
        ...{ id: `gw-${name}`, enrollmentGroup: 'line7', status: 'assigned', identity, twin: { tags, desired: {} } },
        bundle: { archive: 'job/chunk.zip', offset: 0, length: 1, fileName: 'b', mediaType: 'application/gzip' },
        registration: { status: 'assigned', assignedHub: 'Hub.Example.net', at: day(-29) },
      });
    });
    await world.devices.create(own);
    const devices = own.map(({ id, identity, registration, twin }): ObservedDevice => {
      const x509Thumbprint = {
        primaryThumbprint: identity?.sha256Thumbprint.toLowerCase() ?? '',
        secondaryThumbprint: null,
      };
      const { row } = (twin?.tags['rack'] ?? {}) as { row?: number };
      const wire = {
        ...{ deviceId: id, etag: 'MQ==', status: 'enabled', authentication: { type: 'selfSigned', x509Thumbprint } },
        tags: { rack: { row }, site: 'ams', owner: 'someone', $version: 3 },
      };
      return { deviceId: id, registration, registeredIn: 'line7', identity: observedIdentity(wire, 'HUB.example.net') };
    });
    const records = await world.devices.read(own.map(({ id }) => id));
    await observe({ of: 'devices', at, devices, records });
  }
  let place: string | undefined;
  do {
    place = (await observe({ of: 'end', at: day(1), began: at, dps: 'default', place })).next;
  } while (place !== undefined);
  assert.deepEqual(world.findings.all(), []);
});
