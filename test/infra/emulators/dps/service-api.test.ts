import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import common from 'azure-iot-common';
import type {
  BulkEnrollmentOperationResult,
  EnrollmentGroup,
  IndividualEnrollment,
} from 'azure-iot-provisioning-service/dist/interfaces.js';
import { wellKnownKey } from 'fleet-emulators/dps';
import { assertEvery } from '../../../assert-every.ts';
import { makeCertificate, makeVersion1Certificate } from './certificates.ts';
import { expiry, type RunningDps, startDps } from './running-dps.ts';

/*
 * The service API with azure-iot-provisioning-service. The types of this client require members that only the service sets, so
 * bodies are cast.
 */

let dps: RunningDps;
before(async () => {
  dps = await startDps({ hubs: [{ hostName: 'hub-1.localhost', key: wellKnownKey }] });
});
after(() => dps.stop());

const version = 'api-version=2021-10-01';
const group = (body: object) => body as unknown as EnrollmentGroup;
const individual = (body: object) => body as unknown as IndividualEnrollment;
const signing = (...pems: string[]) => {
  const [primary, secondary] = pems.map((certificate) => ({ certificate }));
  return { type: 'x509', x509: { signingCertificates: { primary, ...(secondary ? { secondary } : {}) } } };
};
const client = (certificate: string) => ({ type: 'x509', x509: { clientCertificates: { primary: { certificate } } } });
const symmetric = { type: 'symmetricKey', symmetricKey: { primaryKey: null, secondaryKey: null } };

/** Asserts that the call was refused. @returns the error document */
async function refusal(work: Promise<unknown>, status: number): Promise<{ errorCode: number; message: string }> {
  const error = await work.then(
    () => assert.fail(`expected HTTP ${status}`),
    (caught) => caught as { response: { statusCode: number; headers: Record<string, string> }; responseBody: string },
  );
  assert.equal(error.response?.statusCode, status, String(error));
  const body = JSON.parse(error.responseBody);
  assert.equal(Math.trunc(body.errorCode / 1000), status);
  assert.equal(error.response.headers['x-ms-error-code'], String(body.errorCode));
  assert.match(body.trackingId, /^[0-9a-f-]{36}$/);
  assert.ok(!Number.isNaN(Date.parse(body.timestampUtc)));
  return body;
}

test('the answer has the details of certificates, never the certificates themselves', async () => {
  const ca = await makeCertificate({ name: 'C=DE, O=Plant, CN=Line 7', ca: true });
  const { responseBody } = await dps.service.createOrUpdateEnrollmentGroup(
    group({ enrollmentGroupId: 'Line-7', attestation: signing(ca.pem), initialTwin: { tags: { site: 'berlin' } } }),
  );
  const own = new X509Certificate(ca.pem);
  const { etag, createdDateTimeUtc, lastUpdatedDateTimeUtc, ...rest } = responseBody as unknown as Record<
    string,
    string
  >;
  assert.deepEqual(rest, {
    enrollmentGroupId: 'Line-7',
    attestation: {
      type: 'x509',
      x509: {
        signingCertificates: {
          primary: {
            info: {
              subjectName: 'CN=Line 7, O=Plant, C=DE',
              issuerName: 'CN=Line 7, O=Plant, C=DE',
              sha1Thumbprint: own.fingerprint.replaceAll(':', ''),
              sha256Thumbprint: own.fingerprint256.replaceAll(':', ''),
              notBeforeUtc: own.validFromDate.toISOString().replace('.000', ''),
              notAfterUtc: own.validToDate.toISOString().replace('.000', ''),
              serialNumber: own.serialNumber,
              version: 3,
            },
          },
        },
      },
    },
    initialTwin: { tags: { site: 'berlin' } },
    // Were not sent.
    ...{ provisioningStatus: 'enabled', allocationPolicy: 'hashed' },
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
  });
  assert.match(Buffer.from(etag ?? '', 'base64').toString(), /^"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"$/);
  assert.equal(createdDateTimeUtc, lastUpdatedDateTimeUtc);
  assert.deepEqual((await dps.service.getEnrollmentGroup('line-7')).responseBody, responseBody);
});

test('certificates are accepted as PEM, base64 of PEM and base64 of DER, in version 1 and 3', async () => {
  const modern = await makeCertificate({ name: 'enc-1', ca: true });
  const old = await makeVersion1Certificate('enc-2');
  const der = await makeCertificate({ name: 'enc-3' });
  const put = async (id: string, attestation: object) =>
    (await dps.service.createOrUpdateIndividualEnrollment(individual({ registrationId: id, attestation }))).responseBody
      .attestation.x509?.clientCertificates?.primary.info;
  assert.equal((await put('enc-1', client(Buffer.from(modern.pem).toString('base64'))))?.version, 3);
  const info = await put('enc-2', client(old.pem));
  assert.equal(info?.version, 1);
  assert.equal(info?.sha256Thumbprint, new X509Certificate(old.pem).fingerprint256.replaceAll(':', ''));
  assert.equal(
    (await put('enc-3', client(new X509Certificate(der.pem).raw.toString('base64'))))?.subjectName,
    'CN=enc-3',
  );
});

test('an invalid certificate is refused with a reason', async () => {
  for (const text of [
    '',
    'hello',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----',
    'AAAA'.repeat(1000),
  ]) {
    const body = { enrollmentGroupId: 'broken', attestation: signing(text) };
    const { message } = await refusal(dps.service.createOrUpdateEnrollmentGroup(group(body)), 400);
    assert.match(message, /certificate/);
  }
});

test('an update with the answer of a read and its etag keeps the certificate', async () => {
  const ca = await makeCertificate({ name: 'update', ca: true });
  const created = await dps.service.createOrUpdateEnrollmentGroup(
    group({ enrollmentGroupId: 'update', attestation: signing(ca.pem), capabilities: { iotEdge: true } }),
  );
  const read = created.responseBody;
  const { responseBody: updated } = await dps.service.createOrUpdateEnrollmentGroup({
    ...read,
    provisioningStatus: 'disabled',
  });
  assert.equal(updated.provisioningStatus, 'disabled');
  assert.deepEqual(updated.attestation, read.attestation);
  assert.deepEqual(updated.capabilities, { iotEdge: true });
  assert.notEqual(updated.etag, read.etag);

  // The first etag is outdated.
  await refusal(dps.service.createOrUpdateEnrollmentGroup(read), 412);
  const { etag: _, ...nameless } = read;
  const { errorCode, message } = await refusal(dps.service.createOrUpdateEnrollmentGroup(group(nameless)), 409);
  assert.deepEqual([errorCode, message], [409202, 'EnrollmentGroup already exists.']);
});

test('a delete checks an optional etag, and frees the id and the certificate', async () => {
  const ca = await makeCertificate({ name: 'delete', ca: true });
  const body = group({ enrollmentGroupId: 'delete', attestation: signing(ca.pem) });
  await dps.service.createOrUpdateEnrollmentGroup(body);
  await refusal(dps.service.deleteEnrollmentGroup('delete', 'badetag'), 412);
  await dps.service.deleteEnrollmentGroup('delete');
  await refusal(dps.service.getEnrollmentGroup('delete'), 404);
  await refusal(dps.service.deleteEnrollmentGroup('delete'), 404);
  const again = await dps.service.createOrUpdateEnrollmentGroup(body);
  await dps.service.deleteEnrollmentGroup('delete', again.responseBody.etag ?? '');
});

test('a certificate can be in one enrollment only', async () => {
  const [one, other] = [
    await makeCertificate({ name: 'once', ca: true }),
    await makeCertificate({ name: 'other', ca: true }),
  ];
  const put = (id: string, ...pems: string[]) =>
    dps.service.createOrUpdateEnrollmentGroup(group({ enrollmentGroupId: id, attestation: signing(...pems) }));
  const { responseBody } = await put('once-1', one.pem, other.pem);
  await refusal(put('once-2', one.pem), 409);
  await refusal(put('once-3', other.pem), 409);
  const enrollment = individual({ registrationId: 'once', attestation: client(other.pem) });
  await refusal(dps.service.createOrUpdateIndividualEnrollment(enrollment), 409);
  // After an enrollment has dropped a certificate, another can have it.
  await dps.service.createOrUpdateEnrollmentGroup(
    group({ enrollmentGroupId: 'once-1', attestation: signing(one.pem), etag: responseBody.etag }),
  );
  await put('once-3', other.pem);
});

test('symmetric keys are generated, shown to the writer, and hidden from readers', async () => {
  const body = individual({ registrationId: 'sym', attestation: symmetric, deviceID: 'unknown members pass' });
  const { responseBody } = await dps.service.createOrUpdateIndividualEnrollment(body);
  const { primaryKey, secondaryKey } = responseBody.attestation.symmetricKey ?? {};
  assert.ok(primaryKey && secondaryKey && primaryKey !== secondaryKey);
  const read = (await dps.service.getIndividualEnrollment('sym')).responseBody;
  assert.deepEqual(read.attestation, { type: 'symmetricKey' });
  assert.deepEqual(read.registrationState, { registrationId: 'sym', status: 'unassigned' });
  const { responseBody: mechanism } = await dps.service.getIndividualEnrollmentAttestationMechanism('sym');
  assert.deepEqual(mechanism, { type: 'symmetricKey', symmetricKey: { primaryKey, secondaryKey } });

  await dps.service.createOrUpdateEnrollmentGroup(group({ enrollmentGroupId: 'sym-group', attestation: symmetric }));
  const { responseBody: ofGroup } = await dps.service.getEnrollmentGroupAttestationMechanism('sym-group');
  assert.equal(Buffer.from(ofGroup.symmetricKey?.primaryKey ?? '', 'base64').length, 64);
});

test('empty strings as symmetric keys make keys', async () => {
  const attestation = { type: 'symmetricKey', symmetricKey: { primaryKey: '', secondaryKey: '' } };
  const body = individual({ registrationId: 'sym-empty', attestation });
  const { responseBody } = await dps.service.createOrUpdateIndividualEnrollment(body);
  const keys = responseBody.attestation.symmetricKey;
  assert.equal(Buffer.from(keys?.primaryKey ?? '', 'base64').length, 64);
  assert.equal(Buffer.from(keys?.secondaryKey ?? '', 'base64').length, 64);
});

test('TPM endorsement keys are always shown, and null members are dropped except provisioningStatus', async () => {
  const attestation = { type: 'tpm', tpm: { endorsementKey: 'AToAAQALAAMAsgAgg3GXZ0SEs' } };
  const nulls = {
    provisioningStatus: null,
    capabilities: null,
    iotHubs: null,
    initialTwin: null,
    reprovisionPolicy: null,
  };
  await dps.service.createOrUpdateIndividualEnrollment(individual({ registrationId: 'tpm', attestation, ...nulls }));
  const { responseBody } = await dps.service.getIndividualEnrollment('tpm');
  assert.deepEqual(responseBody.attestation, attestation);
  assert.deepEqual(Object.keys(responseBody).sort(), [
    // Was not sent.
    'allocationPolicy',
    'attestation',
    'createdDateTimeUtc',
    'etag',
    'lastUpdatedDateTimeUtc',
    'provisioningStatus',
    'registrationId',
    'registrationState',
  ]);
  assert.equal(responseBody.provisioningStatus, null);
});

test('rules of the service are enforced with its error texts', async () => {
  const put = (more: object) =>
    dps.service.createOrUpdateIndividualEnrollment(
      individual({ registrationId: 'rules', attestation: symmetric, ...more }),
    );
  const policy = await refusal(put({ iotHubs: ['hub-1.localhost'] }), 400);
  assert.equal(policy.errorCode, 400004);
  await refusal(put({ iotHubs: ['other.localhost'], allocationPolicy: 'static' }), 400);
  await refusal(put({ allocationPolicy: 'nearest' }), 400);
  await refusal(put({ allocationPolicy: 'custom' }), 400);
  const webhook = (webhookUrl: string, apiVersion = '2021-10-01') => ({
    allocationPolicy: 'custom',
    customAllocationDefinition: { webhookUrl, apiVersion },
  });
  await refusal(put(webhook('http://functions.example/allocate')), 400);
  await refusal(put(webhook('https://functions.example/allocate', '2017-01-01')), 400);
  await refusal(put({ attestation: signing('x') }), 400);
  await refusal(put({ attestation: { type: 'riddle' } }), 400);
  await refusal(put({ initialTwin: { tags: { 'a.b': 1 } } }), 400);
  for (const id of ['a b', 'ü', 'x'.repeat(129), '../enrollmentGroups', '%00']) {
    const body = individual({ registrationId: id, attestation: symmetric });
    await refusal(dps.service.createOrUpdateIndividualEnrollment(body), 400);
  }
});

test('an id has no special character at its start or end', async () => {
  for (const special of ['-', '.', '_', ':']) {
    for (const id of [`${special}id`, `id${special}`, special]) {
      const own = dps.service.createOrUpdateIndividualEnrollment(
        individual({ registrationId: id, attestation: symmetric }),
      );
      assert.match((await refusal(own, 400)).message, /the first and the last one a letter or digit/, id);
      const groups = dps.service.createOrUpdateEnrollmentGroup(
        group({ enrollmentGroupId: id, attestation: symmetric }),
      );
      assert.match((await refusal(groups, 400)).message, /the first and the last one a letter or digit/, id);
    }
    const inside = individual({ registrationId: `a${special}1`, attestation: symmetric });
    await dps.service.createOrUpdateIndividualEnrollment(inside);
    await dps.service.deleteIndividualEnrollment(`a${special}1`);
  }
});

test('a member that was not sent has the default of the service, and one that was sent as null has none', async () => {
  const put = async (more: object) => {
    const sent = individual({ registrationId: 'defaults', attestation: symmetric, ...more });
    await dps.service.createOrUpdateIndividualEnrollment(sent);
    const { responseBody } = await dps.service.getIndividualEnrollment('defaults');
    await dps.service.deleteIndividualEnrollment('defaults');
    const { provisioningStatus, allocationPolicy, reprovisionPolicy } = responseBody;
    return { provisioningStatus, allocationPolicy, reprovisionPolicy };
  };
  const defaults = {
    provisioningStatus: 'enabled',
    allocationPolicy: 'hashed',
    reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
  };
  assert.deepEqual(await put({}), defaults);
  const stays = { reprovisionPolicy: { updateHubAssignment: false, migrateDeviceData: false } };
  assert.deepEqual(await put(stays), { ...defaults, ...stays });
  const nulls = { provisioningStatus: null, allocationPolicy: null, reprovisionPolicy: null };
  const absent = { provisioningStatus: null, allocationPolicy: undefined, reprovisionPolicy: undefined };
  assert.deepEqual(await put(nulls), absent);
  // Without iotHubs no policy is needed, and with them the default is not enough.
  const { errorCode } = await refusal(put({ iotHubs: ['hub-1.localhost'] }), 400);
  assert.equal(errorCode, 400004);
});

const bulk = (mode: string, enrollments: object[]) =>
  new Promise<BulkEnrollmentOperationResult>((resolve, reject) => {
    // The promise of this method never settles (1.11.2). The callback works.
    dps.service.runBulkEnrollmentOperation({ mode, enrollments } as never, (error, result) =>
      error ? reject(error) : resolve(result as BulkEnrollmentOperationResult),
    );
  });

test('bulk operations do what is valid and list the errors', async () => {
  const ten = Array.from({ length: 10 }, (_, index) => ({ registrationId: `bulk-${index}`, attestation: symmetric }));
  assert.deepEqual(await bulk('create', ten), { errors: [], isSuccessful: true });
  const again = await bulk('create', [...ten.slice(0, 2), { registrationId: 'bulk-new', attestation: symmetric }]);
  assert.deepEqual(again, {
    errors: ['bulk-0', 'bulk-1'].map((registrationId) => ({
      registrationId,
      errorCode: 409201,
      errorStatus: 'Enrollment already exists.',
    })),
    isSuccessful: false,
  });
  assert.equal((await dps.service.getIndividualEnrollment('bulk-new')).responseBody.registrationId, 'bulk-new');
  const { etag } = (await dps.service.getIndividualEnrollment('bulk-0')).responseBody;
  const update = { registrationId: 'bulk-0', attestation: symmetric, etag, capabilities: { iotEdge: true } };
  // The client and the specification spell the mode differently.
  assert.equal((await bulk('updateIfMatchEtag', [update])).isSuccessful, true);
  assert.equal((await bulk('updateIfMatchETag', [update])).isSuccessful, false);
  assert.equal((await bulk('delete', ten)).isSuccessful, true);
  await refusal(dps.service.getIndividualEnrollment('bulk-0'), 404);
});

test('an invalid bulk request changes nothing', async () => {
  const one = { registrationId: 'whole', attestation: symmetric };
  await refusal(bulk('create', [one, { ...one, registrationId: 'WHOLE' }]), 400);
  await refusal(
    bulk(
      'create',
      Array.from({ length: 11 }, (_, index) => ({ ...one, registrationId: `whole-${index}` })),
    ),
    400,
  );
  await refusal(bulk('create', []), 400);
  await refusal(bulk('conjure', [one]), 400);
  await refusal(dps.service.getIndividualEnrollment('whole'), 404);
  await refusal(dps.service.getIndividualEnrollment('whole-0'), 404);
});

test('bulk operations on groups, which this client does not have', async () => {
  const send = (mode: string, enrollmentGroups: object[]) =>
    dps.raw(`/enrollmentGroups?${version}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: signature() },
      body: JSON.stringify({ mode, enrollmentGroups }),
    });
  const body = [{ enrollmentGroupId: 'bulk-group', attestation: symmetric }];
  assert.deepEqual((await send('create', body)).json(), { errors: [], isSuccessful: true });
  assert.deepEqual((await send('create', body)).json().errors, [
    { enrollmentGroupId: 'bulk-group', errorCode: 409202, errorStatus: 'EnrollmentGroup already exists.' },
  ]);
  assert.equal((await send('delete', body)).json().isSuccessful, true);
});

test('a query returns everything in pages of the requested size', async () => {
  for (let from = 0; from < 150; from += 10) {
    const ten = Array.from({ length: 10 }, (_, index) => ({
      registrationId: `q-${from + index}`,
      attestation: symmetric,
    }));
    await bulk('create', ten);
  }
  const query = dps.service.createIndividualEnrollmentQuery({ query: 'SELECT * FROM enrollments' }, 50);
  const ids: string[] = [];
  const sizes: number[] = [];
  do {
    // Without the token as an argument, the promise form of next() always reads the first page (1.11.2).
    const { responseBody, httpResponse: message } = await query.next(query.continuationToken);
    const page = responseBody as unknown as { registrationId: string; registrationState?: unknown }[];
    assert.equal(message.headers['x-ms-item-type'], 'Enrollment');
    assert.equal(message.headers['x-ms-max-item-count'], '50');
    assertEvery(page, (entry) => entry.registrationState === undefined);
    ids.push(...page.map((entry) => entry.registrationId));
    sizes.push(page.length);
  } while (query.hasMoreResults);
  const found = ids.filter((id) => id.startsWith('q-'));
  assert.equal(found.length, 150);
  assert.equal(new Set(ids).size, ids.length);
  assertEvery(sizes.slice(0, -1), (size) => size === 50);

  const groups = dps.service.createEnrollmentGroupQuery({ query: '*' }, 100);
  const { responseBody } = await groups.next(groups.continuationToken);
  assert.ok((responseBody as unknown as EnrollmentGroup[]).some((entry) => entry.enrollmentGroupId === 'Line-7'));
  assert.equal(groups.hasMoreResults, false);
});

test('a continuation token continues its own query only', async () => {
  const page = (path: string, token?: string) =>
    dps.raw(`${path}?${version}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: signature(),
        'x-ms-max-item-count': '1',
        ...(token === undefined ? {} : { 'x-ms-continuation': token }),
      },
      body: '{"query":"*"}',
    });
  for (const id of ['own-1', 'own-2']) {
    await dps.service.createOrUpdateEnrollmentGroup(group({ enrollmentGroupId: id, attestation: symmetric }));
  }
  const token = (await page('/enrollmentGroups/query')).headers['x-ms-continuation'] as string;
  assert.equal((await page('/enrollmentGroups/query', token)).status, 200);
  assert.equal((await page('/enrollments/query', token)).status, 400);
  assert.equal((await page('/registrations/own-1/query', token)).status, 400);
});

test('unsupported queries and invalid paging headers are refused', async () => {
  const ask = (query: string) => dps.service.createIndividualEnrollmentQuery({ query }, 10).next();
  await refusal(ask("SELECT * FROM enrollments WHERE deviceId = 'x'") as Promise<unknown>, 400);
  const query = dps.service.createIndividualEnrollmentQuery({ query: '*' }, 10);
  await refusal(query.next('not a token') as Promise<unknown>, 400);
  await refusal(dps.service.createIndividualEnrollmentQuery({ query: '*' }, -1).next() as Promise<unknown>, 400);
});

test('registration states of unknown devices and groups are 404', async () => {
  await refusal(dps.service.getDeviceRegistrationState('nobody'), 404);
  await refusal(dps.service.deleteDeviceRegistrationState('nobody'), 404);
  const query = dps.service.createEnrollmentGroupDeviceRegistrationStateQuery({ query: '*' }, 'no-group', 10);
  await refusal(query.next() as Promise<unknown>, 404);
});

/** A signature as this client makes it, optionally with an error. */
function signature({
  resource = 'localhost',
  policy = 'provisioningserviceowner',
  key = wellKnownKey,
  at = expiry(),
} = {}) {
  return common.SharedAccessSignature.create(resource, policy, key, at).toString();
}

test('a call needs an unexpired signature for its resource with a key of the policy', async () => {
  const get = async (authorization: string | undefined) =>
    (
      await dps.raw(`/enrollmentGroups/Line-7?${version}`, {
        headers: authorization === undefined ? {} : { authorization },
      })
    ).status;
  assert.equal(await get(signature()), 200);
  assert.equal(await get(signature({ resource: 'localhost/enrollmentGroups' })), 200);
  // Other clients encode the resource, and sign the encoded form.
  assert.equal(await get(signature({ resource: encodeURIComponent('localhost/enrollmentGroups') })), 200);
  // Clients that connect to another port sign it too.
  assert.equal(await get(signature({ resource: `localhost:${dps.port}` })), 200);
  assert.equal(await get(signature({ resource: encodeURIComponent(`localhost:${dps.port}/enrollmentGroups`) })), 200);
  assert.equal(await get(signature({ resource: `elsewhere:${dps.port}` })), 401);
  assert.equal(await get('Bearer anything'), 200);
  assert.equal(await get(undefined), 401);
  assert.equal(await get(''), 401);
  assert.equal(await get('SharedAccessSignature'), 401);
  assert.equal(await get('SharedAccessSignature sr=%&sig=%&se=1'), 401);
  assert.equal(await get(signature({ key: Buffer.from('another key').toString('base64') })), 401);
  assert.equal(await get(signature({ policy: 'nobody' })), 401);
  assert.equal(await get(signature({ resource: 'elsewhere' })), 401);
  assert.equal(await get(signature({ resource: 'localhost/enrollmentGroup' })), 401);
  assert.equal(await get(signature({ at: Math.floor(Date.now() / 1000) - 1 })), 401);
  assert.equal(await get(signature().replace(/se=\d+/, `se=${expiry() + 1000}`)), 401);
});

test('a policy allows only what its rights allow', async () => {
  const limited = await startDps({
    policies: [{ name: 'reader', primaryKey: wellKnownKey, rights: ['EnrollmentRead'] }],
  });
  try {
    const headers = { authorization: signature({ policy: 'reader' }), 'content-type': 'application/json' };
    const read = await limited.raw(`/enrollments/query?${version}`, { method: 'POST', headers, body: '{"query":"*"}' });
    assert.equal(read.status, 200);
    const body = JSON.stringify({ registrationId: 'x', attestation: symmetric });
    assert.equal((await limited.raw(`/enrollments/x?${version}`, { method: 'PUT', headers, body })).status, 401);
    assert.equal((await limited.raw(`/registrations/x?${version}`, { headers })).status, 401);
  } finally {
    await limited.stop();
  }
});
