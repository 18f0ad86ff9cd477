import { createHmac, timingSafeEqual } from 'node:crypto';

/** A `SharedAccessSignature …` header taken apart; the order of its fields is free. */
export interface SharedAccessSignature {
  /** The resource exactly as it stands in the header: clients differ in whether they encode it, and this text is what they sign. */
  readonly signedResource: string;
  /** The resource decoded, in lower case. */
  readonly resource: string;
  readonly signature: Buffer;
  /** Unix seconds. */
  readonly expiry: string;
  readonly policyName: string | undefined;
}

/** https://learn.microsoft.com/azure/iot-dps/how-to-control-access#security-tokens; undefined when it is none. */
export function parseSharedAccessSignature(header: string): SharedAccessSignature | undefined {
  const [, text] = /^SharedAccessSignature\s+(\S+)$/i.exec(header.trim()) ?? [];
  if (text === undefined) return undefined;
  const fields = new Map(
    text.split('&').map((field): [string, string] => {
      const mark = field.indexOf('=');
      return mark < 0 ? [field, ''] : [field.slice(0, mark), field.slice(mark + 1)];
    }),
  );
  const sr = fields.get('sr');
  const sig = fields.get('sig');
  const se = fields.get('se');
  if (!sr || !sig || !se || !/^\d{1,12}$/.test(se)) return undefined;
  try {
    return {
      signedResource: sr,
      resource: decodeURIComponent(sr).toLowerCase(),
      signature: Buffer.from(decodeURIComponent(sig), 'base64'),
      expiry: se,
      policyName: fields.get('skn') || undefined,
    };
  } catch {
    return undefined;
  }
}

/** Whether one of the keys (base64) made the signature. */
export function isSignedBy(token: SharedAccessSignature, keys: readonly (string | undefined)[]): boolean {
  return keys.some((key) => {
    if (!key) return false;
    const expected = createHmac('sha256', Buffer.from(key, 'base64'))
      .update(`${token.signedResource}\n${token.expiry}`)
      .digest();
    return expected.length === token.signature.length && timingSafeEqual(expected, token.signature);
  });
}

export function isExpired(token: SharedAccessSignature, now: Date): boolean {
  return Number(token.expiry) * 1000 <= now.getTime();
}

/** Whether the token's resource is the host alone or a path prefix, by whole segments, of what is asked for. */
export function coversResource(token: SharedAccessSignature, hostNames: readonly string[], path: string): boolean {
  return hostNames.some((hostName) => {
    const asked = `${hostName}${path}`.toLowerCase().replace(/\/+$/, '');
    const granted = token.resource.replace(/\/+$/, '');
    return asked === granted || asked.startsWith(`${granted}/`);
  });
}
