import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { readBundle } from '../../infra/local/demo/bundle-files.ts';
import { registerDevice } from '../../infra/local/demo/register-device.ts';
import { announceStack } from '../../infra/local/stack/running-stack.ts';
import { caExtensions, createOpensslCa } from '../openssl-ca.ts';
import { manifestOf, startTestStack, type TestStack } from './test-stack.ts';

/*
 * CA keys in Key Vault, a rollover over HTTP, and the verbs of `fleet ca`, on the whole stack.
 */

const limit = { timeout: 120_000 };
const run = promisify(execFile);
const theirs = createOpensslCa();
let fleet: TestStack;

before(async () => {
  fleet = await startTestStack({ keyVault: true });
  await announceStack(fleet.directory, fleet.stack);
}, limit);
after(async () => {
  await fleet?.close();
  theirs[Symbol.dispose]();
});

/** Runs `fleet ca …`. */
async function ca(...args: readonly string[]): Promise<{ out: string; err: string; code: number }> {
  try {
    const { stdout, stderr } = await run(process.execPath, ['cli/fleet.ts', 'ca', ...args], {
      env: { ...process.env, LOCAL_DIR: fleet.directory },
    });
    return { out: stdout, err: stderr, code: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { out: stdout, err: stderr, code };
  }
}

/** Runs `fleet bundle verify` with access to DPS. @returns its report; it must say that the bundle is good */
async function verified(deviceId: string): Promise<string> {
  const bundle = theirs.file();
  const groups = theirs.file(JSON.stringify(await fleet.api.get('enrollment-groups')));
  writeFileSync(bundle, await fleet.api.getBytes(`devices/${deviceId}/bundle`));
  const args = ['cli/fleet.ts', 'bundle', 'verify', bundle, '--groups', groups, '--dps', 'local'];
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, LOCAL_DIR: fleet.directory } });
  return stdout;
}

/** @returns the problem of a check of GET /api/health; empty if it is ok */
async function problemOf(name: string): Promise<string> {
  const headers = { 'x-functions-key': fleet.stack.functionsKey };
  const response = await fetch(`${fleet.stack.urls.functions}/api/health`, { headers });
  const { checks } = (await response.json()) as { checks: { name: string; ok: boolean; problem?: string }[] };
  const found = checks.find((check) => check.name === name) ?? assert.fail(`no check "${name}"`);
  assert.equal(found.ok, found.problem === undefined);
  return found.problem ?? '';
}

async function provisionAndRegister(group: string, prefix: string): Promise<void> {
  const job = await fleet.ended(await fleet.upload(`${group}/${prefix}.csv`, manifestOf(prefix, 3)));
  assert.equal(job.counts.provisioned, 3, JSON.stringify(job));
  await register(`${prefix}-1`);
}

async function register(deviceId: string): Promise<void> {
  const files = await readBundle(await fleet.api.getBytes(`devices/${deviceId}/bundle`));
  assert.notEqual(await registerDevice(deviceId, files, fleet.stack.dps), '');
}

test('keys are created in the vault, and devices register before and after a rollover', limit, async () => {
  await fleet.api.put('enrollment-groups/plant_1.line-7', { keyCustody: 'plain' });
  await provisionAndRegister('plant_1.line-7', 'before');

  const path = `${fleet.stack.urls.functions}/api/enrollment-groups/plant_1.line-7/rollover?from=1`;
  const rollOver = () => fetch(path, { method: 'POST', headers: { 'x-functions-key': fleet.stack.functionsKey } });
  const answer = await rollOver();
  assert.equal(answer.status, 200);
  const group = (await answer.json()) as { issuingCas: { generation: number }[] };
  assert.deepEqual(
    group.issuingCas.map(({ generation }) => generation),
    [2, 1],
  );
  assert.equal((await rollOver()).status, 409);

  await provisionAndRegister('plant_1.line-7', 'after');
  await register('before-2');

  const keys = readdirSync(join(fleet.directory, 'key-vault/keys')).filter((name) => name.endsWith('.json'));
  // A delegated CA has no key in the vault.
  assert.deepEqual(keys.sort(), [
    'issuing--plant-u1-pline--7--1.json',
    'issuing--plant-u1-pline--7--2.json',
    'root.json',
  ]);
});

test('a worker signs devices with a CA of its own, for which the vault signs once', limit, async () => {
  await fleet.api.put('enrollment-groups/delegated', { keyCustody: 'plain' });
  const direct = { keyCustody: 'plain', issuance: 'direct' };
  await fleet.api.put('enrollment-groups/direct', direct);
  const group = await fleet.api.get<{ issuance: { by: string } }>('enrollment-groups/delegated');
  assert.deepEqual(group.issuance, { by: 'delegated' });
  await provisionAndRegister('delegated', 'ours');
  await provisionAndRegister('direct', 'theirs');

  const delegatedCaOf = async (deviceId: string) => {
    const { certificates } = await fleet.api.get<{ certificates: { caGeneration: number; delegatedCa?: string }[] }>(
      `devices/${deviceId}`,
    );
    assert.equal(certificates[0]?.caGeneration, 1);
    return certificates[0].delegatedCa;
  };
  const ids = await Promise.all(['ours-1', 'ours-2', 'ours-3'].map(delegatedCaOf));
  assert.match(ids[0] ?? '', /^[0-9a-f]{32}$/);
  assert.equal(new Set(ids).size, 1);
  assert.equal(await delegatedCaOf('theirs-1'), undefined);

  const chainOf = async (deviceId: string) => {
    const files = await readBundle(await fleet.api.getBytes(`devices/${deviceId}/bundle`));
    const text = files.get('certs/device-identity.full-chain.pem')?.body.toString() ?? '';
    return (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
      (pem) => new X509Certificate(pem),
    );
  };
  const [leaf, delegated, issuing, ...others] = await chainOf('ours-1');
  assert.ok(leaf && delegated && issuing);
  assert.deepEqual([others, (await chainOf('theirs-1')).length], [[], 2]);
  assert.equal(delegated.serialNumber.toLowerCase(), ids[0]);
  assert.match(delegated.subject, /^CN=delegated \S+ \d{8}T\d{6}Z$/);
  assert.ok(leaf.verify(delegated.publicKey) && delegated.verify(issuing.publicKey));
  assert.match(await verified('ours-1'), /matches group "delegated" by its primary issuing CA/);
});

test('an OpenSSL CA signs an issuing CA, and its devices register once DPS has that root', limit, async () => {
  const root = theirs.issue({ subject: '/CN=Plant PKI' });
  await fleet.api.put('enrollment-groups/own', { keyCustody: 'plain', issuingCa: { origin: 'outside' } });
  const refused = await ca('rollover', 'own');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /^error: Group "own" has its issuing CA from outside.*\nhint: .*fleet ca csr GROUP/);

  const request = theirs.file();
  assert.equal((await ca('csr', 'own', '--out', request)).code, 0);
  const issued = theirs.issue({ requestPem: readFileSync(request, 'utf8'), issuer: root, extensions: caExtensions(0) });
  const certificate = theirs.file(issued.pem);
  const lost = await ca('import', 'own', '--certificate', certificate);
  assert.equal(lost.code, 1);
  assert.match(lost.err, /^error: The issuing CA has 1 fault: chain: no certificate given issued/);
  const imported = await ca('import', 'own', '--certificate', certificate, '--chain', theirs.file(root.pem), '--json');
  assert.equal(imported.code, 0, imported.err);
  assert.match(
    (JSON.parse(imported.out) as { issuingCas: { issuer: string }[] }).issuingCas[0]?.issuer ?? '',
    /Plant PKI/,
  );

  // DPS does not have that root, and health reports it once DPS was asked.
  const missing = await ca('check');
  assert.equal(missing.code, 1, missing.err);
  assert.match(missing.out, /group own\n {2}CA 1 {2}FAULT {2}DPS did not have "CN=Plant PKI" at 20/);
  assert.match(await problemOf('root of group own in DPS'), /DPS did not have "CN=Plant PKI"/);

  // The OpenSSL root is imported with its key as the fleet's root, and registered with DPS.
  const key = theirs.file(root.keyPem);
  assert.equal((await ca('root', '--certificate', theirs.file(root.pem), '--key', key)).code, 0);
  const taken = await ca('register');
  assert.equal(taken.code, 1);
  assert.match(taken.err, /another CA certificate under the name "fleet-root"/);
  const registered = await ca('register', '--name', 'plant-pki');
  assert.equal(registered.out, 'DPS holds the CA as plant-pki, verified.\n', registered.err);
  await provisionAndRegister('own', 'own');
  assert.equal(await problemOf('root of group own in DPS'), '');
  const { code, out: trusted } = await ca('check', '--json');
  assert.equal(code, 0, trusted);
  assert.match(await verified('own-1'), /ok {5}DPS will say: matches group "own" by its primary issuing CA/);
  assert.match(trusted, /DPS had \\"CN=Plant PKI\\" as plant-pki, verified/);

  const { out } = await ca('show');
  assert.match(
    out,
    /root {2}CN=Plant PKI.*key "imported-[0-9a-f]{32}" in software in a vault\n {6}in DPS as plant-pki/,
  );
  assert.match(out, /group own\n {2}CA 1 {2}CN=own issuing CA 1, by CN=Plant PKI/);
  for (const { out: text, err } of [imported, registered, { out, err: '' }]) assert.doesNotMatch(text + err, /PRIVATE/);
});

test('wrong arguments end with exit code 2 before anything is read', limit, async () => {
  const { code, err } = await ca('csr');
  assert.equal(code, 2);
  assert.equal(err, "error: missing required argument 'GROUP'\nhint: Add --help to see options and examples.\n");
});
