import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord } from '../../../../lib/devices/device.ts';
import { compare } from '../../../../lib/pipeline/steps/compare.ts';
import { someDevice } from '../../../factories.ts';

const wanted = someDevice({ claim: { jobId: 'b'.repeat(24), chunk: 3, line: 17, attempt: 1 }, contentHash: 'new' });
const other = { jobId: 'a'.repeat(24), chunk: 0, line: 2, attempt: 1 };

describe('a row meets a record of its device', () => {
  const cases: [string, Partial<DeviceRecord>, string][] = [
    ['its own claim of an earlier delivery', { claim: wanted.claim, status: 'claimed' }, 'ours'],
    ['its own record, finished', { claim: wanted.claim, status: 'provisioned' }, 'ours'],
    ['its own record, already at a hub', { claim: wanted.claim, status: 'assigned' }, 'ours'],
    [
      'its own failure in another delivery',
      { claim: wanted.claim, status: 'failed', failure: { code: 'group-refused', message: 'no' } },
      'settled',
    ],
    ['its failure of an earlier attempt', { claim: { ...wanted.claim, attempt: 0 }, status: 'failed' }, 'take-over'],
    ['its claim of an earlier attempt', { claim: { ...wanted.claim, attempt: 0 }, status: 'claimed' }, 'take-over'],
    [
      'its success of an earlier attempt',
      { claim: { ...wanted.claim, attempt: 0 }, status: 'provisioned' },
      'unchanged',
    ],
    ['its claim of a later attempt', { claim: { ...wanted.claim, attempt: 2 }, status: 'claimed' }, 'chunk-superseded'],
    [
      'another line of this manifest',
      { claim: { ...wanted.claim, line: 4 }, status: 'provisioned' },
      'device-id-duplicate',
    ],
    ['a line of this manifest that failed', { claim: { ...wanted.claim, line: 4 }, status: 'failed' }, 'take-over'],
    ['a device that failed in another job', { claim: other, status: 'failed' }, 'take-over'],
    ['a device that another job is at', { claim: other, status: 'claimed', contentHash: 'new' }, 'device-busy'],
    ['the same content', { claim: other, status: 'provisioned', contentHash: 'new' }, 'unchanged'],
    ['the same content at a hub', { claim: other, status: 'assigned', contentHash: 'new' }, 'unchanged'],
    ['other content', { claim: other, status: 'provisioned', contentHash: 'old' }, 'device-exists'],
  ];
  for (const [what, record, verdict] of cases) {
    it(`${what}: ${verdict}`, () => {
      const comparison = compare(someDevice(record), wanted, 'reject');
      assert.equal(comparison.verdict === 'refused' ? comparison.code : comparison.verdict, verdict);
    });
  }

  it('the same content with onConflict=reissue: take-over, but not from another job at work, nor from its own rows', () => {
    const verdictOn = (record: Partial<DeviceRecord>) => compare(someDevice(record), wanted, 'reissue').verdict;
    assert.equal(verdictOn({ claim: other, status: 'assigned', contentHash: 'new' }), 'take-over');
    assert.equal(verdictOn({ claim: other, status: 'claimed', contentHash: 'new' }), 'refused');
    assert.equal(verdictOn({ claim: { ...wanted.claim, line: 4 }, status: 'provisioned' }), 'refused');
    assert.equal(verdictOn({ claim: wanted.claim, status: 'provisioned' }), 'ours');
  });

  it('other content, where the job replaces: take-over', () => {
    const record = someDevice({ claim: other, status: 'assigned', contentHash: 'old' });
    assert.equal(compare(record, wanted, 'replace').verdict, 'take-over');
  });
});
