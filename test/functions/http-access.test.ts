import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import functions from '@azure/functions';
import { provideFunctionsCore, type RegisteredFunction } from 'fleet-emulators/functions-host';
import { write } from '../../functions/http/reply.ts';
import { principalHeader } from '../../infra/local/principal.ts';
import { roles } from '../../lib/access/principal.ts';
import { operation, operationIds } from '../operation.ts';

process.env['HTTP_ACCESS'] = 'entra';
process.env['LOCAL_TRUST_PRINCIPAL_HEADER'] = 'true';
const core = provideFunctionsCore(() => {});

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Calls the handler of a function as the library does, with the principal that built-in authentication would set. */
async function call({ callback }: RegisteredFunction, principal?: string): Promise<Answer> {
  const headers: Record<string, string> = principal === undefined ? {} : { 'x-ms-client-principal': principal };
  const request = new functions.HttpRequest({ method: 'GET', url: 'https://fleet.example/api/x', headers, params: {} });
  const context = { invocationId: 'test', info() {}, warn() {}, error() {} };
  return (await callback(request, context)) as Answer;
}

describe('HTTP functions with signed-in callers', () => {
  let http: RegisteredFunction[] = [];
  before(async () => {
    await import('../../functions/main.ts');
    // The files of the console hold no data and are everyone's. DPS calls `allocate-device`, by a key of the group.
    http = [...core.functions.values()].filter(
      ({ name, bindings }) =>
        !['console', 'root', 'allocate-device'].includes(name) &&
        Object.values(bindings).some(({ type }) => type === 'httpTrigger'),
    );
  });

  it('are exactly those that a role is declared for', () => {
    assert.deepEqual(http.map(({ name }) => name).sort(), operationIds);
  });

  it('answer 401 to a caller who is not signed in', async () => {
    for (const registered of http) {
      const { status, body } = await call(registered);
      assert.equal(status, 401, registered.name);
      assert.equal(JSON.parse(body).title, 'unauthorized');
    }
  });

  it('answer errors and data so that no cache keeps them and no browser guesses their type', async () => {
    const [first = assert.fail()] = http;
    for (const headers of [(await call(first)).headers, write({ status: 200, json: {} }).headers]) {
      const found = new Headers(headers as Record<string, string>);
      assert.deepEqual([found.get('cache-control'), found.get('x-content-type-options')], ['no-store', 'nosniff']);
    }
  });

  it('answer 403 to a lesser role, and name the required role', async () => {
    for (const registered of http) {
      const required = operation(registered.name).role;
      const lesser = roles.slice(0, roles.indexOf(required));
      const { status, body } = await call(registered, principalHeader({ name: 'mona@example.com', roles: lesser }));
      assert.equal(status, 403, registered.name);
      const { detail, expected } = JSON.parse(body);
      assert.equal(expected, required);
      assert.ok(detail.startsWith(`${registered.name} takes the app role`), detail);
    }
  });

  it('accept the required role: then only the missing settings of this test fail', async () => {
    for (const registered of http) {
      const required = operation(registered.name).role;
      const { status, body } = await call(registered, principalHeader({ name: 'mona@example.com', roles: [required] }));
      const { title, faults } = JSON.parse(body);
      assert.deepEqual([status, title], [500, 'setting-invalid'], registered.name);
      const missing = faults.map(({ path }: { path: string }) => path);
      assert.ok(
        missing.includes('COSMOS_ENDPOINT') && !missing.includes('HTTP_ACCESS'),
        `${registered.name} ${missing}`,
      );
    }
  });

  const unsafe: [string, Record<string, string>, string][] = [
    [
      'built-in authentication is off',
      { WEBSITE_SITE_NAME: 'func-fleet', LOCAL_TRUST_PRINCIPAL_HEADER: '' },
      'HTTP_ACCESS',
    ],
    ['the app does not run in Azure', { LOCAL_TRUST_PRINCIPAL_HEADER: '' }, 'HTTP_ACCESS'],
    ['the local setting is used in Azure', { WEBSITE_POD_NAME: 'pod' }, 'LOCAL_TRUST_PRINCIPAL_HEADER'],
  ];
  for (const [when, changes, setting] of unsafe) {
    it(`refuse every caller, and show no other setting, when ${when}`, async () => {
      const before = { ...process.env };
      Object.assign(process.env, changes);
      try {
        for (const registered of http) {
          const { status, body } = await call(registered, principalHeader({ name: 'mallory', roles: ['operator'] }));
          assert.equal(status, 500, registered.name);
          const { title, faults } = JSON.parse(body);
          assert.equal(title, 'setting-invalid');
          assert.deepEqual(
            faults.map(({ path }: { path: string }) => path),
            [setting],
          );
        }
      } finally {
        for (const name of Object.keys(changes)) delete process.env[name];
        Object.assign(process.env, before);
      }
    });
  }
});
