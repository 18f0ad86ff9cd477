import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, test } from 'node:test';
import { makeCertificate, type TestCertificate } from './certificates.ts';
import { managementClient, resourceGroup, service } from './management.ts';
import { type RunningDps, startDps } from './running-dps.ts';

/*
 * CA certificates with @azure/arm-deviceprovisioningservices, including the proof of possession.
 */

let dps: RunningDps;
before(async () => {
  dps = await startDps({ quotas: { caCertificates: 3 } });
});
after(() => dps.stop());

const certificates = () => managementClient(dps.port).dpsCertificate;
const upload = (name: string, { pem }: TestCertificate, isVerified?: boolean) =>
  certificates().createOrUpdate(resourceGroup, service, name, {
    properties: { certificate: Buffer.from(pem), ...(isVerified === undefined ? {} : { isVerified }) },
  });
const hasStatus = (status: number) => (error: { statusCode?: number }) => {
  assert.equal(error.statusCode, status, String(error));
  return true;
};

test('a CA is verified only after its key has signed the verification code', async () => {
  const ca = await makeCertificate({ name: 'proof CA', ca: true });
  const uploaded = await upload('proof', ca);
  const { properties, etag = '' } = uploaded;
  assert.equal(properties?.isVerified, false);
  assert.equal(properties?.subject, 'proof CA');
  assert.equal(properties?.thumbprint, new X509Certificate(ca.pem).fingerprint.replaceAll(':', ''));

  const coded = await certificates().generateVerificationCode('proof', etag, resourceGroup, service);
  const code = coded.properties?.verificationCode ?? '';
  assert.match(code, /^[0-9A-F]{48}$/);
  assert.notEqual(coded.etag, etag, 'every call changes the etag');

  const leaf = await makeCertificate({ name: 'proof-device', issuer: ca });
  const identity = { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem };
  const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } };
  await dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'proof', attestation } as never);
  await assert.rejects(dps.register('proof-device', identity), { name: 'UnauthorizedError' });

  const verify = (proof: TestCertificate, ifMatch = coded.etag ?? '') =>
    certificates().verifyCertificate('proof', ifMatch, resourceGroup, service, {
      certificate: Buffer.from(proof.pem).toString('base64'),
    });
  const wrongCode = await makeCertificate({ name: '0'.repeat(48), issuer: ca });
  await assert.rejects(verify(wrongCode), hasStatus(400));
  const forger = await makeCertificate({ name: 'proof CA', ca: true });
  await assert.rejects(verify(await makeCertificate({ name: code, issuer: ca, forgedBy: forger })), hasStatus(400));
  await assert.rejects(verify(await makeCertificate({ name: code })), hasStatus(400));
  const proof = await makeCertificate({ name: code, issuer: ca });
  await assert.rejects(verify(proof, 'another etag'), hasStatus(412));
  assert.equal((await verify(proof)).properties?.isVerified, true);
  assert.equal((await certificates().get('proof', resourceGroup, service)).properties?.isVerified, true);
  assert.equal((await dps.register('proof-device', identity)).status, 'assigned');

  // Another certificate under the name needs a new proof, and the old one is no longer verified.
  const { etag: now = '' } = await certificates().get('proof', resourceGroup, service);
  const changed = await certificates().createOrUpdate(
    ...([
      resourceGroup,
      service,
      'proof',
      { properties: { certificate: Buffer.from(forger.pem) } },
      { ifMatch: now },
    ] as const),
  );
  assert.equal(changed.properties?.isVerified, false);
  await assert.rejects(dps.register('proof-device', identity), { name: 'UnauthorizedError' });
  await certificates().delete(resourceGroup, service, 'proof', '*');
  await assert.rejects(certificates().get('proof', resourceGroup, service), hasStatus(404));
});

test('certificates are listed by name, up to the quota', async () => {
  const ca = await makeCertificate({ name: 'listed', ca: true });
  for (const name of ['one', 'two', 'three']) await upload(name, ca, true);
  await assert.rejects(upload('four', ca), hasStatus(403));
  const { value = [] } = await certificates().list(resourceGroup, service);
  assert.deepEqual(
    value.map(({ name }) => name),
    ['one', 'two', 'three'],
  );
  await assert.rejects(upload('ONE', ca), hasStatus(412));
  await assert.rejects(certificates().delete(resourceGroup, service, 'one', 'another etag'), hasStatus(412));
  for (const name of ['one', 'two', 'three']) await certificates().delete(resourceGroup, service, name, '*');
});

test('an invalid certificate or an unauthorized caller is refused', async () => {
  const broken = { pem: 'no certificate' } as TestCertificate;
  await assert.rejects(upload('broken', broken), hasStatus(400));
  const path = `/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/provisioningServices/d/certificates`;
  const answer = await dps.raw(`${path}?api-version=2022-12-12`);
  assert.equal(answer.status, 401);
  assert.deepEqual(Object.keys(answer.json()).sort(), ['code', 'details', 'httpStatusCode', 'message']);
});

test('the service shows its id scope, hubs and keys', async () => {
  const { iotDpsResource } = managementClient(dps.port);
  const { properties, name } = await iotDpsResource.get(resourceGroup, service);
  assert.equal(name, service);
  assert.equal(properties.idScope, dps.idScope);
  assert.deepEqual(
    properties.iotHubs?.map((hub) => hub.name),
    ['localhost'],
  );
  const keys = [];
  for await (const key of iotDpsResource.listKeys(service, resourceGroup)) keys.push(key);
  assert.equal(keys[0]?.keyName, 'provisioningserviceowner');
  assert.equal(
    (await iotDpsResource.listKeysForKeyName(service, 'provisioningserviceowner', resourceGroup)).primaryKey,
    keys[0]?.primaryKey,
  );
});
