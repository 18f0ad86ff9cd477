import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ensureLocalTls } from 'fleet-emulators/tls';

let parent: string;
before(async () => {
  parent = await mkdtemp(join(tmpdir(), 'tls-'));
});
after(() => rm(parent, { recursive: true, force: true }));

test('a server certificate for localhost and more names, from a permanent CA', async () => {
  const directory = join(parent, 'stays');
  const first = await ensureLocalTls({ directory });
  const certificate = new X509Certificate(first.certPem);
  const ca = new X509Certificate(first.caPem);
  assert.ok(certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
  assert.ok(certificate.checkHost('localhost') && certificate.checkIP('127.0.0.1') && certificate.checkIP('::1'));
  assert.ok(!certificate.ca && ca.ca);
  assert.deepEqual(await ensureLocalTls({ directory }), first);

  const named = await ensureLocalTls({ directory, hostNames: ['Hub-1.Localhost', 'fleet.azure-devices.net'] });
  assert.equal(named.caPem, first.caPem);
  assert.equal(named.keyPem, first.keyPem);
  assert.ok(new X509Certificate(named.certPem).checkHost('fleet.azure-devices.net'));
  assert.ok(new X509Certificate(named.certPem).checkHost('hub-1.localhost'));
  // A call with fewer names does not replace the certificate.
  assert.equal((await ensureLocalTls({ directory })).certPem, named.certPem);
});

test('a certificate that expires soon is renewed', async () => {
  const directory = join(parent, 'renewed');
  const before = await ensureLocalTls({ directory });
  const { validToDate } = new X509Certificate(before.certPem);
  const tenDaysBefore = new Date(validToDate.getTime() - 10 * 86_400_000);
  const renewed = await ensureLocalTls({ directory, now: () => tenDaysBefore });
  assert.equal(renewed.caPem, before.caPem);
  assert.ok(new X509Certificate(renewed.certPem).validToDate > validToDate);
});

test('processes that start together use the same CA, and leave no temporary files', async () => {
  const directory = join(parent, 'together');
  const all = await Promise.all(Array.from({ length: 6 }, () => ensureLocalTls({ directory })));
  assert.equal(new Set(all.map(({ caPem }) => caPem)).size, 1);
  assert.equal(new Set(all.map(({ keyPem }) => keyPem)).size, 1);
  assert.deepEqual(
    (await readdir(parent)).filter((name) => name.startsWith('together-')),
    [],
  );
  for (const name of ['ca.key.pem', 'server.key.pem']) {
    assert.equal((await stat(join(directory, name))).mode & 0o077, 0, name);
  }
});
