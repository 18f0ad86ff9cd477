import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFaults } from './faults.ts';
import type { Answer, ProxiedRequest } from './proxy.ts';
import { createRandom } from './random.ts';

const rates = { throttled: 1, error: 0, reset: 0, lost: 0, half: 0, silent: 0, conflict: 0 };
const answered: Answer = { status: 207, headers: {}, body: Buffer.from('[]') };

/** Sends the same bulk request twice, the second time at once after a 429. @returns what was repeated too early */
async function repeated(operationType: string): Promise<readonly string[]> {
  const faults = createFaults(createRandom(1), rates, 'request');
  const request: ProxiedRequest = {
    ...{ method: 'POST', path: '/dbs/fleet/colls/devices/docs', at: Date.now() },
    headers: { 'x-ms-cosmos-is-batch-request': 'true' },
    body: Buffer.from(JSON.stringify([{ operationType, id: 'unit-1' }])),
  };
  const forward = () => Promise.resolve(answered);
  await faults.interfere('cosmos')(request, forward);
  faults.stop();
  await faults.interfere('cosmos')(request, forward);
  return faults.tooEarly;
}

describe('faults', () => {
  it('report a bulk write that is repeated before its Retry-After has passed', async () => {
    assert.match(String(await repeated('Create')), /was repeated \d+ ms too early/);
  });

  it('let two clients read the same devices in bulk', async () => {
    assert.deepEqual(await repeated('Read'), []);
  });
});
