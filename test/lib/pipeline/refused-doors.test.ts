import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { createDpsEnrollments } from '../../../lib/azure/dps.ts';
import { createHubIdentities } from '../../../lib/azure/hub-identities.ts';
import type { DeviceRecord } from '../../../lib/devices/device.ts';
import { blockDevice } from '../../../lib/pipeline/block-device.ts';
import { reconcileRegistrations } from '../../../lib/pipeline/reconcile-registrations.ts';
import { continueBlock } from '../../../lib/pipeline/settle-block.ts';
import { someTime } from '../../factories.ts';
import { createWorld, type World } from '../../world.ts';
import { trustLocalTls } from '../azure/trust-local-tls.ts';

/*
 * DPS or a hub refuses one call of a revocation. The answer says which door is not closed, the other one is closed all the
 * same, and the queue finishes the rest.
 */

const hub = 'localhost';
const ann = { by: 'Ann', reason: 'stolen' };
const directory = mkdtempSync(join(tmpdir(), 'doors-'));

/** A service that answers each call as `answer` says. */
let answer: (method: string) => { status: number; body?: object } = () => ({ status: 500 });
const identity = { deviceId: 'gw-1', etag: 'AAE=', status: 'enabled' };
let connectionString: string;
let server: ReturnType<typeof createServer>;

before(async () => {
  const tls = await ensureLocalTls({ directory, hostNames: [] });
  trustLocalTls(tls.caPem);
  server = createServer({ cert: tls.certPem, key: tls.keyPem }, (request, response) => {
    const { status, body = { errorCode: status * 1000, message: 'no' } } = answer(request.method ?? '');
    if (status === 0) request.destroy();
    else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  connectionString = `HostName=localhost:${port};SharedAccessKeyName=owner;SharedAccessKey=a2V5`;
});
after(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true });
});

async function openWorld() {
  let time = someTime.getTime();
  const world = createWorld({ now: () => new Date(time) });
  await world.declare('line7', { keyCustody: 'plain' });
  await world.upload('line7/list.csv', 'deviceId\ngw-1\n');
  await world.settle();
  const registration = { status: 'assigned', assignedHub: hub, at: someTime.toISOString() } as const;
  world.enrollments.registrations.set('line7', [{ deviceId: 'gw-1', registration }]);
  await reconcileRegistrations(world.services());
  world.identities.devices.set(`${hub}/gw-1`, { status: 'enabled' });
  return Object.assign(world, {
    pass: (seconds: number) => {
      time += seconds * 1000;
    },
  });
}

const closedDoors = ({ block }: DeviceRecord) => Object.keys(block?.doors ?? {}).sort();
const hubStatus = (world: World) => world.identities.devices.get(`${hub}/gw-1`)?.status;

const refusals = [0, 400, 401, 403, 404, 409, 412, 413, 429, 500, 503];

describe('a door whose service refuses a call', () => {
  for (const status of refusals) {
    it(`DPS answers ${status || 'nothing'}`, async () => {
      for (const method of ['GET', 'PUT']) {
        // A GET of 404 is an answer: DPS has no enrollment.
        if (status === 404 && method === 'GET') continue;
        using world = await openWorld();
        answer = (asked) => ({ status: asked === method ? status : 404 });
        const enrollments = createDpsEnrollments({ connectionString });
        const record = await blockDevice('gw-1', 'revoked', ann, { ...world.services(), enrollments });
        assert.equal(record.status, 'closing');
        assert.ok(record.block?.notYet?.enrollment, `${method}: says nothing of the enrollment`);
        assert.equal(hubStatus(world), 'disabled', `${method}: the hub stays open`);
        // Without an answer to GET the hubs are not all known.
        assert.equal(closedDoors(record).includes('hub'), method === 'PUT');
        await finish(world);
      }
    });

    it(`a hub answers ${status || 'nothing'}`, async () => {
      for (const method of ['GET', 'PUT']) {
        if (status === 404 && method === 'GET') continue;
        using world = await openWorld();
        answer = (asked) => (asked === method ? { status } : { status: 200, body: identity });
        const refusing = createHubIdentities({ connectionString });
        const record = await blockDevice('gw-1', 'revoked', ann, { ...world.services(), identities: refusing });
        assert.equal(record.status, 'closing');
        assert.deepEqual(closedDoors(record), ['bundle', 'enrollment', 'record', 'renewal']);
        assert.match(record.block?.notYet?.hub ?? '', /localhost/);
        await finish(world);
      }
    });
  }
});

/** The service answers again. */
async function finish(world: Awaited<ReturnType<typeof openWorld>>): Promise<void> {
  world.pass(300);
  await continueBlock('gw-1', world.services());
  const record = world.devices.records.get('gw-1') ?? assert.fail();
  assert.deepEqual([record.status, record.block?.notYet], ['revoked', undefined]);
  assert.equal(hubStatus(world), 'disabled');
  assert.equal(world.enrollments.entries.individuals.get('gw-1')?.disabled, true);
}
