import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceCertificate, Renewal } from '../../../lib/devices/certificate.ts';
import {
  bundlesOf,
  certificatesOf,
  confirm,
  countsForPresent,
  noteRegistration,
  supersedeIssued,
  supersedeOthers,
  unexpired,
  withIssued,
  withUnusedBundle,
} from '../../../lib/devices/certificates.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { failedRecord, heldWhileClaimed, inUse, withFormerGroup, withUnused } from '../../../lib/devices/reissue.ts';
import {
  awaitsAnother,
  endOfWaiting,
  isGood,
  isShownByUse,
  reserved,
  stillAwaited,
  supersedeEstIdsBefore,
} from '../../../lib/devices/renewal.ts';
import { someDevice, someTime } from '../../factories.ts';

const at = someTime.toISOString();
const plus = (ms: number) => new Date(someTime.getTime() + ms).toISOString();

/** Serial number, thumbprints and state follow from a letter. */
function certificate(letter: string, change: Partial<DeviceCertificate> = {}): DeviceCertificate {
  const names = { serialNumber: letter, sha1Thumbprint: `${letter}1`, sha256Thumbprint: `${letter}2` };
  const validity = { notBefore: at, notAfter: plus(86_400_000), since: at };
  return { kind: 'identity', enrollmentGroup: 'line7', state: 'live', ...names, ...validity, ...change };
}

const device = (certificates: readonly DeviceCertificate[], change: Partial<DeviceRecord> = {}) =>
  someDevice({ status: 'assigned', serialNumber: certificates[0]?.serialNumber ?? '', certificates, ...change });
const states = (certificates: readonly DeviceCertificate[]) =>
  certificates.map(({ serialNumber, state, since }) => `${serialNumber} ${state}${since === at ? '' : ' since'}`);

const edgeCa = certificate('e', { kind: 'edge-ca', issuedWith: 'a' });
const estId = (letter: string, change: Partial<DeviceCertificate> = {}) =>
  certificate(letter, { kind: 'est-id', ...change });

describe('certificates of a device', () => {
  it('count as unexpired up to their last moment', () => {
    const record = device([certificate('a'), certificate('b', { notAfter: at })]);
    const serials = (when: string) => unexpired(record, when).map(({ serialNumber }) => serialNumber);
    assert.deepEqual([serials(at), serials(plus(1)), serials(plus(86_400_001))], [['a', 'b'], ['a'], []]);
  });

  it('that are issued come first, and take the place of the same ones', () => {
    const held = [certificate('a'), certificate('b')];
    assert.deepEqual(states(withIssued(held, [certificate('c')], at)), ['c live', 'a live', 'b live']);
    assert.deepEqual(states(withIssued(held, [certificate('b', { state: 'superseded' })], at)), [
      'b superseded',
      'a live',
    ]);
  });

  it('that have expired are kept as the 20 newest', () => {
    const expired = Array.from({ length: 25 }, (_, index) => certificate(`x${index}`, { notAfter: plus(-1) }));
    assert.equal(withIssued(expired, [certificate('a')], at).length, 20);
    const ending = certificate('z', { notAfter: at });
    assert.equal(withIssued([...expired, ending], [certificate('a')], at).at(-1)?.serialNumber, 'z');
  });

  it('are superseded by an issuance, except what was issued with it, and what is not live', () => {
    const held = [certificate('a'), edgeCa, certificate('b'), certificate('c', { state: 'revoked' })];
    assert.deepEqual(states(supersedeOthers(held, 'a', plus(1))), [
      'a live',
      'e live',
      'b superseded since',
      'c revoked',
    ]);
    assert.deepEqual(states(supersedeIssued(held, 'a', plus(1))), [
      'a superseded since',
      'e superseded since',
      'b live',
      'c revoked',
    ]);
    assert.deepEqual(states(supersedeIssued(held, 'c', plus(1))), states(held));
  });

  it('have a bundle that nothing hands out', () => {
    const bundle = { archive: 'x.zip', fileName: 'gw-1', offset: 3 };
    const [a, b] = withUnusedBundle([certificate('a'), certificate('b')], 'b', bundle);
    assert.deepEqual([a?.unusedBundle, b?.unusedBundle], [undefined, { archive: 'x.zip', fileName: 'gw-1' }]);
    const held = [certificate('a')];
    assert.equal(withUnusedBundle(held, 'a', undefined), held);
    const unused = b?.unusedBundle;
    const record = device([certificate('a'), b ?? assert.fail()]);
    assert.deepEqual(bundlesOf(record), [unused]);
    const own = { archive: 'y.zip', fileName: 'gw-1' } as never;
    assert.deepEqual(bundlesOf({ ...record, bundle: own }), [own, unused]);
  });
});

describe('a registration', () => {
  const registration = { status: 'assigned', assignedHub: 'hub', at: plus(5000) } as const;

  it('is noted on the certificates of one issuance', () => {
    const record = device([certificate('a'), edgeCa, certificate('b')]);
    const noted = noteRegistration(record, 'a', registration);
    assert.deepEqual(
      noted.map(({ assignedHub, registeredAt }) => [assignedHub, registeredAt]),
      [
        ['hub', registration.at],
        ['hub', registration.at],
        [undefined, undefined],
      ],
    );
    const [bare] = noteRegistration(record, 'a', { status: 'assigned' });
    assert.deepEqual(bare, certificate('a'));
  });

  it('confirms the present certificates, since when it was seen first', () => {
    const record = device([certificate('a'), certificate('b')]);
    const [a, b] = confirm(record, registration, plus(7000));
    assert.deepEqual([a?.confirmedAt, b?.confirmedAt, b?.state], [plus(7000), undefined, 'live']);
    const again = confirm({ ...record, certificates: [a, b] as never }, registration, plus(9000));
    assert.equal(again[0]?.confirmedAt, plus(7000));
  });

  it('supersedes identities before a renewed one, and nothing else', () => {
    const held = [certificate('a'), certificate('b'), estId('c'), certificate('d', { state: 'revoked' })];
    const record = device(held, { unconfirmedSince: at });
    assert.deepEqual(states(confirm(record, registration, plus(1))), [
      'a live',
      'b superseded since',
      'c live',
      'd revoked',
    ]);
  });

  it('counts for the present certificate when it is not older by more than a minute', () => {
    const counts = (ms: number, record = device([certificate('a')])) =>
      countsForPresent(record, { status: 'assigned', at: plus(ms) });
    assert.deepEqual([counts(-60_000), counts(-60_001), counts(0)], [true, false, true]);
    assert.equal(countsForPresent(device([certificate('a')]), { status: 'assigned' }), true);
    const used = device([certificate('a', { since: plus(-100_000) }), certificate('b', { registeredAt: at })]);
    assert.deepEqual([counts(0, used), counts(1, used), counts(-1, used)], [false, true, false]);
  });
});

describe('a device that a row claims', () => {
  it('keeps what it works with, and nothing where it does not work', () => {
    const worked = device([certificate('a')], { writtenId: 'GW-1', contentHash: 'h' });
    for (const status of ['provisioned', 'assigned'] as const) {
      const held = heldWhileClaimed({ ...worked, status });
      assert.deepEqual(held, {
        ...{ writtenId: 'GW-1', enrollmentGroup: 'line7', status, statusSince: worked.statusSince },
        ...{ claim: worked.claim, contentHash: 'h', serialNumber: 'a' },
      });
    }
    for (const status of ['failed', 'claimed', 'deleted', 'scrapped'] as const)
      assert.equal(heldWhileClaimed({ ...worked, status }), undefined, status);
    // Taken over from a row that had not ended.
    const before = heldWhileClaimed(worked);
    assert.equal(heldWhileClaimed({ ...worked, status: 'claimed', before }), before);
  });

  it('is held by the row that gave it what it has', () => {
    const heldBy = { jobId: 'b'.repeat(24), chunk: 0, line: 3, attempt: 1 };
    const failedReissue = { code: 'gave-up', message: '', at, serialNumber: 'x', heldBy } as const;
    assert.deepEqual(heldWhileClaimed(device([certificate('a')], { failedReissue }))?.claim, heldBy);
  });

  it('works with what it had', () => {
    const worked = device([certificate('a')], { twin: { tags: { site: 'ams' }, desired: {} } });
    const claimed = { ...worked, status: 'claimed', twin: { tags: { site: 'ber' }, desired: {} } } as const;
    const held = { ...claimed, before: heldWhileClaimed(worked) };
    assert.deepEqual([inUse(held).twin, inUse(held).status, inUse(held).before], [worked.twin, 'assigned', undefined]);
    assert.equal(inUse(worked), worked);
  });

  it('gets it back when the row fails, with the certificate that was issued named', () => {
    const worked = device([certificate('a')], { enrollmentGroup: 'line6' });
    const claimed = device([certificate('b'), certificate('a')], {
      ...{ status: 'claimed', before: heldWhileClaimed(worked), bundle: { archive: 'x.zip', fileName: 'f' } as never },
    });
    const record = failedRecord(claimed, { code: 'gave-up', message: 'No.' }, plus(1));
    assert.deepEqual([record.status, record.serialNumber, record.enrollmentGroup], ['assigned', 'a', 'line6']);
    assert.deepEqual([record.bundle, record.before, record.failure], [undefined, undefined, undefined]);
    assert.deepEqual(states(record.certificates ?? []), ['b superseded since', 'a live']);
    assert.deepEqual(record.certificates?.[0]?.unusedBundle, { archive: 'x.zip', fileName: 'f' });
    assert.deepEqual(record.formerGroups, ['line7']);
    assert.ok(record.formerCertificateNames?.includes('b'));
    assert.deepEqual(record.failedReissue, {
      ...{ code: 'gave-up', message: 'No.', at: plus(1), serialNumber: 'b', heldBy: worked.claim },
    });
    assert.deepEqual(record.history.at(-1), { at: plus(1), event: 'failed', detail: 'gave-up, kept certificate a' });
  });

  it('fails where it had nothing', () => {
    const record = failedRecord(someDevice(), { code: 'gave-up', message: 'No.' }, plus(1));
    assert.deepEqual(
      [record.status, record.statusSince, record.failure],
      ['failed', plus(1), { code: 'gave-up', message: 'No.' }],
    );
    assert.ok(!Object.hasOwn(record, 'certificates'));
    assert.deepEqual(record.history.at(-1), { at: plus(1), event: 'failed', detail: 'gave-up' });
  });

  it('names each former group once', () => {
    const groups = (group: string, formerGroups?: readonly string[]) =>
      withFormerGroup(someDevice({ ...(formerGroups && { formerGroups }) }), group);
    assert.deepEqual(groups('line7'), {});
    assert.deepEqual(groups('line6'), { formerGroups: ['line6'] });
    assert.deepEqual(groups('line6', ['line6']), { formerGroups: ['line6'] });
    assert.deepEqual(groups('line7', ['line6']), { formerGroups: ['line6'] });
    assert.deepEqual(groups('line5', ['line6']), { formerGroups: ['line6', 'line5'] });
  });

  it('names certificates that it did not get once', () => {
    const record = device([certificate('a')]);
    const bundle = { archive: 'x.zip', fileName: 'f' };
    assert.equal(withUnused(record, [certificate('a')], bundle, at), record);
    assert.equal(withUnused(record, [], bundle, at), record);
    const named = withUnused(record, [certificate('b'), { ...edgeCa, issuedWith: 'b' }], bundle, plus(1));
    assert.deepEqual(states(named.certificates ?? []), ['b superseded since', 'e superseded since', 'a live']);
    assert.deepEqual(named.certificates?.[0]?.unusedBundle, bundle);
    assert.deepEqual(named.formerCertificateNames, ['b', 'b1', 'b2', 'e', 'e1', 'e2']);
  });
});

describe('a request to the EST server', () => {
  const renewal = (sha: string, change: Partial<Renewal> = {}): Renewal => ({
    ...{ kind: 'identity', requestSha256: sha, serialNumber: `S${sha}`, enrollmentGroup: 'line7', caGeneration: 1 },
    ...{ reservedAt: at, workSince: at, notBefore: at, notAfter: at },
    ...change,
  });

  it('takes the place of the one before, of its kind, which is remembered while it has no answer', () => {
    let record = device([certificate('a')], { renewals: [renewal('est', { kind: 'est-id' })] });
    for (let index = 1; index <= 12; index++) record = reserved(record, renewal(String(index)));
    assert.deepEqual(
      record.renewals?.map(({ requestSha256 }) => requestSha256),
      ['est', '12'],
    );
    assert.deepEqual(record.renewals?.at(-1)?.before, ['11', '10', '9', '8', '7', '6', '5', '4', '3', '2']);
    assert.ok(record.formerCertificateNames?.includes('s12'));
    // The same request again is not one that came before.
    const same = reserved(reserved(device([certificate('a')]), renewal('1')), renewal('1'));
    assert.equal(same.renewals?.[0]?.before, undefined);
    // One that was answered is not refused when it comes late: its answer is known.
    const answered = device([certificate('a')], { renewals: [renewal('1', { certificatePem: 'pem', before: ['0'] })] });
    assert.deepEqual(reserved(answered, renewal('2')).renewals?.[0]?.before, ['0']);
  });
});

describe('an identity that is awaited', () => {
  const confirmed = certificate('a', { confirmedAt: at });
  const waiting = device([confirmed, certificate('b')], { unconfirmedSince: at });

  it('is awaited while the present one was confirmed, and for a day', () => {
    assert.equal(awaitsAnother(waiting), true);
    assert.equal(awaitsAnother(device([certificate('a')], { unconfirmedSince: at })), false);
    assert.equal(awaitsAnother(device([confirmed])), false);
    const dayMs = 24 * 60 * 60 * 1000;
    assert.equal(endOfWaiting(waiting, plus(dayMs)), undefined);
    assert.ok(!Object.hasOwn(endOfWaiting(waiting, plus(dayMs + 1)) ?? assert.fail(), 'unconfirmedSince'));
    assert.equal(endOfWaiting(device([confirmed]), plus(dayMs + 1)), undefined);
    assert.equal(endOfWaiting(device([certificate('a')], { unconfirmedSince: at }), plus(dayMs + 1)), undefined);
  });

  it('stays live when the device shows up with another one', () => {
    const record = device([confirmed, certificate('b', { state: 'superseded' })]);
    const awaited = stillAwaited(record, 'b', plus(1));
    assert.deepEqual([awaited.unconfirmedSince, states(awaited.certificates ?? [])], [plus(1), ['a live', 'b live']]);
    assert.equal(stillAwaited(record, 'c', at), record);
    const replaced = device([confirmed, certificate('b', { state: 'superseded', confirmedAt: at })]);
    assert.equal(stillAwaited(replaced, 'b', at), replaced);
    assert.equal(stillAwaited(waiting, 'b', at), waiting);
  });

  it('is shown by its use', () => {
    const request = { sha256: 'x', at };
    const shown = (change: Partial<DeviceCertificate>, record = waiting) =>
      isShownByUse(record, certificate('b', { request, ...change }));
    assert.equal(shown({}), true);
    assert.equal(shown({ state: 'superseded' }), true);
    assert.equal(shown({ state: 'superseded' }, device([confirmed])), false);
    assert.equal(shown({}, device([confirmed])), true);
    assert.equal(shown({ confirmedAt: at }), false);
    assert.equal(isShownByUse(waiting, certificate('b')), false);
  });
});

describe('a certificate that was replaced', () => {
  const old = certificate('b', { state: 'superseded' });

  it('is good while its device has not shown the one that replaced it', () => {
    assert.equal(isGood(certificate('a'), device([certificate('a')])), true);
    assert.equal(isGood(certificate('a', { state: 'revoked' }), device([certificate('a')])), false);
    const good = (...before: readonly DeviceCertificate[]) => isGood(old, device([...before, old]));
    assert.equal(good(certificate('a')), true);
    assert.equal(good(certificate('a', { confirmedAt: at })), false);
    assert.equal(good(certificate('a', { state: 'superseded' })), false);
    assert.equal(good(certificate('a'), certificate('x', { confirmedAt: at, state: 'superseded' })), false);
    assert.equal(good(certificate('a'), estId('x')), true, 'one of another kind');
    const oldEst = estId('y', { state: 'superseded' });
    assert.equal(isGood(oldEst, device([certificate('a'), estId('x'), oldEst])), false);
    assert.equal(isGood(oldEst, device([certificate('a'), oldEst])), true);
    assert.equal(isGood(old, device([certificate('a'), old], { serialNumber: 'none' })), false);
  });

  it('is each est-id before the one with which the device signs in', () => {
    const [newest, presented, older] = [estId('a'), estId('b'), estId('c')];
    const record = device([newest, presented, certificate('d'), older, estId('r', { state: 'revoked' })]);
    assert.deepEqual(states(certificatesOf(supersedeEstIdsBefore(record, presented, plus(1)))), [
      'a live',
      'b live',
      'd live',
      'c superseded since',
      'r revoked',
    ]);
    assert.equal(supersedeEstIdsBefore(record, older, plus(1)), record);
    assert.equal(supersedeEstIdsBefore(record, record.certificates?.[2] ?? assert.fail(), plus(1)), record);
  });
});
