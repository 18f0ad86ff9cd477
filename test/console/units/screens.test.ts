import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Schema } from '../../../console/openapi.ts';
import { niceTop } from '../../../console/parts/charts.ts';
import { faultsAt, objectOf, valuesOf } from '../../../console/parts/definition-form.ts';
import { placeOf } from '../../../console/router.ts';
import { withoutAnswered } from '../../../console/screens/audit.ts';
import { deviceQuery } from '../../../console/screens/device-query.ts';
import { subjectLink } from '../../../console/screens/findings.ts';
import { leftBehind, merge } from '../../../console/screens/jobs.ts';
import type { AuditEntry, Job } from '../../../console/types.ts';
import description from '../../../docs/openapi.json' with { type: 'json' };

describe('the list of jobs', () => {
  const job = (jobId: string, receivedAt: string, percent = 0) => ({ jobId, receivedAt, percent }) as Job;

  it('keeps its rows in place when it is read again, and offers those that came since', () => {
    const shown = [job('b', '2026-01-02'), job('a', '2026-01-01')];
    const fresh = [job('c', '2026-01-03'), job('b', '2026-01-02', 50)];
    const { jobs, newer } = merge(shown, fresh);
    assert.deepEqual(jobs, [job('b', '2026-01-02', 50), job('a', '2026-01-01')]);
    assert.deepEqual(newer, [job('c', '2026-01-03')]);
  });

  it('does not offer older jobs, which fill a page after others left a filter', () => {
    const { newer } = merge([job('b', '2026-01-02')], [job('z', '2025-01-01')]);
    assert.deepEqual(newer, []);
  });
});

it('the list of jobs asks again for a job that ended, and so left the filter of running ones', () => {
  const job = (jobId: string, finishedAt?: string) => ({ jobId, finishedAt }) as Job;
  const shown = [job('c'), job('b'), job('a', '2026-01-01')];
  assert.deepEqual(leftBehind(shown, [job('c')]), [job('b')]);
});

it('a finding leads to its device, whatever characters Azure allows in an id', () => {
  const { values } = subjectLink({ subject: { type: 'device', id: 'gw?1%2F#x' } });
  assert.equal(values[0], '/console/devices/gw%3F1%252F%23x');
});

it('the list of devices asks for certificates that end by whole days, so that pages fit together', () => {
  const place = placeOf({ pathname: '/console/devices', search: '?expires=30&status=assigned' });
  const query = deviceQuery(place, new Date('2026-11-27T22:00:00Z'));
  assert.deepEqual(Object.fromEntries(query), { status: 'assigned', expiresBefore: '2026-12-27T00:00:00Z' });
});

it('charts end at a round number', () => {
  assert.deepEqual([1, 3, 7, 12, 100, 2_001].map(niceTop), [1, 5, 10, 20, 100, 5_000]);
});

describe('the form of a group', () => {
  const schema = description.components.schemas.GroupDefinition as unknown as Schema;

  it('says what the definition says', () => {
    const definition = {
      keyCustody: 'sealed',
      recipients: ['-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n'],
      iotHubs: ['hub-1.example.com', 'hub-2.example.com'],
      validityDays: 90,
      initialTwin: { tags: { line: 7 }, desired: {} },
      reprovisionPolicy: { updateHubAssignment: false, migrateDeviceData: true },
    };
    const { value, faults } = objectOf(schema, valuesOf(schema, definition));
    assert.deepEqual(faults, []);
    for (const [name, expected] of Object.entries(definition)) {
      if (name !== 'initialTwin') assert.deepEqual(value[name], expected, name);
    }
    assert.deepEqual(value['initialTwin'], { tags: { line: 7 } });
  });

  it('leaves out objects that lack what they require', () => {
    const { value } = objectOf(schema, valuesOf(schema, undefined));
    for (const name of ['est', 'pkcs11', 'customAllocation', 'keyCustody']) assert.equal(name in value, false, name);
  });

  it('finds text that is not JSON, and numbers that are none, at their field', () => {
    const values = { ...valuesOf(schema, undefined), validityDays: 'a year', 'initialTwin.tags': '{ line: 7 }' };
    const { faults } = objectOf(schema, values);
    assert.deepEqual(faults.map(({ path }) => path).sort(), ['initialTwin.tags', 'validityDays']);
  });

  it('shows the fault of an item at its list', () => {
    const faults = [
      { path: 'recipients.0', message: 'x' },
      { path: 'recipientsOther', message: 'y' },
    ];
    assert.deepEqual(faultsAt('recipients', faults), [faults[0]]);
  });
});

it('the audit trail shows an intent only while its result is not on the page', () => {
  const entry = (index: number, id: string, phase: 'intent' | 'result') => ({ index, id, phase }) as AuditEntry;
  const entries = [entry(4, 'b', 'intent'), entry(3, 'a', 'result'), entry(2, 'a', 'intent')];
  assert.deepEqual(withoutAnswered(entries), [entry(4, 'b', 'intent'), entry(3, 'a', 'result')]);
});
