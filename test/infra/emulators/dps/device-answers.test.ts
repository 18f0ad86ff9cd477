import assert from 'node:assert/strict';
import { createHmac, X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeCertificate, type TestCertificate } from './certificates.ts';
import { uploadVerifiedCa } from './management.ts';
import { type DeviceIdentity, expiry, type RawAnswer, type RunningDps, startDps } from './running-dps.ts';

/*
 * What clients other than ours read in the answers to a device: headers, the proof of identity, operations.
 */

const version = 'api-version=2021-06-01';
let time = Date.now();
let dps: RunningDps;
let ca: TestCertificate;

before(async () => {
  dps = await startDps({ retryAfterSeconds: 90, now: () => new Date(time), quotas: { pollsPer10Seconds: 1000 } });
  ca = await makeCertificate({ name: 'Answers CA', ca: true });
  await uploadVerifiedCa(dps.port, 'answers', ca.pem);
  const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } };
  await dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'Answers', attestation } as never);
});
after(() => dps.stop());

async function device(id: string): Promise<DeviceIdentity> {
  const leaf = await makeCertificate({ name: id, issuer: ca });
  return { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem };
}

const pathOf = (id: string) => `/${dps.idScope}/registrations/${id}`;
const register = (id: string, identity: DeviceIdentity, headers = {}) =>
  dps.raw(`${pathOf(id)}/register?${version}`, { method: 'PUT', identity, headers });
const poll = (id: string, identity: DeviceIdentity, operationId: string) =>
  dps.raw(`${pathOf(id)}/operations/${operationId}?${version}`, { identity });
const operationOf = (answer: RawAnswer): string => answer.json().operationId;

/** The members of `X509CertificateInfo` that tell certificates apart. */
const infoOf = (pem: string) => {
  const { fingerprint, fingerprint256, serialNumber } = new X509Certificate(pem);
  const [sha1Thumbprint, sha256Thumbprint] = [fingerprint, fingerprint256].map((text) => text.replaceAll(':', ''));
  return { sha1Thumbprint, sha256Thumbprint, serialNumber };
};
const told = ({ sha1Thumbprint, sha256Thumbprint, serialNumber }: ReturnType<typeof infoOf>) => ({
  ...{ sha1Thumbprint, sha256Thumbprint, serialNumber },
});

test('the answer to a device of a group names its certificate, the group, and the certificate of the group', async () => {
  const identity = await device('of-group');
  const operationId = operationOf(await register('of-group', identity));
  const { x509 } = (await poll('of-group', identity, operationId)).json().registrationState;
  assert.equal(x509.enrollmentGroupId, 'Answers');
  assert.deepEqual(told(x509.certificateInfo), infoOf(identity.chainPem));
  assert.equal(x509.certificateInfo.subjectName, 'CN=of-group');
  assert.deepEqual(told(x509.signingCertificateInfo), infoOf(ca.pem));
});

test('the answer to a device with an enrollment of its own names its certificate only', async () => {
  const leaf = await makeCertificate({ name: 'of-its-own' });
  const attestation = { type: 'x509', x509: { clientCertificates: { primary: { certificate: leaf.pem } } } };
  await dps.service.createOrUpdateIndividualEnrollment({ registrationId: 'of-its-own', attestation } as never);
  const identity = { chainPem: leaf.pem, keyPem: leaf.keyPem };
  const operationId = operationOf(await register('of-its-own', identity));
  const { x509 } = (await poll('of-its-own', identity, operationId)).json().registrationState;
  assert.deepEqual(Object.keys(x509), ['certificateInfo']);
  assert.deepEqual(told(x509.certificateInfo), infoOf(leaf.pem));
});

test('the answer to a device with a key of a group names the group', async () => {
  const { responseBody } = await dps.service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: 'keys',
    attestation: { type: 'symmetricKey', symmetricKey: {} },
  } as never);
  const groupKey = Buffer.from(responseBody.attestation.symmetricKey?.primaryKey ?? '', 'base64');
  const key = createHmac('sha256', groupKey).update('of-keys').digest();
  const resource = encodeURIComponent(`${dps.idScope}/registrations/of-keys`);
  const until = expiry();
  const signature = createHmac('sha256', key).update(`${resource}\n${until}`).digest('base64');
  const authorization = `SharedAccessSignature sr=${resource}&sig=${encodeURIComponent(signature)}&se=${until}`;
  const headers = { authorization };
  const accepted = await dps.raw(`${pathOf('of-keys')}/register?${version}`, { method: 'PUT', headers });
  const path = `${pathOf('of-keys')}/operations/${operationOf(accepted)}?${version}`;
  const { symmetricKey } = (await dps.raw(path, { headers })).json().registrationState;
  assert.deepEqual(symmetricKey, { enrollmentGroupId: 'keys' });
});

test('an earlier operation of a device stays valid for an hour, and another device cannot poll it', async () => {
  const identity = await device('twice');
  const first = operationOf(await register('twice', identity));
  const second = operationOf(await register('twice', identity));
  assert.notEqual(first, second);
  for (const operationId of [first, second]) {
    const answer = await poll('twice', identity, operationId);
    assert.deepEqual([answer.status, answer.json().operationId, answer.json().status], [200, operationId, 'assigned']);
  }
  const other = await device('other');
  await register('other', other);
  assert.equal((await poll('other', other, first)).status, 404);
  time += 60 * 60 * 1000 + 1;
  assert.equal((await poll('twice', identity, first)).status, 404);
  assert.equal((await poll('twice', identity, second)).status, 200);
});

test('a connection stays open for longer than the client is told to wait', async () => {
  const answer = await register('waits', await device('waits'), { connection: 'keep-alive' });
  assert.equal(answer.headers['retry-after'], '90');
  const [, seconds] = /^timeout=(\d+)$/.exec(String(answer.headers['keep-alive'])) ?? [];
  assert.ok(Number(seconds) > 90, `${answer.headers['keep-alive']}`);
});

test('an error has its number in a header', async () => {
  const answer = await dps.raw(`${pathOf('nobody')}/register?${version}`, { method: 'PUT' });
  assert.equal(answer.json().errorCode, 401002);
  assert.equal(answer.headers['x-ms-error-code'], '401002');
});
