import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { foundEntry } from '../../../lib/azure/dps-entries.ts';
import { observedEntry, observedIdentity } from '../../../lib/azure/observed-entries.ts';

/* Entries of DPS and identities of IoT Hub with everything left out that the services leave out, and with everything in. */

const attestation = { type: 'x509' };

describe('an entry of DPS', () => {
  it('has the documented defaults where a setting is left out or null', () => {
    const defaults = {
      ...{
        iotEdge: false,
        provisioningStatus: 'enabled',
        allocationPolicy: 'hashed',
        iotHubs: [],
        tags: {},
        desired: {},
      },
      reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
    };
    assert.deepEqual(observedEntry({ attestation }).settings, defaults);
    const nothing = { capabilities: null, provisioningStatus: null, reprovisionPolicy: null, allocationPolicy: null };
    const more = {
      iotHubs: null,
      iotHubHostName: null,
      customAllocationDefinition: undefined,
      initialTwin: { properties: null },
    };
    assert.deepEqual(observedEntry({ attestation, ...nothing, ...more } as never).settings, defaults);
  });

  it('has its settings as DPS has them, hubs in lower case and in order', () => {
    const { id, settings } = observedEntry({
      ...{ attestation, enrollmentGroupId: 'Line7', capabilities: { iotEdge: true }, provisioningStatus: 'Disabled' },
      reprovisionPolicy: { updateHubAssignment: false, migrateDeviceData: false },
      ...{ allocationPolicy: 'static', iotHubs: ['B.example.net', 'a.example.net'], iotHubHostName: 'b.example.net' },
      customAllocationDefinition: { webhookUrl: 'https://x', apiVersion: '1' },
      initialTwin: { tags: { site: 'ams', $version: 3 }, properties: { desired: { rate: 5, $metadata: {} } } },
    } as never);
    assert.equal(id, 'line7');
    assert.deepEqual(settings, {
      ...{ iotEdge: true, provisioningStatus: 'disabled', allocationPolicy: 'static' },
      reprovisionPolicy: { updateHubAssignment: false, migrateDeviceData: false },
      ...{ iotHubs: ['a.example.net', 'b.example.net'], webhook: { url: 'https://x', apiVersion: '1' } },
      ...{ tags: { site: 'ams' }, desired: { rate: 5 } },
    });
    assert.equal(observedEntry({ attestation, registrationId: 'GW-1' }).id, 'gw-1');
    const bare = observedEntry({ attestation, customAllocationDefinition: {} });
    assert.deepEqual(bare.settings.webhook, { url: '', apiVersion: '' });
  });

  it('has a mark only where this app blocked the device, which it does with a symmetric key', () => {
    const initialTwin = { tags: { blockedBy: 'act 1' } };
    const mark = (type: string, twin: unknown = initialTwin) =>
      foundEntry({ attestation: { type }, initialTwin: twin }).mark;
    assert.equal(mark('symmetricKey'), 'act 1');
    assert.equal(mark('x509'), undefined);
    assert.equal(mark('symmetricKey', { tags: { blockedBy: 7 } }), undefined);
    assert.equal(mark('symmetricKey', null), undefined);
  });

  it('has the thumbprints and names of its CAs, primary first', () => {
    const certificate = (sha256Thumbprint: string) => ({ info: { sha256Thumbprint } });
    const x509 = (more: object) => foundEntry({ attestation: { type: 'x509', x509: more } });
    const both = { primary: certificate('A'), secondary: certificate('B') };
    assert.deepEqual(x509({ signingCertificates: both }).thumbprints, ['A', 'B']);
    assert.deepEqual(x509({ clientCertificates: { primary: certificate('A') } }).thumbprints, ['A']);
    assert.deepEqual(x509({ caReferences: { primary: 'root', secondary: 'new' } }).caReferences, ['root', 'new']);
    assert.deepEqual(x509({ caReferences: { primary: 'root' } }).caReferences, ['root']);
    const found = foundEntry({
      attestation,
      etag: '1',
      createdDateTimeUtc: 'then',
      deviceId: 'gw-1',
      provisioningStatus: 'disabled',
    });
    assert.deepEqual(found, {
      ...{ etag: '1', createdAt: 'then', attestation: 'x509', disabled: true, thumbprints: [], caReferences: [] },
      deviceId: 'gw-1',
    });
    assert.deepEqual(foundEntry({ attestation, provisioningStatus: 'enabled' }), {
      ...{ etag: '', createdAt: '', attestation: 'x509', thumbprints: [], caReferences: [] },
    });
  });
});

describe('an identity of a hub', () => {
  it('has what the registry shows, hub in lower case and thumbprints in upper case', () => {
    const x509Thumbprint = { primaryThumbprint: 'ab', secondaryThumbprint: 'cd' };
    const wire = {
      ...{ deviceId: 'gw-1', etag: 'MQ==', status: 'Disabled', statusReason: 'by hand' },
      ...{ authentication: { type: 'selfSigned', x509Thumbprint }, tags: { site: 'ams', $version: 2 } },
    };
    assert.deepEqual(observedIdentity(wire, 'Hub.example.net'), {
      ...{ deviceId: 'gw-1', hub: 'hub.example.net', status: 'disabled', statusReason: 'by hand' },
      ...{ authentication: 'selfSigned', thumbprints: ['AB', 'CD'], etag: 'MQ==', tags: { site: 'ams' } },
    });
  });

  it('has the same of a line of an export job, and of one with everything left out', () => {
    const exported = observedIdentity({ id: 'gw-1', eTag: 'MQ==', status: 'enabled', statusReason: '' }, 'hub');
    const expected = {
      deviceId: 'gw-1',
      hub: 'hub',
      status: 'enabled',
      authentication: 'sas',
      thumbprints: [],
      etag: 'MQ==',
    };
    assert.deepEqual(exported, expected);
    const empty = { primaryThumbprint: '', secondaryThumbprint: null };
    const bare = observedIdentity({ status: null, authentication: { type: null, x509Thumbprint: empty } }, 'hub');
    assert.deepEqual(bare, { ...expected, deviceId: '', etag: '' });
  });
});
