import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Enrollments, IndividualEnrollment, RegistrationOf } from '../../lib/enrollment/enrollments.ts';
import { someGroup } from '../factories.ts';
import { makeCertificate } from '../infra/emulators/dps/certificates.ts';

export interface EnrollmentsUnderTest {
  readonly enrollments: Enrollments;
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
      ...change,
    };
  }

  describe(`enrollments: ${name}`, () => {
    it('creates a group, leaves it as it is, and updates it', async () => {
      const { enrollments } = open();
      const primaryCertificatePem = (await makeCertificate({ name: `${run} CA 1`, ca: true })).pem;
      const definition = someGroup(`${run}-a`);
      await enrollments.ensureGroup({ definition, primaryCertificatePem });
      await enrollments.ensureGroup({ definition, primaryCertificatePem });
      const changed = someGroup(`${run}-a`, {
        provisioningStatus: 'disabled',
        initialTwin: { tags: { site: 'paris' } },
      });
      const next = (await makeCertificate({ name: `${run} CA 2`, ca: true })).pem;
      const rolledOver = { primaryCertificatePem: next, secondaryCertificatePem: primaryCertificatePem };
      await enrollments.ensureGroup({ definition: changed, ...rolledOver });
    });

    it('enrolls ten devices in one call, and again without an error', async () => {
      const { enrollments } = open();
      const ten = await Promise.all(Array.from({ length: 10 }, (_, index) => individual(`${run}-ten-${index}`)));
      const nothing = Array.from({ length: 10 }, () => undefined);
      assert.deepEqual(await enrollments.enroll(ten), nothing);
      assert.deepEqual(await enrollments.enroll(ten), nothing);
    });

    it('replaces the certificate of an enrolled device', async () => {
      const { enrollments } = open();
      assert.deepEqual(await enrollments.enroll([await individual(`${run}-new`)]), [undefined]);
      assert.deepEqual(await enrollments.enroll([await individual(`${run}-new`)]), [undefined]);
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
      await enrollments.ensureGroup({ definition, primaryCertificatePem: await signingCertificate() });
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
    });
  });
}

async function all(pages: AsyncIterable<RegistrationOf[]>): Promise<RegistrationOf[]> {
  const states: RegistrationOf[] = [];
  for await (const page of pages) states.push(...page);
  return states;
}
