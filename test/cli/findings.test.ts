import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertEvery } from '../assert-every.ts';
import { fakeDeployment, fleet } from './transcript.ts';

const id = 'identity-missing.0123456789abcdef0123456789abcdef';
const finding = {
  id,
  kind: 'identity-missing',
  severity: 'high',
  state: 'open',
  subject: { type: 'device', id: 'gw-1', enrollmentGroup: 'line7' },
  expected: { hub: 'hub-1' },
  seen: {},
  meaning: 'The hub does not have the device.',
  repair: 'asked',
  remedy: 'The device registers again.',
  firstSeen: '2026-11-27T01:00:00.000Z',
  lastSeen: '2026-11-27T02:00:00.000Z',
  acts: [],
};
const letter = {
  id: '0123456789abcdef0123456789abcdef',
  queue: 'orders',
  body: '{}',
  reason: { code: 'order-invalid', message: 'The order has no devices.', hint: '' },
  at: '2026-11-27T01:00:00.000Z',
  times: 1,
};

describe('fleet findings', () => {
  it('lists, shows and repairs', async () => {
    await using deployment = await fakeDeployment({
      'GET /api/findings': { json: { findings: [finding] } },
      [`GET /api/findings/${id}`]: { json: finding },
      [`POST /api/findings/${id}/repair`]: { json: { ...finding, state: 'repaired' } },
    });
    const { out } = await fleet('findings --severity high', deployment);
    assert.match(
      out,
      /^high +identity-missing +device gw-1 +asked +open +2026-11-27 01:00:00 +identity-missing\.0123/m,
    );
    const shown = await fleet(`finding show ${id}`, deployment);
    assert.match(shown.out, /^expected +\{"hub":"hub-1"\}$/m);
    assert.equal(shown.err, `next: fleet finding repair ${id} --reason TEXT\n`);
    const repaired = await fleet(['finding', 'repair', id, '--reason', 'ticket 1'], deployment);
    assert.match(repaired.out, /^state +repaired$/m);
    assert.equal(deployment.seen.at(-1)?.body, '{"reason":"ticket 1"}');
  });
});

describe('fleet dead-letters', () => {
  const list = { 'GET /api/dead-letters': { json: { deadLetters: [letter, letter] } } };

  it('lists letters with the reason first', async () => {
    await using deployment = await fakeDeployment(list);
    const { out } = await fleet('dead-letters list --queue orders', deployment);
    assert.match(out, /^order-invalid +orders +The order has no devices\./m);
    assert.equal(deployment.seen[0]?.path, '/api/dead-letters?limit=100&queue=orders');
  });

  it('redrives what the filter meets until nothing is left to do', async () => {
    const reasons = [{ id: letter.id, queue: 'orders', reason: letter.reason }];
    await using deployment = await fakeDeployment({
      ...list,
      'POST /api/dead-letters/redrive': [
        { status: 202, json: { redriven: 5, left: 1, reasons, more: true } },
        { status: 202, json: { redriven: 2, left: 1, reasons, more: false } },
      ],
    });
    const { code, out, err } = await fleet('dead-letters redrive --reason order-invalid', {
      ...deployment,
      isTerminal: true,
      stdin: 'y\n',
    });
    assert.match(err, /^Process 2 dead letters again\? \[y\/N\]/);
    assert.equal(code, 1);
    assert.match(
      out,
      /^redriven +7\nleft +1\n +0123456789abcdef0123456789abcdef: The order has no devices\. \(order-invalid\)$/m,
    );
    assert.equal(deployment.seen.at(-1)?.path, '/api/dead-letters/redrive?reason=order-invalid');
  });

  it('discards nothing without a selection or a yes', async () => {
    await using deployment = await fakeDeployment({
      ...list,
      'POST /api/dead-letters/discard': { json: { discarded: 2, left: 0, more: false } },
    });
    assert.equal((await fleet('dead-letters discard --yes', deployment)).code, 2);
    assert.equal((await fleet('dead-letters discard --all', deployment)).code, 2);
    assertEvery(deployment.seen, ({ method }) => method === 'GET');
    const { code, out } = await fleet('dead-letters discard --all --yes', deployment);
    assert.deepEqual([code, out], [0, 'discarded  2\nleft       0\n']);
    assert.equal(deployment.seen.at(-1)?.path, '/api/dead-letters/discard?all=true');
  });
});
