import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Twin } from '../../lib/devices/twin.ts';
import type {
  Enrollments,
  FoundEntry,
  IndividualEnrollment,
  RegistrationOf,
} from '../../lib/enrollment/enrollments.ts';
import { FleetError } from '../../lib/errors.ts';
import { someGroup } from '../factories.ts';
import { makeCertificate } from '../infra/emulators/dps/certificates.ts';

/** Any version of a group may be written. */
const anything = async () => {};

export interface EnrollmentsUnderTest {
  readonly enrollments: Enrollments;
  /** The initial twin of an enrollment group, as it is stored. */
  readonly groupTwin: (id: string) => Promise<Twin>;
  /** Registers devices through a group. Absent when no device can register (a real DPS). */
  readonly register?: (group: string, deviceIds: readonly string[]) => Promise<void>;
}

/** Tests that every Enrollments passes. Ids begin with `contract-`, so that they can be removed from a real DPS. */
export function enrollmentsContract(
  name: string,
  open: () => EnrollmentsUnderTest,
  /** The CA whose certificates the devices of `register` have (PEM). */
  signingCertificate: () => Promise<string>,
): void {
  const run = `contract-${Date.now().toString(36)}`;
  const freely = async () => true;

  async function individual(
    deviceId: string,
    change: Partial<IndividualEnrollment> = {},
  ): Promise<IndividualEnrollment> {
    const certificatePem = (await makeCertificate({ name: deviceId })).pem;
    const twin = { tags: { site: 'berlin' }, desired: { interval: 60 } };
    return {
      deviceId,
      certificatePem,
      definition: someGroup(`${run}-i`, { enrollment: 'individual' }),
      twin,
      own: [],
      adopt: false,
      mayWrite: freely,
      ...change,
    };
  }

  describe(`enrollments: ${name}`, () => {
    it('creates a group, leaves it as it is, and updates it', async () => {
      const { enrollments, groupTwin } = open();
      /** The group as DPS has it, which `mayWrite` is asked about. */
      async function groupOf(id: string) {
        const definition = someGroup(id);
        const seen: (FoundEntry | undefined)[] = [];
        const asking = enrollments.ensureGroup({ definition, primaryCertificatePem }, async (found) => {
          seen.push(found);
          throw new FleetError('group-exists', 'It is only read.');
        });
        await assert.rejects(asking, { code: 'group-exists' });
        return { thumbprints: seen[0]?.thumbprints, disabled: seen[0]?.disabled, twin: await groupTwin(id) };
      }
      const primaryCertificatePem = (await makeCertificate({ name: `${run} CA 1`, ca: true })).pem;
      const definition = someGroup(`${run}-a`);
      const created = await enrollments.ensureGroup({ definition, primaryCertificatePem }, anything);
      assert.deepEqual(await enrollments.ensureGroup({ definition, primaryCertificatePem }, anything), created);
      assert.deepEqual(await groupOf(definition.id), {
        ...{ thumbprints: [sha256Of({ certificatePem: primaryCertificatePem })], disabled: undefined },
        twin: definition.initialTwin,
      });
      const initialTwin = { tags: { site: 'paris' }, desired: { interval: 9 } };
      const changed = someGroup(definition.id, { provisioningStatus: 'disabled', initialTwin });
      const next = (await makeCertificate({ name: `${run} CA 2`, ca: true })).pem;
      const rolledOver = { primaryCertificatePem: next, secondaryCertificatePem: primaryCertificatePem };
      const updated = await enrollments.ensureGroup({ definition: changed, ...rolledOver }, anything);
      assert.deepEqual([updated.createdAt, updated.etag === created.etag], [created.createdAt, false]);
      const thumbprints = [next, primaryCertificatePem].map((certificatePem) => sha256Of({ certificatePem }));
      assert.deepEqual(await groupOf(definition.id), { thumbprints, disabled: true, twin: initialTwin });
    });

    it('enrolls ten devices in one call, and again without an error', async () => {
      const { enrollments } = open();
      const ten = await Promise.all(Array.from({ length: 10 }, (_, index) => individual(`${run}-ten-${index}`)));
      const nothing = Array.from({ length: 10 }, () => undefined);
      const stored = () => Promise.all(ten.map(({ deviceId }) => enrollments.enrollment(deviceId)));
      assert.deepEqual(await enrollments.enroll(ten), nothing);
      const first = await stored();
      assert.deepEqual(
        first.map((found) => found?.thumbprints),
        ten.map((device) => [sha256Of(device)]),
      );
      assert.deepEqual(await enrollments.enroll(ten), nothing);
      assert.deepEqual(await stored(), first, 'nothing is written twice');
    });

    it('replaces the certificate of an enrolled device', async () => {
      const { enrollments } = open();
      const first = await individual(`${run}-new`);
      const second = await individual(`${run}-new`, { own: [sha256Of(first)] });
      for (const device of [first, second, second]) {
        assert.deepEqual(await enrollments.enroll([device]), [undefined]);
        assert.deepEqual((await enrollments.enrollment(device.deviceId))?.thumbprints, [sha256Of(device)]);
      }
    });

    it('does not replace an enrollment with a certificate that is not ours, unless it is adopted', async () => {
      const { enrollments } = open();
      const theirs = await individual(`${run}-foreign`);
      assert.deepEqual(await enrollments.enroll([theirs]), [undefined]);
      const ours = await individual(`${run}-foreign`, { own: ['F'.repeat(64)] });
      const other = await individual(`${run}-beside`);
      const [refused, beside] = await enrollments.enroll([ours, other]);
      assert.equal(beside, undefined);
      assert.equal(refused?.exists?.attestation, 'x509');
      assert.deepEqual(refused.exists.thumbprints, [sha256Of(theirs)]);
      assert.ok(refused.exists.etag !== '' && !Number.isNaN(Date.parse(refused.exists.createdAt)));
      const held = async () => (await enrollments.enrollment(ours.deviceId))?.thumbprints;
      assert.deepEqual(await held(), [sha256Of(theirs)]);
      assert.deepEqual((await enrollments.enrollment(other.deviceId))?.thumbprints, [sha256Of(other)]);
      assert.deepEqual(await enrollments.enroll([{ ...ours, adopt: true }]), [undefined]);
      assert.deepEqual(await held(), [sha256Of(ours)]);
      assert.deepEqual(await enrollments.enroll([ours]), [undefined]);
    });

    it('replaces no enrollment when it may not, and none that was closed after it asked', async () => {
      const { enrollments } = open();
      const first = await individual(`${run}-late`);
      await enrollments.enroll([first]);
      const isOwn = ({ thumbprints: [held] }: FoundEntry) => held === sha256Of(first);
      const close = () => enrollments.close(first.deviceId, 'revoke', { isOwn, mayWrite: freely });
      const closing = async () => (await close()) !== undefined;
      const own = [sha256Of(first)];
      for (const late of [first, await individual(first.deviceId, { own })]) {
        await close();
        for (const mayWrite of [async () => false, closing]) {
          await assert.rejects(enrollments.enroll([{ ...late, mayWrite }]), { code: 'concurrent-change' });
          const left = await enrollments.enrollment(first.deviceId);
          assert.deepEqual([left?.disabled, left?.thumbprints[0]], [true, sha256Of(first)]);
        }
      }
    });

    it('gives an enrollment the wanted status, also when it has the certificate already', async () => {
      const { enrollments } = open();
      const device = await individual(`${run}-status`);
      const definition = { ...device.definition, provisioningStatus: 'disabled' as const };
      for (const [wanted, disabled] of [
        [device, undefined],
        [{ ...device, definition }, true],
        [device, undefined],
      ] as const) {
        assert.deepEqual(await enrollments.enroll([wanted]), [undefined]);
        assert.equal((await enrollments.enrollment(device.deviceId))?.disabled, disabled);
      }
    });

    it('asks before it writes a group, and writes nothing when it may not', async () => {
      const { enrollments } = open();
      const definition = someGroup(`${run}-asked`);
      const primaryCertificatePem = (await makeCertificate({ name: `${run} CA asked`, ca: true })).pem;
      const group = { definition, primaryCertificatePem };
      const seen: (FoundEntry | undefined)[] = [];
      const written = await enrollments.ensureGroup(group, async (found) => void seen.push(found));
      assert.deepEqual(seen, [undefined]);
      assert.equal(written.thumbprints[0], sha256Of({ certificatePem: primaryCertificatePem }));
      const changed = { ...group, definition: someGroup(definition.id, { provisioningStatus: 'disabled' }) };
      const refusal = new FleetError('group-exists', 'It may not be written.');
      const refusing = enrollments.ensureGroup(changed, async (found) => {
        assert.deepEqual(found?.createdAt, written.createdAt);
        throw refusal;
      });
      await assert.rejects(refusing, refusal);
      const updated = await enrollments.ensureGroup(changed, anything);
      assert.equal(updated.createdAt, written.createdAt);
      assert.notEqual(updated.etag, written.etag);
    });

    it('closes DPS for the devices of a CA, again if it was opened, and leaves a group with another CA', async () => {
      const { enrollments } = open();
      const certificatePem = (await makeCertificate({ name: `${run} delegated`, ca: true })).pem;
      const ca = { id: `${run}-closed-ca`, certificatePem, enrollmentGroup: `${run}-group` };
      const closed = await enrollments.closeCa(ca);
      assert.deepEqual([closed.disabled, closed.thumbprints], [true, [sha256Of(ca)]]);
      assert.equal((await enrollments.closeCa(ca)).etag, closed.etag, 'nothing is written twice');
      const definition = someGroup(ca.id);
      await enrollments.ensureGroup({ definition, primaryCertificatePem: certificatePem }, anything);
      const again = await enrollments.closeCa(ca);
      assert.deepEqual([again.disabled, again.createdAt], [true, closed.createdAt]);
      const other = (await makeCertificate({ name: `${run} another`, ca: true })).pem;
      await assert.rejects(enrollments.closeCa({ ...ca, certificatePem: other }), { code: 'group-exists' });
      assert.equal(await enrollments.deleteGroup(ca.id, () => true), 'deleted');
    });

    it('deletes entries that are ours, and leaves others', async () => {
      const { enrollments } = open();
      const definition = someGroup(`${run}-gone`);
      const primaryCertificatePem = (await makeCertificate({ name: `${run} CA gone`, ca: true })).pem;
      await enrollments.ensureGroup({ definition, primaryCertificatePem }, anything);
      assert.equal(await enrollments.deleteGroup(definition.id, () => false), 'other');
      assert.equal(await enrollments.deleteGroup(definition.id, () => true), 'deleted');
      assert.equal(await enrollments.deleteGroup(definition.id, () => true), 'absent');
      const device = await individual(`${run}-gone`);
      await enrollments.enroll([device]);
      assert.equal(await enrollments.deleteEnrollment(device.deviceId, () => false), 'other');
      const isOurs = ({ thumbprints: [held] }: FoundEntry) => held === sha256Of(device);
      assert.equal(await enrollments.deleteEnrollment(device.deviceId, isOurs), 'deleted');
      assert.equal(await enrollments.deleteEnrollment(device.deviceId, isOurs), 'absent');
      await enrollments.deleteRegistration(`${run}-nobody`);
    });

    it('blocks a device once, and knows its own block from an enrollment that is in the way', async () => {
      const { enrollments } = open();
      const id = `${run}-blocked`;
      assert.equal(await enrollments.block(id, 'deleted 1'), undefined);
      assert.equal(await enrollments.block(id, 'deleted 1'), undefined);
      assert.equal((await enrollments.block(id, 'deleted 2'))?.mark, 'deleted 1');
      const blocked = await enrollments.enrollment(id);
      assert.deepEqual([blocked?.disabled, blocked?.mark], [true, 'deleted 1']);
      // A new enrollment replaces the block by its mark only.
      const device = await individual(id);
      assert.equal((await enrollments.enroll([device]))[0]?.exists?.attestation, 'symmetricKey');
      assert.deepEqual(await enrollments.enroll([{ ...device, own: ['deleted 1'] }]), [undefined]);
      assert.deepEqual((await enrollments.enrollment(id))?.thumbprints, [sha256Of(device)]);
      assert.equal((await enrollments.block(id, 'deleted 1'))?.attestation, 'x509');
    });

    const marked =
      (...marks: string[]) =>
      ({ mark }: FoundEntry) =>
        mark !== undefined && marks.includes(mark);

    it('closes DPS for a device without an enrollment, and opens it again', async () => {
      const { enrollments } = open();
      const id = `${run}-closed`;
      const closed = await enrollments.close(id, 'act 1', { isOwn: marked('act 1'), mayWrite: freely });
      assert.deepEqual([closed?.mark, closed?.disabled], ['act 1', true]);
      assert.deepEqual(await enrollments.enrollment(id), closed);
      // The same operation changes nothing. A later one puts its own mark on the door.
      const again = await enrollments.close(id, 'act 1', { isOwn: marked('act 1'), mayWrite: freely });
      assert.equal(again?.etag, closed?.etag);
      const later = await enrollments.close(id, 'act 2', { isOwn: marked('act 1', 'act 2'), mayWrite: freely });
      assert.deepEqual([later?.mark, later?.etag === closed?.etag], ['act 2', false]);
      assert.deepEqual(await enrollments.open(id, 'enabled', { isOwn: marked('act 1'), mayWrite: freely }), later);
      assert.equal(await enrollments.open(id, 'enabled', { isOwn: marked('act 2'), mayWrite: freely }), undefined);
      assert.equal(await enrollments.enrollment(id), undefined);
    });

    it('closes DPS for ten devices, each by what DPS has of it', async () => {
      const { enrollments } = open();
      const ids = Array.from({ length: 10 }, (_, index) => `${run}-many-${index}`);
      const [ours, theirs, stale, unwanted, blocked] = ids as [string, string, string, string, string];
      const [device, other] = [await individual(ours), await individual(theirs)];
      await enrollments.enroll([device, other]);
      await enrollments.close(blocked, 'act 1', { isOwn: () => true, mayWrite: freely });
      const doorOf = (deviceId: string) => ({
        deviceId,
        mark: 'act 2',
        isNew: deviceId !== ours && deviceId !== theirs,
        change: {
          isOwn: ({ mark, thumbprints: [held] }: FoundEntry) => mark === 'act 1' || held === sha256Of(device),
          mayWrite: async () => deviceId !== unwanted,
        },
      });
      // `stale`: an enrollment that the records do not know, and that is ours.
      await enrollments.close(stale, 'act 1', { isOwn: () => true, mayWrite: freely });

      const found = await enrollments.closeAll(ids.map(doorOf));
      assert.deepEqual(
        found.map((each) => (each instanceof FleetError ? each.code : (each?.disabled ?? false))),
        [true, false, true, false, true, true, true, true, true, true],
      );
      const marks = found.map((each) => (each instanceof FleetError ? each.code : each?.mark));
      assert.deepEqual(marks.slice(2), ['act 2', undefined, ...Array(6).fill('act 2')]);
      // All were read back.
      assert.deepEqual(found, await Promise.all(ids.map((id) => enrollments.enrollment(id))));
      // Repeated, it changes nothing but the enrollment that has no place for a mark.
      const again = await enrollments.closeAll(ids.map(doorOf));
      assert.deepEqual(again.slice(1), found.slice(1));
    });

    it('disables an individual enrollment of ours, keeps its certificate, and enables it again', async () => {
      const { enrollments } = open();
      const device = await individual(`${run}-suspended`);
      await enrollments.enroll([device]);
      const isOwn = ({ thumbprints: [held] }: FoundEntry) => held === sha256Of(device);
      const closed = await enrollments.close(device.deviceId, 'act 1', { isOwn, mayWrite: freely });
      assert.deepEqual([closed?.disabled, closed?.thumbprints[0]], [true, sha256Of(device)]);
      const opened = await enrollments.open(device.deviceId, 'enabled', { isOwn, mayWrite: freely });
      assert.deepEqual([opened?.disabled, opened?.thumbprints[0]], [undefined, sha256Of(device)]);
      assert.equal(opened?.createdAt, closed?.createdAt);
    });

    it('leaves an enrollment that is not ours', async () => {
      const { enrollments } = open();
      const device = await individual(`${run}-theirs`);
      await enrollments.enroll([device]);
      const before = await enrollments.enrollment(device.deviceId);
      const change = { isOwn: () => false, mayWrite: freely };
      assert.deepEqual(await enrollments.close(device.deviceId, 'act 1', change), before);
      assert.deepEqual(await enrollments.open(device.deviceId, 'enabled', change), before);
      assert.equal(before?.disabled, undefined);
    });

    it('opens no door that was closed again after it asked whether it may', async () => {
      const { enrollments } = open();
      const group = `${run}-raced-g`;
      const device = await individual(`${run}-raced-i`);
      await enrollments.enroll([device]);
      for (const id of [group, device.deviceId]) {
        const isOwn = ({ mark, thumbprints: [held] }: FoundEntry) => mark !== undefined || held === sha256Of(device);
        await enrollments.close(id, 'suspend', { isOwn, mayWrite: freely });
        let asked = 0;
        async function mayOpen() {
          asked += 1;
          if (asked > 1) return false;
          await enrollments.close(id, 'revoke', { isOwn, mayWrite: freely });
          return true;
        }
        const left = await enrollments.open(id, 'enabled', { isOwn, mayWrite: mayOpen });
        assert.deepEqual([asked, left?.disabled], [2, true], id);
        assert.equal((await enrollments.enrollment(id))?.disabled, true, id);
      }
    });

    it('has no registration of a device or group that does not exist', async () => {
      const { enrollments } = open();
      assert.equal(await enrollments.registration(`${run}-nobody`), undefined);
      assert.deepEqual(await all(enrollments.groupRegistrations(`${run}-nowhere`)), []);
    });

    it('reads all registrations of a group, page by page', async (t) => {
      const { enrollments, register } = open();
      if (register === undefined) return t.skip('no device can register here');
      const definition = someGroup(`${run}-r`);
      await enrollments.ensureGroup({ definition, primaryCertificatePem: await signingCertificate() }, anything);
      assert.deepEqual(await all(enrollments.groupRegistrations(definition.id)), []);
      const ids = Array.from({ length: 105 }, (_, index) => `${run}-r-${String(index).padStart(3, '0')}`);
      await register(definition.id, ids);
      const states = await all(enrollments.groupRegistrations(definition.id));
      assert.deepEqual(states.map(({ deviceId }) => deviceId).sort(), ids);
      for (const { registration } of states) {
        assert.equal(registration.status, 'assigned');
        assert.ok(registration.assignedHub);
        assert.ok(!Number.isNaN(Date.parse(registration.at ?? '')));
      }
      assert.deepEqual(
        await enrollments.registration(ids[7] ?? ''),
        states.find((each) => each.deviceId === ids[7])?.registration,
      );
      assert.deepEqual(await enrollments.registrationsOf(ids[7] ?? ''), [
        await enrollments.registration(ids[7] ?? assert.fail()),
      ]);
      await enrollments.deleteRegistration(ids[7] ?? '');
      assert.equal(await enrollments.registration(ids[7] ?? ''), undefined);
      assert.deepEqual(await enrollments.registrationsOf(ids[7] ?? ''), []);
      const left = (await all(enrollments.groupRegistrations(definition.id))).map(({ deviceId }) => deviceId);
      assert.deepEqual(left.sort(), ids.toSpliced(7, 1));
    });
  });
}

function sha256Of({ certificatePem }: Pick<IndividualEnrollment, 'certificatePem'>): string {
  return new X509Certificate(certificatePem).fingerprint256.replaceAll(':', '');
}

async function all(pages: AsyncIterable<RegistrationOf[]>): Promise<RegistrationOf[]> {
  const states: RegistrationOf[] = [];
  for await (const page of pages) states.push(...page);
  return states;
}
