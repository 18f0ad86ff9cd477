import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { createDpsEmulator, documentedHubLimits, wellKnownKey } from 'fleet-emulators/dps';
import { makeCertificate } from './certificates.ts';
import { uploadVerifiedCa } from './management.ts';
import { type RawAnswer, type RunningDps, startDps } from './running-dps.ts';

/*
 * Quotas, throttling and hostile input. Each gets a defined answer, and the service continues.
 */

const version = 'api-version=2021-10-01';
const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
const symmetric = { type: 'symmetricKey' };

async function withDps(
  options: Parameters<typeof startDps>[0],
  work: (dps: RunningDps) => Promise<void>,
): Promise<void> {
  const dps = await startDps(options);
  try {
    await work(dps);
  } finally {
    await dps.stop();
  }
}

test('the service API is throttled as a whole until the minute is over', async () => {
  let time = Date.now();
  await withDps({ quotas: { operationsPerMinute: 3 }, now: () => new Date(time) }, async (dps) => {
    const get = () => dps.raw(`/enrollments/nobody?${version}`, { headers });
    for (let call = 0; call < 3; call++) assert.equal((await get()).status, 404);
    // Unauthorized calls do not count.
    assert.equal((await dps.raw(`/enrollments/nobody?${version}`)).status, 401);
    time += 20_000;
    const refused = await get();
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], '40');
    assert.deepEqual(
      [refused.json().errorCode, refused.json().message],
      [429001, 'Operations are being throttled for this tenant.'],
    );
    const error = (await dps.service.getIndividualEnrollment('nobody').then(
      () => assert.fail(),
      (caught) => caught,
    )) as { name: string; response: { headers: Record<string, string> } };
    assert.equal(error.name, 'ThrottlingError');
    assert.equal(error.response.headers['retry-after'], '40');
    time += 40_001;
    assert.equal((await get()).status, 404);
  });
});

// https://learn.microsoft.com/azure/iot-dps/about-iot-dps#quotas-and-limits
test('without quotas of its own, the service has the documented ones', async () => {
  const now = new Date();
  await withDps({ now: () => now }, async (running) => {
    const { settings } = createDpsEmulator({ tls: running.tls });
    assert.deepEqual(settings.quotas, {
      ...{ operationsPerMinute: 1000, registrationsPerMinute: 1000, pollsPer10Seconds: 5 },
      ...{ x509EnrollmentGroups: 100, symmetricKeyEnrollmentGroups: 100, individualEnrollments: 1_000_000 },
      caCertificates: 25,
    });
    assert.deepEqual(settings.hubLimits, {});
    const group = async (id: string) => {
      const body = JSON.stringify({ enrollmentGroupId: id, attestation: symmetric });
      return (await running.raw(`/enrollmentGroups/${id}?${version}`, { method: 'PUT', headers, body })).status;
    };
    const answers: number[] = [];
    for (let index = 0; index < 101; index++) answers.push(await group(`g-${index}`));
    assert.deepEqual(answers, [...new Array(100).fill(200), 403]);
  });
});

// https://learn.microsoft.com/azure/iot-hub/iot-hub-devguide-quotas-throttling#operation-throttles
test('a hub has the limits of its tier and units', () => {
  const limitsOf = (...tier: Parameters<typeof documentedHubLimits>) => {
    const { registry, twinReads, twinUpdates, queries, jobs } = documentedHubLimits(...tier);
    return [registry, twinReads, twinUpdates, queries, jobs].map(({ operations, seconds }) => [operations, seconds]);
  };
  assert.deepEqual(limitsOf('S1', 2), [
    [200, 60],
    [100, 1],
    [50, 1],
    [40, 60],
    [200, 60],
  ]);
  assert.deepEqual(limitsOf('S1', 20), [
    [2000, 60],
    [100, 1],
    [50, 1],
    [400, 60],
    [2000, 60],
  ]);
  assert.deepEqual(limitsOf('S2', 1), [
    [100, 60],
    [100, 1],
    [50, 1],
    [20, 60],
    [100, 60],
  ]);
  assert.deepEqual(limitsOf('S2', 20), [
    [2000, 60],
    [200, 1],
    [100, 1],
    [400, 60],
    [2000, 60],
  ]);
  assert.deepEqual(limitsOf('S3', 2), [
    [10_000, 60],
    [1000, 1],
    [500, 1],
    [2000, 60],
    [10_000, 60],
  ]);
});

test('registrations and polls have their own limits', async () => {
  let time = Date.now();
  const quotas = { registrationsPerMinute: 2, pollsPer10Seconds: 2 };
  await withDps({ quotas, now: () => new Date(time) }, async (dps) => {
    const ca = await makeCertificate({ name: 'limits CA', ca: true });
    await uploadVerifiedCa(dps.port, 'ca', ca.pem);
    const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } };
    await dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'limits', attestation } as never);
    const leaf = await makeCertificate({ name: 'dev', issuer: ca });
    const identity = { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem };
    const path = `/${dps.idScope}/registrations/dev`;
    const put = () => dps.raw(`${path}/register?api-version=2019-03-31`, { method: 'PUT', identity });
    const poll = () => dps.raw(`${path}?api-version=2019-03-31`, { method: 'POST', identity });
    assert.deepEqual(await statuses(put, 3), [202, 202, 429]);
    assert.deepEqual(await statuses(poll, 3), [200, 200, 429]);
    const { headers: told } = await poll();
    assert.ok(Number(told['retry-after']) >= 1 && Number(told['retry-after']) <= 10);
    time += 10_001;
    assert.equal((await poll()).status, 200);
    time += 50_000;
    assert.equal((await put()).status, 202);
  });
});

async function statuses(call: () => Promise<RawAnswer>, times: number): Promise<number[]> {
  const seen: number[] = [];
  for (let index = 0; index < times; index++) seen.push((await call()).status);
  return seen;
}

test('quotas limit the number of enrollments', async () => {
  await withDps(
    { quotas: { individualEnrollments: 2, symmetricKeyEnrollmentGroups: 1, x509EnrollmentGroups: 1 } },
    async (dps) => {
      const individual = (registrationId: string) =>
        dps.raw(`/enrollments/${registrationId}?${version}`, {
          method: 'PUT',
          headers,
          body: JSON.stringify({ registrationId, attestation: symmetric }),
        });
      assert.deepEqual(
        [(await individual('a')).status, (await individual('b')).status, (await individual('c')).status],
        [200, 200, 403],
      );
      const group = (id: string) =>
        dps.raw(`/enrollmentGroups/${id}?${version}`, {
          method: 'PUT',
          headers,
          body: JSON.stringify({ enrollmentGroupId: id, attestation: symmetric }),
        });
      assert.deepEqual([(await group('a')).status, (await group('b')).status], [200, 403]);
      assert.equal((await dps.raw(`/enrollments/a?${version}`, { method: 'DELETE', headers })).status, 204);
      assert.equal((await individual('c')).status, 200);
    },
  );
});

test('a hub throttles its registry by the number of devices, apart from its twins', async () => {
  let time = Date.now();
  const hubs = ['hub-1.localhost', 'hub-2.localhost'].map((hostName) => ({ hostName, key: wellKnownKey }));
  const hubLimits = { ...documentedHubLimits('S1', 1), twinReads: { operations: 2, seconds: 1 } };
  await withDps({ hubs, hubLimits, now: () => new Date(time) }, async (dps) => {
    const call = (host: string, method: string, path: string, body?: object) =>
      dps.raw(`${path}?api-version=2021-04-12`, {
        method,
        headers: { ...headers, host },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    const bulk = (host: string, size: number, name = 'd') => {
      const lines = Array.from({ length: size }, (_, index) => ({
        id: `${name}-${index}`,
        importMode: 'createOrUpdate',
      }));
      return call(host, 'POST', '/devices', lines);
    };
    assert.equal((await bulk('hub-1.localhost', 99)).status, 200);
    // The call that reaches the limit is done. The next one has to wait until its devices leave the window.
    assert.equal((await bulk('hub-1.localhost', 50)).status, 200);
    const refused = await call('hub-1.localhost', 'GET', '/devices/d-1');
    assert.equal(refused.status, 429);
    assert.equal(refused.headers['retry-after'], undefined);
    assert.match(refused.json().Message, /^ErrorCode:ThrottlingBacklogTimeout;.*Operation type: CRUD$/);
    assert.equal((await call('hub-2.localhost', 'GET', '/devices/d-1')).status, 404);
    await assert.rejects(dps.registry.get('d-1'), { name: 'ThrottlingError' });
    const twin = () => call('hub-1.localhost', 'GET', '/twins/d-1');
    assert.deepEqual(await statuses(twin, 3), [200, 200, 429]);
    time += 1001;
    assert.equal((await twin()).status, 200);
    time += 59_000;
    assert.equal((await call('hub-1.localhost', 'GET', '/devices/d-1')).status, 200);
  });
});

let dps: RunningDps;
before(async () => {
  dps = await startDps();
});
after(() => dps.stop());

test('invalid bodies are refused', async () => {
  const put = async (body: string | Buffer, type = 'application/json') =>
    (await dps.raw(`/enrollments/x?${version}`, { method: 'PUT', headers: { ...headers, 'content-type': type }, body }))
      .status;
  assert.equal(await put('{'), 400);
  assert.equal(await put(''), 400);
  assert.equal(await put('null'), 400);
  assert.equal(await put('[]'), 400);
  assert.equal(await put('"text"'), 400);
  assert.equal(await put(Buffer.from([0xff, 0xfe, 0x00])), 400);
  assert.equal(await put('['.repeat(90_000)), 400);
  assert.equal(await put('{"attestation":{"__proto__":{"type":"none"}}}'), 400);
  assert.equal(await put('{}', 'text/plain'), 415);
  assert.equal(await put(' '.repeat(96 * 1024 + 1)), 413);
  // Far more than the server reads into memory.
  assert.equal(await put(Buffer.alloc(20 * 1024 * 1024, 0x20)), 413);
});

test('unknown paths are refused', async () => {
  const get = async (path: string, method = 'GET') => (await dps.raw(path, { method, headers })).status;
  for (const path of [
    '/',
    '/enrollments/%',
    `/enrollments/%2e%2e%2f?${version}`,
    '/../../etc/passwd',
    '//',
    '/enrollments/a/b/c',
    '/%00',
  ]) {
    const status = await get(path);
    assert.ok(status === 404 || status === 400, `${path}: ${status}`);
  }
  assert.equal(await get(`/enrollments/${'x'.repeat(5000)}?${version}`), 404);
  assert.equal(await get(`/enrollments/x?${version}`, 'PATCH'), 405);
  assert.equal(await get('/enrollments/x'), 400);
  assert.equal(await get('/enrollments/x?api-version=latest'), 400);
  assert.equal(await get(`/enrollments/${'x'.repeat(20_000)}?${version}`), 431);
});

test('invalid TLS or HTTP closes the connection only', async () => {
  const socket = connect({ port: dps.port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false });
  socket.write('this is not HTTP\r\n\r\n');
  let text = '';
  socket.on('data', (part) => {
    text += part;
  });
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.on('close', resolve));
  assert.match(text, /^HTTP\/1\.1 400 /);
  assert.equal((await dps.raw(`/enrollments/nobody?${version}`, { headers })).status, 404);
});
