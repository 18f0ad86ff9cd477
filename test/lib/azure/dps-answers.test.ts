import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { createDpsEnrollments, toRegistration } from '../../../lib/azure/dps.ts';
import { isSameGroup, sha256Of, toDpsEnrollment, toEnrollmentGroup } from '../../../lib/azure/dps-entries.ts';
import type { FoundEntry, IndividualEnrollment } from '../../../lib/enrollment/enrollments.ts';
import { someGroup } from '../../factories.ts';
import { makeCertificate } from '../../infra/emulators/dps/certificates.ts';

/* Answers of DPS that the emulator gives seldom or never: races, refusals, and what is not in its documentation. */

interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

/** By `METHOD path`, without the query and a last slash. */
type Answers = Readonly<Record<string, readonly Answer[]>>;

const directory = mkdtempSync(join(tmpdir(), 'dps-answers-'));
let answers: Answers = {};
let requests: string[] = [];
let port = 0;
let pem = '';
let otherPem = '';
let close = () => {};

before(async () => {
  const tls = await ensureLocalTls({ directory: join(directory, 'tls') });
  setDefaultCACertificates([...getCACertificates('default'), tls.caPem]);
  const server = createServer({ key: tls.keyPem, cert: tls.certPem }, (request, response) => {
    request.resume();
    const name = `${request.method} ${request.url?.replace(/\/?\?.*/, '')}`;
    const given = answers[name] ?? [];
    const index = requests.filter((each) => each === name).length;
    requests.push(name);
    // The last one stands for all that follow.
    const { status, body } = given[index] ?? given.at(-1) ?? { status: 404, body: { errorCode: 404201 } };
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(body === undefined ? '' : JSON.stringify(body));
  });
  server.listen(0);
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  close = () => {
    server.close();
    server.closeAllConnections();
  };
  [pem, otherPem] = [(await makeCertificate({ name: 'gw-1' })).pem, (await makeCertificate({ name: 'gw-2' })).pem];
});
after(() => {
  close();
  rmSync(directory, { recursive: true, force: true });
});

/** A client of a DPS that answers so. */
function dpsThat(given: Answers) {
  answers = given;
  requests = [];
  const key = Buffer.from('key').toString('base64');
  return createDpsEnrollments({
    connectionString: `HostName=localhost:${port};SharedAccessKeyName=provisioningserviceowner;SharedAccessKey=${key}`,
  });
}

const refusal = (status: number, errorCode = status * 1000): Answer => ({
  status,
  body: { errorCode, message: 'as DPS says' },
});
const ok = (body: unknown): Answer => ({ status: 200, body });
const gone: Answer = { status: 204 };

const device = (deviceId: string, change: Partial<IndividualEnrollment> = {}): IndividualEnrollment => ({
  ...{ deviceId, certificatePem: pem, definition: someGroup('line7', { enrollment: 'individual' }) },
  ...{ twin: { tags: {}, desired: {} }, own: [], adopt: false, mayWrite: async () => true },
  ...change,
});
const isOwn = () => true;
const entry = (deviceId: string, certificatePem = pem) => ({
  ...toDpsEnrollment(device(deviceId, { certificatePem })),
  etag: '"1"',
});
const get = 'GET /enrollments/gw-1';
const put = 'PUT /enrollments/gw-1';
const remove = 'DELETE /enrollments/gw-1';
const bulk = 'POST /enrollments';

describe('devices that are enrolled together', () => {
  const two = () => [device('gw-1'), device('gw-2', { certificatePem: otherPem })];
  const bySelf = [get, put, 'GET /enrollments/gw-2', 'PUT /enrollments/gw-2'].sort();

  for (const status of [400, 413]) {
    it(`are sent one by one when DPS refuses the whole request with ${status}, and each has its own answer`, async () => {
      const dps = dpsThat({
        [bulk]: [refusal(status)],
        [put]: [refusal(400, 400004)],
        'PUT /enrollments/gw-2': [ok(entry('gw-2', otherPem))],
      });
      assert.deepEqual(await dps.enroll(two()), [{ errorCode: 400004, message: 'as DPS says' }, undefined]);
      assert.deepEqual(requests.slice(1).sort(), bySelf);
    });
  }

  for (const [status, code] of [
    [500, 'unavailable'],
    [401, 'unavailable'],
    [429, 'throttled'],
  ] as const) {
    it(`are not sent one by one when DPS answers ${status}`, async () => {
      await assert.rejects(dpsThat({ [bulk]: [refusal(status)] }).enroll(two()), { code });
      assert.deepEqual(requests, [bulk]);
    });
  }

  it('have the error of each, whatever the case of the id in the answer', async () => {
    const errors = [{ registrationId: 'GW-2', errorCode: 400010, errorStatus: 'not this one' }];
    const dps = dpsThat({ [bulk]: [ok({ isSuccessful: false, errors })] });
    assert.deepEqual(await dps.enroll(two()), [undefined, { errorCode: 400010, message: 'not this one' }]);
    assert.deepEqual(requests, [bulk]);
  });

  for (const body of [undefined, {}, { isSuccessful: false }, { isSuccessful: false, errors: null }]) {
    it(`are not taken for enrolled when the answer is ${JSON.stringify(body) ?? 'empty'}`, async () => {
      await assert.rejects(dpsThat({ [bulk]: [{ status: 200, body }] }).enroll(two()), { code: 'unavailable' });
    });
  }

  it('are enrolled when DPS says so and leaves out the list of errors', async () => {
    assert.deepEqual(await dpsThat({ [bulk]: [ok({ isSuccessful: true })] }).enroll(two()), [undefined, undefined]);
  });
});

describe('a device whose enrollment exists', () => {
  const exists = ok({ errors: [{ registrationId: 'gw-1', errorCode: 409201, errorStatus: 'exists' }] });
  const enroll = (given: Answers, change: Partial<IndividualEnrollment> = {}) =>
    dpsThat({ [bulk]: [exists], ...given }).enroll([device('gw-1', change)]);

  it('with its certificate is enrolled, and nothing is written', async () => {
    assert.deepEqual(await enroll({ [get]: [ok(entry('gw-1'))] }), [undefined]);
    assert.deepEqual(requests, [bulk, get]);
  });

  it('with a certificate of another owner is refused, and nothing is written', async () => {
    const [error] = await enroll({ [get]: [ok(entry('gw-1', otherPem))] });
    assert.deepEqual([error?.errorCode, error?.exists?.thumbprints], [409201, [sha256Of(otherPem)]]);
    assert.deepEqual(requests, [bulk, get]);
  });

  it('is not replaced when the device may not be enrolled any more', async () => {
    const change = { own: [sha256Of(otherPem)], mayWrite: async () => false };
    await assert.rejects(enroll({ [get]: [ok(entry('gw-1', otherPem))] }, change), { code: 'concurrent-change' });
    assert.deepEqual(requests, [bulk, get]);
  });

  for (const [status, errorCode] of [
    [412, 412000],
    [409, 409201],
    [409, 409203],
  ] as const) {
    it(`and changes while it is written (${errorCode}) is a concurrent change`, async () => {
      const given = { [get]: [ok(entry('gw-1', otherPem))], [put]: [refusal(status, errorCode)] };
      await assert.rejects(enroll(given, { adopt: true }), { code: 'concurrent-change' });
    });
  }

  for (const status of [400, 404, 409, 413]) {
    it(`and that DPS refuses to replace with ${status} has the reason of DPS`, async () => {
      const given = { [get]: [ok(entry('gw-1', otherPem))], [put]: [refusal(status, status * 1000 + 99)] };
      const reason = { errorCode: status * 1000 + 99, message: 'as DPS says' };
      assert.deepEqual(await enroll(given, { adopt: true }), [reason]);
    });
  }

  it('and that DPS cannot write now is unavailable', async () => {
    const given = { [get]: [ok(entry('gw-1', otherPem))], [put]: [refusal(503)] };
    await assert.rejects(enroll(given, { adopt: true }), { code: 'unavailable' });
  });
});

describe('an enrollment group that is written', () => {
  const path = '/enrollmentGroups/line7';
  const group = () => ({ definition: someGroup('line7'), primaryCertificatePem: pem });
  const stored = () => ({ ...toEnrollmentGroup(group()), etag: '"1"' });
  const ensure = (given: Answers) => dpsThat(given).ensureGroup(group(), async () => {});

  for (const [status, errorCode] of [
    [412, 412000],
    [409, 409202],
  ] as const) {
    it(`and was created or changed meanwhile (${errorCode}) is read again`, async () => {
      await ensure({ [`GET ${path}`]: [{ status: 404 }, ok(stored())], [`PUT ${path}`]: [refusal(status, errorCode)] });
      assert.deepEqual(requests, [`GET ${path}`, `PUT ${path}`, `GET ${path}`]);
    });

    it(`and changes under each write (${errorCode}) is given up`, async () => {
      const attempt = ensure({ [`PUT ${path}`]: [refusal(status, errorCode)] });
      await assert.rejects(attempt, { code: 'concurrent-change' });
      assert.equal(requests.filter((each) => each.startsWith('PUT')).length, 5);
    });
  }

  it('and that DPS refuses is refused once, with the reason of DPS', async () => {
    const attempt = ensure({ [`PUT ${path}`]: [refusal(409, 409999)] });
    await assert.rejects(attempt, { code: 'group-refused', message: /"line7": 409999 as DPS says/ });
    assert.deepEqual(requests, [`GET ${path}`, `PUT ${path}`]);
  });

  it('and that DPS cannot write now is not refused', async () => {
    await assert.rejects(ensure({ [`PUT ${path}`]: [refusal(500)] }), { code: 'unavailable' });
  });

  it('is as declared when its secondary certificate repeats the primary one', () => {
    const repeated = { ...group(), secondaryCertificatePem: pem };
    assert.ok(isSameGroup(toEnrollmentGroup(repeated), toEnrollmentGroup(group())));
    const other = { ...group(), secondaryCertificatePem: otherPem };
    assert.ok(!isSameGroup(toEnrollmentGroup(other), toEnrollmentGroup(group())));
    const swapped = { ...group(), primaryCertificatePem: otherPem, secondaryCertificatePem: pem };
    assert.ok(!isSameGroup(toEnrollmentGroup(other), toEnrollmentGroup(swapped)));
  });
});

describe('an enrollment that is deleted', () => {
  it('after a change is read again, and its owner is asked again', async () => {
    const seen: FoundEntry[] = [];
    const dps = dpsThat({
      [get]: [ok(entry('gw-1')), ok(entry('gw-1', otherPem))],
      [remove]: [refusal(412)],
    });
    const isOurs = (found: FoundEntry) => seen.push(found) === 1;
    assert.equal(await dps.deleteEnrollment('gw-1', isOurs), 'other');
    assert.deepEqual(
      seen.map(({ thumbprints }) => thumbprints[0]),
      [sha256Of(pem), sha256Of(otherPem)],
    );
  });

  it('by someone else meanwhile is absent', async () => {
    const dps = dpsThat({ [get]: [ok(entry('gw-1')), { status: 404 }], [remove]: [{ status: 404 }] });
    assert.equal(await dps.deleteEnrollment('gw-1', isOwn), 'absent');
  });

  it('and that changes again and again is given up', async () => {
    const dps = dpsThat({ [get]: [ok(entry('gw-1'))], [remove]: [refusal(412)] });
    await assert.rejects(dps.deleteEnrollment('gw-1', isOwn), { code: 'concurrent-change' });
    assert.equal(requests.filter((each) => each === remove).length, 5);
  });

  it('and that DPS does not delete is an error with the reason of DPS', async () => {
    const dps = dpsThat({ [get]: [ok(entry('gw-1'))], [remove]: [refusal(400, 400001)] });
    await assert.rejects(dps.deleteEnrollment('gw-1', isOwn), { code: 'unavailable', message: /400001 as DPS says/ });
    assert.deepEqual(requests, [get, remove]);
  });

  it('is deleted at the first answer', async () => {
    const dps = dpsThat({ [get]: [ok(entry('gw-1'))], [remove]: [gone] });
    assert.equal(await dps.deleteEnrollment('gw-1', isOwn), 'deleted');
    assert.deepEqual(requests, [get, remove]);
  });
});

describe('an enrollment that is closed', () => {
  const close = (given: Answers) => dpsThat(given).close('gw-1', 'mark', { isOwn, mayWrite: async () => true });

  it('and was created meanwhile is read again, and disabled', async () => {
    const disabled = { ...entry('gw-1'), provisioningStatus: 'disabled' };
    const given = {
      [get]: [{ status: 404 }, ok(entry('gw-1')), ok(disabled)],
      [put]: [refusal(409, 409201), ok(disabled)],
    };
    assert.equal((await close(given))?.disabled, true);
    assert.deepEqual(requests, [get, put, get, put, get]);
  });

  it('and changes again and again is given up', async () => {
    await assert.rejects(close({ [get]: [ok(entry('gw-1'))], [put]: [refusal(412)] }), { code: 'concurrent-change' });
    assert.equal(requests.filter((each) => each === put).length, 5);
  });

  it('and that DPS refuses is an error with the reason of DPS, and is not tried again', async () => {
    const attempt = close({ [get]: [ok(entry('gw-1'))], [put]: [refusal(400, 400001)] });
    await assert.rejects(attempt, { code: 'unavailable', message: /400001/ });
    assert.deepEqual(requests, [get, put]);
  });

  it('by a block that DPS refuses for another reason is an error', async () => {
    await assert.rejects(dpsThat({ [put]: [refusal(500)] }).block('gw-1', 'mark'), { code: 'unavailable' });
  });

  it('by a block that meets an entry which is gone is a concurrent change', async () => {
    await assert.rejects(dpsThat({ [put]: [refusal(409, 409201)] }).block('gw-1', 'mark'), {
      code: 'concurrent-change',
    });
  });
});

describe('a registration', () => {
  const path = 'DELETE /registrations/gw-1';

  it('that is not there is deleted', async () => {
    await dpsThat({ [path]: [{ status: 404 }] }).deleteRegistration('gw-1');
    assert.deepEqual(requests, [path]);
  });

  it('that DPS does not delete is an error', async () => {
    await assert.rejects(dpsThat({ [path]: [refusal(500)] }).deleteRegistration('gw-1'), { code: 'unavailable' });
  });

  it('that DPS does not read is an error, and not an absent one', async () => {
    const dps = dpsThat({ 'GET /registrations/gw-1': [refusal(400, 400001)] });
    await assert.rejects(dps.registration('gw-1'), { code: 'unavailable', message: /400001/ });
  });

  it('has an error only where DPS reports one, and a hub only where it has one', () => {
    const at = '2026-11-23T08:00:00.000Z';
    const wire = { registrationId: 'GW-1', lastUpdatedDateTimeUtc: at };
    const assigned = { ...wire, status: 'assigned', substatus: 'initialAssignment', assignedHub: 'hub', errorCode: 0 };
    assert.deepEqual(toRegistration(assigned as Parameters<typeof toRegistration>[0]), {
      deviceId: 'gw-1',
      registration: { status: 'assigned', substatus: 'initialAssignment', assignedHub: 'hub', at },
    });
    const failed = { ...wire, status: 'failed', assignedHub: null, errorCode: 400209, errorMessage: 'no hub' };
    assert.deepEqual(toRegistration(failed as unknown as Parameters<typeof toRegistration>[0]), {
      deviceId: 'gw-1',
      registration: { status: 'failed', at, errorCode: 400209, errorMessage: 'no hub' },
    });
  });
});
