import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Finding, findingId } from '../../../lib/findings/finding.ts';
import { endUnseen } from '../../../lib/pipeline/end-unseen.ts';
import { someTime } from '../../factories.ts';
import { createWorld } from '../../world.ts';

const before = '2026-01-01T00:00:00.000Z';

function foreignEnrollment(index: number): Finding {
  const subject = { type: 'device', id: `gw-${index}`, enrollmentGroup: 'line7' } as const;
  const kind = 'enrollment-foreign';
  const common = { kind, subject, severity: 'high', state: 'open', digest: 'd', expected: {}, seen: {} } as const;
  return { id: findingId(kind, subject), ...common, firstSeen: before, lastSeen: before, acts: [] };
}

describe('findings that a sweep did not see', () => {
  it('are ended by parts, each of at most 20 calls, whatever their number', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    await world.upload('line7/list.csv', `deviceId\n${Array.from({ length: 45 }, (_, n) => `gw-${n}\n`).join('')}`);
    await world.settle();
    for (let index = 0; index < 45; index++) await world.findings.create(foreignEnrollment(index));
    const services = world.services();
    let calls = 0;
    const enrollment = (id: string) => {
      calls += 1;
      return services.enrollments.enrollment(id);
    };
    const ports = { ...services, enrollments: { ...services.enrollments, enrollment } };
    const at = someTime.toISOString();
    const perPart: number[] = [];
    let [gone, place]: [number, string | undefined] = [0, undefined];
    do {
      calls = 0;
      const part = await endUnseen({ of: 'end', at, began: at, dps: 'default', place }, ports);
      gone += part.gone;
      place = part.next;
      perPart.push(calls);
    } while (place !== undefined);
    assert.equal(gone, 45);
    assert.deepEqual(
      perPart.filter((each) => each > 0),
      [20, 20, 5],
    );
  });
});
