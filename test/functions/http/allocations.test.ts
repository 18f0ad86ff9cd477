import 'reflect-metadata';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import functions, { type HttpResponseInit } from '@azure/functions';
import { allocationHandler } from '../../../functions/http/allocations.ts';
import { groupView } from '../../../functions/http/group-view.ts';
import type { Services } from '../../../functions/services.ts';
import { FleetError } from '../../../lib/errors.ts';
import { compareGroup } from '../../../lib/findings/compare-group.ts';
import { expectedSettings } from '../../../lib/findings/entry-settings.ts';
import { estGroup, openEstWorld } from '../../lib/pipeline/est-world.ts';

const definition = { ...estGroup, allocation: 'orchestrator' } as const;
const deployment = { usesKeyVault: false };
const linkedHubs = ['one.azure-devices.net', 'two.azure-devices.net'];

async function openWorld() {
  const world = await openEstWorld(definition);
  const leaf = await world.bundleLeaf();
  let services = world.services();
  const logged: string[] = [];
  const log = (line: unknown) => void logged.push(String(line));
  const handler = allocationHandler(() => services as unknown as Services);
  const body = {
    enrollmentGroup: { enrollmentGroupId: 'line7', attestation: { type: 'x509' } },
    deviceRuntimeContext: { registrationId: 'gw-1', x509: { clientCertificate: leaf.raw.toString('base64') } },
    linkedHubs,
  };
  /** As DPS calls the webhook. */
  async function call(code: string, sent: unknown = body, group = 'line7'): Promise<HttpResponseInit> {
    const url = `http://localhost/api/allocations/${group}`;
    const text = typeof sent === 'string' ? sent : JSON.stringify(sent);
    const request = new functions.HttpRequest({
      method: 'POST',
      url,
      query: { code },
      params: { group },
      body: { string: text },
    });
    const context = new functions.InvocationContext({
      invocationId: 'test',
      logHandler: (_level, ...args) => log(args[0]),
    });
    return handler(request, context) as Promise<HttpResponseInit>;
  }
  const sentKeys = () => {
    const { webhookUrl = '' } = world.enrollments.groups.get('line7')?.definition.customAllocation ?? {};
    return new URL(webhookUrl).searchParams.get('code') ?? assert.fail(webhookUrl);
  };
  return Object.assign(world, {
    ...{ leaf, call, body, logged, key: sentKeys },
    group: async () => (await world.groupStore.read('line7'))?.value ?? assert.fail(),
    rotate: () => {
      world.pass(1);
      return world.services().groups.rotateAllocationKey('line7');
    },
    /** Another instance, whose memory of groups is new. */
    restart: () => {
      services = world.services();
    },
    /** The record store answers no more. */
    break: () => {
      const read = async () => Promise.reject(new FleetError('throttled', 'Cosmos DB asks to wait.'));
      services = { ...services, devices: { ...services.devices, read } };
    },
  });
}

describe('the webhook that DPS calls', () => {
  it('answers as DPS reads it, and shows no key anywhere', async () => {
    using world = await openWorld();
    const first = await world.call(world.key());
    assert.equal(first.status, 200);
    const { iotHubHostName, initialTwin } = first.jsonBody;
    assert.ok(linkedHubs.includes(iotHubHostName));
    assert.deepEqual(initialTwin, { tags: {}, properties: { desired: {} } });
    const { deviceRuntimeContext } = world.body;
    const moved = {
      ...world.body,
      deviceRuntimeContext: { ...deviceRuntimeContext, currentIotHubHostName: linkedHubs[1] },
    };
    assert.deepEqual((await world.call(world.key(), moved)).jsonBody, { iotHubHostName: linkedHubs[1] });

    await world.rotate();
    const group = await world.group();
    const seen = JSON.stringify([group, groupView(group, { deployment }), world.audit, world.logged]);
    for (const key of world.allocationSecrets.secrets.values()) assert.equal(seen.includes(key), false);
    const { allocation, definition: shown } = groupView(group, { deployment });
    assert.match(allocation?.note ?? '', /in the path of every registration/);
    assert.deepEqual(
      [allocation?.keyGeneration, shown.allocationPolicy, shown.customAllocation],
      [2, 'hashed', undefined],
    );
  });

  it('answers 401 to a wrong key and to an unknown group, and 503 when it cannot look again', async () => {
    using world = await openWorld();
    assert.equal((await world.call('wrong')).status, 401);
    assert.equal((await world.call('wrong')).status, 503);
    world.pass(2);
    assert.equal((await world.call(world.key(), world.body, 'line8')).status, 401);
    world.pass(2);
    assert.equal((await world.call('')).status, 401);
    assert.equal((await world.call(world.key())).status, 200);
  });

  it('answers 403 with the reason to a refused device, and logs it', async () => {
    using world = await openWorld();
    const answer = await world.call(world.key(), { ...world.body, enrollmentGroup: undefined });
    assert.deepEqual([answer.status, answer.body], [403, 'The request is not for group "line7".\n']);
    assert.match(world.logged.join('\n'), /registration refused.*not for group/);
  });

  it('answers 503 while a store does not answer, and 4xx to what is no request of DPS', async () => {
    using world = await openWorld();
    for (const sent of ['', '{', '[]', '{"linkedHubs":[]}', { ...world.body, linkedHubs: Array(101).fill('a') }])
      assert.equal((await world.call(world.key(), sent)).status, 400, JSON.stringify(sent).slice(0, 40));
    assert.equal((await world.call(world.key(), JSON.stringify(world.body) + ' '.repeat(600_000))).status, 413);
    world.break();
    assert.equal((await world.call(world.key())).status, 503);
  });

  it('accepts both keys during a rotation, also on an instance that has not seen it', async () => {
    using world = await openWorld();
    const before = world.key();
    assert.equal((await world.call(before)).status, 200);
    const { pending, group } = await world.rotate();
    assert.deepEqual([pending, group.allocationHook?.keys.length], [undefined, 2]);
    const after = world.key();
    assert.notEqual(after, before);
    assert.deepEqual([(await world.call(after)).status, (await world.call(before)).status], [200, 200]);
    world.pass(3600);
    world.restart();
    assert.deepEqual([(await world.call(after)).status, (await world.call(before)).status], [200, 401]);
  });

  it('keeps the key that DPS has, in a rotation that is cut after any call', async () => {
    for (let calls = 1; calls < 30; calls++) {
      using world = await openWorld();
      world.interruptAfter(calls);
      const isCut = await world.rotate().then(
        () => false,
        () => true,
      );
      if (!isCut) {
        assert.ok(calls > 5);
        break;
      }
      world.restart();
      assert.equal((await world.call(world.key())).status, 200, `after call ${calls}`);
      const { group } = await world.rotate();
      assert.equal((await world.call(world.key())).status, 200);
      assert.notEqual(group.allocationHook?.keys[0].writtenAt, undefined);
      // The stored keys are those of the record, but for one that a cut left behind.
      assert.ok(world.allocationSecrets.secrets.size <= (group.allocationHook?.keys.length ?? 0) + 1);
    }
  });

  it('makes another key when the store has lost the present one', async () => {
    using world = await openWorld();
    world.allocationSecrets.secrets.clear();
    const { pending, group } = await world.rotate();
    assert.deepEqual([pending, group.allocationHook?.keys[0].generation], [undefined, 2]);
    assert.equal((await world.call(world.key())).status, 200);
  });

  it('ends with the setting, and its keys are removed', async () => {
    using world = await openWorld();
    const key = world.key();
    await world.declare('line7', { ...definition, allocation: 'dps' });
    assert.equal(world.enrollments.groups.get('line7')?.definition.allocationPolicy, 'hashed');
    assert.deepEqual([(await world.group()).allocationHook, world.allocationSecrets.secrets.size], [undefined, 0]);
    world.restart();
    assert.equal((await world.call(key)).status, 401);
    await assert.rejects(() => world.rotate(), { code: 'method-conflict' });
  });

  it('does not differ, whether DPS shows its whole address or not', async () => {
    using world = await openWorld();
    const group = await world.group();
    const found = world.enrollments.entries.groups.get('line7') ?? assert.fail();
    const wanted = world.enrollments.groups.get('line7')?.definition ?? assert.fail();
    const settings = expectedSettings(wanted);
    const kindsOf = (url: string) => {
      const webhook = { url, apiVersion: settings.webhook?.apiVersion ?? '' };
      const seen = { ...found, id: 'line7', settings: { ...settings, webhook } };
      const { differences } = compareGroup(group, seen, new Date(Date.parse(group.updatedAt) + 1000).toISOString());
      assert.equal(JSON.stringify(differences).includes(world.key()), false);
      return differences.map(({ kind }) => kind);
    };
    const address = 'https://fleet.example.com/api/allocations/line7';
    assert.deepEqual(kindsOf(`${address}?****`), []);
    assert.deepEqual(kindsOf(`${address}?code=${world.key()}`), []);
    assert.deepEqual(kindsOf('https://elsewhere.example.com/?****'), ['group-changed']);
  });
});

describe('a group with allocation "orchestrator"', () => {
  it('is refused where this app cannot choose', async () => {
    using world = await openEstWorld();
    const faultsOf = async (change: object) => {
      const error = await world
        .declare('line9', { keyCustody: 'plain', allocation: 'orchestrator', ...change })
        .catch((thrown) => thrown);
      return error.details.faults.map(({ path }: { path: string }) => path);
    };
    assert.deepEqual(await faultsOf({ allocationPolicy: 'geoLatency' }), ['allocationPolicy']);
    assert.deepEqual(await faultsOf({ enrollment: 'individual' }), ['allocation']);
    const customAllocation = { webhookUrl: 'https://x.example.com/' };
    assert.deepEqual(await faultsOf({ allocationPolicy: 'custom', customAllocation }), ['allocationPolicy']);
  });
});
