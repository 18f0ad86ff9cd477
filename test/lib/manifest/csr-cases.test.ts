import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readCertificationRequest } from '../../../lib/pki/csr.ts';
import { profiles } from '../../../lib/pki/profiles.ts';
import { makeRequestDer, pemOf } from '../pki/make-request.ts';
import { readManifest } from './read-manifest.ts';

/*
 * Signing requests as devices and people send them, in the cells of a manifest. The files are in test/vectors/manifests/.
 */

const groups = { ondev: { keyCustody: 'device' } } as const;
const accepted = /^accepted$/;

function answerTo(csr: string, deviceId: string): string {
  try {
    readCertificationRequest(csr, deviceId, profiles['device-identity']);
    return 'accepted';
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'csr-invalid');
    return (error as Error).message;
  }
}

const files: [name: string, unusual: number, answers: Readonly<Record<string, RegExp>>][] = [
  [
    'csr-kinds.csv',
    1,
    {
      r01: accepted,
      r03: /is for "r03 "\. Make one for "r03", or one without a common name\./,
      r04: /is ec secp384r1\. Make a key of type ec-p256 or rsa-2048\./,
      r06: /is rsa 4096\. Make a key/,
      r07: /is ed25519\. Make a key/,
      r08: accepted,
      r10: /is ec brainpoolP256r1\. Make a key/,
      r11: accepted,
      r12: accepted,
      r13: /not accepted: ECDSA with SHA-1\. Sign it by ECDSA with SHA-256, SHA-384 or SHA-512\./,
      // Its salt has 222 octets, the most that the key takes.
      r14: /not accepted: RSA-PSS with other parameters\. Sign it by RSA with .*a salt as long as the hash\./,
      r15: accepted,
      r16: /it is a certificate\. Send the PKCS#10 request/,
      r17: /is for "00:1A:2B:3C:4D:5E"\. Make one for "r17"/,
      r18: accepted,
      r20: /is rsa 1024\. Make a key/,
      r21: /is ec secp521r1\. Make a key/,
      r22: /is ec secp256k1\. Make a key/,
      r23: accepted,
      r24: accepted,
      r25: /is for "urn:dev:mac:0024befffe804ff1"\. Make one for "r25", or one without a common name\./,
    },
  ],
  [
    'csr-writings.csv',
    7,
    {
      f30: accepted,
      f31: accepted,
      f32: accepted,
      f33: accepted,
      f35: /is hexadecimal; send base64/,
      f36: accepted,
      f37: /its END line is missing, as if the cell was cut\. Send it from its BEGIN to its END line\./,
      f39: accepted,
      f40: accepted,
      f41: /typographic dashes \(U\+2014\) in place of hyphens\. Write five hyphens/,
      f42: /it has 2 blocks\. Send the block of this device only\./,
      f45: accepted,
    },
  ],
];

for (const [name, unusual, answers] of files) {
  it(`${name} has the right answer for each device`, async () => {
    const file = readFileSync(new URL(`../../vectors/manifests/${name}`, import.meta.url));
    const { requests, faults, rowRepairs } = await readManifest(file, { chunkRows: 250, groups });
    assert.deepEqual(faults, []);
    assert.deepEqual(rowRepairs, { 'csr-writing': unusual });
    assert.deepEqual(
      requests.map(({ deviceId }) => deviceId),
      Object.keys(answers),
    );
    for (const { deviceId, csr = '' } of requests) {
      assert.match(answerTo(csr, deviceId), answers[deviceId] ?? /^$/, deviceId);
    }
  });
}

const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const der = makeRequestDer({ ...pair, commonName: 'gw-1' });
const pem = pemOf(der);

describe('a signing request', () => {
  const writings: [what: string, text: string][] = [
    ['base64 of base64', Buffer.from(der.toString('base64')).toString('base64')],
    ['base64 of PEM as UTF-16', Buffer.from(pem, 'utf16le').toString('base64')],
    ['quotes around it', `"${pem.trim()}"`],
    ['a JSON string', JSON.stringify(pem)],
    ['a data URL', `data:application/pkcs10;base64,${der.toString('base64')}`],
    ['percent-encoded', encodeURIComponent(pem)],
    ['line ends of PowerShell', pem.replaceAll('\n', '`r`n')],
    ['soft hyphens', pem.replace(/.{20}/, '$&\u00ad')],
    ['no-break spaces for line ends', pem.replaceAll('\n', '\u00a0')],
  ];
  for (const [what, text] of writings) it(`is accepted: ${what}`, () => assert.match(answerTo(text, 'gw-1'), accepted));

  const pkcs8 = pair.privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64');
  const sec1 = pair.privateKey.export({ type: 'sec1', format: 'pem' }).toString();
  const privateKey = /^A private key was sent in place of a request\. Make a new key, keep it secret/;
  const others: [what: string, text: string, message: RegExp][] = [
    ['a private key', sec1, privateKey],
    ['a private key in base64', pkcs8, privateKey],
    ['a private key in base64 of PEM', Buffer.from(sec1).toString('base64'), privateKey],
    ['a public key', pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(), /it is a public key/],
    ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI gw-1', /is an SSH key\. Send a PKCS#10 request/],
    ['hex with colons', der.toString('hex').replace(/..(?=.)/g, '$&:'), /is hexadecimal/],
    ['a block without its BEGIN line', pem.slice(pem.indexOf('\n') + 1), /its BEGIN line is missing/],
    ['PKCS#7', pem.replaceAll('CERTIFICATE REQUEST', 'PKCS7'), /it is a PKCS#7 message/],
    ['an ellipsis', `${der.toString('base64').slice(0, 40)}…`, /not base64: it has U\+2026 at character 41/],
    ['a cut text', der.toString('base64').slice(0, 101), /characters are missing/],
  ];
  for (const [what, text, message] of others) {
    it(`is refused, and named: ${what}`, () => {
      const answer = answerTo(text, 'gw-1');
      assert.match(answer, message);
      assert.ok(!answer.includes(pkcs8.slice(40, 60)));
    });
  }

  it('that was made to take long is read in time', () => {
    const began = performance.now();
    for (const part of ['"', '-----BEGIN ', '-----BEGIN A-----', '%0A', '\\n', '30:', ' ', '`r`n', 'data:,', 'TUlJ']) {
      answerTo(part.repeat(Math.floor(12_288 / part.length)), 'gw-1');
    }
    assert.ok(performance.now() - began < 1000);
  });
});
