import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { HttpRequest } from '@azure/functions';
import { principalHeader } from '../../../infra/local/principal.ts';
import { operation, operationIds } from '../../operation.ts';

const { Values } = JSON.parse(readFileSync('local.settings.sample.json', 'utf8')) as { Values: Record<string, string> };
const entra = {
  HTTP_ACCESS: 'entra',
  LOCAL_TRUST_PRINCIPAL_HEADER: 'true',
  GROUP_ROLES: JSON.stringify({ 'line7-submitter': { role: 'submitter', enrollmentGroups: ['line7'] } }),
};

interface Me {
  readonly access: string;
  readonly roles?: readonly string[];
  readonly groupRoles?: readonly unknown[];
  readonly operations: readonly { readonly id: string; readonly enrollmentGroups?: readonly string[] }[];
  readonly deployment: { readonly chunkRows: number; readonly packageDigest?: string };
}

async function me(roles: readonly string[]): Promise<Me> {
  const headers = { 'x-ms-client-principal': principalHeader({ name: 'mona@example.com', roles }) };
  const request = new HttpRequest({ method: 'GET', url: 'http://localhost/api/me', headers });
  const caller = { name: 'mona@example.com' };
  const { body } = await operation('get-me').answer(request, { services: {} as never, caller, requestId: 'r' });
  return JSON.parse(String(body)) as Me;
}

describe('GET /api/me', () => {
  const environment = { ...process.env };
  before(() => Object.assign(process.env, Values, entra));
  after(() => {
    for (const name of Object.keys({ ...Values, ...entra })) delete process.env[name];
    Object.assign(process.env, environment);
  });

  it('lists what a role may call, and nothing else', async () => {
    const { access, roles, operations, deployment } = await me(['reader']);
    assert.deepEqual([access, roles], ['entra', ['reader']]);
    const reader = operationIds.filter((id) => operation(id).role === 'reader');
    assert.deepEqual(operations.map(({ id }) => id).sort(), reader);
    assert.ok(deployment.chunkRows > 0);
    assert.equal(deployment.packageDigest, undefined, 'it runs from source');
  });

  it('names the enrollment groups of a limited role', async () => {
    const { groupRoles, operations } = await me(['line7-submitter']);
    assert.deepEqual(groupRoles, [{ role: 'submitter', enrollmentGroups: ['line7'] }]);
    assert.deepEqual(operations.find(({ id }) => id === 'submit-job')?.enrollmentGroups, ['line7']);
    const ids = operations.map(({ id }) => id);
    assert.deepEqual([ids.includes('health'), ids.includes('put-enrollment-group')], [false, false]);
  });
});
