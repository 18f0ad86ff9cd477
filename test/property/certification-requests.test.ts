import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { FleetError } from '../../lib/errors.ts';
import { readCertificationRequest } from '../../lib/pki/csr.ts';
import { type DerElement, derHeader, derTag, readConstructed, readElements } from '../../lib/pki/der.ts';
import { profiles } from '../../lib/pki/profiles.ts';
import fc from '../fast-check.ts';
import { makeRequestDer, pemOf } from '../lib/pki/make-request.ts';

const profile = profiles['device-identity'];
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const requests = [
  makeRequestDer({ ...ec, commonName: 'gw-1' }),
  makeRequestDer({ ...ec }),
  makeRequestDer({ ...ec, commonName: 'gw-1', attributes: { '2.5.4.10': 'Contoso', '2.5.4.6': 'DE' } }),
  makeRequestDer({ ...rsa, commonName: 'gw-1' }),
];
const request = fc.constantFrom(...requests);

/** Asserts that a text is refused with `csr-invalid`, and that nothing else is thrown. */
function refused(text: string): void {
  assert.throws(
    () => readCertificationRequest(text, 'gw-1', profile),
    (error) => {
      assert.ok(error instanceof FleetError && error.code === 'csr-invalid', String(error));
      assert.ok(error.message.length < 400);
      return true;
    },
  );
}

/** Nested sequences of that depth, or of 9,000 octets. */
function nested(depth: number): Buffer {
  const headers: number[][] = [];
  let length = 2;
  for (let level = 0; level < depth && length < 9000; level++) {
    headers.push([0x30, ...derHeader(0x30, length).subarray(1)]);
    length += headers.at(-1)?.length ?? 0;
  }
  return Buffer.from([...headers.reverse().flat(), 0x05, 0]);
}

describe('certification requests', () => {
  it('are refused when one octet is changed', () => {
    fc.assert(
      fc.property(request, fc.nat(), fc.integer({ min: 1, max: 255 }), (good, position, difference) => {
        const der = Buffer.from(good);
        const at = position % der.length;
        der.writeUInt8(der.readUInt8(at) ^ difference, at);
        refused(der.toString('base64'));
      }),
      { numRuns: 1500 },
    );
  });

  it('are refused when they are cut anywhere', () => {
    for (const der of requests) {
      for (let length = 0; length < der.length; length += der.length > 500 ? 7 : 1) {
        refused(der.subarray(0, length).toString('base64'));
      }
      const pem = pemOf(der).trimEnd();
      for (let length = 0; length < pem.length; length += 13) refused(pem.slice(0, length));
    }
  });

  it('are refused when octets are inserted, removed or repeated', () => {
    fc.assert(
      fc.property(
        request,
        fc.nat(),
        fc.nat({ max: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        (good, position, out, put) => {
          fc.pre(out > 0 || put.length > 0);
          const at = position % good.length;
          const changed = Buffer.concat([good.subarray(0, at), put, good.subarray(at + out)]);
          fc.pre(!changed.equals(good));
          refused(changed.toString('base64'));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('are refused when they are any other text or bytes', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 500 }),
      fc.uint8Array({ maxLength: 2000 }).map((octets) => Buffer.from(octets).toString('base64')),
      fc.uint8Array({ maxLength: 2000 }).map((octets) => pemOf(Buffer.from(octets))),
      // Nested sequences, up to the longest text that is read.
      fc.nat({ max: 4000 }).map((depth) => nested(depth).toString('base64')),
    );
    fc.assert(fc.property(anything, refused), { numRuns: 1000 });
  });

  it('are refused for any other subject, however deep or odd', () => {
    const odd = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 120 }).map((octets) => Buffer.from(octets)),
      fc.nat({ max: 4000 }).map(nested),
      // A name of many parts.
      fc
        .nat({ max: 400 })
        .map((count) => Buffer.concat(Array(count + 1).fill(Buffer.from('310c300a0603550403130378', 'hex')))),
    );
    const [info, ...signed] = readConstructed(requests[1] ?? assert.fail(), derTag.sequence);
    const [version, , ...rest] = readElements(info?.content ?? assert.fail());
    const sequence = (...parts: Uint8Array[]) => {
      const content = Buffer.concat(parts);
      return Buffer.concat([derHeader(derTag.sequence, content.length), content]);
    };
    const whole = ({ whole: octets }: DerElement) => octets;
    fc.assert(
      fc.property(odd, (subject) => {
        const changed = sequence(version?.whole ?? assert.fail(), sequence(subject), ...rest.map(whole));
        refused(sequence(changed, ...signed.map(whole)).toString('base64'));
      }),
      { numRuns: 500 },
    );
  });
});
