import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BlockKind, DeviceBlock } from '../../../lib/devices/block.ts';
import {
  blockError,
  blocked,
  closed,
  confirmed,
  isReusable,
  restored,
  restoring,
  withDoors,
} from '../../../lib/devices/blocking.ts';
import type { DeviceCertificate } from '../../../lib/devices/certificate.ts';
import type { DeviceRecord, DeviceStatus } from '../../../lib/devices/device.ts';
import { assertEvery } from '../../assert-every.ts';
import { someDevice, someTime } from '../../factories.ts';

const at = someTime.toISOString();
const later = '2026-11-23T09:00:00.000Z';

function request(kind: BlockKind = 'suspended', change: Partial<DeviceBlock> = {}) {
  return { kind, by: 'Ann', at, reason: 'lost', mark: 'mark', ...change };
}

const device = (status: DeviceStatus = 'assigned', change: Partial<DeviceRecord> = {}) =>
  someDevice({ status, ...change });

/** The record after this act and all before it, each of which was closed. */
function after(...kinds: readonly BlockKind[]): DeviceRecord {
  return kinds.reduce((record, kind, index) => {
    const closing = blocked(record, request(kind, { mark: `mark ${index}` }));
    return closed(closing, closing.block ?? assert.fail(), at);
  }, device());
}

function certificate(notAfter: string, state: DeviceCertificate['state'] = 'live'): DeviceCertificate {
  const names = { serialNumber: '1', sha1Thumbprint: 'A', sha256Thumbprint: 'B' };
  return { kind: 'identity', ...names, notBefore: at, notAfter, enrollmentGroup: 'line7', state, since: at };
}

describe('blocking a device', () => {
  it('closes the doors inside at once, and looks at the others after a minute', () => {
    const { status, statusSince, block, history } = blocked(device(), request());
    assert.deepEqual([status, statusSince], ['closing', at]);
    assert.deepEqual(block, {
      ...request(),
      ...{ from: 'assigned', marks: ['mark'], doors: { record: at, bundle: at, renewal: at } },
      lookAgainAt: '2026-11-23T08:01:00.000Z',
    });
    assert.deepEqual(history.at(-1), { at, event: 'suspending', detail: 'by Ann: lost' });
  });

  it('names the act on many devices that asked for it', () => {
    assert.equal(blocked(device(), request('revoked', { fleetAct: 'act' })).block?.fleetAct, 'act');
    assert.ok(!Object.hasOwn(blocked(device(), request()).block ?? {}, 'fleetAct'));
  });

  const events = { suspended: 'suspending', revoked: 'revoking', scrapped: 'scrapping' } as const;
  for (const kind of ['suspended', 'revoked', 'scrapped'] as const) {
    it(`says in the history that it is being ${kind}`, () =>
      assert.equal(blocked(device(), request(kind)).history.at(-1)?.event, events[kind]));
  }

  it('keeps the latest 20 marks, so that an older block of ours is known as ours', () => {
    let record = device();
    for (let times = 1; times <= 25; times++) {
      record = restoring(blocked(record, request('suspended', { mark: `mark ${times}` })), request());
    }
    const { marks = [] } = record.block ?? {};
    assert.deepEqual(
      marks,
      Array.from({ length: 20 }, (_, index) => `mark ${index + 6}`),
    );
  });

  it('names a mark once', () => {
    const record = restoring(blocked(device(), request()), request());
    assert.deepEqual(blocked(record, request()).block?.marks, ['mark']);
  });

  it('takes over the mark by which a deletion blocked the id before', () => {
    const deletion = { by: 'Bob', at, block: 'deleted 1' };
    const record = blocked(device('provisioned', { deletion }), request());
    assert.deepEqual(record.block?.marks, ['deleted 1', 'mark']);
    assert.deepEqual(record.deletion, { ...deletion, block: 'mark' });
    const unblocked = blocked(device('provisioned', { deletion: { by: 'Bob', at } }), request());
    assert.deepEqual(unblocked.block?.marks, ['mark']);
    assert.equal(blocked(device(), request()).deletion, undefined);
  });

  const steps: readonly [had: readonly BlockKind[], kind: BlockKind, end: 'same' | 'closing' | 'refused'][] = [
    [['suspended'], 'suspended', 'same'],
    [['suspended'], 'revoked', 'closing'],
    [['suspended'], 'scrapped', 'closing'],
    [['revoked'], 'suspended', 'refused'],
    [['revoked'], 'revoked', 'same'],
    [['revoked'], 'scrapped', 'closing'],
    [['scrapped'], 'suspended', 'refused'],
    [['scrapped'], 'revoked', 'same'],
    [['scrapped'], 'scrapped', 'same'],
  ];
  for (const [had, kind, end] of steps) {
    it(`of one that is ${had}, as ${kind}: ${end}`, () => {
      const record = after(...had);
      const again = () => blocked(record, request(kind, { mark: 'new' }));
      if (end === 'refused') {
        assert.throws(again, {
          code: 'device-revoked',
          message: /was (?:revoked|scrapped) at .* by Ann\. That cannot/,
        });
        return;
      }
      if (end === 'same') {
        assert.equal(again(), record);
        return;
      }
      const { status, block } = again();
      assert.deepEqual([status, block?.kind, block?.mark, block?.from], ['closing', kind, 'new', 'assigned']);
      assert.deepEqual(block?.marks, ['mark 0', 'new']);
    });
  }

  for (const status of ['deleting', 'deleted'] as const) {
    it(`is refused for one that is ${status}`, () => {
      const message = new RegExp(`is ${status}\\. Its certificates are revoked already`);
      assert.throws(() => blocked(device(status), request()), { code: 'method-conflict', message });
    });
  }

  for (const [status, from] of [
    ['provisioned', 'provisioned'],
    ['assigned', 'assigned'],
    ['failed', 'failed'],
    ['claimed', 'failed'],
  ] as const) {
    it(`of one that is ${status} is undone to ${from}`, () =>
      assert.equal(blocked(device(status), request()).block?.from, from));
  }

  it('that is being restored gives it back what it was before the first block', () => {
    const opening = restoring(after('suspended'), request());
    assert.equal(opening.status, 'opening');
    assert.equal(blocked(opening, request('revoked')).block?.from, 'assigned');
  });

  for (const [kind, code] of [
    ['suspended', 'device-suspended'],
    ['revoked', 'device-revoked'],
    ['scrapped', 'device-revoked'],
  ] as const) {
    it(`takes the device from the row that is in work (${kind})`, () => {
      const { failure } = blocked(device('claimed'), request(kind));
      assert.equal(failure?.code, code);
      assert.match(failure?.message ?? '', new RegExp(`${kind} while job 0123456789abcdef01234567 provisioned it`));
      const before = { ...device(), claim: { jobId: 'b'.repeat(24), chunk: 0, line: 2, attempt: 1 } } as never;
      const { failedReissue } = blocked(device('claimed', { before }), request(kind));
      assert.equal(failedReissue?.code, code);
      assert.match(failedReissue?.message ?? '', new RegExp(`was ${kind} by Ann while this row was in work`));
    });
  }
});

describe('a blocked device', () => {
  it('says why nothing is handed out for it', () => {
    assert.equal(blockError(device()), undefined);
    for (const kind of ['suspended', 'revoked', 'scrapped'] as const) {
      const error = blockError(blocked(device(), request(kind)));
      assert.equal(error?.code, kind === 'suspended' ? 'device-suspended' : 'device-revoked');
      assert.equal(error?.message, `Device "gw-1" was ${kind} at ${at} by Ann: lost`);
      assert.equal(blockError(after(kind))?.code, error?.code);
    }
    const opening = blockError(restoring(after('suspended'), request()));
    assert.equal(opening?.code, 'device-suspended');
    assert.match(opening?.message ?? '', /is being restored/);
    // The block of a restored device stays on record for a minute.
    const open = restored(
      restoring(after('suspended'), request()),
      after('suspended').block ?? assert.fail(),
      undefined,
      at,
    );
    assert.equal(blockError(open), undefined);
  });

  it('frees its id when it is scrapped and its last certificate has ended', () => {
    const scrapped = (...ends: readonly string[]) =>
      device('scrapped', { certificates: ends.map((end) => certificate(end)) });
    assert.equal(isReusable(scrapped(at), later), true);
    assert.equal(isReusable(scrapped(later), later), false);
    assert.equal(isReusable(scrapped(at, later), later), false);
    assert.equal(isReusable(scrapped(), later), true);
    for (const status of ['revoked', 'closing', 'suspended'] as const)
      assert.equal(isReusable({ ...scrapped(at), status }, later), false);
  });
});

describe('restoring a device', () => {
  it('opens the doors from the last look on', () => {
    const undo = { by: 'Bob', at: later, reason: 'found', mark: 'undo' };
    const suspended = after('suspended');
    const held = { ...suspended, block: { ...(suspended.block ?? assert.fail()), notYet: { hub: 'why' } } };
    const { status, statusSince, block, history } = restoring(held, undo);
    assert.deepEqual([status, statusSince], ['opening', later]);
    assert.deepEqual([block?.undo, block?.notYet, block?.kind], [undo, undefined, 'suspended']);
    assert.equal(block?.lookAgainAt, '2026-11-23T09:01:00.000Z');
    assert.deepEqual(history.at(-1), { at: later, event: 'restoring', detail: 'by Bob: found' });
  });

  it('is done once', () => {
    const opening = restoring(after('suspended'), request());
    assert.equal(restoring(opening, request('suspended', { by: 'Bob' })), opening);
  });

  it('is refused for one that is revoked or scrapped, or was never suspended', () => {
    for (const kind of ['revoked', 'scrapped'] as const)
      assert.throws(() => restoring(after(kind), request()), { code: 'device-revoked' });
    const message = /is assigned\. Only a suspended device/;
    assert.throws(() => restoring(device(), request()), { code: 'method-conflict', message });
  });

  it('gives back the status, and says which door stays closed', () => {
    const opening = restoring(after('suspended'), { by: 'Bob', at, reason: 'found', mark: 'undo' });
    const block = opening.block ?? assert.fail();
    const open = restored(opening, block, undefined, later);
    assert.deepEqual([open.status, open.statusSince, open.block?.doors], ['assigned', later, {}]);
    assert.equal(open.block?.lookAgainAt, '2026-11-23T09:01:00.000Z');
    assert.equal(open.history.at(-1)?.detail, 'by Bob: found');
    assert.equal(restored(opening, block, 'It stays.', later).history.at(-1)?.detail, 'by Bob: found. It stays.');
    assert.deepEqual(
      open.outbox?.map(({ type }) => type),
      ['fleet.device.suspended', 'fleet.device.restored'],
    );
    // After the second look.
    assert.equal(confirmed(open).block, undefined);
    assert.equal(confirmed(device()).block, undefined);
    const kept = confirmed(after('revoked')).block;
    assert.deepEqual([kept?.kind, kept?.lookAgainAt], ['revoked', undefined]);
  });
});

describe('the doors of a device', () => {
  const block = blocked(device(), request()).block ?? assert.fail();
  const inside = { record: at, bundle: at, renewal: at };
  const [shut, open] = [{ closed: true }, { closed: false, why: 'DPS is away.' }] as const;

  it('are noted as they were read', () => {
    const both = withDoors(block, { enrollment: shut, hub: shut }, later);
    assert.deepEqual([both.doors, both.notYet], [{ ...inside, enrollment: later, hub: later }, undefined]);
    const first = withDoors(both, { enrollment: shut, hub: open }, later);
    assert.deepEqual([first.doors, first.notYet], [{ ...inside, enrollment: later }, { hub: 'DPS is away.' }]);
    const second = withDoors(both, { enrollment: open, hub: shut }, later);
    assert.deepEqual([second.doors, second.notYet], [{ ...inside, hub: later }, { enrollment: 'DPS is away.' }]);
    assert.equal(withDoors(first, { enrollment: shut, hub: shut }, later).notYet, undefined);
  });

  it('that are all closed are announced once, with the time of the first look', () => {
    const closing = blocked(device('assigned', { certificates: [certificate(later)] }), request('revoked'));
    const first = closed(closing, closing.block ?? assert.fail(), at);
    assert.deepEqual([first.status, first.block?.closedAt], ['revoked', at]);
    assert.equal(first.block?.lookAgainAt, '2026-11-23T08:01:00.000Z');
    assertEvery(first.certificates ?? [], ({ state, since }) => state === 'revoked' && since === at);
    const { outbox, ...sent } = first;
    assert.deepEqual(
      outbox?.map(({ type }) => type),
      ['fleet.device.revoked'],
    );
    const again = closed(sent, first.block ?? assert.fail(), later);
    assert.deepEqual([again.outbox, again.block?.closedAt], [undefined, at]);
  });

  it('of a suspended device leave its certificates as they are', () => {
    const closing = blocked(device('assigned', { certificates: [certificate(later)] }), request());
    const { certificates } = closed(closing, closing.block ?? assert.fail(), at);
    assert.deepEqual(certificates, [certificate(later)]);
  });
});
