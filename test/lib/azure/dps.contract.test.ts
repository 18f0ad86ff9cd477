import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { ProvisioningServiceClient } from 'azure-iot-provisioning-service';
import pMap from 'p-map';
import { createDpsEnrollments } from '../../../lib/azure/dps.ts';
import { createHubIdentities } from '../../../lib/azure/hub-identities.ts';
import { createHubTwins } from '../../../lib/azure/hub-twins.ts';
import { iotClient } from '../../../lib/azure/iot.ts';
import { FleetError } from '../../../lib/errors.ts';
import { enrollmentsContract } from '../../contract/enrollments.ts';
import { hubIdentitiesContract } from '../../contract/hub-identities.ts';
import { hubTwinsContract } from '../../contract/hub-twins.ts';
import { someGroup } from '../../factories.ts';
import { makeCertificate, type TestCertificate } from '../../infra/emulators/dps/certificates.ts';
import { uploadVerifiedCa } from '../../infra/emulators/dps/management.ts';
import { type RunningDps, startDps } from '../../infra/emulators/dps/running-dps.ts';

/*
 * DPS and IoT Hub: the emulator, and also a real DPS when DPS_CONNECTION_STRING (policy provisioningserviceowner) is set.
 * Entries that the run leaves in a real DPS are deleted at its end.
 */

const { DPS_CONNECTION_STRING: real } = process.env;
let dps: RunningDps;
let root: TestCertificate;
let issuing: TestCertificate;

before(async () => {
  dps = await startDps({ quotas: { operationsPerMinute: 100_000, registrationsPerMinute: 100_000 } });
  root = await makeCertificate({ name: 'Contract root', ca: true });
  issuing = await makeCertificate({ name: 'Contract issuing', ca: true, issuer: root });
  await uploadVerifiedCa(dps.port, 'contract-root', root.pem);
});

after(async () => {
  await dps.stop();
  if (real !== undefined) await removeAll(iotClient(ProvisioningServiceClient, { connectionString: real }));
});

async function identityOf(deviceId: string) {
  const leaf = await makeCertificate({ name: deviceId, issuer: issuing });
  return { chainPem: leaf.pem + issuing.pem, keyPem: leaf.keyPem };
}

async function register(_group: string, deviceIds: readonly string[]): Promise<void> {
  await pMap(deviceIds, async (id) => dps.register(id, await identityOf(id)), { concurrency: 4 });
}

const clientOf = (connectionString: string) => iotClient(ProvisioningServiceClient, { connectionString });

async function groupTwin(client: ProvisioningServiceClient, id: string) {
  const { initialTwin } = (await client.getEnrollmentGroup(id)).responseBody;
  return { tags: membersOf(initialTwin?.tags), desired: membersOf(initialTwin?.properties.desired) };
}

/** Without the members that DPS adds, which begin with `$`, and without the prototype of the SDK's class. */
const membersOf = (part: object = {}) =>
  Object.fromEntries(Object.entries(part).filter(([name]) => !name.startsWith('$')));

enrollmentsContract(
  'DPS emulator',
  () => ({
    enrollments: createDpsEnrollments({ connectionString: dps.connectionString }),
    groupTwin: (id) => groupTwin(clientOf(dps.connectionString), id),
    register,
  }),
  async () => issuing.pem,
);
if (real !== undefined) {
  const enrollments = createDpsEnrollments({ connectionString: real });
  enrollmentsContract(
    'DPS',
    () => ({ enrollments, groupTwin: (id) => groupTwin(clientOf(real), id) }),
    async () => issuing.pem,
  );
}

async function removeAll(client: ProvisioningServiceClient): Promise<void> {
  for (const list of ['group', 'individual'] as const) {
    const specification = { query: 'SELECT *' };
    const query =
      list === 'group'
        ? client.createEnrollmentGroupQuery(specification, 100)
        : client.createIndividualEnrollmentQuery(specification, 100);
    do {
      const { responseBody } = await query.next(query.continuationToken);
      for (const entry of responseBody as unknown as { enrollmentGroupId?: string; registrationId?: string }[]) {
        const { enrollmentGroupId: group, registrationId: individual } = entry;
        if (group?.startsWith('contract-')) await client.deleteEnrollmentGroup(group);
        if (individual?.startsWith('contract-')) await client.deleteIndividualEnrollment(individual);
      }
    } while (query.hasMoreResults);
  }
}

/** Any version of a group may be written. */
const anything = async () => {};

const hasCode = (code: string) => (error: unknown) => error instanceof FleetError && error.code === code;
const enrollmentsOf = (running: RunningDps) => createDpsEnrollments({ connectionString: running.connectionString });

test('a group that is as declared is not written again, and one that was changed is restored', async () => {
  const enrollments = enrollmentsOf(dps);
  const group = {
    definition: someGroup('restore', { initialTwin: { tags: { site: 'berlin' }, desired: { a: { b: 1 } } } }),
    primaryCertificatePem: (await makeCertificate({ name: 'restore', ca: true })).pem,
  };
  const read = async () => (await dps.service.getEnrollmentGroup('restore')).responseBody;
  await enrollments.ensureGroup(group, anything);
  const created = await read();
  await enrollments.ensureGroup(group, anything);
  assert.equal((await read()).etag, created.etag);
  await dps.service.createOrUpdateEnrollmentGroup({ ...created, provisioningStatus: 'disabled' });
  await enrollments.ensureGroup(group, anything);
  const restored = await read();
  assert.equal(restored.provisioningStatus, 'enabled');
  assert.deepEqual(restored.initialTwin, created.initialTwin);
});

test('concurrent calls that ensure the same group all succeed', async () => {
  const primaryCertificatePem = (await makeCertificate({ name: 'race', ca: true })).pem;
  const group = { definition: someGroup('race'), primaryCertificatePem };
  await Promise.all(Array.from({ length: 8 }, () => enrollmentsOf(dps).ensureGroup(group, anything)));
  assert.equal((await dps.service.getEnrollmentGroup('race')).responseBody.enrollmentGroupId, 'race');
});

test('a refused group has the message of DPS', async () => {
  const enrollments = enrollmentsOf(dps);
  const primaryCertificatePem = (await makeCertificate({ name: 'refused', ca: true })).pem;
  const elsewhere = someGroup('refused-1', { iotHubs: ['nowhere.azure-devices.net'], allocationPolicy: 'static' });
  await assert.rejects(enrollments.ensureGroup({ definition: elsewhere, primaryCertificatePem }, anything), (error) => {
    assert.ok(error instanceof FleetError && error.code === 'group-refused');
    assert.match(error.message, /refused-1.*nowhere\.azure-devices\.net/);
    return true;
  });
  await enrollments.ensureGroup({ definition: someGroup('refused-2'), primaryCertificatePem }, anything);
  const again = enrollments.ensureGroup({ definition: someGroup('refused-3'), primaryCertificatePem }, anything);
  await assert.rejects(again, hasCode('group-refused'));
});

test('a refused enrollment does not affect the others', async () => {
  const enrollments = enrollmentsOf(dps);
  const definition = someGroup('faults', { enrollment: 'individual' });
  const twin = { tags: {}, desired: {} };
  const [pem, other, third] = await Promise.all(
    ['f-1', 'f-2', 'f-3'].map(async (name) => (await makeCertificate({ name })).pem),
  );
  const one = (deviceId: string, certificatePem = '') => ({
    deviceId,
    certificatePem,
    definition,
    twin,
    own: [],
    adopt: true,
    mayWrite: async () => true,
  });
  assert.deepEqual(await enrollments.enroll([one('f-1', pem)]), [undefined]);
  const [taken, fine] = await enrollments.enroll([one('f-2', pem), one('f-3', third)]);
  assert.equal(Math.trunc((taken?.errorCode ?? 0) / 1000), 409);
  assert.equal(fine, undefined);
  // An existing enrollment cannot get a certificate that another one has.
  assert.deepEqual(await enrollments.enroll([one('f-2', other)]), [undefined]);
  const [swapped] = await enrollments.enroll([one('f-2', pem)]);
  assert.equal(Math.trunc((swapped?.errorCode ?? 0) / 1000), 409);
});

test('enrollments that exceed the size of one request are sent one by one', async () => {
  const definition = someGroup('large', { enrollment: 'individual' });
  const desired = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`k${index}`, 'x'.repeat(4000)]));
  const large = await Promise.all(
    Array.from({ length: 4 }, async (_, index) => {
      const deviceId = `large-${index}`;
      const certificatePem = (await makeCertificate({ name: deviceId })).pem;
      return {
        deviceId,
        certificatePem,
        definition,
        twin: { tags: {}, desired },
        own: [],
        adopt: false,
        mayWrite: async () => true,
      };
    }),
  );
  assert.deepEqual(await enrollmentsOf(dps).enroll(large), [undefined, undefined, undefined, undefined]);
});

test('throttling carries the wait that DPS asks for', async () => {
  const slow = await startDps({ quotas: { operationsPerMinute: 1 } });
  try {
    const enrollments = enrollmentsOf(slow);
    assert.equal(await enrollments.registration('nobody'), undefined);
    await assert.rejects(enrollments.registration('nobody'), (error) => {
      assert.ok(error instanceof FleetError && error.code === 'throttled');
      const { retryAfter = 0 } = error.details;
      assert.ok(retryAfter > 0 && retryAfter <= 60, String(retryAfter));
      return true;
    });
  } finally {
    await slow.stop();
  }
});

test('a service that is gone, or that refuses the key, is unavailable', async () => {
  const gone = await startDps();
  await gone.stop();
  await assert.rejects(enrollmentsOf(gone).registration('x'), hasCode('unavailable'));
  const connectionString = dps.connectionString.replace(/SharedAccessKey=.*/, 'SharedAccessKey=bm90IHRoZSBrZXk=');
  await assert.rejects(createDpsEnrollments({ connectionString }).registration('x'), hasCode('unavailable'));
});

test('the identity of a device is removed from its hub by its certificate', async () => {
  twoHubs ??= startTwoHubs();
  const { hubConnectionString, register: registerDevice } = await twoHubs;
  const connectionString = hubConnectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${hubKey}`);
  const identity = await identityOf('twin-2');
  await registerDevice('twin-2', identity);
  const thumbprints = thumbprintsOf(identity);
  const twins = createHubTwins({ connectionString });
  assert.equal(await twins.remove('hub-2.localhost', 'twin-2', thumbprints), 'removed');
  assert.equal(await twins.remove('hub-2.localhost', 'twin-2', thumbprints), 'absent');
});

function thumbprintsOf({ chainPem }: { readonly chainPem: string }): readonly string[] {
  const { fingerprint, fingerprint256 } = new X509Certificate(chainPem);
  return [fingerprint, fingerprint256].map((text) => text.replaceAll(':', ''));
}

const hubKey = Buffer.from('key of the hubs').toString('base64');
let twoHubs: Promise<RunningDps> | undefined;
/** The identity with which device twin-1 registered. */
let twin1: ReturnType<typeof identityOf>;
after(async () => (await twoHubs)?.stop());

/** An emulator with two hubs and one registered device, started once. */
async function startTwoHubs(): Promise<RunningDps> {
  const hubs = ['hub-1.localhost', 'hub-2.localhost'].map((hostName) => ({ hostName, key: hubKey }));
  const running = await startDps({ hubs });
  await uploadVerifiedCa(running.port, 'root', root.pem);
  const definition = someGroup('twins', { iotHubs: ['hub-2.localhost'], allocationPolicy: 'static' });
  await enrollmentsOf(running).ensureGroup({ definition, primaryCertificatePem: issuing.pem }, anything);
  twin1 = identityOf('twin-1');
  assert.equal((await running.register('twin-1', await twin1)).assignedHub, 'hub-2.localhost');
  return running;
}

hubTwinsContract('IoT Hub emulator', async () => {
  twoHubs ??= startTwoHubs();
  const { hubConnectionString, raw } = await twoHubs;
  const connectionString = hubConnectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${hubKey}`);
  return {
    twins: createHubTwins({ connectionString }),
    ...{ hub: 'hub-2.localhost', otherHub: 'hub-1.localhost', deviceId: 'twin-1' },
    async read(host, deviceId) {
      const answer = await raw(`/twins/${deviceId}?api-version=2021-04-12`, {
        headers: { authorization: 'Bearer t', host },
      });
      const { tags, properties } = answer.json();
      const { $metadata: _, $version: __, ...desired } = properties.desired;
      return { tags, desired };
    },
  };
});

hubIdentitiesContract('IoT Hub emulator', async () => {
  twoHubs ??= startTwoHubs();
  const { hubConnectionString, raw } = await twoHubs;
  const connectionString = hubConnectionString.replace(/SharedAccessKey=.*/, `SharedAccessKey=${hubKey}`);
  const call = async (host: string, deviceId: string, request: object = {}) => {
    const path = `/devices/${deviceId}?api-version=2021-04-12`;
    return (await raw(path, { headers: { authorization: 'Bearer t', host, 'if-match': '*' }, ...request })).json();
  };
  return {
    identities: createHubIdentities({ connectionString }),
    ...{ hub: 'hub-2.localhost', otherHub: 'hub-1.localhost', deviceId: 'twin-1' },
    thumbprints: thumbprintsOf(await twin1),
    async rest(host, deviceId) {
      const { status: _, statusReason: __, statusUpdatedTime: ___, etag: ____, ...rest } = await call(host, deviceId);
      assert.equal(rest.authentication.type, 'selfSigned');
      return rest;
    },
    async disableElsewhere(host, deviceId, statusReason) {
      const identity = { ...(await call(host, deviceId)), status: 'disabled', statusReason };
      const headers = { authorization: 'Bearer t', host, 'if-match': '*', 'content-type': 'application/json' };
      await call(host, deviceId, { method: 'PUT', headers, body: JSON.stringify(identity) });
    },
  };
});
