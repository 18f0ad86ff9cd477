/** Characters. An RSA-2048 request with a dozen extensions has 3 KB of DER, and its description by openssl as much again. */
const maxTextLength = 12 * 1024;

const usual =
  /^\s*(?:-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----[A-Za-z0-9+/=\s]*-----END (?:NEW )?CERTIFICATE REQUEST-----|M[A-Za-z0-9+/=\s]*)\s*$/;
const block = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END \1-----/g;
const expected = 'PEM, or base64 of DER';

/** The bytes of a request, or why the text has none: what was found, and what to do. */
export type DecodedRequest = { readonly der: Buffer } | { readonly problem: string; readonly expected?: string };

/** True for PEM and for base64 of DER, as tools write them. Other writings of the same bytes are accepted and counted. */
export function isUsualWriting(text: string): boolean {
  return usual.test(text);
}

/**
 * The DER of a certification request in any writing that has all of its bytes: PEM (RFC 7468) with text around it and any line
 * ends, also literal `\n`; base64 and base64url (RFC 4648) of DER; base64 of one of these, also as UTF-16; any of them in
 * quotes, as a `data:` URL (RFC 2397) or percent-encoded (RFC 3986).
 */
export function decodeRequest(text: string): DecodedRequest {
  if (text.length > maxTextLength)
    return { problem: `The request has ${text.length} characters. Send at most ${maxTextLength}` };
  const inner = innerText(text);
  if (inner.includes('PRIVATE KEY-----')) return { problem: privateKeySent };
  if (/^(?:ssh-|ecdsa-sha2-)/.test(inner))
    return { problem: 'The request is an SSH key. Send a PKCS#10 request', expected };
  return /(?:BEGIN|END) [A-Z]/.test(inner) ? decodePem(inner) : decodeBase64(inner);
}

export const privateKeySent =
  'A private key was sent in place of a request. Make a new key, keep it secret, and send a request that it signed';

/** The text of a request without what was put around it. */
function innerText(text: string): string {
  const plain = withoutPercents(text)
    .replace(/\\r\\n|\\[rn]|`r`n|`n/g, '\n')
    .replace(/[\u200b-\u200d\u2060\ufeff\u00ad]/g, '')
    .trim()
    .replace(/^["'“”‘’]{1,3}|["'“”‘’]{1,3}$/g, '')
    .replace(/^data:[^,]{0,100},/i, '')
    .trim();
  // Base64 of a text that is itself a request: "-----BEGIN" or "MI", in UTF-8 or UTF-16.
  if (!/^(?:LS0t|LQAt|TU[kl]|TQBJ)/.test(plain)) return plain;
  return Buffer.from(plain, 'base64').toString('latin1').replaceAll('\0', '').trim();
}

function withoutPercents(text: string): string {
  if (!/%(?:0A|0D|20|2B|2F|3D)/i.test(text)) return text;
  return text.replace(/%([0-7][0-9A-F])/gi, (_, octet: string) => String.fromCharCode(Number.parseInt(octet, 16)));
}

/** Labels of PEM that people send in place of a request. */
const otherKinds: readonly (readonly [label: RegExp, kind: string])[] = [
  [/CERTIFICATE$/, 'a certificate'],
  [/PUBLIC KEY$/, 'a public key'],
  [/^(?:PKCS7|CMS)$/, 'a PKCS#7 message'],
  [/CRL$/, 'a list of revoked certificates'],
];

function decodePem(text: string): DecodedRequest {
  const dash = /[\u2010-\u2015\u2212]/.exec(text)?.[0];
  if (dash !== undefined) {
    const point = dash.charCodeAt(0).toString(16).toUpperCase();
    return {
      problem: `The PEM has typographic dashes (U+${point}) in place of hyphens. Write five hyphens on both sides of each label`,
      expected: '-----BEGIN CERTIFICATE REQUEST-----',
    };
  }
  const notWhole = 'The PEM is not one whole "CERTIFICATE REQUEST"';
  const [found, ...more] = text.matchAll(block);
  if (found === undefined)
    return { problem: `${notWhole}${partMissing(text)}. Send it from its BEGIN to its END line` };
  const [, label = '', body = ''] = found;
  if (more.length > 0)
    return { problem: `${notWhole}: it has ${more.length + 1} blocks. Send the block of this device only` };
  const other = otherKinds.find(([pattern]) => pattern.test(label))?.[1];
  if (other !== undefined)
    return { problem: `${notWhole}: it is ${other}. Send the PKCS#10 request that the device made` };
  if (label !== 'CERTIFICATE REQUEST' && label !== 'NEW CERTIFICATE REQUEST')
    return { problem: `${notWhole}: it is "${label.slice(0, 40)}". Send the PKCS#10 request that the device made` };
  return decodeBase64(body);
}

function partMissing(text: string): string {
  const begins = /-----BEGIN [A-Z ]+-----/.test(text);
  const ends = /-----END [A-Z ]+-----/.test(text);
  if (begins && !ends) return ': its END line is missing, as if the cell was cut';
  if (ends && !begins) return ': its BEGIN line is missing';
  return begins ? ': its labels differ, or its base64 has other characters' : ': its labels have not five hyphens';
}

function decodeBase64(text: string): DecodedRequest {
  const packed = text.replace(/\s+/g, '');
  if (packed === '') return { problem: 'The request is empty. Send a PKCS#10 request', expected };
  if (/^(?:0x)?30(?::?[0-9a-f]{2})+$/i.test(packed))
    return { problem: 'The request is hexadecimal; send base64 of its DER', expected };
  const plain = packed.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  const der = Buffer.from(plain, 'base64');
  // Node skips characters that are not base64. If the text comes out as it went in, there were none.
  if (der.toString('base64').replace(/=+$/, '') !== plain)
    return { problem: `The request is not base64${strangeCharacter(plain)}. Send PEM, or base64 of DER`, expected };
  return { der };
}

function strangeCharacter(text: string): string {
  const found = /[^A-Za-z0-9+/]/u.exec(text);
  if (found === null) return text.length % 4 === 1 ? ': characters are missing' : '';
  const point = (found[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  const shown = /^[!-~]$/.test(found[0]) ? `"${found[0]}"` : `U+${point}`;
  return `: it has ${shown} at character ${found.index + 1}`;
}
