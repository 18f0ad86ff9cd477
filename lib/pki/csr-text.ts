/** Characters. An RSA-2048 request with a dozen extensions has 3 KB of DER, and its description by openssl as much again. */
const maxTextLength = 12 * 1024;

const usual =
  /^\s*(?:-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]*-----END (?:NEW )?CERTIFICATE REQUEST-----|[A-Za-z0-9+/=\s]*)\s*$/;
const block = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;
/** `-----BEGIN` in base64. */
const armourInBase64 = /^LS0tLS1CRUdJTi/;
const expected = 'PEM, or base64 of DER';

/** The bytes of a request, or why the text has none. */
export type DecodedRequest = { readonly der: Buffer } | { readonly problem: string; readonly expected?: string };

/** True for PEM and for base64 of DER, as tools write them. Other writings of the same bytes are accepted and counted. */
export function isUsualWriting(text: string): boolean {
  return usual.test(text) && !armourInBase64.test(text);
}

/**
 * The DER of a certification request in any writing that has all of its bytes: PEM (RFC 7468) with text around it and any line
 * ends, also literal `\n`; base64 and base64url (RFC 4648) of DER; base64 of PEM.
 */
export function decodeRequest(text: string): DecodedRequest {
  if (text.length > maxTextLength)
    return { problem: `The request has ${text.length} characters; expected at most ${maxTextLength}` };
  const lines = text
    .replace(/\\r\\n|\\[rn]/g, '\n')
    .replace(/[\u200b\u2060\ufeff]/g, '')
    .trim();
  const inner = armourInBase64.test(lines) ? Buffer.from(lines, 'base64').toString('latin1').trim() : lines;
  if (inner.includes('PRIVATE KEY-----'))
    return { problem: 'A private key was sent in place of a request; replace that key' };
  return inner.includes('BEGIN ') ? decodePem(inner) : decodeBase64(inner);
}

function decodePem(text: string): DecodedRequest {
  const dash = /[\u2010-\u2015\u2212]/.exec(text)?.[0];
  if (dash !== undefined) {
    const point = dash.charCodeAt(0).toString(16).toUpperCase();
    return {
      problem: `The PEM has typographic dashes (U+${point}) in place of hyphens`,
      expected: '-----BEGIN CERTIFICATE REQUEST-----',
    };
  }
  const notWhole = 'The PEM is not one whole "CERTIFICATE REQUEST"';
  const [found, ...more] = text.matchAll(block);
  if (found === undefined) {
    const isCut = /^-----BEGIN [A-Z ]+-----/m.test(text) && !text.includes('-----END ');
    return { problem: isCut ? `${notWhole}: its END line is missing, as if the cell was cut` : notWhole };
  }
  const [, label = '', body = ''] = found;
  if (more.length > 0) return { problem: `${notWhole}: it has ${more.length + 1} blocks` };
  if (label.endsWith('CERTIFICATE')) return { problem: `${notWhole}: it is a certificate` };
  if (label !== 'CERTIFICATE REQUEST' && label !== 'NEW CERTIFICATE REQUEST') return { problem: notWhole };
  return decodeBase64(body);
}

function decodeBase64(text: string): DecodedRequest {
  const packed = text.replace(/\s+/g, '');
  if (packed === '') return { problem: 'The request is empty' };
  if (/^30(?:[0-9a-f]{2})+$/i.test(packed))
    return { problem: 'The request is hexadecimal; send base64 of its DER', expected };
  const plain = packed.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  const der = Buffer.from(plain, 'base64');
  // Node skips characters that are not base64. If the text comes out as it went in, there were none.
  if (der.toString('base64').replace(/=+$/, '') !== plain) return { problem: 'The request is not base64', expected };
  return { der };
}
