import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import pMap from 'p-map';
import { createDpsEnrollments } from '../../../lib/azure/dps.ts';
import { createFleetReader } from '../../../lib/azure/fleet-reader.ts';
import { idsPerQuery } from '../../../lib/enrollment/observed.ts';
import type { Page } from '../../../lib/storage.ts';
import { assertEvery } from '../../assert-every.ts';
import { someGroup } from '../../factories.ts';
import { makeCertificate, type TestCertificate } from '../../infra/emulators/dps/certificates.ts';
import { uploadVerifiedCa } from '../../infra/emulators/dps/management.ts';
import { type RunningDps, startDps } from '../../infra/emulators/dps/running-dps.ts';

/* The pages of DPS and of a hub, through the official clients and the emulator. */

const devices = 101;
let dps: RunningDps;
let issuing: TestCertificate;

before(async () => {
  dps = await startDps({ quotas: { operationsPerMinute: 100_000, registrationsPerMinute: 100_000 } });
  const root = await makeCertificate({ name: 'Sweep root', ca: true });
  issuing = await makeCertificate({ name: 'Sweep issuing', ca: true, issuer: root });
  await uploadVerifiedCa(dps.port, 'sweep-root', root.pem);
  const enrollments = createDpsEnrollments({ connectionString: dps.connectionString });
  const group = { definition: someGroup('sweep'), primaryCertificatePem: issuing.pem };
  await enrollments.ensureGroup(group, async () => {});
  await pMap(
    Array.from({ length: devices }, (_, index) => `sw-${index}`),
    async (id) => {
      const leaf = await makeCertificate({ name: id, issuer: issuing });
      await dps.register(id, { chainPem: leaf.pem + issuing.pem, keyPem: leaf.keyPem });
    },
    { concurrency: 4 },
  );
  for (let index = 0; index < 3; index++) await enrollments.block(`blocked-${index}`, 'mark');
});

after(() => dps.stop());

async function all<T>(read: (continuation?: string) => Promise<Page<T>>): Promise<{ items: T[]; pages: number }> {
  const items: T[] = [];
  let continuation: string | undefined;
  let pages = 0;
  do {
    const page = await read(continuation);
    items.push(...page.items);
    ({ continuation } = page);
    pages += 1;
  } while (continuation !== undefined && pages < 10);
  return { items, pages };
}

test('a sweep reads every group, enrollment, registration and identity once', async () => {
  const { connectionString, hubConnectionString } = dps;
  const reader = () => createFleetReader({ dps: { connectionString }, hub: { connectionString: hubConnectionString } });
  const groups = await all((from) => reader().groups(from));
  assert.deepEqual(
    groups.items.map(({ id, thumbprints }) => [id, thumbprints.length]),
    [['sweep', 1]],
  );
  const enrollments = await all((from) => reader().enrollments(from));
  assert.equal(enrollments.items.length, 3);
  assertEvery(enrollments.items, ({ mark, settings }) => mark === 'mark' && settings.provisioningStatus === 'disabled');

  // Each page by a new client, as after a crash.
  const registrations = await all((from) => reader().registrations('sweep', from));
  assert.equal(new Set(registrations.items.map(({ deviceId }) => deviceId)).size, devices);
  assert.equal(registrations.pages, 2);
  assert.equal(registrations.items[0]?.registration.substatus, 'initialAssignment');
  assert.deepEqual(await all((from) => reader().registrations('nowhere', from)), { items: [], pages: 1 });

  const hub = registrations.items[0]?.registration.assignedHub ?? assert.fail();
  const identities = await all((from) => reader().identities(hub, from));
  const atHub = registrations.items.filter(({ registration }) => registration.assignedHub === hub).length;
  assert.equal(new Set(identities.items.map(({ deviceId }) => deviceId)).size, atHub);
  assert.equal(await reader().countIdentities(hub), atHub);
  const [named] = identities.items;
  const asked = await reader().identitiesOf(hub, [named?.deviceId ?? '', "it's-nowhere"]);
  assert.deepEqual(asked, [named]);
  assert.deepEqual(await reader().identitiesOf(hub, []), []);
  const [identity] = identities.items;
  assert.deepEqual([identity?.status, identity?.authentication], ['enabled', 'selfSigned']);
  assert.match(identity?.thumbprints[0] ?? '', /^[0-9A-F]{40,64}$/);
});

test('a query of a hub names 100 devices, or as many as its length allows', () => {
  const ids = (length: number) => Array.from({ length: 250 }, (_, index) => String(index).padStart(length, 'x'));
  assert.deepEqual(
    idsPerQuery(ids(10)).map(({ length }) => length),
    [100, 100, 50],
  );
  for (const part of idsPerQuery(ids(128).map((id) => id.replaceAll('x', "'"))))
    assert.ok(part.map((id) => `'${id.replaceAll("'", "''")}'`).join(',').length < 8000);
  assert.deepEqual(idsPerQuery([]), []);
});
