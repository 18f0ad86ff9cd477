import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { certificateNameIn, type DeviceCertificate, type DeviceIdentity } from '../../lib/devices/certificate.ts';
import { inheritedCertificateNames } from '../../lib/devices/certificates.ts';
import type { DeviceFilter, DeviceRecord, DeviceStore } from '../../lib/devices/device.ts';
import { planRenewal } from '../../lib/devices/renewal-plan.ts';
import type { PageRequest } from '../../lib/storage.ts';
import { someDevice } from '../factories.ts';

/** An identity of which only the end matters. */
function endingAt(notAfter: string): DeviceIdentity {
  return {
    sha1Thumbprint: 'A'.repeat(40),
    sha256Thumbprint: 'A'.repeat(64),
    notBefore: '2026-11-23T08:00:00.000Z',
    notAfter,
  };
}

/** Tests that every DeviceStore passes. `open` returns the same store, which may be shared: ids are unique per run. */
export function deviceStoreContract(name: string, open: () => Promise<DeviceStore> | DeviceStore): void {
  const run = Date.now().toString(36);
  const id = (suffix: string | number) => `contract-${run}-${suffix}`;

  describe(`device store: ${name}`, () => {
    it('creates records and overwrites none', async () => {
      const store = await open();
      const first = await store.create([someDevice({ id: id('a'), contentHash: 'first' })]);
      assert.deepEqual(first.conflicts, []);
      const again = someDevice({ id: id('a'), contentHash: 'second' });
      const { written, conflicts } = await store.create([again, someDevice({ id: id('b') })]);
      assert.deepEqual(conflicts, [again]);
      assert.deepEqual([...written.keys()], [id('b')]);
      const read = (await store.read([id('a')])).get(id('a'));
      assert.equal(read?.value.contentHash, 'first');
      assert.ok(read?.etag);
      assert.equal(read?.etag, first.written.get(id('a'))?.etag);
    });

    it('reads the records that exist, by id, and leaves out the others', async () => {
      const store = await open();
      await store.create([someDevice({ id: id('c') }), someDevice({ id: id('d') })]);
      const read = await store.read([id('d'), id('nobody'), id('c')]);
      assert.deepEqual([...read.keys()].sort(), [id('c'), id('d')]);
      assert.equal(read.get(id('d'))?.value.id, id('d'));
    });

    it('returns a record exactly as it was written', async () => {
      const store = await open();
      const device = someDevice({ id: id('whole'), twin: { tags: { slot: 4, deep: { er: [1, null] } }, desired: {} } });
      await store.create([device]);
      assert.deepEqual((await store.read([device.id])).get(device.id)?.value, device);
    });

    it('replaces a record only if it is the version that was read', async () => {
      const store = await open();
      const device = someDevice({ id: id('e') });
      const etag = (await store.create([device])).written.get(device.id)?.etag ?? '';
      const provisioned = { ...device, status: 'provisioned' } as const;
      const { written } = await store.replace([{ value: provisioned, etag }]);
      assert.ok(written.get(device.id)?.etag);
      assert.notEqual(written.get(device.id)?.etag, etag);
      assert.deepEqual(written.get(device.id)?.value, provisioned);
      const stale = { ...device, status: 'failed' } as const;
      assert.deepEqual((await store.replace([{ value: stale, etag }])).conflicts, [stale]);
      assert.equal((await store.read([device.id])).get(device.id)?.value.status, 'provisioned');
    });

    it('deletes a record only if it is the version that was read', async () => {
      const store = await open();
      const ids = ['gone-1', 'gone-2', 'gone-3'].map(id);
      await store.create(ids.map((each) => someDevice({ id: each })));
      const read = [...(await store.read(ids)).values()];
      const [first, second] = read;
      assert.ok(first && second);
      await store.replace([{ ...second, value: { ...second.value, contentHash: 'changed' } }]);
      assert.equal(await store.remove(read), 2);
      assert.deepEqual([...(await store.read(ids)).keys()], [second.value.id]);
      assert.equal(await store.remove([first]), 0);
      assert.equal(await store.remove([]), 0);
      assert.equal((await store.create([first.value])).written.size, 1);
    });

    it('takes more records than one request to Cosmos DB can carry', async () => {
      const store = await open();
      const devices = Array.from({ length: 250 }, (_, index) => someDevice({ id: id(`many-${index}`) }));
      const ids = devices.map((device) => device.id).sort();
      const { written, conflicts } = await store.create(devices);
      assert.deepEqual(conflicts, []);
      assert.deepEqual([...written.keys()].sort(), ids);
      assert.deepEqual([...(await store.read(ids)).keys()].sort(), ids);
    });

    it('lists by job, group and status, in pages with every record once', async () => {
      const store = await open();
      const group = `group-${run}`;
      const claim = { jobId: run.padEnd(24, '0'), chunk: 0, line: 2, attempt: 1 };
      const devices = Array.from({ length: 25 }, (_, index) =>
        someDevice({ id: id(`list-${String(index).padStart(2, '0')}`), enrollmentGroup: group, claim }),
      );
      await store.create([
        ...devices,
        someDevice({ id: id('list-other'), enrollmentGroup: group, status: 'failed', claim }),
      ]);
      const seen: string[] = [];
      let continuation: string | undefined;
      do {
        const page = await store.list(
          { enrollmentGroup: group, status: 'claimed', jobId: claim.jobId },
          { size: 10, continuation },
        );
        assert.ok(page.items.length <= 10);
        seen.push(...page.items.map((record) => record.id));
        continuation = page.continuation;
      } while (continuation !== undefined);
      assert.deepEqual(
        seen,
        devices.map((device) => device.id),
      );
    });

    it('lists the devices whose certificate ends before a time, and none without a certificate', async () => {
      const store = await open();
      const group = `ending-list-${run}`;
      await store.create([
        someDevice({ id: id('e1'), enrollmentGroup: group, identity: endingAt('2027-01-01T00:00:00.000Z') }),
        someDevice({
          id: id('e2'),
          enrollmentGroup: group,
          status: 'assigned',
          identity: endingAt('2027-02-01T00:00:00.000Z'),
        }),
        someDevice({ id: id('e3'), enrollmentGroup: group, identity: endingAt('2027-03-01T00:00:00.000Z') }),
        someDevice({ id: id('e4'), enrollmentGroup: group }),
        someDevice({ id: id('e5'), enrollmentGroup: `${group}-other`, identity: endingAt('2027-01-01T00:00:00.000Z') }),
      ]);
      const expiresBefore = '2027-03-01T00:00:00.000Z';
      const listed = async (filter: DeviceFilter, page: PageRequest = { size: 10 }) =>
        (await store.list({ enrollmentGroup: group, expiresBefore, ...filter }, page)).items.map((record) => record.id);
      assert.deepEqual(await listed({}), [id('e1'), id('e2')]);
      assert.deepEqual(await listed({ status: 'assigned' }), [id('e2')]);
      assert.deepEqual(await listed({}, { size: 1, continuation: id('e1') }), [id('e2')]);
      assert.deepEqual(await listed({ expiresBefore: '2027-01-01T00:00:00.000Z' }), []);
    });

    it('counts by group the devices whose certificate ends in a period', async () => {
      const store = await open();
      const [first, second, other] = ['1', '2', '3'].map((suffix) => `ending-count-${run}-${suffix}`) as [
        string,
        string,
        string,
      ];
      const device = (suffix: string, enrollmentGroup: string, notAfter?: string) =>
        someDevice({
          id: id(suffix),
          enrollmentGroup,
          ...(notAfter === undefined ? {} : { identity: endingAt(notAfter) }),
        });
      await store.create([
        device('c1', first, '2027-01-20T00:00:00.000Z'),
        device('c2', first, '2027-01-10T00:00:00.000Z'),
        device('c3', first, '2027-02-01T00:00:00.000Z'),
        device('c4', first, '2026-12-31T23:59:59.999Z'),
        device('c5', first),
        device('c6', second, '2027-01-01T00:00:00.000Z'),
        device('c7', other, '2027-01-15T00:00:00.000Z'),
      ]);
      const counted = await store.countEnding({
        enrollmentGroups: [first, second, `${first}-none`],
        from: '2027-01-01T00:00:00.000Z',
        before: '2027-02-01T00:00:00.000Z',
      });
      assert.deepEqual(
        counted.toSorted((a, b) => (a.enrollmentGroup < b.enrollmentGroup ? -1 : 1)),
        [
          { enrollmentGroup: first, devices: 2, earliest: '2027-01-10T00:00:00.000Z' },
          { enrollmentGroup: second, devices: 1, earliest: '2027-01-01T00:00:00.000Z' },
        ],
      );
    });

    it('counts by group what became of renewals', async () => {
      const store = await open();
      const [group, other] = [`renewals-${run}-1`, `renewals-${run}-2`];
      const validity = { notBefore: '2027-01-01T00:00:00.000Z', notAfter: '2027-04-11T00:00:00.000Z' };
      const plan = planRenewal({ threshold: '80%', retry: '4%' }, validity);
      const device = (suffix: string, change: Partial<DeviceRecord>) =>
        someDevice({ id: id(suffix), enrollmentGroup: group, status: 'assigned', renewal: plan, ...change });
      await store.create([
        device('renewal1', {}),
        device('renewal2', {}),
        device('renewal3', { status: 'provisioned' }),
        device('renewal4', { renewal: { ...plan, dueDay: '2027-03-31', lateAt: '2027-04-01T00:00:00.000Z' } }),
        device('renewal5', { renewal: { ...plan, dueDay: '2027-04-01', confirmedDay: '2027-03-01' } }),
        device('renewal6', { renewal: { ...plan, dueDay: '2027-02-28', confirmedDay: '2027-02-28' } }),
        device('renewal7', { status: 'revoked', unconfirmedSince: '2027-03-01T00:00:00.000Z' }),
        device('renewal8', { enrollmentGroup: other, unconfirmedSince: '2027-03-29T22:59:59.999Z' }),
        device('renewal9', { enrollmentGroup: other, unconfirmedSince: '2027-03-29T23:00:00.000Z' }),
        someDevice({ id: id('renewal0'), enrollmentGroup: group, status: 'assigned' }),
      ]);
      const { value, requestUnits } = await store.countRenewals({
        from: '2027-03-01',
        before: '2027-04-01',
        at: '2027-03-30T00:00:00.000Z',
        unconfirmedBefore: '2027-03-29T23:00:00.000Z',
      });
      assert.equal(typeof requestUnits, 'number');
      const own = value.filter((each) => each.enrollmentGroup === group || each.enrollmentGroup === other);
      assert.deepEqual(
        own.map((each) => JSON.stringify(each, ['enrollmentGroup', 'what', 'day', 'devices'])).sort(),
        [
          { enrollmentGroup: group, what: 'done', day: '2027-03-01', devices: 1 },
          { enrollmentGroup: group, what: 'due', day: '2027-03-22', devices: 2 },
          { enrollmentGroup: group, what: 'due', day: '2027-03-31', devices: 1 },
          { enrollmentGroup: group, what: 'late', devices: 4 },
          { enrollmentGroup: group, what: 'waiting', day: '2027-03-22', devices: 1 },
          { enrollmentGroup: other, what: 'due', day: '2027-03-22', devices: 2 },
          { enrollmentGroup: other, what: 'late', devices: 2 },
          { enrollmentGroup: other, what: 'unconfirmed', devices: 1 },
        ].map((each) => JSON.stringify(each)),
      );
    });

    it('finds and counts the devices that do not renew by our EST server', async () => {
      const store = await open();
      const group = `by-hand-${run}`;
      const identity = endingAt('2027-01-10T00:00:00.000Z');
      const device = (suffix: string, change: Partial<DeviceRecord>) =>
        someDevice({ id: id(suffix), enrollmentGroup: group, identity, ...change });
      await store.create([
        device('hand1', { status: 'assigned' }),
        device('hand2', { status: 'provisioned' }),
        device('hand3', { status: 'assigned', renewal: planRenewal({ threshold: '80%', retry: '4%' }, identity) }),
        device('hand4', { status: 'revoked' }),
      ]);
      const period = { from: '2027-01-01T00:00:00.000Z', before: '2027-02-01T00:00:00.000Z' };
      const counted = await store.countEnding({ enrollmentGroups: [group], ...period, byHand: true });
      assert.deepEqual(counted, [{ enrollmentGroup: group, devices: 2, earliest: identity.notAfter }]);
      const listed = await store.list({ enrollmentGroup: group, byHand: true }, { size: 10 });
      assert.deepEqual(
        listed.items.map((record) => record.id),
        [id('hand1'), id('hand2')],
      );
    });

    it('lists the devices whose id begins with a text, in pages', async () => {
      const store = await open();
      const ids = ['p-1', 'p-10', 'p-2', 'q-1'].map(id);
      await store.create(ids.map((each) => someDevice({ id: each })));
      const listed = async (idPrefix: string, page: PageRequest = { size: 10 }) =>
        (await store.list({ idPrefix }, page)).items.map((record) => record.id);
      assert.deepEqual(await listed(id('p-')), ids.slice(0, 3));
      assert.deepEqual(await listed(id('p-1')), ids.slice(0, 2));
      assert.deepEqual(await listed(id('p-'), { size: 1, continuation: id('p-1') }), [id('p-10')]);
      for (const hostile of [`${id('p-')}%`, `${id('p-')}' OR '1'='1`, `${id('p-')}_`, 'x'.repeat(10_000)]) {
        assert.deepEqual(await listed(hostile), [], hostile.slice(0, 60));
      }
    });

    it('finds the device of a certificate that it has or had', async () => {
      const store = await open();
      const hex = (octets: number, digit: string) => run.replaceAll(/[^0-9a-f]/g, '').padEnd(2 * octets, digit);
      const identity = {
        ...endingAt('2027-01-01T00:00:00.000Z'),
        sha1Thumbprint: hex(20, 'b').toUpperCase(),
        sha256Thumbprint: hex(32, 'c').toUpperCase(),
      };
      const before = someDevice({ id: id('cert'), serialNumber: hex(16, 'a'), identity });
      const after = someDevice({
        id: id('cert'),
        serialNumber: hex(16, 'd').toUpperCase(),
        formerCertificateNames: inheritedCertificateNames(before),
      });
      const { written } = await store.create([
        before,
        someDevice({ id: id('cert-other'), serialNumber: hex(16, 'e') }),
      ]);
      const found = async (text: string, filter: DeviceFilter = {}) => {
        const certificate = certificateNameIn(text) ?? assert.fail(text);
        return (await store.list({ ...filter, certificate }, { size: 10 })).items.map((record) => record.id);
      };
      const names = [hex(16, 'a'), hex(20, 'b'), hex(32, 'c')];
      for (const name of names) assert.deepEqual(await found(name), [id('cert')]);
      await store.replace([{ value: after, etag: written.get(after.id)?.etag ?? '' }]);
      for (const name of [...names, hex(16, 'd')])
        assert.deepEqual(await found(name.toUpperCase()), [id('cert')], name);
      assert.deepEqual(await found(hex(16, 'a'), { status: 'failed' }), []);
      assert.deepEqual(await found(hex(16, 'f')), []);
    });

    it('counts devices by group and status: all, and those whose certificate ends in a period', async () => {
      const store = await open();
      const [first, second] = [`count-${run}-1`, `count-${run}-2`];
      await store.create([
        someDevice({
          id: id('n1'),
          enrollmentGroup: first,
          status: 'assigned',
          identity: endingAt('2027-01-01T00:00:00.000Z'),
        }),
        someDevice({
          id: id('n2'),
          enrollmentGroup: first,
          status: 'assigned',
          identity: endingAt('2027-01-31T00:00:00.000Z'),
        }),
        someDevice({ id: id('n3'), enrollmentGroup: first, status: 'failed' }),
        someDevice({ id: id('n4'), enrollmentGroup: second, identity: endingAt('2027-01-15T00:00:00.000Z') }),
      ]);
      const counted = async (period?: { from: string; before: string }) => {
        const { value, requestUnits } = await store.countByStatus(period);
        assert.ok(requestUnits >= 0);
        const ours = value.filter(({ enrollmentGroup }) => [first, second].includes(enrollmentGroup));
        return ours.map((each) => `${each.enrollmentGroup} ${each.status} ${each.devices}`).sort();
      };
      assert.deepEqual(await counted(), [`${first} assigned 2`, `${first} failed 1`, `${second} claimed 1`]);
      const period = { from: '2027-01-01T00:00:00.000Z', before: '2027-01-31T00:00:00.000Z' };
      assert.deepEqual(await counted(period), [`${first} assigned 1`, `${second} claimed 1`]);
    });

    it('counts the devices that need a CA', async () => {
      const store = await open();
      const [group, other] = [`under-${run}`, `under-${run}-other`];
      const [ended, ends, endsLater] = ['2027-01-01', '2027-06-01', '2027-07-01'].map((day) => `${day}T00:00:00.000Z`);
      const [long, lately] = ['2026-06-01T00:00:00.000Z', '2026-12-31T00:00:00.000Z'];
      let devices = 0;
      const certificate = (serial: number, change: Partial<DeviceCertificate>): DeviceCertificate => ({
        ...{ kind: 'identity', enrollmentGroup: group, caGeneration: 1, state: 'live', since: long },
        ...{ ...endingAt(ends as string), serialNumber: String(serial).padStart(32, '0') },
        ...change,
      });
      const device = (certificates: readonly DeviceCertificate[], change: Partial<DeviceRecord> = {}) =>
        someDevice({
          ...{ id: id(`under-${++devices}`), enrollmentGroup: group, status: 'provisioned', certificates },
          ...{ serialNumber: '1'.padStart(32, '0'), ...change },
        });
      const used = { confirmedAt: long };
      const before = { ...someDevice({ status: 'assigned' }), serialNumber: '2'.padStart(32, '0') };
      await store.create([
        // Not renewed.
        device([certificate(1, used)], { status: 'assigned' }),
        device([certificate(1, { registeredAt: long, notAfter: endsLater as string })], { status: 'suspended' }),
        device([certificate(1, { ...used, caGeneration: undefined as never })]),
        device([certificate(2, used)], { status: 'claimed', before }),
        // In a group with individual enrollments, both are named while DPS is asked.
        device([certificate(1, {}), certificate(2, used)], { status: 'claimed', before }),
        // Not confirmed: the device can still have the one before.
        device([certificate(1, { caGeneration: 2 }), certificate(2, used)]),
        device([
          certificate(1, { caGeneration: 2 }),
          ...[2, 3].map((serial) => certificate(serial, { ...used, state: 'superseded' })),
        ]),
        device([certificate(1, { enrollmentGroup: other }), certificate(2, { registeredAt: long })], {
          ...{ enrollmentGroup: other, formerGroups: [group] },
        }),
        device([certificate(2, { ...used, state: 'superseded' })], { status: 'claimed' }),
        // Not installed, in time and past the shelf life.
        device([certificate(1, { since: lately as string })]),
        device([certificate(1, {})]),
        // Not confirmed either: its row failed, and it keeps what it had.
        device([certificate(1, {}), certificate(2, { ...used, state: 'superseded' })], { status: 'failed' }),
        // None of it.
        device([certificate(1, {})], { status: 'failed' }),
        device([certificate(1, { ...used, caGeneration: 2 }), certificate(2, { ...used, state: 'superseded' })]),
        device([certificate(1, { caGeneration: 2 }), certificate(2, { state: 'superseded' })]),
        device([certificate(1, { caGeneration: 2 }), certificate(2, { ...used, notAfter: ended as string })]),
        device([certificate(2, { ...used, state: 'revoked' })], { status: 'claimed' }),
        device([certificate(1, { ...used, notAfter: '2026-12-31T23:59:59.999Z' })]),
        device([certificate(1, { ...used, caGeneration: 3 })]),
        device([certificate(1, { ...used, enrollmentGroup: other })], { enrollmentGroup: other }),
        ...(['revoked', 'scrapped', 'deleted'] as const).map((status) => device([certificate(1, used)], { status })),
        // Certificates for the EST server.
        device([
          certificate(1, { ...used, caGeneration: 2 }),
          ...[4, 5].map((serial) => certificate(serial, { kind: 'est-id' })),
          ...[
            certificate(6, { kind: 'est-id', state: 'superseded' }),
            certificate(7, { kind: 'est-id', caGeneration: 0 }),
          ],
          certificate(8, { kind: 'edge-ca' }),
        ]),
      ]);
      const ca = {
        enrollmentGroup: group,
        generation: 1,
        at: '2027-01-01T00:00:00.001Z',
        issuedSince: lately as string,
      };
      assert.deepEqual(await store.countUnderCa(ca), {
        notRenewed: { devices: 5, until: endsLater },
        notConfirmed: { devices: 5, until: ends },
        notInstalled: { devices: 1, until: ends, lastIssued: lately },
        pastShelfLife: { devices: 1, until: ends },
        estIds: { devices: 2, until: ends },
      });
      const none = { devices: 0 };
      const empty = { notRenewed: none, notConfirmed: none, notInstalled: none, pastShelfLife: none, estIds: none };
      assert.deepEqual(await store.countUnderCa({ ...ca, enrollmentGroup: `${group}-none` }), empty);
      assert.deepEqual(await store.countUnderCa({ ...ca, at: '2028-01-01T00:00:00.000Z' }), empty);
    });

    it('counts the devices of records of earlier versions as of the CA that is asked for', async () => {
      const store = await open();
      const group = `under-early-${run}`;
      const identity = endingAt('2027-06-01T00:00:00.000Z');
      const early = (suffix: string, change: Partial<DeviceRecord>) =>
        someDevice({ id: id(`early-${suffix}`), enrollmentGroup: group, identity, ...change });
      await store.create([
        early('1', { status: 'assigned', registration: { status: 'assigned', at: '2026-11-23T09:00:00Z' } }),
        early('2', { status: 'provisioned' }),
        early('3', { status: 'provisioned', statusSince: '2026-01-01T00:00:00.000Z' }),
        early('4', { status: 'deleted' }),
        early('5', { status: 'failed' }),
      ]);
      const issuedSince = '2026-11-01T00:00:00.000Z';
      const { notRenewed, notInstalled, pastShelfLife } = await store.countUnderCa({
        ...{ enrollmentGroup: group, generation: 4, at: '2027-01-01T00:00:00.000Z', issuedSince },
      });
      assert.deepEqual([notRenewed.devices, notInstalled.devices, pastShelfLife.devices], [1, 1, 1]);
      assert.equal(notInstalled.lastIssued, '2026-11-23T08:00:00.000Z');
    });

    it('returns the ids of devices of which a registration is awaited', async () => {
      const store = await open();
      const group = `waiting-${run}`;
      await store.create([
        someDevice({ id: id('w1'), enrollmentGroup: group, status: 'provisioned' }),
        someDevice({ id: id('w2'), enrollmentGroup: group, status: 'provisioned' }),
        someDevice({ id: id('w3'), enrollmentGroup: group, status: 'assigned' }),
        someDevice({
          ...{ id: id('w4'), enrollmentGroup: group, status: 'assigned' },
          unconfirmedSince: '2026-01-01T00:00:00.000Z',
        }),
      ]);
      assert.deepEqual((await store.waitingIds(group, 10)).sort(), [id('w1'), id('w2'), id('w4')]);
      assert.equal((await store.waitingIds(group, 1)).length, 1);
    });

    it('finds the devices whose doors are to be looked at', async () => {
      const store = await open();
      const block = (lookAgainAt?: string) => ({
        ...({ kind: 'revoked', by: 'Ann', at: '2026-11-23T08:00:00.000Z', reason: 'lost', mark: 'm' } as const),
        ...({ from: 'assigned', marks: ['m'], doors: {}, ...(lookAgainAt !== undefined && { lookAgainAt }) } as const),
      });
      await store.create([
        someDevice({ id: id('look-1'), status: 'closing', block: block('1999-01-01T00:00:00.000Z') }),
        someDevice({ id: id('look-2'), status: 'revoked', block: block('1999-01-03T00:00:00.000Z') }),
        someDevice({ id: id('look-3'), status: 'revoked', block: block() }),
      ]);
      const due = async (before: string) =>
        (await store.dueLooks(before, 100)).filter((each) => each.startsWith(id('')));
      assert.deepEqual(await due('1999-01-02T00:00:00.000Z'), [id('look-1')]);
      assert.deepEqual((await due('1999-01-04T00:00:00.000Z')).sort(), [id('look-1'), id('look-2')]);
    });

    it('lists devices that work with a certificate of a delegated CA', async () => {
      const store = await open();
      const [enrollmentGroup, ca, other] = [`delegated-${run}`, 'aa'.repeat(16), 'bb'.repeat(16)];
      const certificate = (serialNumber: string, delegatedCa?: string): DeviceCertificate => ({
        ...{ kind: 'identity', serialNumber, enrollmentGroup, state: 'live', since: '2026-11-28T09:00:00.000Z' },
        ...{ sha1Thumbprint: 'A', sha256Thumbprint: `B${serialNumber}` },
        ...{ notBefore: '2026-11-27T21:00:00.000Z', notAfter: '2027-11-28T09:00:00.000Z' },
        ...(delegatedCa !== undefined && { delegatedCa }),
      });
      const present = (name: string, change: Partial<DeviceRecord>) =>
        someDevice({ id: id(name), enrollmentGroup, status: 'assigned', serialNumber: '02', ...change });
      const before = { ...present('x', {}), serialNumber: '01', certificates: undefined };
      await store.create([
        present('d1', { certificates: [certificate('02', ca)] }),
        present('d2', { certificates: [certificate('02', other)] }),
        present('d3', { certificates: [certificate('02'), certificate('01', ca)] }),
        present('d4', { certificates: [certificate('02', ca)], status: 'revoked' }),
        present('d5', { certificates: [certificate('01', ca)], status: 'claimed', before }),
        present('d6', {}),
      ]);
      const { items } = await store.list({ enrollmentGroup, delegatedCa: ca }, { size: 10 });
      assert.deepEqual(
        items.map((each) => each.id),
        [id('d1'), id('d5')],
      );
    });

    it('lists the devices that are in a group, or have been', async () => {
      const store = await open();
      const [issuingGroup, other] = [`issuing-${run}`, `other-${run}`];
      await store.create([
        someDevice({ id: id('g1'), enrollmentGroup: issuingGroup }),
        someDevice({ id: id('g2'), enrollmentGroup: other, formerGroups: ['x', issuingGroup] }),
        someDevice({ id: id('g3'), enrollmentGroup: other, formerGroups: ['x'] }),
        someDevice({ id: id('g4'), enrollmentGroup: other }),
      ]);
      const listed = await store.list({ issuingGroup }, { size: 10 });
      assert.deepEqual(
        listed.items.map((record) => record.id),
        [id('g1'), id('g2')],
      );
    });
  });
}
