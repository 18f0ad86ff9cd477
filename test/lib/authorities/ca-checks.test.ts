import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import {
  type CaRequirements,
  issuingCaIssues,
  pathAbove,
  readCaCertificates,
  rootCaIssues,
} from '../../../lib/authorities/ca-checks.ts';
import { caExtensions, createOpensslCa, type OpensslRequest } from '../../openssl-ca.ts';

/* For each limit of a CA from another PKI: the last value that is taken, and the first that is refused. */

const ca = createOpensslCa();
after(() => ca[Symbol.dispose]());

const made = (request: OpensslRequest) => ca.issue({ extensions: caExtensions(0), ...request });
const readOne = (pem: string) => readCaCertificates(pem, 'certificate').certificates[0] ?? assert.fail();

const root = made({ subject: '/CN=Root', extensions: caExtensions() });
const rootCertificate = readOne(root.pem);
const { notBefore, notAfter } = rootCertificate.parts;
const demands: CaRequirements = { pathLength: 0, now: notBefore.date };
const messagesOf = (request: OpensslRequest, change: Partial<CaRequirements> = {}) =>
  rootCaIssues(readOne(made(request).pem), { ...demands, now: new Date(), ...change }).map(({ message }) => message);

describe('a text of CA certificates', () => {
  it('has 64 Ki characters at most', () => {
    assert.equal(readCaCertificates(root.pem.padEnd(65_536, '#'), 'chain').certificates.length, 1);
    assert.deepEqual(readCaCertificates(root.pem.padEnd(65_537, '#'), 'chain'), {
      certificates: [],
      faults: [{ path: 'chain', message: 'has 65537 characters; expected at most 65536' }],
    });
  });

  it('has ten certificates at most', () => {
    assert.equal(readCaCertificates(root.pem.repeat(10), 'chain').certificates.length, 10);
    assert.deepEqual(readCaCertificates(root.pem.repeat(11), 'chain'), {
      certificates: [],
      faults: [{ path: 'chain', message: 'holds more than 10 certificates' }],
    });
  });
});

describe('the root of a fleet', () => {
  const rootAt = (change: Partial<CaRequirements>) =>
    rootCaIssues(rootCertificate, { ...demands, ...change }).map(({ message }) => message);
  const before = (date: Date) => new Date(date.getTime() - 1);

  it('is taken from the second in which its life begins', () => {
    assert.deepEqual(rootAt({ now: notBefore.date }), []);
    assert.match(rootAt({ now: before(notBefore.date) }).join(), /^is not valid before [^,]+$/);
  });

  it('is taken until its life ends', () => {
    assert.deepEqual(rootAt({ now: before(notAfter.date) }), []);
    assert.match(rootAt({ now: notAfter.date }).join(), /^expired at [^,]+$/);
  });

  it('ends before the date that devices of the target cannot read', () => {
    assert.deepEqual(rootAt({ endsBefore: new Date(notAfter.date.getTime() + 1) }), []);
    assert.match(rootAt({ endsBefore: notAfter.date }).join(), /^ends at .*; expected before /);
  });

  it('has a common name of 1 to 64 characters', () => {
    for (const length of [1, 64])
      assert.deepEqual(messagesOf({ subject: `/CN=${'x'.repeat(length)}`, extensions: caExtensions() }), []);
    assert.deepEqual(messagesOf({ subject: '/O=Acme', extensions: caExtensions() }), [
      'has a common name of 0 characters; expected 1 to 64',
    ]);
  });

  it('allows as many CAs below it as the fleet needs', () => {
    const narrow = { subject: '/CN=Narrow', extensions: caExtensions(1) };
    assert.deepEqual(messagesOf(narrow, { pathLength: 1 }), []);
    assert.deepEqual(messagesOf(narrow, { pathLength: 2 }), ['allows 1 CAs below it (pathlen); expected at least 2']);
  });

  it('may be without keyUsage, which then allows everything (RFC 5280 4.2.1.3); an issuing CA may not', () => {
    const bare = { subject: '/CN=Bare', extensions: ['basicConstraints=critical,CA:TRUE'] };
    assert.deepEqual(messagesOf(bare), []);
    const own = readOne(made({ ...bare, issuer: root }).pem);
    const { path } = pathAbove(own, [rootCertificate]);
    assert.deepEqual(
      issuingCaIssues(own, path, { ...demands, now: new Date() }).map(({ message }) => message),
      ['has no keyUsage; expected keyCertSign (RFC 5280 4.2.1.3)'],
    );
  });

  it('may be signed by any algorithm itself, and no CA below it may', () => {
    const oldRoot = made({ subject: '/CN=Old', extensions: caExtensions(), digest: 'sha1' });
    const middle = made({ subject: '/CN=Middle', issuer: oldRoot, extensions: caExtensions(1), digest: 'sha1' });
    const own = readOne(made({ subject: '/CN=Own', issuer: middle }).pem);
    const { path } = pathAbove(own, [readOne(oldRoot.pem), readOne(middle.pem)]);
    assert.deepEqual(
      issuingCaIssues(own, path, { ...demands, now: new Date() }).map(({ path, message }) => [path, message]),
      [
        [
          'chain',
          '"CN=Middle" is signed by an algorithm that is not accepted; expected ECDSA or RSA (PKCS#1 1.5) with SHA-2',
        ],
      ],
    );
  });

  it('has a longer path for each CA between it and the issuing CA', () => {
    const top = made({ subject: '/CN=Top', extensions: caExtensions(1) });
    const middle = made({ subject: '/CN=Middle', issuer: top, extensions: caExtensions(1) });
    const own = readOne(made({ subject: '/CN=Own', issuer: middle }).pem);
    const { path, faults } = pathAbove(own, [readOne(top.pem), readOne(middle.pem)]);
    assert.deepEqual(faults, []);
    assert.deepEqual(issuingCaIssues(own, path, { ...demands, now: new Date() }), [
      { path: 'chain', message: '"CN=Top" allows 1 CAs below it (pathlen); expected at least 2' },
    ]);
  });
});
