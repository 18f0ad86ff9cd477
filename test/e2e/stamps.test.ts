import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import type { LocalDps } from '../../infra/local/stack.ts';
import { createDpsEnrollments } from '../../lib/azure/dps.ts';
import { findingId } from '../../lib/findings/finding.ts';
import { until } from '../until.ts';
import { startTestStack, type TestStack } from './test-stack.ts';

/*
 * A deployment with two DPS instances, each an emulator with a hub of its own: `default`, and `west`. Devices register with the
 * official client.
 */

let fleet: TestStack;
before(async () => {
  fleet = await startTestStack({ dpsInstances: ['west'], settings: { SWEEP_SCHEDULE: '*/5 * * * * *' } });
});
after(() => fleet?.close());

const east = ['east-1', 'east-2'];
const west = ['west-1', 'west-2'];

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  readonly json: any;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers = { 'x-functions-key': fleet.stack.functionsKey, 'content-type': 'application/json' };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const answer = await fetch(`${fleet.stack.urls.functions}/api/${path}`, init);
  return { status: answer.status, json: JSON.parse(await answer.text()) };
}

const declare = (id: string, definition: object) =>
  call('PUT', `enrollment-groups/${id}`, { keyCustody: 'plain', ...definition });

const westDps = (): LocalDps => fleet.stack.dpsInstances['west'] ?? assert.fail('there is no second instance');

/** The service API of an instance, past the app. */
function enrollmentsOf(dps: LocalDps) {
  const connectionString = fleet.stack.dpsConnectionString.replace(/localhost:\d+/, `localhost:${dps.port}`);
  return createDpsEnrollments({ connectionString });
}

/** @returns the hub; undefined when DPS refuses the device */
async function register(id: string, dps: LocalDps): Promise<string | undefined> {
  const files = await readBundle(await fleet.api.getBytes(`devices/${id}/bundle`));
  return registerDevice(id, files, dps).catch(() => undefined);
}

async function scopeInBundle(id: string): Promise<string | undefined> {
  const files = await readBundle(await fleet.api.getBytes(`devices/${id}/bundle`));
  const config = [...files].find(([path]) => path.endsWith('.toml'))?.[1].body.toString() ?? '';
  return /id_scope = "(.*)"/.exec(config)?.[1];
}

function listOf(groups: Readonly<Record<string, readonly string[]>>): string {
  const rows = Object.entries(groups).flatMap(([group, ids]) => ids.map((id) => `${id},${group}`));
  return `deviceId,enrollmentGroup\n${rows.join('\n')}\n`;
}

async function statusesOf(ids: readonly string[]): Promise<string[]> {
  const answers = await Promise.all(ids.map((id) => call('GET', `devices/${id}`)));
  return answers.map(({ json }) => json.status);
}

describe('a fleet in two DPS instances', { timeout: 240_000 }, () => {
  it('has each group in the instance that it names, and refuses another one', async () => {
    assert.equal((await declare('line-east', {})).status, 201);
    assert.equal((await declare('line-west', { dps: 'west' })).status, 201);
    const unknown = await declare('line-north', { dps: 'north' });
    assert.deepEqual([unknown.status, unknown.json.faults[0].path], [422, 'dps']);
    const moved = await declare('line-east', { dps: 'west' });
    assert.deepEqual([moved.status, moved.json.title], [409, 'method-conflict']);
    assert.match(moved.json.detail, /Declare another group with dps "west"/);
    assert.equal((await call('GET', 'enrollment-groups/line-west')).json.definition.dps, 'west');
  });

  it('provisions devices of both with one job, each with the ID scope of its instance', async () => {
    const jobId = await fleet.upload('both.csv', listOf({ 'line-east': east, 'line-west': west }));
    assert.equal((await fleet.ended(jobId)).counts.provisioned, 4);
    assert.equal(await scopeInBundle('east-1'), fleet.stack.dps.idScope);
    assert.equal(await scopeInBundle('west-1'), westDps().idScope);
  });

  it('registers each device with its own instance, and with no other', async () => {
    const { dps } = fleet.stack;
    for (const id of west) {
      assert.equal(await register(id, dps), undefined, 'another instance');
      assert.equal(await register(id, { ...westDps(), idScope: dps.idScope }), undefined, 'another ID scope');
      assert.equal(await register(id, westDps()), 'hub-west.localhost');
    }
    for (const id of east) {
      assert.equal(await register(id, westDps()), undefined);
      assert.match((await register(id, dps)) ?? '', /^hub-[12]\.localhost$/);
    }
    await until(async () => (await statusesOf([...east, ...west])).every((status) => status === 'assigned'));
  });

  it('is swept in both instances', async () => {
    const registrations = (dps?: string) => async () => {
      const { json } = await call('GET', 'summary');
      const found = json.quotas?.find(
        (each: { name: string; dps?: string }) => each.name === 'dpsRegistrations' && each.dps === dps,
      );
      return found?.used === 2;
    };
    await until(registrations());
    await until(registrations('west'));
    const { json } = await call('GET', 'findings?state=open');
    assert.deepEqual(json.findings, []);
    await enrollmentsOf(westDps()).deleteGroup('line-west', () => true);
    // The sweep repairs it at once, so it is in the list of open findings for some milliseconds only.
    const id = findingId('group-missing', { type: 'group', id: 'line-west' });
    await until(async () => {
      const { json: finding } = await call('GET', `findings/${id}`);
      return finding.acts?.some(({ act, by }: { act: string; by: string }) => act === 'repaired' && by === 'sweep');
    });
    await until(async () => (await register('west-2', westDps())) !== undefined);
  });

  it('closes a device in its instance', async () => {
    const bundle = await fleet.api.getBytes('devices/west-1/bundle');
    assert.ok((await call('POST', 'devices/west-1/revoke', { reason: 'a test' })).status < 300);
    await until(async () => (await statusesOf(['west-1']))[0] === 'revoked');
    await assert.rejects(registerDevice('west-1', await readBundle(bundle), westDps()), {
      message: 'status is disabled',
    });
    assert.equal((await enrollmentsOf(westDps()).enrollment('west-1'))?.disabled, true);
    assert.equal(await enrollmentsOf(fleet.stack.dps).enrollment('west-1'), undefined);
  });

  it('provisions rows of one instance while the other one is down', async () => {
    await declare('single-east', { enrollment: 'individual' });
    await declare('single-west', { enrollment: 'individual', dps: 'west' });
    const dpsWest = fleet.stack.process('dps-west');
    await dpsWest.kill('SIGKILL');
    const jobId = await fleet.upload('down.csv', listOf({ 'single-east': ['e-1', 'e-2'], 'single-west': ['w-1'] }));
    await until(async () => (await statusesOf(['e-1', 'e-2'])).every((status) => status === 'provisioned'));
    assert.deepEqual(await statusesOf(['w-1']), ['claimed']);
    const { json } = await call('GET', 'health');
    const failed = json.checks.filter(({ ok }: { ok: boolean }) => !ok).map(({ name }: { name: string }) => name);
    assert.deepEqual(failed, ['DPS service API (west)']);
    await dpsWest.restart();
    assert.equal((await fleet.ended(jobId)).counts.provisioned, 3);
  });
});
