import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stepsOf } from '../../../console/parts/timeline.ts';
import { sentence } from '../../../console/screens/device-sentence.ts';
import type { Device } from '../../../console/types.ts';

const now = new Date('2026-11-27T22:00:00Z');

function device(changes: Partial<Device>): Device {
  return {
    deviceId: 'gw-1',
    status: 'provisioned',
    statusSince: '2026-11-27T21:00:00Z',
    enrollmentGroup: 'line7',
    certificate: { serialNumber: '01', notBefore: '2026-11-27T21:00:00Z', notAfter: '2027-11-27T21:00:00Z' },
    job: { jobId: 'a', line: 2, link: '' },
    twin: { tags: {}, desired: {} },
    registration: { status: 'unassigned' },
    certificates: [],
    history: [{ at: '2026-11-27T20:59:00Z', event: 'claimed' }],
    ...changes,
  } as Device;
}

describe('the sentence of a device', () => {
  it('says where it is, and what is next', () => {
    assert.match(sentence(device({}), now), /made 1 hour ago; the device has not registered/);
    const registration = { status: 'assigned', assignedHub: 'hub-1.example' } as const;
    assert.equal(
      sentence(device({ status: 'assigned', registration }), now),
      'It joined hub-1.example 1 hour ago and is good for 364 days.',
    );
  });

  it('warns of a certificate that ends, and of one that has ended', () => {
    const ending = (notAfter: string) =>
      sentence(device({ status: 'assigned', certificate: { serialNumber: '01', notAfter } }), now);
    assert.match(ending('2026-12-02T22:00:00Z'), /its certificate ends in 5 days/);
    assert.match(ending('2026-11-26T22:00:00Z'), /its certificate has ended/);
  });

  it('says revoked only of a device whose doors are all closed', () => {
    assert.match(sentence(device({ status: 'closing' }), now), /not every door was read back/);
    assert.match(sentence(device({ status: 'revoked' }), now), /every door is closed and was read back/);
  });
});

it('the life of a device has what happened, with its time, and what is to come', () => {
  const steps = stepsOf(device({}));
  assert.deepEqual(
    steps.map(({ name, at }) => [name, at !== undefined]),
    [
      ['Row received', true],
      ['Certificate issued', true],
      ['Bundle downloaded', false],
      ['Registered with DPS', false],
      ['Joined its hub', false],
    ],
  );
  const block = { kind: 'revoked', by: 'mona', at: '2026-11-27T21:30:00Z', reason: 'key read out' } as Device['block'];
  assert.deepEqual(stepsOf(device({ block } as Partial<Device>)).at(-1), {
    ...{ name: 'revoked', at: '2026-11-27T21:30:00Z', note: 'key read out' },
  });
});
