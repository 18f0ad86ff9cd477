import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Audit, audited, auditedEach } from '../../../lib/audit/audit.ts';
import { decodeEntry, encodeEntry } from '../../../lib/audit/entry.ts';
import { createAudit } from '../../../lib/audit/intake.ts';
import { FleetError } from '../../../lib/errors.ts';
import { createMemoryAppendBlobs } from '../../memory/append-blobs.ts';
import { createMemoryAudit } from '../../memory/audit.ts';
import { createMemoryBlobStore } from '../../memory/blob-store.ts';

const act = { action: 'delete-device', by: 'Ada (1)', subject: { deviceId: 'gw-1' } };
const now = () => new Date('2026-11-27T10:00:00Z');

function createIntake({ blocks = 3 } = {}) {
  const segments = createMemoryAppendBlobs({ blocks });
  const head = createMemoryBlobStore();
  let ids = 0;
  const newAudit = () => createAudit({ segments, head, now, newId: () => String(++ids) });
  return { segments, head, newAudit };
}

describe('the intake of the audit trail', () => {
  it('has one line of canonical JSON per entry, and the same id for intent and result', async () => {
    const { segments, newAudit } = createIntake();
    const audit = newAudit();
    await audit.result(await audit.intent(act), { outcome: 'failed', code: 'not-found' });
    const [intent, result] = segments.lines('intake/000000');
    assert.equal(
      intent,
      '{"action":"delete-device","at":"2026-11-27T10:00:00.000Z","by":"Ada (1)","id":"1","phase":"intent","subject":{"deviceId":"gw-1"},"v":1}',
    );
    assert.equal(
      result,
      '{"action":"delete-device","at":"2026-11-27T10:00:00.000Z","by":"Ada (1)","code":"not-found","id":"1","outcome":"failed","phase":"result","subject":{"deviceId":"gw-1"},"v":1}',
    );
  });

  it('goes on in the next segment when one is full, in any instance', async () => {
    const { segments, newAudit } = createIntake({ blocks: 2 });
    const [first, second] = [newAudit(), newAudit()];
    for (let times = 0; times < 3; times++) {
      await first.intent(act);
      await second.intent(act);
    }
    assert.deepEqual(
      ['intake/000000', 'intake/000001', 'intake/000002', 'intake/000003'].map((name) => segments.lines(name).length),
      [2, 2, 2, 0],
    );
  });

  it('begins at the segment of the checkpoint', async () => {
    const { segments, head, newAudit } = createIntake();
    const metadata = { segment: '7', offset: '0', size: '0' };
    await head.write('checkpoint', Buffer.from(''), { contentType: 'text/plain', metadata });
    await newAudit().intent(act);
    assert.equal(segments.lines('intake/000007').length, 1);
  });
});

describe('an entry', () => {
  const entry = { v: 1, id: '1', phase: 'intent', at: '2026-11-27T10:00:00.000Z', ...act } as const;

  it('fits, however long the texts are that a caller sent', () => {
    const why = '\ud800'.repeat(100_000);
    const body = encodeEntry({ ...entry, why });
    assert.ok(body.length < 10_000);
    assert.equal(decodeEntry(body)?.why, why.slice(0, 1024));
  });

  it('is refused when it does not fit', () => {
    const details = { ids: Array.from({ length: 10_000 }, (_, index) => `device-${index}`) };
    assert.throws(() => encodeEntry({ ...entry, details }), { code: 'internal' });
  });

  it('fits with 65,535 bytes, and not with one more', () => {
    const sized = (bytes: number) => {
      const texts = (last: number) => ({ details: { texts: [...Array(63).fill('x'.repeat(1024)), 'x'.repeat(last)] } });
      const { length } = encodeEntry({ ...entry, ...texts(0) });
      return encodeEntry({ ...entry, ...texts(bytes - length) });
    };
    assert.equal(sized(65_535).length, 65_535);
    assert.throws(() => sized(65_536), { code: 'internal', message: /has 65536 bytes; at most 65535/ });
  });

  it('is not read from other bytes', () => {
    for (const other of ['', '{', 'null', '[]', '7']) assert.equal(decodeEntry(Buffer.from(other)), undefined, other);
    const read = (changes: object) => decodeEntry(Buffer.from(JSON.stringify({ ...entry, ...changes })));
    assert.deepEqual(read({}), entry);
    assert.equal(read({ phase: 'result' })?.phase, 'result');
    for (const changes of [
      ...[{ v: 2 }, { phase: 'unreadable' }, { subject: 'gw-1' }],
      ...['id', 'at', 'action', 'by'].flatMap((name) => [{ [name]: undefined }, { [name]: 7 }]),
    ])
      assert.equal(read(changes), undefined, JSON.stringify(changes));
  });
});

describe('an audited act', () => {
  it('has an intent before it, and its end after it', async () => {
    const audit = createMemoryAudit();
    const value = await audited(audit, act, async (note) => {
      assert.deepEqual(
        audit.entries.map(({ phase }) => phase),
        ['intent'],
      );
      note({ generation: 2 });
      return 'value';
    });
    assert.equal(value, 'value');
    assert.deepEqual(audit.entries[1], {
      ...act,
      id: '0',
      phase: 'result',
      outcome: 'done',
      details: { generation: 2 },
    });
  });

  it('does not begin when its intent cannot be written', async () => {
    const audit = createMemoryAudit();
    audit.stop();
    const work = () => assert.fail('it began');
    await assert.rejects(audited(audit, act, work), { code: 'unavailable' });
  });

  it('begins without an intent when it takes rights away', async () => {
    const audit = createMemoryAudit();
    audit.stop();
    assert.equal(await audited(audit, act, async () => 'revoked', { withoutIntent: true }), 'revoked');
  });

  it('does not wait long for a trail that does not answer when it takes rights away', async () => {
    const silent: Audit = { intent: () => new Promise(() => {}), result: () => new Promise(() => {}) };
    const options = { withoutIntent: true, patienceMs: 20 };
    assert.equal(await audited(silent, act, async () => 'revoked', options), 'revoked');
    const each = await auditedEach(silent, [act], async () => ['revoked'], options);
    assert.deepEqual(each, ['revoked']);
  });

  it('does not go on after an error that is not one of the trail', async () => {
    const broken = () => Promise.reject(new TypeError('a fault in the code'));
    const fault = { name: 'TypeError', message: 'a fault in the code' };
    const work = () => assert.fail('it began');
    const noIntent: Audit = { intent: broken, result: async () => {} };
    await assert.rejects(audited(noIntent, act, work, { withoutIntent: true }), fault);
    const noResult: Audit = { ...createMemoryAudit(), result: broken };
    await assert.rejects(
      audited(noResult, act, async () => 'done'),
      fault,
    );
  });

  it('has a result of its own where several are done in one go', async () => {
    const audit = createMemoryAudit();
    const acts = ['gw-1', 'gw-2'].map((deviceId) => ({ ...act, subject: { deviceId } }));
    const ends = () =>
      audit.entries.splice(0).flatMap(({ phase, subject, outcome, code }) => {
        return phase === 'result' ? [[subject['deviceId'], outcome, code]] : [];
      });
    const missing = new FleetError('not-found', 'gone');
    assert.deepEqual(await auditedEach(audit, acts, async () => [missing, 'done']), [missing, 'done']);
    assert.deepEqual(ends(), [
      ['gw-1', 'failed', 'not-found'],
      ['gw-2', 'done', undefined],
    ]);
    await assert.rejects(
      auditedEach(audit, acts, () => Promise.reject(missing)),
      { code: 'not-found' },
    );
    assert.deepEqual(ends(), [
      ['gw-1', 'failed', 'not-found'],
      ['gw-2', 'failed', 'not-found'],
    ]);
  });

  it('shows how it failed, and is not undone by a result that cannot be written', async () => {
    const audit = createMemoryAudit();
    const fails = () => Promise.reject(new FleetError('not-found', 'gone'));
    await assert.rejects(audited(audit, act, fails), { code: 'not-found' });
    assert.deepEqual(audit.entries[1], {
      ...act,
      id: '0',
      phase: 'result',
      outcome: 'failed',
      code: 'not-found',
      details: undefined,
    });
    const half: Audit = { ...audit, result: () => Promise.reject(new FleetError('unavailable', 'no answer')) };
    assert.equal(await audited(half, act, async () => 'done'), 'done');
  });
});
