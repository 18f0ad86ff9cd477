import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { wellKnownKey } from 'fleet-emulators/dps';
import { until } from '../../../until.ts';
import { makeCertificate, type TestCertificate } from './certificates.ts';
import { uploadVerifiedCa } from './management.ts';
import { type RunningDps, startDps } from './running-dps.ts';

/*
 * Custom allocation: a webhook that decides, fails, or has to be retried.
 */

let dps: RunningDps;
let ca: TestCertificate;
let webhook: Server;
/** Answers wait for this promise, so that a test can delay them. */
let gate: Promise<void> = Promise.resolve();
function hold(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  gate = promise;
  return resolve;
}
let answers: { status: number; body?: unknown }[] = [];
// biome-ignore lint/suspicious/noExplicitAny: tests look into the requests
let asked: any[] = [];

before(async () => {
  webhook = createServer(async (request, response) => {
    asked.push(JSON.parse(await textOf(request)));
    await gate;
    const { status, body } = answers.shift() ?? { status: 500 };
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
  }).listen(0, '127.0.0.1');
  await once(webhook, 'listening');
  dps = await startDps({
    hubs: ['hub-1.localhost', 'hub-2.localhost', 'hub-3.localhost'].map((hostName) => ({
      hostName,
      key: wellKnownKey,
    })),
    webhook: { allowHttp: true, retries: 2, firstDelayMs: 1, addedDelayMs: 1 },
    quotas: { pollsPer10Seconds: 100 },
  });
  ca = await makeCertificate({ name: 'custom CA', ca: true });
  await uploadVerifiedCa(dps.port, 'ca', ca.pem);
  const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } };
  const { port } = webhook.address() as AddressInfo;
  await dps.service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: 'custom',
    attestation,
    allocationPolicy: 'custom',
    iotHubs: ['hub-1.localhost', 'hub-2.localhost'],
    customAllocationDefinition: {
      webhookUrl: `http://127.0.0.1:${port}/allocate?code=secret`,
      apiVersion: '2021-10-01',
    },
    initialTwin: { tags: { from: 'group' } },
  } as never);
});
after(async () => {
  await dps.stop();
  webhook.close();
});
beforeEach(() => {
  answers = [];
  asked = [];
});

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

async function register(id: string, payload?: unknown) {
  const leaf = await makeCertificate({ name: id, issuer: ca });
  return dps.register(id, { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem }, payload);
}

async function failure(id: string): Promise<{ errorCode: number; errorMessage: string }> {
  const error = await register(id).then(
    () => assert.fail('expected a failed registration'),
    (caught) => caught,
  );
  assert.equal(error.name, 'ProvisioningRegistrationFailedError', String(error));
  return error.result.registrationState;
}

test('the webhook gets device and enrollment, and decides about hub, twin and payload', async () => {
  answers = [
    {
      status: 200,
      body: { iotHubHostName: 'hub-2.localhost', initialTwin: { tags: { from: 'webhook' } }, payload: { hello: 1 } },
    },
  ];
  const result = await register('c-1', { model: 'm1' });
  assert.equal(result.assignedHub, 'hub-2.localhost');
  assert.deepEqual(result.payload, { hello: 1 });
  assert.deepEqual((await dps.registry.getTwin('c-1')).responseBody.tags, { from: 'webhook' });

  const [{ enrollmentGroup, deviceRuntimeContext, linkedHubs }] = asked;
  assert.deepEqual(linkedHubs, ['hub-1.localhost', 'hub-2.localhost']);
  assert.equal(deviceRuntimeContext.registrationId, 'c-1');
  assert.deepEqual(deviceRuntimeContext.payload, { model: 'm1' });
  assert.equal(enrollmentGroup.enrollmentGroupId, 'custom');
  assert.match(enrollmentGroup.customAllocationDefinition.webhookUrl, /\?\*\*\*\*$/);
  assert.doesNotMatch(JSON.stringify(asked), /secret/);
});

test('a busy webhook is retried, and gets the current hub of the device', async () => {
  answers = [{ status: 200, body: { iotHubHostName: 'hub-1.localhost' } }];
  await register('c-2');
  answers = [{ status: 429 }, { status: 503 }, { status: 200, body: { iotHubHostName: 'hub-2.localhost' } }];
  asked = [];
  assert.equal((await register('c-2')).assignedHub, 'hub-2.localhost');
  assert.equal(asked.length, 3);
  assert.equal(asked[0].deviceRuntimeContext.currentIotHubHostName, 'hub-1.localhost');
});

test('a failed webhook fails the registration with the documented codes', async () => {
  answers = [{ status: 400 }];
  assert.deepEqual(pick(await failure('c-3')), [400207, 'Custom allocation failed with status code: 400']);
  answers = [{ status: 401 }];
  assert.equal((await failure('c-4')).errorCode, 400209);
  answers = [{ status: 200, body: { iotHubHostName: '' } }];
  assert.equal((await failure('c-5')).errorCode, 400208);
  answers = [{ status: 200, body: { iotHubHostName: 'hub-3.localhost' } }];
  assert.equal((await failure('c-6')).errorCode, 400207);
  answers = [{ status: 200, body: { iotHubHostName: 'hub-1.localhost', initialTwin: { tags: { 'a b': 1 } } } }];
  assert.equal((await failure('c-7')).errorCode, 400207);
  answers = [{ status: 200, body: 'hub-1.localhost' }];
  assert.equal((await failure('c-8')).errorCode, 400207);
  // Three calls: the first one and the configured number of retries.
  answers = [];
  asked = [];
  assert.equal((await failure('c-9')).errorCode, 400207);
  assert.equal(asked.length, 3);
  const { responseBody } = await dps.service.getDeviceRegistrationState('c-9');
  assert.equal(responseBody.status, 'failed');
});

test('an assignment that waits for its webhook is resumed by the next process', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'dps-pending-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const options = { ...dps.options, dataFile: join(directory, 'dps.sqlite') };
  const first = await startDps(options);
  await uploadVerifiedCa(first.port, 'ca', ca.pem);
  const group = (await dps.service.getEnrollmentGroup('custom')).responseBody as unknown as Record<string, unknown>;
  const { port } = webhook.address() as AddressInfo;
  await first.service.createOrUpdateEnrollmentGroup({
    ...group,
    etag: undefined,
    attestation: { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } },
    customAllocationDefinition: { webhookUrl: `http://127.0.0.1:${port}/allocate`, apiVersion: '2021-10-01' },
  } as never);
  const leaf = await makeCertificate({ name: 'pending', issuer: ca });
  const identity = { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem };
  const path = `/${first.idScope}/registrations/pending`;
  const release = hold();
  const accepted = await first.raw(`${path}/register?api-version=2019-03-31`, { method: 'PUT', identity });
  const { operationId } = accepted.json();
  const unfinished = await first.raw(`${path}/operations/${operationId}?api-version=2019-03-31`, { identity });
  assert.equal(unfinished.status, 202);
  const { status, registrationState } = unfinished.json();
  // The client of IoT Edge needs both.
  assert.deepEqual(
    [status, registrationState.status, registrationState.registrationId],
    ['assigning', 'assigning', 'pending'],
  );
  await first.stop();
  gate = Promise.resolve();
  assert.equal(unfinished.headers['location'], accepted.headers['location']);
  assert.equal(unfinished.headers['retry-after'], '1');

  answers = [{ status: 200, body: { iotHubHostName: 'hub-2.localhost' } }];
  const second = await startDps(options);
  try {
    const poll = () => second.raw(`${path}/operations/${operationId}?api-version=2019-03-31`, { identity });
    const answer = await until(async () => {
      const seen = await poll();
      return seen.status !== 202 && seen;
    });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json().registrationState.assignedHub, 'hub-2.localhost');
  } finally {
    release();
    await second.stop();
  }
});

const pick = ({ errorCode, errorMessage }: { errorCode: number; errorMessage: string }) => [errorCode, errorMessage];
