import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { registerRoot } from '../../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { caExtensions, createOpensslCa, type OpensslCertificate } from '../../openssl-ca.ts';
import { type Fleet, startFleet } from '../enrollment/fleet-on-dps.ts';

const plain = { keyCustody: 'plain', target: 'dps-device' } as const;
const outside: GroupInput = { ...plain, issuingCa: { origin: 'outside' } };

const ca = createOpensslCa();
let theirRoot: OpensslCertificate;
let fleet: Fleet;

before(async () => {
  theirRoot = ca.issue({ subject: '/O=Acme/CN=Acme root' });
  fleet = await startFleet();
});
after(async () => {
  await fleet.stop();
  ca[Symbol.dispose]();
});

/** @returns the faults of a CA, each as `path message` */
async function faultsOf(work: Promise<unknown>): Promise<string[]> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof FleetError, String(error));
    assert.equal(error.code, 'ca-invalid');
    assert.doesNotMatch(error.message, /PRIVATE|-----/);
    return (error.details.faults ?? []).map(({ path, message }) => `${path} ${message}`);
  }
  return [];
}

function assertFaults(found: readonly string[], expected: readonly RegExp[]): void {
  assert.equal(found.length, expected.length, found.join('\n'));
  for (const pattern of expected)
    assert.ok(
      found.some((fault) => pattern.test(fault)),
      `${pattern} in\n${found.join('\n')}`,
    );
}

describe('a group whose issuing CA another PKI signs', () => {
  it('is pending until the CA is imported, then issues', async () => {
    const { pending } = await fleet.groups.declare('acme', outside);
    assert.equal(pending?.code, 'ca-missing');
    assert.match(pending?.hint ?? '', /fleet ca csr/);

    const { requestPem, generation } = await fleet.groups.requestIssuingCa('acme');
    assert.equal(generation, 1);
    const request = ca.file(requestPem);
    assert.match(ca.openssl('req', '-in', request, '-noout', '-verify', '-subject'), /CN ?= ?acme issuing CA 1/);
    const middle = ca.issue({ subject: '/CN=Acme plant CA', issuer: theirRoot });
    const { pem } = ca.issue({ requestPem, issuer: middle, extensions: caExtensions(0) });

    const { group } = await fleet.groups.importIssuingCa('acme', {
      certificate: pem,
      // In any order, with a certificate that does not belong to the chain.
      chain: [theirRoot.pem, ca.issue({ subject: '/CN=Stranger' }).pem, middle.pem].join('\n'),
    });
    assert.deepEqual(
      group.issuingCas[0]?.chainPem.map((each) => new X509Certificate(each).subject),
      ['CN=Acme plant CA', 'O=Acme\nCN=Acme root'],
    );
    await fleet.registry.upload('acme-root', theirRoot.pem, { withoutProof: true });
    assert.notEqual(await fleet.provision('acme', 'gw-acme-1'), '');
  });

  it('requests with the same key until a CA is imported, and with a new key after', async () => {
    await fleet.groups.declare('again', outside);
    const keyOf = async () => {
      const { requestPem } = await fleet.groups.requestIssuingCa('again');
      return ca.openssl('req', '-in', ca.file(requestPem), '-noout', '-pubkey');
    };
    const first = await keyOf();
    assert.equal(await keyOf(), first);
    const { requestPem } = await fleet.groups.requestIssuingCa('again');
    const { pem } = ca.issue({ requestPem, issuer: theirRoot, extensions: caExtensions(0) });
    await fleet.groups.importIssuingCa('again', { certificate: pem, chain: theirRoot.pem });
    assert.notEqual(await keyOf(), first);
    // Importing the same certificate again changes nothing.
    const { group } = await fleet.groups.importIssuingCa('again', { certificate: pem, chain: theirRoot.pem });
    assert.equal(group.issuingCas.length, 1);
  });

  it('takes a CA with its key, of any type that a CA may have, and rolls over to it', async () => {
    await fleet.groups.declare('keyed', outside);
    for (const key of ['ec', 'rsa-4096']) {
      const own = ca.issue({ subject: `/CN=Keyed ${key}`, key, issuer: theirRoot, extensions: caExtensions(0) });
      const files = { certificate: own.pem, chain: theirRoot.pem, privateKey: own.keyPem };
      await fleet.groups.importIssuingCa('keyed', files);
      assert.notEqual(await fleet.provision('keyed', `gw-${key}`), '');
    }
    const record = (await fleet.groupStore.read('keyed'))?.value;
    assert.deepEqual(
      record?.issuingCas.map(({ generation }) => generation),
      [2, 1],
    );
    assert.doesNotMatch(JSON.stringify(record), /PRIVATE/);
  });

  it('finds the CA in a file that begins with its issuer', async () => {
    await fleet.groups.declare('bundled', outside);
    const own = ca.issue({ subject: '/CN=Bundled', issuer: theirRoot, extensions: caExtensions(0) });
    const certificate = theirRoot.pem + own.pem;
    const { group } = await fleet.groups.importIssuingCa('bundled', { certificate, privateKey: own.keyPem });
    assert.match(new X509Certificate(group.issuingCas[0]?.certificatePem ?? '').subject, /Bundled/);
  });

  it('lists every fault of a CA at once', async () => {
    await fleet.groups.declare('faulty', outside);
    const expired = ca.issue({ subject: '/CN=Old root', days: -1 });
    const bad = ca.issue({
      subject: '/O=No common name',
      key: 'rsa-2048',
      issuer: expired,
      extensions: ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'],
      digest: 'sha1',
    });
    const found = await faultsOf(fleet.groups.importIssuingCa('faulty', { certificate: bad.pem, chain: expired.pem }));
    assertFaults(found, [
      /certificate is not a CA/,
      /certificate may not sign certificates/,
      /certificate has a key of type rsa 2048/,
      /certificate is for another key/,
      /certificate has a common name of 0 characters/,
      /certificate is signed by an algorithm/,
      /chain "CN=Old root" expired at/,
    ]);
    assert.deepEqual((await fleet.groupStore.read('faulty'))?.value.issuingCas, []);
  });

  it('refuses a CA without a chain to a root, a root, and files that cannot be read', async () => {
    await fleet.groups.declare('lost', outside);
    const take = (certificate: string, chain?: string, privateKey?: string) =>
      faultsOf(fleet.groups.importIssuingCa('lost', { certificate, chain, privateKey }));
    const own = ca.issue({ subject: '/CN=Lost', issuer: theirRoot, extensions: caExtensions(0) });
    assertFaults(await take(own.pem, undefined, own.keyPem), [/chain no certificate given issued "CN=Lost"/]);
    const impostor = ca.issue({ subject: '/O=Acme/CN=Acme root' });
    assertFaults(await take(own.pem, impostor.pem, own.keyPem), [/chain no certificate given issued/]);
    assertFaults(await take(theirRoot.pem, undefined, theirRoot.keyPem), [/certificate is self-signed/]);
    assertFaults(await take('', 'neither', 'nor'), [
      /certificate holds no/,
      /chain holds no/,
      /key is not an unencrypted/,
    ]);
    assertFaults(await take(own.keyPem), [/certificate holds a private key/]);
    assertFaults(await take(own.pem, theirRoot.pem, theirRoot.keyPem), [/certificate is for another key/]);
    const broken = own.pem.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA');
    assertFaults(await take(broken, theirRoot.pem), [/certificate certificate 1 in it cannot be read/]);
    assertFaults(await take(own.pem.repeat(11), theirRoot.pem, own.keyPem), [/more than 10/]);
  });

  it('refuses a path that is too short for the certificates of the group', async () => {
    await fleet.groups.declare('edge', { ...outside, target: 'iotedge-1.6', edgeCa: 'issued' });
    const short = ca.issue({ subject: '/CN=Narrow root', extensions: caExtensions(1) });
    const own = ca.issue({ subject: '/CN=Short', issuer: short, extensions: caExtensions(0) });
    const files = { certificate: own.pem, chain: short.pem, privateKey: own.keyPem };
    assertFaults(await faultsOf(fleet.groups.importIssuingCa('edge', files)), [
      /certificate allows 0 CAs below it \(pathlen\); expected at least 1/,
      /chain "CN=Narrow root" allows 1 CAs below it \(pathlen\); expected at least 2/,
    ]);
  });

  it('refuses a CA that ends in 2038 or later for IoT Edge 1.1', async () => {
    await fleet.groups.declare('legacy', { ...outside, target: 'iotedge-1.1' });
    const own = ca.issue({ subject: '/CN=Late', issuer: theirRoot, extensions: caExtensions(0), days: 5000 });
    const files = { certificate: own.pem, chain: theirRoot.pem, privateKey: own.keyPem };
    assertFaults(await faultsOf(fleet.groups.importIssuingCa('legacy', files)), [/certificate ends at 20/]);
  });

  it('refuses the CA of another group', async () => {
    await fleet.groups.declare('one', outside);
    await fleet.groups.declare('two', outside);
    const own = ca.issue({ subject: '/CN=Shared', issuer: theirRoot, extensions: caExtensions(0) });
    const files = { certificate: own.pem, chain: theirRoot.pem, privateKey: own.keyPem };
    await fleet.groups.importIssuingCa('one', files);
    assertFaults(await faultsOf(fleet.groups.importIssuingCa('two', files)), [/is the CA of group "one" already/]);
  });

  it('does not roll over to a CA signed by our root', async () => {
    await assert.rejects(fleet.groups.rollOver('one'), { code: 'ca-missing' });
  });
});

describe("an operator's own root", () => {
  it('signs issuing CAs once imported; groups keep theirs until they roll over', async () => {
    const own = await startFleet();
    try {
      const made = (await own.authority.rootCa()).value.certificatePem;
      await own.groups.declare('before', plain);
      await own.authority.adoptRoot({ certificate: theirRoot.pem, privateKey: theirRoot.keyPem });
      await own.groups.declare('after', plain);
      const rootOf = async (id: string) => (await own.groupStore.read(id))?.value.issuingCas[0]?.chainPem.at(-1);
      assert.equal(await rootOf('before'), made);
      assert.equal(new X509Certificate((await rootOf('after')) ?? '').subject, 'O=Acme\nCN=Acme root');

      await registerRoot(own);
      assert.notEqual(await own.provision('after', 'gw-after'), '');
      await own.groups.rollOver('before');
      assert.notEqual(await own.provision('before', 'gw-before'), '');

      const again = await own.authority.adoptRoot({ certificate: theirRoot.pem, privateKey: theirRoot.keyPem });
      assert.equal(again.registration?.name, 'fleet-root');
    } finally {
      await own.stop();
    }
  });

  it('may stay offline: its PKI signs our request, and the proof for DPS', async () => {
    const own = await startFleet();
    try {
      await own.authority.adoptRoot({ certificate: theirRoot.pem });
      const waiting = await own.groups.declare('line7', plain);
      assert.equal(waiting.pending?.code, 'ca-missing');

      const asked = await registerRoot(own);
      assert.equal(asked.state, 'proof-needed');
      const code = asked.state === 'proof-needed' ? asked.code : '';
      const proof = ca.issue({ subject: `/CN=${code}`, issuer: theirRoot, extensions: ['basicConstraints=CA:FALSE'] });
      assert.equal((await registerRoot(own, { proofPem: proof.pem })).state, 'verified');

      const { requestPem } = await own.groups.requestIssuingCa('line7');
      const { pem } = ca.issue({ requestPem, issuer: theirRoot, extensions: caExtensions(0) });
      // The root is known already, so the import need not bring it.
      await own.groups.importIssuingCa('line7', { certificate: pem });
      assert.notEqual(await own.provision('line7', 'gw-1'), '');
    } finally {
      await own.stop();
    }
  });

  it('is refused with every fault', async () => {
    const take = (certificate: string, privateKey?: string) =>
      faultsOf(fleet.authority.adoptRoot({ certificate, privateKey }));
    const middle = ca.issue({ subject: '/CN=Middle', issuer: theirRoot, extensions: caExtensions(0), days: -1 });
    assertFaults(await take(middle.pem, theirRoot.keyPem), [
      /is not self-signed/,
      /expired at/,
      /allows 0 CAs below it/,
      /is for another key/,
    ]);
    const leaf = ca.issue({ subject: '/CN=Leaf', extensions: ['basicConstraints=CA:FALSE'] });
    assertFaults(await take(leaf.pem), [/is not a CA/]);
    assertFaults(await take('nothing'), [/holds no certificate/]);
  });
});
