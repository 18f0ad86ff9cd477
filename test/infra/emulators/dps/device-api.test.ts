import 'reflect-metadata';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import * as x509 from '@peculiar/x509';
import { wellKnownKey } from 'fleet-emulators/dps';
import { type CertificateRequest, makeCertificate, type TestCertificate } from './certificates.ts';
import { uploadVerifiedCa } from './management.ts';
import { type DeviceIdentity, type RunningDps, startDps } from './running-dps.ts';

/*
 * Registration with azure-iot-provisioning-device over mutual TLS: which enrollment applies, and which devices are refused.
 * The plant has a root with proof of possession, an intermediate CA per line below it, and an issuing CA below that.
 */

let dps: RunningDps;
let root: TestCertificate;
let line: TestCertificate;
let issuing: TestCertificate;

before(async () => {
  dps = await startDps({
    hubs: ['hub-1.localhost', 'hub-2.localhost'].map((hostName) => ({ hostName, key: wellKnownKey })),
  });
  root = await makeCertificate({ name: 'Plant root', ca: true });
  line = await makeCertificate({ name: 'Line', ca: true, issuer: root });
  issuing = await makeCertificate({ name: 'Issuing', ca: true, pathLength: 0, issuer: line });
  await uploadVerifiedCa(dps.port, 'root', root.pem);
});
after(() => dps.stop());

async function device(
  id: string,
  issuers: TestCertificate[],
  more: Partial<CertificateRequest> = {},
): Promise<DeviceIdentity> {
  const leaf = await makeCertificate({ name: id, ...(issuers[0] ? { issuer: issuers[0] } : {}), ...more });
  return { chainPem: [leaf, ...issuers].map(({ pem }) => pem).join(''), keyPem: leaf.keyPem };
}

async function withGroup(id: string, ca: TestCertificate, work: () => Promise<void>, more: object = {}): Promise<void> {
  const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } };
  await dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: id, attestation, ...more } as never);
  try {
    await work();
  } finally {
    await dps.service.deleteEnrollmentGroup(id);
  }
}

async function withIndividual(
  id: string,
  identity: DeviceIdentity,
  work: () => Promise<void>,
  more: object = {},
): Promise<void> {
  const [certificate] = identity.chainPem.split(/(?<=-----END CERTIFICATE-----)/);
  const attestation = { type: 'x509', x509: { clientCertificates: { primary: { certificate } } } };
  await dps.service.createOrUpdateIndividualEnrollment({ registrationId: id, attestation, ...more } as never);
  try {
    await work();
  } finally {
    await dps.service.deleteIndividualEnrollment(id);
  }
}

const disabled = { provisioningStatus: 'disabled' };
/** The error of the client for the status `disabled`. */
const isDisabled = { name: 'SyntaxError', message: /disabled/ };
const isUnauthorized = (error: Error & { responseBody?: string }) => {
  assert.equal(error.name, 'UnauthorizedError', String(error));
  const { errorCode } = JSON.parse(error.responseBody ?? '{}');
  assert.ok(errorCode === 401002 || errorCode === 401000, String(errorCode));
  return true;
};

test('a device registers with the group of its issuing CA, and the service knows its hub', async () => {
  const twin = { tags: { site: 'berlin' }, properties: { desired: { interval: 60 } } };
  const group = { initialTwin: twin, capabilities: { iotEdge: true } };
  await withGroup(
    'issuing',
    issuing,
    async () => {
      const identity = await device('gw-1', [issuing, line]);
      const result = await dps.register('gw-1', identity);
      assert.equal(result.status, 'assigned');
      assert.equal(result.deviceId, 'gw-1');
      assert.match(result.assignedHub, /^hub-[12]\.localhost$/);
      assert.equal(result.substatus, 'initialAssignment');

      const { responseBody: state } = await dps.service.getDeviceRegistrationState('GW-1');
      assert.deepEqual([state.status, state.assignedHub, state.deviceId], ['assigned', result.assignedHub, 'gw-1']);
      const query = dps.service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'issuing', 10);
      const { responseBody, httpResponse } = await query.next(query.continuationToken);
      assert.deepEqual(
        (responseBody as unknown as { registrationId: string }[]).map((each) => each.registrationId),
        ['gw-1'],
      );
      assert.equal(httpResponse.headers['x-ms-item-type'], 'DeviceRegistration');

      const { responseBody: read } = await dps.registry.getTwin('gw-1');
      // biome-ignore lint/suspicious/noExplicitAny: the client's type lacks most of a twin
      const deviceTwin = read as any;
      assert.deepEqual(deviceTwin['tags'], { site: 'berlin' });
      assert.equal(deviceTwin['properties']['desired']['interval'], 60);
      assert.deepEqual(deviceTwin['capabilities'], { iotEdge: true });
      assert.equal(deviceTwin['authenticationType'], 'selfSigned');
      const leaf = new x509.X509Certificate(identity.chainPem.split(/(?<=-----END CERTIFICATE-----)/)[0] ?? '');
      const thumbprint = Buffer.from(await leaf.getThumbprint('SHA-256'))
        .toString('hex')
        .toUpperCase();
      assert.equal(deviceTwin['x509Thumbprint']['primaryThumbprint'], thumbprint);
    },
    group,
  );
});

test('the group of the root accepts a device of any line, with or without the root in its chain', async () => {
  await withGroup('root', root, async () => {
    assert.equal((await dps.register('rt-1', await device('rt-1', [issuing, line]))).status, 'assigned');
    assert.equal((await dps.register('rt-2', await device('rt-2', [issuing, line, root]))).status, 'assigned');
    assert.equal((await dps.register('rt-3', await device('rt-3', [root]))).status, 'assigned');
    // A verified CA need not be presented: here a leaf that the root signed, alone.
    const { chainPem, keyPem } = await device('rt-4', [root]);
    const [leaf = ''] = chainPem.split(/(?<=-----END CERTIFICATE-----)/);
    assert.equal((await dps.register('rt-4', { chainPem: leaf, keyPem })).status, 'assigned');
  });
});

test('a group can reference an uploaded CA by name', async () => {
  const attestation = { type: 'x509', x509: { caReferences: { primary: 'root' } } };
  await dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'by-name', attestation } as never);
  assert.equal((await dps.register('ref-1', await device('ref-1', [issuing, line]))).status, 'assigned');
  await dps.service.deleteEnrollmentGroup('by-name');
  const unknown = { type: 'x509', x509: { caReferences: { primary: 'nowhere' } } };
  await assert.rejects(
    dps.service.createOrUpdateEnrollmentGroup({
      enrollmentGroupId: 'by-name',
      attestation: unknown,
    } as never) as Promise<unknown>,
    { name: 'ArgumentError' },
  );
});

test('the nearest enrollment applies: individual, issuing CA, line, root', async () => {
  const identity = await device('near-1', [issuing, line, root]);
  const groupOf = async () => {
    await dps.register('near-1', identity);
    return (await dps.registry.getTwin('near-1')).responseBody as unknown as { tags: { from: string } };
  };
  const from = (name: string) => ({ initialTwin: { tags: { from: name } } });
  const forget = async () => {
    await dps.registry.delete('near-1');
    await dps.service.deleteDeviceRegistrationState('near-1');
  };
  await withGroup(
    'root',
    root,
    async () => {
      assert.equal((await groupOf()).tags.from, 'root');
      await forget();
      await withGroup(
        'line',
        line,
        async () => {
          assert.equal((await groupOf()).tags.from, 'line');
          await forget();
          await withGroup(
            'issuing',
            issuing,
            async () => {
              assert.equal((await groupOf()).tags.from, 'issuing');
              await forget();
              await withIndividual(
                'near-1',
                identity,
                async () => {
                  assert.equal((await groupOf()).tags.from, 'individual');
                  await dps.registry.delete('near-1');
                },
                from('individual'),
              );
            },
            from('issuing'),
          );
        },
        from('line'),
      );
    },
    from('root'),
  );
});

test('a disabled enrollment blocks a device, even if one further up is enabled', async () => {
  const identity = await device('block-1', [issuing, line, root]);
  await withGroup('root', root, async () => {
    await withGroup(
      'issuing',
      issuing,
      async () => {
        await assert.rejects(dps.register('block-1', identity), isDisabled);
        assert.equal((await dps.service.getDeviceRegistrationState('block-1')).responseBody.status, 'disabled');
        await withIndividual('block-1', identity, async () => {
          assert.equal((await dps.register('block-1', identity)).status, 'assigned');
        });
      },
      disabled,
    );
    await withIndividual(
      'block-1',
      identity,
      async () => {
        await assert.rejects(dps.register('block-1', identity), isDisabled);
      },
      disabled,
    );
    assert.equal((await dps.register('block-1', identity)).status, 'assigned');
  });
});

test('a disabled group on a CA below an issuing CA stops the devices of that CA only', async () => {
  const longer = await makeCertificate({ name: 'Issuing 2', ca: true, pathLength: 2, issuer: line });
  const leaked = await makeCertificate({ name: 'Delegated 1', ca: true, pathLength: 1, issuer: longer });
  const sound = await makeCertificate({ name: 'Delegated 2', ca: true, pathLength: 1, issuer: longer });
  const below = await makeCertificate({ name: 'Forged CA', ca: true, pathLength: 0, issuer: leaked });
  await withGroup('issuing-2', longer, async () => {
    const ofLeaked = await device('deleg-1', [leaked, longer, line]);
    assert.equal((await dps.register('deleg-1', ofLeaked)).status, 'assigned', 'DPS goes by the issuing CA');
    await withGroup(
      'blocked',
      leaked,
      async () => {
        await assert.rejects(dps.register('deleg-1', ofLeaked), isDisabled);
        const forged = await device('deleg-2', [below, leaked, longer, line]);
        await assert.rejects(dps.register('deleg-2', forged), isDisabled);
        assert.equal(
          (await dps.register('deleg-3', await device('deleg-3', [sound, longer, line]))).status,
          'assigned',
        );
        assert.equal((await dps.register('deleg-4', await device('deleg-4', [longer, line]))).status, 'assigned');
        // An individual enrollment comes before every group.
        await withIndividual('deleg-1', ofLeaked, async () => {
          assert.equal((await dps.register('deleg-1', ofLeaked)).status, 'assigned');
        });
      },
      disabled,
    );
    assert.equal((await dps.register('deleg-1', ofLeaked)).status, 'assigned');
  });
});

test('an individual enrollment establishes trust in a self-signed certificate, and sets the device id', async () => {
  const identity = await device('self-1', []);
  await withIndividual(
    'self-1',
    identity,
    async () => {
      const result = await dps.register('self-1', identity);
      assert.equal(result.deviceId, 'press-7');
      assert.ok((await dps.registry.get('press-7')).responseBody);
      const { responseBody } = await dps.service.getIndividualEnrollment('self-1');
      assert.equal(responseBody.registrationState?.deviceId, 'press-7');
    },
    { deviceId: 'press-7' },
  );
  await assert.rejects(dps.register('self-1', identity), isUnauthorized);
});

test('a device whose certificate does not match the registration is refused', async () => {
  await withGroup('issuing', issuing, async () => {
    const good = await device('gw-2', [issuing, line]);
    // The registration id differs from the common name.
    await assert.rejects(dps.register('gw-3', good), isUnauthorized);
    // A chain with a gap: nothing leads from the known issuing CA to a verified CA.
    const { chainPem, keyPem } = good;
    const certificates = chainPem.split(/(?<=-----END CERTIFICATE-----\n)/);
    await assert.rejects(dps.register('gw-2', { chainPem: certificates[0] ?? '', keyPem }), isUnauthorized);
    await assert.rejects(dps.register('gw-2', { chainPem: certificates.slice(0, 2).join(''), keyPem }), isUnauthorized);
    assert.equal((await dps.register('gw-2', good)).status, 'assigned');

    const past = { notBefore: new Date('2020-01-01'), notAfter: new Date('2021-01-01') };
    await assert.rejects(dps.register('gw-4', await device('gw-4', [issuing, line], past)), isUnauthorized);
    const future = { notBefore: new Date(Date.now() + 86_400_000), notAfter: new Date(Date.now() + 2 * 86_400_000) };
    await assert.rejects(dps.register('gw-5', await device('gw-5', [issuing, line], future)), isUnauthorized);

    // The same names with another key.
    const forger = await makeCertificate({ name: 'Issuing', ca: true, issuer: line });
    await assert.rejects(
      dps.register('gw-6', await device('gw-6', [issuing, line], { forgedBy: forger })),
      isUnauthorized,
    );
    // A device certificate that issues a certificate.
    const device7 = await makeCertificate({ name: 'gw-7', issuer: issuing });
    await assert.rejects(dps.register('gw-8', await device('gw-8', [device7, issuing, line])), isUnauthorized);
    // One CA more than the issuing CA's path length allows.
    const below = await makeCertificate({ name: 'Below', ca: true, issuer: issuing });
    await assert.rejects(dps.register('gw-9', await device('gw-9', [below, issuing, line])), isUnauthorized);
    // Two common names.
    await assert.rejects(dps.register('gw-10', await device('CN=gw-10, CN=gw-11', [issuing, line])), isUnauthorized);
    // An unknown critical extension.
    const riddle = [new x509.Extension('1.2.3.4.5', true, new Uint8Array([5, 0]))];
    await assert.rejects(
      dps.register('gw-12', await device('gw-12', [issuing, line], { extensions: riddle })),
      isUnauthorized,
    );
    // A different plant with the same names.
    const other = await makeCertificate({ name: 'Plant root', ca: true });
    const otherLine = await makeCertificate({ name: 'Line', ca: true, issuer: other });
    await assert.rejects(dps.register('gw-13', await device('gw-13', [otherLine, other])), isUnauthorized);
  });
  const anonymous = await dps.raw(`/${dps.idScope}/registrations/gw-1/register?api-version=2019-03-31`, {
    method: 'PUT',
  });
  assert.equal(anonymous.status, 401);
  await assert.rejects(dps.register('gw-2', await device('gw-2', [issuing, line])), isUnauthorized);
});

test('a device that registers again keeps its hub and twin, and the hub gets its new certificate', async () => {
  await withGroup('issuing', issuing, async () => {
    const first = await dps.register('again', await device('again', [issuing, line]));
    const before = (await dps.registry.getTwin('again')).responseBody;
    await dps.registry.updateTwin('again', { tags: { changed: true } } as never, '*');
    const second = await dps.register('again', await device('again', [issuing, line]));
    assert.equal(second.assignedHub, first.assignedHub);
    const twin = (await dps.registry.getTwin('again')).responseBody;
    assert.deepEqual(twin.tags, { changed: true });
    const thumbprint = (each: unknown) => (each as { x509Thumbprint: { primaryThumbprint: string } }).x509Thumbprint;
    assert.notDeepEqual(thumbprint(twin), thumbprint(before));
    const state = (await dps.service.getDeviceRegistrationState('again')).responseBody;
    assert.equal((state as unknown as { substatus: string }).substatus, 'deviceDataMigrated');
    // Without its registration, DPS takes the device for a new one, and finds it in the hub.
    await dps.service.deleteDeviceRegistrationState('again');
    await dps.register('again', await device('again', [issuing, line]));
    const forgotten = (await dps.service.getDeviceRegistrationState('again')).responseBody;
    assert.equal((forgotten as unknown as { substatus: string }).substatus, 'reprovisionedToInitialAssignment');
    assert.deepEqual((await dps.registry.getTwin('again')).responseBody.tags, { changed: true });
  });
});

test('a policy without migration puts the twin back at each registration, also in the same hub', async () => {
  const reset = {
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false },
    initialTwin: { tags: { initial: true } },
    allocationPolicy: 'hashed',
  };
  await withGroup(
    'issuing',
    issuing,
    async () => {
      const identity = await device('factory', [issuing, line]);
      await dps.register('factory', identity);
      await dps.registry.updateTwin('factory', { tags: { mine: 1 } } as never, '*');
      await dps.register('factory', identity);
      assert.deepEqual((await dps.registry.getTwin('factory')).responseBody.tags, { initial: true });
      const state = (await dps.service.getDeviceRegistrationState('factory')).responseBody;
      assert.equal((state as unknown as { substatus: string }).substatus, 'deviceDataReset');
    },
    reset,
  );
});

test('a registration outlives its group, but not its individual enrollment', async () => {
  const identity = await device('orphan', [issuing, line]);
  await withGroup('issuing', issuing, async () => {
    await dps.register('orphan', identity);
  });
  assert.equal((await dps.service.getDeviceRegistrationState('orphan')).responseBody.status, 'assigned');
  await assert.rejects(dps.register('orphan', identity), isUnauthorized);
  await withIndividual('orphan', identity, async () => {
    await dps.register('orphan', identity);
  });
  await assert.rejects(dps.service.getDeviceRegistrationState('orphan'), { message: /Not found/ });
});

/** Registers with two groups, one after another. Each allows one hub. */
async function moved(id: string, reprovisionPolicy: object) {
  const identity = await device(id, [issuing, line]);
  const on = (hub: string) => ({
    allocationPolicy: 'static',
    iotHubs: [hub],
    reprovisionPolicy,
    initialTwin: { tags: { initial: true } },
  });
  const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: issuing.pem } } } };
  const body = { enrollmentGroupId: id, attestation };
  const { responseBody } = await dps.service.createOrUpdateEnrollmentGroup({
    ...body,
    ...on('hub-1.localhost'),
  } as never);
  assert.equal((await dps.register(id, identity)).assignedHub, 'hub-1.localhost');
  await dps.registry.updateTwin(id, { tags: { mine: 1 } } as never, '*');
  await dps.service.createOrUpdateEnrollmentGroup({
    ...body,
    ...on('hub-2.localhost'),
    etag: responseBody.etag,
  } as never);
  const { assignedHub } = await dps.register(id, identity);
  const { tags } = (await dps.registry.getTwin(id)).responseBody;
  const { substatus } = (await dps.service.getDeviceRegistrationState(id)).responseBody as unknown as {
    substatus: string;
  };
  const { responseBody: found } = await dps.registry.list();
  assert.equal(found.filter((each) => each.deviceId === id).length, 1, 'the device is in one hub only');
  await dps.service.deleteEnrollmentGroup(id);
  return { assignedHub, tags, substatus };
}

test('the reprovision policy decides whether a device moves with its data, without it, or stays', async () => {
  assert.deepEqual(await moved('migrate', { updateHubAssignment: true, migrateDeviceData: true }), {
    assignedHub: 'hub-2.localhost',
    tags: { initial: true, mine: 1 },
    substatus: 'deviceDataMigrated',
  });
  assert.deepEqual(await moved('reset', { updateHubAssignment: true, migrateDeviceData: false }), {
    assignedHub: 'hub-2.localhost',
    tags: { initial: true },
    substatus: 'deviceDataReset',
  });
  assert.deepEqual(await moved('never', { updateHubAssignment: false, migrateDeviceData: false }), {
    assignedHub: 'hub-1.localhost',
    tags: { initial: true, mine: 1 },
    substatus: 'initialAssignment',
  });
});

test('hashed allocation uses every hub, and always gives a device the same one', async () => {
  await withGroup(
    'issuing',
    issuing,
    async () => {
      const identities = await Promise.all(
        Array.from({ length: 16 }, async (_, index) => ({
          id: `hash-${index}`,
          identity: await device(`hash-${index}`, [issuing, line]),
        })),
      );
      const hubs = await Promise.all(identities.map(({ id, identity }) => dps.register(id, identity)));
      assert.deepEqual([...new Set(hubs.map((each) => each.assignedHub))].sort(), [
        'hub-1.localhost',
        'hub-2.localhost',
      ]);
    },
    { allocationPolicy: 'hashed' },
  );
});

test('a device registers with the symmetric key of an individual enrollment, or one derived from a group', async () => {
  const attestation = { type: 'symmetricKey' };
  const individual = await dps.service.createOrUpdateIndividualEnrollment({
    registrationId: 'key-1',
    attestation,
  } as never);
  const { primaryKey = '', secondaryKey = '' } = individual.responseBody.attestation.symmetricKey ?? {};
  assert.equal((await dps.registerWithKey('key-1', primaryKey)).status, 'assigned');
  assert.equal((await dps.registerWithKey('key-1', secondaryKey)).status, 'assigned');
  await assert.rejects(dps.registerWithKey('key-1', wellKnownKey), isUnauthorized);
  await assert.rejects(dps.registerWithKey('key-2', primaryKey), isUnauthorized);

  const group = await dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'keys', attestation } as never);
  const groupKey = Buffer.from(group.responseBody.attestation.symmetricKey?.primaryKey ?? '', 'base64');
  const derived = (id: string) => createHmac('sha256', groupKey).update(id).digest('base64');
  assert.equal((await dps.registerWithKey('key-3', derived('key-3'))).status, 'assigned');
  await assert.rejects(dps.registerWithKey('key-4', derived('key-3')), isUnauthorized);
  // The individual enrollment takes precedence over the group.
  await assert.rejects(dps.registerWithKey('key-1', derived('key-1')), isUnauthorized);
});

test('the answers on the wire are as documented', async () => {
  await withGroup('issuing', issuing, async () => {
    const identity = await device('wire', [issuing, line]);
    const path = `/${dps.idScope}/registrations/wire`;
    const json = { 'content-type': 'application/json; charset=utf-8' };
    const body = JSON.stringify({ registrationId: 'wire' });
    const accepted = await dps.raw(`${path}/register?api-version=2019-03-31`, {
      method: 'PUT',
      headers: json,
      body,
      identity,
    });
    assert.equal(accepted.status, 202);
    assert.equal(accepted.headers['retry-after'], '0');
    assert.match(
      String(accepted.headers['location']),
      /^https:\/\/localhost:\d+\/0ne00000000\/registrations\/wire\/register$/,
    );
    const { operationId, status } = accepted.json();
    assert.match(operationId, /^5\.[0-9a-f]{16}\.[0-9a-f-]{36}$/);
    assert.equal(status, 'assigning');

    // The official client polls by a GET with a body.
    const withBody = { ...json, 'content-length': '2' };
    const poll = await dps.raw(`${path}/operations/${operationId}?api-version=2019-03-31`, {
      headers: withBody,
      body: '{}',
      identity,
    });
    assert.equal(poll.status, 200);
    const { registrationState } = poll.json();
    assert.deepEqual(Object.keys(registrationState).sort(), [
      ...['assignedHub', 'createdDateTimeUtc', 'deviceId', 'etag', 'lastUpdatedDateTimeUtc'],
      ...['registrationId', 'status', 'substatus', 'x509'],
    ]);
    assert.deepEqual(Object.keys(registrationState.x509), [
      'certificateInfo',
      'enrollmentGroupId',
      'signingCertificateInfo',
    ]);
    const lookUp = await dps.raw(`${path}?api-version=2019-03-31`, { method: 'POST', headers: json, body, identity });
    assert.deepEqual(lookUp.json(), registrationState);

    const status404 = async (target: string) =>
      (await dps.raw(target, { method: 'PUT', headers: json, body, identity })).status;
    assert.equal(await status404('/0neAAAAAAAA/registrations/wire/register?api-version=2019-03-31'), 404);
    assert.equal(await status404(`${path}/register`), 400);
    const other = await dps.raw(`${path}/operations/5.1.2?api-version=2019-03-31`, { identity });
    assert.equal(other.status, 404);
    const mismatch = JSON.stringify({ registrationId: 'other' });
    const wrong = await dps.raw(`${path}/register?api-version=2019-03-31`, {
      method: 'PUT',
      headers: json,
      body: mismatch,
      identity,
    });
    assert.equal(wrong.status, 400);
  });
});
