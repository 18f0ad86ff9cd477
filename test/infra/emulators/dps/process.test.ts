import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { promisify } from 'node:util';
import { UsageError } from '../../../../infra/emulators/command-line.ts';
import { readCommandLine } from '../../../../infra/emulators/dps/command-line.ts';
import { makeCertificate } from './certificates.ts';
import { managementClient, resourceGroup, service, uploadVerifiedCa } from './management.ts';
import { clientsOf } from './running-dps.ts';

/*
 * The emulator as a process: what survives a kill, and how it reports a wrong option.
 */

const main = join(import.meta.dirname, '../../../../infra/emulators/bin/dps-emulator.ts');
let directory: string;
let running: ChildProcess | undefined;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'dps-process-'));
});
after(async () => {
  running?.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

/** Starts the process and waits until it is ready. @returns its port */
async function start(...args: string[]): Promise<number> {
  const child = spawn(process.execPath, [main, '--port', '0', '--state', directory, '--retry-after', '0', ...args], {
    // It ends with this process: see exitWithParent.
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, EXIT_WITH_PARENT: '1' },
  });
  running = child;
  let text = '';
  for await (const part of child.stdout) {
    text += part;
    const [, port] = /ready at https:\/\/localhost:(\d+)/.exec(text) ?? [];
    if (port !== undefined) return Number(port);
  }
  return assert.fail(`the process ended before it was ready: ${text}`);
}

async function kill(signal: NodeJS.Signals): Promise<number | null> {
  const child = running;
  assert.ok(child);
  const ended = once(child, 'exit');
  child.kill(signal);
  const [code] = await ended;
  return code;
}

test('acknowledged writes survive kill -9', async () => {
  const port = await start('--hub', 'hub-1.localhost', '--hub', 'hub-2.localhost');
  setDefaultCACertificates([...getCACertificates('default'), await readFile(join(directory, 'tls/ca.pem'), 'utf8')]);
  const dps = clientsOf(port, '0ne00000000');
  const ca = await makeCertificate({ name: 'kill CA', ca: true });
  await uploadVerifiedCa(port, 'kill', ca.pem);
  const attestation = { type: 'x509', x509: { signingCertificates: { primary: { certificate: ca.pem } } } };
  const { responseBody: group } = await dps.service.createOrUpdateEnrollmentGroup({
    enrollmentGroupId: 'kill',
    attestation,
  } as never);
  const identity = async (id: string) => {
    const leaf = await makeCertificate({ name: id, issuer: ca });
    return { chainPem: leaf.pem + ca.pem, keyPem: leaf.keyPem };
  };
  const { assignedHub } = await dps.register('kill-1', await identity('kill-1'));
  await dps.registry.updateTwin('kill-1', { tags: { slot: 7 } } as never, '*');
  // Writes continue until the kill. Acknowledged ones must exist afterwards. The last one may exist.
  const acknowledged: string[] = [];
  const writing = (async () => {
    for (let index = 0; ; index++) {
      const registrationId = `storm-${index}`;
      await dps.service.createOrUpdateIndividualEnrollment({
        registrationId,
        attestation: { type: 'symmetricKey' },
      } as never);
      acknowledged.push(registrationId);
      if (index === 25) void kill('SIGKILL');
    }
  })();
  await assert.rejects(writing, { code: /^(ECONNRESET|ECONNREFUSED|EPIPE)$/ });
  assert.ok(acknowledged.length > 25);

  const again = clientsOf(await start('--hub', 'hub-1.localhost', '--hub', 'hub-2.localhost'), '0ne00000000');
  assert.deepEqual((await again.service.getEnrollmentGroup('kill')).responseBody, group);
  for (const id of acknowledged) assert.ok(await again.service.getIndividualEnrollment(id));
  assert.equal((await again.service.getDeviceRegistrationState('kill-1')).responseBody.assignedHub, assignedHub);
  assert.equal(((await again.registry.getTwin('kill-1')).responseBody.tags as Record<string, unknown>)['slot'], 7);
  const { properties } = await managementClient(again.port).dpsCertificate.get('kill', resourceGroup, service);
  assert.equal(properties?.isVerified, true);
  assert.equal((await again.register('kill-1', await identity('kill-1'))).assignedHub, assignedHub);
  assert.equal(await kill('SIGTERM'), 0);
});

test('only the owner can read the key of the local TLS CA', async () => {
  const { mode } = await stat(join(directory, 'tls/ca.key.pem'));
  assert.equal(mode & 0o077, 0);
});

test('an error names the wrong option', async () => {
  const run = promisify(execFile)(process.execPath, [main, '--state', directory, '--riddle']);
  await assert.rejects(run, { code: 2, stderr: /riddle/ });
  for (const [args, pattern] of [
    [['--operations-per-minute', 'many'], /operations-per-minute/],
    [['--hub', 'a b'], /--hub/],
    [['--hub', 'hub,colour=red'], /colour/],
    [['--hub-tier', 'B1'], /hub-tier.*Expected S1, S2 or S3/],
    [['--hub-tier', 'S1', '--hub-units', '0'], /hub-units/],
  ] as const) {
    assert.throws(
      () => readCommandLine(args),
      (error) => error instanceof UsageError && pattern.test(error.message),
    );
  }
});
