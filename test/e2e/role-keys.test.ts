import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Role } from '../../lib/access/principal.ts';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/* The stack with one function key per role, set on the functions of the role as `npm run keys` does it in Azure. */

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack();
});
after(() => fleet?.close());

const limit = { timeout: 120_000 };

async function statusOf(role: Role, path: string, init: RequestInit = {}): Promise<number> {
  const { roleKeys, urls } = fleet.stack;
  const headers = { ...init.headers, 'x-functions-key': roleKeys[role] };
  const response = await fetch(`${urls.functions}/api/${path}`, { ...init, headers });
  await response.arrayBuffer();
  return response.status;
}

test('the key of a role opens the operations of the role, and no other', limit, async () => {
  const group = { method: 'PUT', body: JSON.stringify({ keyCustody: 'plain' }) };
  assert.equal(await statusOf('reader', 'enrollment-groups/line7', group), 401);
  assert.equal(await statusOf('submitter', 'enrollment-groups/line7', group), 401);
  assert.equal(await statusOf('operator', 'enrollment-groups/line7', group), 201);

  const manifest = { method: 'POST', body: manifestOf('gw', 1), headers: { 'content-type': 'text/csv' } };
  assert.equal(await statusOf('reader', 'jobs?enrollmentGroup=line7', manifest), 401);
  assert.equal(await statusOf('submitter', 'jobs?enrollmentGroup=line7', manifest), 202);

  for (const role of ['reader', 'submitter', 'operator'] as const) {
    assert.equal(await statusOf(role, 'jobs'), 200, role);
    // 404: the caller was let in, and there is no such device.
    assert.equal(await statusOf(role, 'devices/gw-none/bundle'), role === 'operator' ? 404 : 401, role);
  }
});
