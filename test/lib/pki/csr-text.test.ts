import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeRequest, isUsualWriting } from '../../../lib/pki/csr-text.ts';

/*
 * The writings of a certification request, and what people send in its place. The bytes are not a request: what they mean is read
 * elsewhere.
 */

// Begins as a request does, and its base64 has "+", "/" and one "=".
const der = Buffer.from('308201feff30fbef3045ffe0a1b2c3d4e5f607', 'hex');
const base64 = der.toString('base64');
const label = (word: string, kind = 'CERTIFICATE REQUEST') => `-----${word} ${kind}-----`;
const pemOf = (kind = 'CERTIFICATE REQUEST', body = base64) =>
  `${label('BEGIN', kind)}\n${body}\n${label('END', kind)}`;
const pem = pemOf();
const base64Of = (text: string, encoding: BufferEncoding = 'utf8') => Buffer.from(text, encoding).toString('base64');

describe('the writing of a request', () => {
  const hex = der.toString('hex');
  assert.match(base64, /^MII.*\+.*\/.*=$/);

  for (const [what, text] of [
    ['PEM', pem],
    ['PEM of NEW', pemOf('NEW CERTIFICATE REQUEST')],
    ['PEM with blanks around it', `  \n${pem}\n `],
    ['base64', base64],
    ['base64 in lines', `${base64.slice(0, 10)}\r\n${base64.slice(10)}\n`],
  ] as const)
    it(`is usual: ${what}`, () => {
      assert.equal(isUsualWriting(text), true);
      assert.deepEqual(decodeRequest(text), { der });
    });

  for (const [what, text] of [
    ['PEM after a text', `Certificate Request:\n    Data:\n${pem}`],
    ['PEM before a text', `${pem}\nThank you`],
    ['literal line ends', pem.replaceAll('\n', '\\n')],
    ['literal CR and LF', pem.replaceAll('\n', '\\r\\n')],
    ['literal CR', pem.replaceAll('\n', '\\r')],
    ['line ends of PowerShell', pem.replaceAll('\n', '`r`n')],
    ['short line ends of PowerShell', pem.replaceAll('\n', '`n')],
    ['zero-width characters', `\ufeff${pem.replaceAll('\n', '\u200b\n')}\u00ad\u2060`],
    ['quotes', `"${pem}"`],
    ['three curly quotes', `“‘'${base64}'’”`],
    ['a data: URL', `data:application/pkcs10;base64,${base64}`],
    ['a data: URL in upper case', `DATA:,${base64}`],
    ['a data: URL with a long type', `data:${'x'.repeat(100)},${base64}`],
    ['a blank after a data: URL', `"data:, ${base64} "`],
    ['percents', encodeURIComponent(pem)],
    ['percents for line ends only', pem.replaceAll('\n', '%0a')],
    ['percents for a padding only', base64.replace('=', '%3D')],
    ['percents for plus and slash', base64.replaceAll('+', '%2b').replaceAll('/', '%2F')],
    ['base64url', base64.replaceAll('+', '-').replaceAll('/', '_')],
    ['base64 without padding', base64.replaceAll('=', '')],
    ['base64 of PEM', base64Of(pem)],
    ['base64 of base64', base64Of(base64)],
    ['base64 of PEM in UTF-16', base64Of(pem, 'utf16le')],
    ['base64 of base64 in UTF-16', base64Of(base64, 'utf16le')],
    ['base64 of PEM with a line end', base64Of(`${pem}\n`)],
  ] as const)
    it(`is unusual, and read: ${what}`, () => {
      assert.deepEqual(decodeRequest(text), { der });
      if (!what.startsWith('base64')) assert.equal(isUsualWriting(text), false);
    });

  it('is not usual with another text before or after it, or in part', () => {
    for (const text of [`x${pem}`, `${pem}x`, pem.slice(0, -1), pem.slice(1), `${base64}!`, `x${base64}`, '', hex])
      assert.equal(isUsualWriting(text), false, text);
  });
});

describe('what is not a request is refused by what it is', () => {
  const keyPem = pemOf('PRIVATE KEY');
  for (const [what, text, problem] of [
    ['nothing', ' \n', /^The request is empty/],
    ['empty quotes', '""', /^The request is empty/],
    ['12,289 characters', 'M'.repeat(12_289), /^The request has 12289 characters\. Send at most 12288$/],
    ['a private key', keyPem, /^A private key was sent/],
    ['a private key of EC', pemOf('EC PRIVATE KEY'), /^A private key was sent/],
    ['base64 of a private key', base64Of(keyPem), /^A private key was sent/],
    ['a key of SSH', 'ssh-ed25519 AAAA user', /SSH key/],
    ['a key of SSH on a curve', 'ecdsa-sha2-nistp256 AAAA', /SSH key/],
    ['a certificate', pemOf('CERTIFICATE'), /"CERTIFICATE REQUEST": it is a certificate\. Send/],
    ['a trusted certificate', pemOf('TRUSTED CERTIFICATE'), /it is a certificate\. Send/],
    ['a public key', pemOf('PUBLIC KEY'), /it is a public key\. Send/],
    ['PKCS#7', pemOf('PKCS7'), /it is a PKCS#7 message\. Send/],
    ['CMS', pemOf('CMS'), /it is a PKCS#7 message\. Send/],
    ['another CMS', pemOf('XCMS'), /it is "XCMS"\. Send/],
    ['a CRL', pemOf('X509 CRL'), /it is a list of revoked certificates\. Send/],
    ['parameters', pemOf('EC PARAMETERS'), /it is "EC PARAMETERS"\. Send/],
    ['a long label', pemOf('X'.repeat(50)), /it is "X{40}"\. Send/],
    ['two requests', `${pem}\n${pem}`, /: it has 2 blocks\. Send the block of this device only/],
    ['PEM without an end', pem.replace(label('END'), ''), /: its END line is missing, as if the cell was cut/],
    ['PEM without a begin', pem.replace(label('BEGIN'), ''), /: its BEGIN line is missing/],
    ['PEM with two labels', pem.replace('END CERT', 'END NEW CERT'), /: its labels differ, or its base64 has other/],
    ['PEM with four hyphens', pem.replaceAll('-----', '----'), /: its labels have not five hyphens/],
    ['PEM with dashes', pem.replaceAll('-----', '—'), /typographic dashes \(U\+2014\) in place of hyphens/],
    ['hexadecimal', der.toString('hex'), /is hexadecimal; send base64/],
    ['hexadecimal with 0x', `0x${der.toString('hex').toUpperCase()}`, /is hexadecimal; send base64/],
    ['hexadecimal with colons', '30:82:01:fe', /is hexadecimal; send base64/],
    ['other hexadecimal', `x${der.toString('hex')}!`, /is not base64: it has "!" at character 40\./],
    ['a strange character', `${base64.slice(0, 4)}*${base64.slice(4)}`, /not base64: it has "\*" at character 5\./],
    ['a strange letter', `M\u00e4${base64}`, /not base64: it has U\+00E4 at character 2\./],
    ['one character more', `${base64.slice(0, 8)}A`, /is not base64: characters are missing\./],
    ['PEM with a strange character', pemOf(undefined, '!MII='), /not base64: it has "!" at character 1\./],
  ] as const)
    it(what, () => {
      const decoded = decodeRequest(text);
      assert.match('problem' in decoded ? decoded.problem : 'it was read', problem);
    });

  it('a text of 12,288 characters is read', () => {
    assert.deepEqual(decodeRequest(base64.padEnd(12_288, ' ')), { der });
  });

  it('is told what to send, where only the writing is wrong', () => {
    for (const [text, expected] of [
      ['', 'PEM, or base64 of DER'],
      ['!', 'PEM, or base64 of DER'],
      ['ssh-rsa AAAA', 'PEM, or base64 of DER'],
      ['3082', 'PEM, or base64 of DER'],
      [pem.replaceAll('-----', '–'), '-----BEGIN CERTIFICATE REQUEST-----'],
      [pemOf('CERTIFICATE'), undefined],
    ] as const) {
      const decoded = decodeRequest(text);
      assert.equal('problem' in decoded ? decoded.expected : 'it was read', expected);
    }
  });
});
