import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import common from 'azure-iot-common';
import { wellKnownKey } from 'fleet-emulators/dps';
import { makeCertificate, type TestCertificate } from './certificates.ts';
import { uploadVerifiedCa } from './management.ts';
import { type DeviceIdentity, expiry, type RawAnswer, type RunningDps, startDps } from './running-dps.ts';

/*
 * Identities as whole objects with a status, and what a block in DPS or in the hub does to a device.
 */

let dps: RunningDps;
let ca: TestCertificate;
let time = Date.now();
const hubs = ['hub-1.localhost', 'hub-2.localhost'];

before(async () => {
  const linked = hubs.map((hostName) => ({ hostName, key: wellKnownKey }));
  dps = await startDps({ hubs: linked, now: () => new Date(time) });
  ca = await makeCertificate({ name: 'identities CA', ca: true });
  await uploadVerifiedCa(dps.port, 'ca', ca.pem);
  const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } };
  await dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'line', attestation } as never);
});
after(() => dps.stop());

const version = 'api-version=2021-04-12';
const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };

function put(deviceId: string, body: object, ifMatch?: string): Promise<RawAnswer> {
  return dps.raw(`/devices/${deviceId}?${version}`, {
    method: 'PUT',
    headers: { ...headers, ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }) },
    body: JSON.stringify({ deviceId, ...body }),
  });
}

const get = async (deviceId: string) => (await dps.raw(`/devices/${deviceId}?${version}`, { headers })).json();

async function deviceOf(id: string) {
  const leaf = await makeCertificate({ name: id, issuer: ca });
  return { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem };
}

/** The error of the client for the status `disabled`. */
const isDisabled = { name: 'SyntaxError', message: /disabled/ };

const thumbprint = 'A'.repeat(64);
const selfSigned = { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: thumbprint } };

test('a device is disabled with its whole identity and a quoted etag', async () => {
  const created = (await put('whole', { authentication: selfSigned, capabilities: { iotEdge: true } })).json();
  assert.deepEqual([created.status, created.statusReason], ['enabled', null]);
  time += 1000;
  const disabled = { ...created, status: 'disabled', statusReason: 'revoked by r-1' };
  const answer = await put('whole', disabled, `"${created.etag}"`);
  assert.equal(answer.status, 200);
  const identity = answer.json();
  assert.deepEqual(identity, await get('whole'));
  assert.equal(answer.headers['etag'], `"${identity.etag}"`);
  assert.deepEqual([identity.status, identity.statusReason], ['disabled', 'revoked by r-1']);
  assert.equal(new Date(identity.statusUpdatedTime).getTime(), time);
  assert.deepEqual(identity.authentication, created.authentication);
  assert.deepEqual(identity.capabilities, { iotEdge: true });
  assert.notEqual(identity.etag, created.etag);
  const twin = (await dps.raw(`/twins/whole?${version}`, { headers })).json();
  assert.deepEqual(
    [twin.status, twin.statusReason, twin.statusUpdateTime, twin.deviceEtag],
    ['disabled', 'revoked by r-1', identity.statusUpdatedTime, identity.etag],
  );
  // The etag of the first answer is outdated.
  const late = await put('whole', created, `"${created.etag}"`);
  assert.equal(late.status, 412);
  assert.equal(late.headers['iothub-errorcode'], 'PreconditionFailed');
  assert.match(late.json().Message, /^ErrorCode:PreconditionFailed;/);
  assert.match(late.json().ExceptionMessage, /^Tracking ID:/);
  assert.deepEqual(await get('whole'), identity);
});

test('an update without authentication makes a SAS device with new keys', async () => {
  const before = (await put('parts', { authentication: selfSigned, capabilities: { iotEdge: true } })).json();
  assert.equal(before.authentication.symmetricKey.primaryKey, null);
  const after = (await put('parts', { status: 'disabled' }, '"*"')).json();
  assert.equal(after.authentication.type, 'sas');
  assert.equal(after.authentication.x509Thumbprint.primaryThumbprint, null);
  assert.equal(Buffer.from(after.authentication.symmetricKey.primaryKey, 'base64').length, 32);
  assert.deepEqual(after.capabilities, { iotEdge: false });
  // This client fills in the same authentication, with empty keys.
  await put('by-client', { authentication: selfSigned });
  await dps.registry.update({ deviceId: 'by-client', status: 'disabled' } as never);
  assert.equal((await get('by-client')).authentication.type, 'sas');
  const again = (await put('parts', {}, '"*"')).json();
  assert.equal(again.status, 'enabled');
  assert.notDeepEqual(again.authentication.symmetricKey, after.authentication.symmetricKey);
});

test('a PUT creates without If-Match and updates with it; a DELETE needs it', async () => {
  assert.equal((await put('rules', {}, '"*"')).headers['iothub-errorcode'], 'DeviceNotFound');
  const { etag } = (await put('rules', {})).json();
  // The etag in the body does not count.
  assert.equal((await put('rules', { etag })).headers['iothub-errorcode'], 'DeviceAlreadyExists');
  const remove = (ifMatch?: string) =>
    dps.raw(`/devices/rules?${version}`, {
      method: 'DELETE',
      headers: { ...headers, ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }) },
    });
  assert.deepEqual([(await remove()).status, (await remove('"old"')).status], [412, 412]);
  assert.deepEqual([(await remove(`"${etag}"`)).status, (await remove('"*"')).status], [204, 404]);
});

test('the status is read in any case, and an invalid identity is refused', async () => {
  assert.equal((await put('any-case', { status: 'Disabled' })).json().status, 'disabled');
  for (const body of [
    { status: 'sleeping' },
    { statusReason: 'x'.repeat(129) },
    { authentication: { type: 'none' } },
    { authentication: { type: 'selfSigned', x509Thumbprint: { primaryThumbprint: 'AA:BB' } } },
    { authentication: { type: 'sas', symmetricKey: { primaryKey: wellKnownKey } } },
    { authentication: { type: 'sas', symmetricKey: { primaryKey: 'c2hvcnQ=', secondaryKey: 'c2hvcnQ=' } } },
    { deviceId: 'other' },
  ]) {
    const answer = await put('any-case', body, '"*"');
    assert.equal(answer.headers['iothub-errorcode'], 'ArgumentInvalid', JSON.stringify(body));
  }
});

test('an Edge device has its own scope, and a child has the scope of its parent', async () => {
  const edge = { capabilities: { iotEdge: true } };
  const parent = (await put('parent', { ...edge, deviceScope: 'ms-azure-iot-edge://mine-1' })).json();
  assert.match(parent.deviceScope, /^ms-azure-iot-edge:\/\/parent-\d+$/);
  const scopes = async (id: string, body: object) => {
    const { deviceScope, parentScopes } = (await put(id, body)).json();
    const twin = (await dps.raw(`/twins/${id}?${version}`, { headers })).json();
    assert.deepEqual([twin.deviceScope, twin.parentScopes], [deviceScope, parentScopes]);
    return [deviceScope, parentScopes];
  };
  assert.deepEqual(await scopes('leaf', { deviceScope: parent.deviceScope }), [
    parent.deviceScope,
    [parent.deviceScope],
  ]);
  assert.deepEqual(await scopes('leaf-2', { parentScopes: [parent.deviceScope] }), [undefined, undefined]);
  const [own, parents] = await scopes('nested', { ...edge, parentScopes: [parent.deviceScope] });
  assert.match(own, /^ms-azure-iot-edge:\/\/nested-\d+$/);
  assert.deepEqual(parents, [parent.deviceScope]);
});

test('an update of an Edge device has to send its scope', async () => {
  const edge = { capabilities: { iotEdge: true } };
  const parent = (await put('upper', edge)).json();
  const created = (await put('immutable', { ...edge, parentScopes: [parent.deviceScope] })).json();
  for (const deviceScope of [undefined, '', parent.deviceScope]) {
    const answer = await put('immutable', { ...created, deviceScope }, '"*"');
    assert.match(answer.json().Message, /^ErrorCode:ArgumentInvalid;Device scope is immutable$/);
  }
  const kept = (await put('immutable', { ...created, status: 'disabled' }, '"*"')).json();
  assert.deepEqual([kept.status, kept.parentScopes], ['disabled', [parent.deviceScope]]);
  assert.equal((await put('immutable', { ...created, parentScopes: [] }, '"*"')).json().parentScopes, undefined);
  // A device that becomes a leaf has no parent, and a leaf that becomes an Edge device must not send one.
  const leaf = (await put('immutable', { ...created, capabilities: { iotEdge: false } }, '"*"')).json();
  assert.deepEqual([leaf.deviceScope, leaf.parentScopes], [undefined, undefined]);
  assert.equal((await put('immutable', { ...edge, deviceScope: parent.deviceScope }, '"*"')).status, 503);
  assert.equal((await put('immutable', edge, '"*"')).json().deviceScope, created.deviceScope);
});

test('a disabled symmetric key enrollment blocks the device of a group by its registration id', async () => {
  const identity = await deviceOf('blocked');
  assert.equal((await dps.register('blocked', identity)).status, 'assigned');
  const block = { registrationId: 'BLOCKED', attestation: { type: 'symmetricKey' }, provisioningStatus: 'Disabled' };
  await dps.service.createOrUpdateIndividualEnrollment(block as never);
  await assert.rejects(dps.register('blocked', identity), isDisabled);
  // A renewed certificate does not help.
  await assert.rejects(dps.register('blocked', await deviceOf('blocked')), isDisabled);
  const path = `/${dps.idScope}/registrations/blocked/register?api-version=2021-06-01`;
  const answer = await dps.raw(path, { method: 'PUT', identity });
  assert.equal(answer.status, 200);
  assert.equal(answer.json().registrationState.status, 'disabled');
  assert.equal((await dps.service.getDeviceRegistrationState('blocked')).responseBody.status, 'disabled');
  await dps.service.deleteIndividualEnrollment('blocked');
  assert.equal((await dps.register('blocked', identity)).status, 'assigned');
});

test('a registration does not enable a disabled identity', async () => {
  await dps.register('asleep', await deviceOf('asleep'));
  const identity = await get('asleep');
  await put('asleep', { ...identity, status: 'disabled', statusReason: 'stolen' }, `"${identity.etag}"`);
  await dps.register('asleep', await deviceOf('asleep'));
  const after = await get('asleep');
  assert.deepEqual([after.status, after.statusReason], ['disabled', 'stolen']);
  assert.notDeepEqual(after.authentication, identity.authentication);
});

test('statistics count the devices by status', async () => {
  const count = async () => (await dps.registry.getRegistryStatistics()).responseBody;
  const before = await count();
  await put('counted-1', {});
  await put('counted-2', { status: 'disabled' });
  assert.deepEqual(await count(), {
    totalDeviceCount: before.totalDeviceCount + 2,
    enabledDeviceCount: before.enabledDeviceCount + 1,
    disabledDeviceCount: before.disabledDeviceCount + 1,
  });
  const ofHub = await dps.raw(`/statistics/devices?${version}`, { headers: { ...headers, host: 'hub-2.localhost' } });
  assert.ok(ofHub.json().totalDeviceCount < before.totalDeviceCount + 2);
  const { connectedDeviceCount } = (await dps.raw(`/statistics/service?${version}`, { headers })).json();
  assert.equal(connectedDeviceCount, 0);
});

test('a disabled or deleted device cannot send a message to its hub', async () => {
  const identity = await deviceOf('sender');
  const { assignedHub } = await dps.register('sender', identity);
  const path = `/devices/sender/messages/events?${version}`;
  const send = async (by: DeviceIdentity, host = assignedHub, body: string | Buffer = 'hello') =>
    (await dps.raw(path, { method: 'POST', headers: { host }, body, identity: by })).status;
  const receive = async () =>
    (await dps.raw(`/devices/sender/messages/deviceBound?${version}`, { headers: { host: assignedHub }, identity }))
      .status;
  assert.deepEqual([await send(identity), await receive()], [204, 204]);
  assert.equal(await send(await deviceOf('sender')), 401);
  assert.equal(
    await send(
      identity,
      hubs.find((hub) => hub !== assignedHub),
    ),
    401,
  );
  assert.equal(await send(identity, assignedHub, Buffer.alloc(256 * 1024 + 1)), 413);
  const enabled = await get('sender');
  await put('sender', { ...enabled, status: 'disabled' }, '"*"');
  assert.deepEqual([await send(identity), await receive()], [401, 401]);
  await put('sender', enabled, '"*"');
  assert.equal(await send(identity), 204);
  // After a renewal the hub knows the new certificate only.
  const renewed = await deviceOf('sender');
  await dps.register('sender', renewed);
  assert.deepEqual([await send(identity), await send(renewed)], [401, 204]);
  await dps.registry.delete('sender');
  assert.equal(await send(renewed), 401);
});

test('a device with symmetric keys signs its messages', async () => {
  const { authentication } = (await put('signer', {})).json();
  const sign = (key: string, resource = `localhost:${dps.port}/devices/signer`) =>
    common.SharedAccessSignature.create(encodeURIComponent(resource), '', key, expiry()).toString();
  const send = async (authorization: string) =>
    (await dps.raw(`/devices/signer/messages/events?${version}`, { method: 'POST', headers: { authorization } }))
      .status;
  assert.equal(await send(sign(authentication.symmetricKey.primaryKey)), 204);
  assert.equal(await send(sign(authentication.symmetricKey.secondaryKey)), 204);
  assert.equal(await send(sign(wellKnownKey)), 401);
  assert.equal(await send(sign(authentication.symmetricKey.primaryKey, 'localhost/devices/other')), 401);
  await dps.registry.update({ deviceId: 'signer', status: 'disabled', authentication } as never);
  assert.equal(await send(sign(authentication.symmetricKey.primaryKey)), 401);
});

test('errors of unknown paths and bodies have the format of the hub', async () => {
  const codeOf = async (path: string, method = 'GET', body?: string) => {
    const answer = await dps.raw(`${path}?${version}`, { method, headers, ...(body === undefined ? {} : { body }) });
    const word = answer.headers['iothub-errorcode'];
    assert.ok(answer.json().Message.startsWith(`ErrorCode:${word};`));
    return word;
  };
  assert.equal(await codeOf('/configurations/base'), 'GenericNotFound');
  assert.equal(await codeOf('/devices/a/modules'), 'GenericNotFound');
  assert.equal(await codeOf('/devices/a', 'PATCH'), 'GenericMethodNotAllowed');
  assert.equal(await codeOf('/devices/a', 'PUT', '{'), 'GenericBadRequest');
});
