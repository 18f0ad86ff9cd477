import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { EnrollmentGroup, IndividualEnrollment } from 'azure-iot-provisioning-service/dist/interfaces.js';
import { certificatesOf } from '../../../../lib/devices/certificates.ts';
import { FleetError } from '../../../../lib/errors.ts';
import { findingKinds } from '../../../../lib/findings/kinds.ts';
import { blockDevice, restoreDevice } from '../../../../lib/pipeline/block-device.ts';
import { acceptFinding, repairFinding } from '../../../../lib/pipeline/repair-finding.ts';
import { settleBlock } from '../../../../lib/pipeline/settle-block.ts';
import { makeCertificate } from '../../../infra/emulators/dps/certificates.ts';
import { type DriftFleet, startDriftFleet } from './drift-fleet.ts';

/*
 * Someone else edits DPS and the hub with the official clients. Every edit is found, and nothing else is.
 */

const rows = (group: string, ...ids: string[]) =>
  ['deviceId,enrollmentGroup,tags.site,tags.rack.row', ...ids.map((id) => `${id},${group},ams,7`), ''].join('\n');

const operator = { by: 'Ann', reason: 'planned' };

let fleet: DriftFleet;
let made = 0;
/** A group with enrollment by group, one with individual enrollments, and a device in each. */
let [group, single, gateway, sensor] = ['', '', '', ''];

before(async () => {
  fleet = await startDriftFleet();
});

after(() => fleet.stop());

beforeEach(async () => {
  made += 1;
  [group, single, gateway, sensor] = [`line${made}`, `cell${made}`, `gw-${made}`, `sensor-${made}`];
  const initialTwin = { tags: { plant: 'north' } };
  await fleet.world.declare(group, { keyCustody: 'plain', initialTwin, iotHubs: [fleet.hubs[0]] });
  await fleet.world.declare(single, { keyCustody: 'plain', enrollment: 'individual', initialTwin });
  await fleet.provision(rows(group, gateway));
  await fleet.provision(rows(single, sensor));
  const { opened } = await fleet.sweep();
  assert.deepEqual([opened, fleet.found()], [0, []], 'a fleet with nothing wrong has no findings');
});

/** Sweeps, compares what is open, undoes the edit, and sweeps again: nothing is left. */
async function finds(expected: readonly string[], undo: () => Promise<unknown>): Promise<void> {
  await fleet.sweep();
  assert.deepEqual(fleet.found().sort(), [...expected].sort());
  await fleet.sweep();
  assert.deepEqual(fleet.found().sort(), [...expected].sort(), 'a second sweep finds the same');
  await undo();
  await fleet.sweep();
  assert.deepEqual(fleet.found(), []);
}

async function editGroup(change: object): Promise<EnrollmentGroup> {
  const { responseBody } = await fleet.dps.service.getEnrollmentGroup(group);
  await fleet.dps.service.createOrUpdateEnrollmentGroup({ ...responseBody, ...change, etag: responseBody.etag });
  return responseBody;
}

async function editEnrollment(id: string, change: object): Promise<IndividualEnrollment> {
  const { responseBody } = await fleet.dps.service.getIndividualEnrollment(id);
  await fleet.dps.service.createOrUpdateIndividualEnrollment({ ...responseBody, ...change, etag: responseBody.etag });
  return responseBody;
}

const hubOf = (id: string) => fleet.world.devices.records.get(id)?.registration?.assignedHub ?? assert.fail();

async function editIdentity(id: string, change: object): Promise<() => Promise<void>> {
  const registry = fleet.registryOf(hubOf(id));
  const { responseBody } = await registry.get(id);
  const edited = { ...responseBody, ...change };
  await registry.update(edited as never);
  return async () => void (await registry.update(responseBody as never));
}

describe('an edit of an enrollment group in DPS', () => {
  for (const [name, change] of [
    ['provisioningStatus', { provisioningStatus: 'disabled' }],
    ['initialTwin', { initialTwin: { tags: { plant: 'south' }, properties: { desired: {} } } }],
    ['reprovisionPolicy', { reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: false } }],
    ['capabilities', { capabilities: { iotEdge: false } }],
    ['iotHubs', { iotHubs: ['hub-a.localhost', 'hub-b.localhost'] }],
    ['allocationPolicy', { allocationPolicy: 'geoLatency' }],
  ] as const) {
    it(`is found: ${name}`, async () => {
      const original = await editGroup(change);
      await finds([`group-changed ${group}`], () => editGroup(original));
    });
  }

  it('is found when the group is put on another CA, and repaired when that is asked for', async () => {
    const other = await makeCertificate({ name: 'other CA', ca: true });
    await editGroup({
      attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: other.pem } } } },
    });
    await finds([`group-other-ca ${group}`], async () => {
      const [finding] = fleet.world.findings.all().filter(({ state }) => state === 'open');
      const repaired = await repairFinding(finding?.id ?? '', operator, fleet.world.services());
      assert.equal(repaired.state, 'repaired');
    });
  });

  it('is found when the group is made again by someone else', async () => {
    await fleet.dps.service.deleteEnrollmentGroup(group);
    const other = await makeCertificate({ name: 'other CA', ca: true });
    const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: other.pem } } } };
    await fleet.dps.service.createOrUpdateEnrollmentGroup({ enrollmentGroupId: group, attestation } as never);
    await fleet.sweep();
    assert.ok(fleet.found().includes(`group-foreign ${group}`), fleet.found().join());
    await fleet.dps.service.deleteEnrollmentGroup(group);
    await fleet.sweep();
    await fleet.dps.register(gateway, await fleet.identityOf(gateway));
    await fleet.sweep();
    assert.deepEqual(fleet.found(), []);
  });

  it('is repaired at once when the group was deleted', async () => {
    await fleet.dps.service.deleteEnrollmentGroup(group);
    const { repaired } = await fleet.sweep();
    assert.equal(repaired, 1);
    assert.ok(fleet.found('repaired').includes(`group-missing ${group}`));
    assert.equal((await fleet.dps.register(gateway, await fleet.identityOf(gateway))).status, 'assigned');
    await fleet.sweep();
    assert.deepEqual(fleet.found(), []);
    assert.ok(fleet.found('gone').includes(`group-missing ${group}`));
  });
});

describe('an edit of an individual enrollment in DPS', () => {
  it('is found: deleted', async () => {
    const { responseBody } = await fleet.dps.service.getIndividualEnrollment(sensor);
    const { chainPem } = await fleet.identityOf(sensor);
    await fleet.dps.service.deleteIndividualEnrollment(sensor);
    await finds([`enrollment-missing ${sensor}`, `registration-missing ${sensor}`], async () => {
      const certificate = chainPem.slice(0, chainPem.indexOf('-----END') + '-----END CERTIFICATE-----\n'.length);
      const attestation = { type: 'x509', x509: { clientCertificates: { primary: { certificate } } } };
      await fleet.dps.service.createOrUpdateIndividualEnrollment({
        ...responseBody,
        attestation,
        etag: undefined,
      } as never);
      await fleet.dps.register(sensor, await fleet.identityOf(sensor));
    });
  });

  it('is found: disabled', async () => {
    const original = await editEnrollment(sensor, { provisioningStatus: 'disabled' });
    await finds([`enrollment-changed ${sensor}`], () => editEnrollment(sensor, original));
  });

  it('is found: other tags in its initial twin', async () => {
    const initialTwin = { tags: { plant: 'north', site: 'ber', rack: { row: '7' } }, properties: { desired: {} } };
    const original = await editEnrollment(sensor, { initialTwin });
    await finds([`enrollment-changed ${sensor}`], () => editEnrollment(sensor, original));
  });

  it('is found: a block of a device in use', async () => {
    await fleet.world.services().enrollments.block(gateway, 'a mark');
    await finds([`block-left ${gateway}`], () => fleet.dps.service.deleteIndividualEnrollment(gateway));
  });

  it('is found: made under the id of a device of an enrollment group', async () => {
    const attestation = { type: 'symmetricKey' };
    await fleet.dps.service.createOrUpdateIndividualEnrollment({ registrationId: gateway, attestation } as never);
    await finds([`enrollment-foreign ${gateway}`], () => fleet.dps.service.deleteIndividualEnrollment(gateway));
  });
});

describe('an edit at the hub', () => {
  it('is found: a shared access key in place of the certificate', async () => {
    const undo = await editIdentity(gateway, {
      authentication: { type: 'sas', symmetricKey: { primaryKey: '', secondaryKey: '' } },
    });
    await finds([`other-authentication ${gateway}`], undo);
  });

  it('is found: another certificate, also as the secondary one', async () => {
    const registry = fleet.registryOf(hubOf(gateway));
    const { responseBody } = await registry.get(gateway);
    const ours = responseBody.authentication?.x509Thumbprint?.primaryThumbprint ?? '';
    const theirs = 'AB'.repeat(32);
    for (const x509Thumbprint of [
      { primaryThumbprint: theirs, secondaryThumbprint: null },
      { primaryThumbprint: ours, secondaryThumbprint: theirs },
    ]) {
      const undo = await editIdentity(gateway, { authentication: { type: 'selfSigned', x509Thumbprint } });
      await finds([`unknown-certificate ${gateway}`], undo);
    }
  });

  it('is found: disabled, and deleted', async () => {
    const undo = await editIdentity(gateway, { status: 'disabled', statusReason: 'by hand' });
    await finds([`identity-disabled ${gateway}`], undo);
    await fleet.registryOf(hubOf(gateway)).delete(gateway);
    await finds([`identity-missing ${gateway}`], async () => {
      await fleet.dps.register(gateway, await fleet.identityOf(gateway));
      await fleet.world
        .services()
        .twins.merge(hubOf(gateway), gateway, { tags: { site: 'ams', rack: { row: '7' } }, desired: {} });
    });
  });

  it('is found: tags of the row, and repaired when that is asked for; tags of others are theirs', async () => {
    const registry = fleet.registryOf(hubOf(gateway));
    await registry.updateTwin(gateway, { tags: { owner: 'someone', rack: { row: '8' } } }, '*');
    await finds([`tags-differ ${gateway}`], async () => {
      const [finding] = fleet.world.findings.all().filter(({ state }) => state === 'open');
      assert.deepEqual([finding?.expected, finding?.seen], [{ 'rack.row': '7' }, { 'rack.row': '8' }]);
      await repairFinding(finding?.id ?? '', operator, fleet.world.services());
    });
  });
});

describe('a device', () => {
  it('that DPS does not have registered any more is found', async () => {
    await fleet.dps.service.deleteDeviceRegistrationState(gateway);
    await finds([`registration-missing ${gateway}`], async () => {
      await fleet.dps.register(gateway, await fleet.identityOf(gateway));
    });
  });

  it('that DPS assigned to a hub that its group does not name is found', async () => {
    const register = async () => fleet.dps.register(gateway, await fleet.identityOf(gateway));
    const original = await editGroup({ iotHubs: [fleet.hubs[1]] });
    assert.equal((await register()).assignedHub, fleet.hubs[1]);
    await editGroup(original);
    await finds([`other-hub ${gateway}`], register);
  });

  it('that has an identity at another hub too is found', async () => {
    const other = fleet.registryOf(fleet.hubs[1]);
    await other.create({ deviceId: gateway } as never);
    await finds([`identity-elsewhere ${gateway}`], () => other.delete(gateway));
  });

  it('that registered by one of our groups and is not on record is found', async () => {
    await fleet.provision(rows(group, `${gateway}-x`));
    const record = fleet.world.devices.records.get(`${gateway}-x`) ?? assert.fail();
    fleet.world.devices.forget(record.id);
    await finds([`registered-unknown ${record.id}`], () => fleet.dps.service.deleteDeviceRegistrationState(record.id));
  });

  it('that still uses a superseded certificate is found until it registers with the new one', async () => {
    await fleet.provision(rows(group, gateway), { onconflict: 'reissue' });
    const record = fleet.world.devices.records.get(gateway) ?? assert.fail();
    assert.equal(certificatesOf(record).length, 2);
    await finds([`superseded-certificate ${gateway}`], async () => {
      await fleet.dps.register(gateway, await fleet.identityOf(gateway));
    });
  });

  it('whose archive is gone is found', async () => {
    const { archive } = fleet.world.devices.records.get(gateway)?.bundle ?? assert.fail();
    const body = (await fleet.world.bundles.read(archive)) ?? assert.fail();
    fleet.world.bundles.delete(archive);
    await finds([`archive-missing ${archive}`], () =>
      fleet.world.bundles.write(archive, body, { contentType: 'application/zip' }),
    );
  });
});

describe('a revoked device', () => {
  it('is blocked again when its block was deleted or enabled, and disabled again at its hub', async () => {
    await blockDevice(gateway, 'revoked', operator, fleet.world.services());
    await fleet.sweep();
    assert.deepEqual(fleet.found(), []);
    const registers = async () => (await fleet.dps.register(gateway, await fleet.identityOf(gateway))).status;

    await fleet.dps.service.deleteIndividualEnrollment(gateway);
    assert.equal((await fleet.sweep()).repaired, 1);
    await assert.rejects(registers(), { message: 'status is disabled' });

    await editEnrollment(gateway, { provisioningStatus: 'enabled' });
    assert.equal((await fleet.sweep()).repaired, 1);
    await assert.rejects(registers(), { message: 'status is disabled' });

    await editIdentity(gateway, { status: 'enabled', statusReason: '' });
    assert.equal((await fleet.sweep()).repaired, 1);
    const { responseBody } = await fleet.registryOf(hubOf(gateway)).get(gateway);
    assert.equal(responseBody.status, 'disabled');
    await fleet.sweep();
    assert.deepEqual([fleet.found(), fleet.found('repaired')], [[], []]);
  });

  it('keeps its finding while a repair that was cut short waits', async (t) => {
    await blockDevice(gateway, 'revoked', operator, fleet.world.services());
    await editEnrollment(gateway, { provisioningStatus: 'enabled' });
    const { enrollments } = fleet.world.services();
    const refuse = t.mock.method(enrollments, 'closeAll', async () => {
      throw new FleetError('enrollment-refused', 'No.');
    });
    await fleet.sweep();
    refuse.mock.restore();
    assert.equal(fleet.world.devices.records.get(gateway)?.status, 'closing');
    await fleet.sweep();
    assert.deepEqual(fleet.found(), [`block-missing ${gateway}`]);
    await settleBlock(gateway, fleet.world.services());
    await fleet.sweep();
    assert.deepEqual(fleet.found(), []);
  });

  it('cannot be accepted as open', async () => {
    await blockDevice(gateway, 'suspended', operator, fleet.world.services());
    await fleet.dps.service.deleteIndividualEnrollment(gateway);
    await fleet.sweep();
    const [finding] = fleet.world.findings
      .all()
      .filter(({ kind, subject }) => kind === 'block-missing' && subject.id === gateway);
    await assert.rejects(acceptFinding(finding?.id ?? '', operator, fleet.world.services()), {
      code: 'method-conflict',
    });
    await restoreDevice(gateway, operator, fleet.world.services());
    await fleet.sweep();
    assert.deepEqual(fleet.found(), []);
  });
});

describe('an accepted finding', () => {
  it('stays quiet until it changes, and begins again after it was gone', async () => {
    const registry = fleet.registryOf(hubOf(gateway));
    await registry.updateTwin(gateway, { tags: { site: 'ber' } }, '*');
    await fleet.sweep();
    const [finding] = fleet.world.findings.all().filter(({ state }) => state === 'open');
    await acceptFinding(finding?.id ?? '', operator, fleet.world.services());
    const { opened, gone, repaired } = await fleet.sweep();
    assert.deepEqual([opened, gone, repaired], [0, 0, 0]);
    assert.deepEqual(fleet.found('accepted'), [`tags-differ ${gateway}`]);

    await registry.updateTwin(gateway, { tags: { site: 'cgn' } }, '*');
    assert.equal((await fleet.sweep()).opened, 1);
    const { value: changed } = (await fleet.world.findings.read(finding?.id ?? '')) ?? {};
    assert.deepEqual([changed?.state, changed?.seen], ['open', { site: 'cgn' }]);
    assert.deepEqual(
      changed?.acts.map(({ act, by, reason }) => [act, by, reason]),
      [
        ['accepted', 'Ann', 'planned'],
        ['opened again', 'sweep', undefined],
      ],
    );

    await registry.updateTwin(gateway, { tags: { site: 'ams' } }, '*');
    assert.equal((await fleet.sweep()).gone, 1);
    await registry.updateTwin(gateway, { tags: { site: 'ber' } }, '*');
    assert.equal((await fleet.sweep()).opened, 1);
    const { value: again } = (await fleet.world.findings.read(finding?.id ?? '')) ?? {};
    assert.ok(again !== undefined && changed !== undefined && again.firstSeen > changed.firstSeen);
    await registry.updateTwin(gateway, { tags: { site: 'ams' } }, '*');
    await fleet.sweep();
  });
});

describe('the end of certificates', () => {
  it('is found before it comes, and then every kind of finding was found', async () => {
    fleet.pass(365 * 5 - 30);
    await fleet.sweep();
    const open = fleet.found();
    for (const each of [`certificate-ending ${gateway}`, `certificate-ending ${sensor}`])
      assert.ok(open.includes(each));
    assert.ok(open.some((each) => each.startsWith(`ca-ending ${group}/`)));
    const kinds = new Set(fleet.world.findings.all().map(({ kind }) => kind));
    // No device of this fleet renews by our EST server (test/lib/pipeline/renewal-findings.test.ts), and no worker makes a CA of its
    // own (test/lib/pipeline/block-delegated-ca.test.ts).
    const elsewhere = ['renewal-late', 'renews-too-often', 'ca-block-missing'];
    assert.deepEqual([...kinds, ...elsewhere].sort(), [...findingKinds].sort());
  });
});
