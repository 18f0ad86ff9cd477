import { createHmac, timingSafeEqual } from 'node:crypto';
import { CosmosError, unauthorized } from './errors.ts';

export interface SignedRequest {
  readonly method: string;
  readonly resourceType: string;
  /** Path of the resource, such as `dbs/fleet/colls/jobs`, and other texts that may be signed for it. For a feed, its parent. */
  readonly resourceLinks: readonly string[];
  readonly header: (name: string) => string | undefined;
}

/** "A date more than 15 minutes away from the service's clock is refused." */
const clockSkewMilliseconds = 15 * 60 * 1000;

/**
 * Verifies the signature of a request: HMAC-SHA256 with the account key over verb, resource type, resource link and date
 * (https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources).
 * @throws CosmosError 401 for a wrong signature, 403 for a date more than 15 minutes away
 */
export function verifyMasterKey({ method, resourceType, resourceLinks, header }: SignedRequest, key: Buffer): void {
  const authorization = header('authorization');
  if (authorization === undefined) {
    throw unauthorized('Required Header authorization is missing. Ensure a valid Authorization token is passed.');
  }
  const { type, version, signature } = parseToken(authorization);
  if (type !== 'master' || version !== '1.0') {
    throw unauthorized('The emulator accepts tokens of the master key, version 1.0, only.');
  }
  const date = header('x-ms-date') ?? header('date') ?? '';
  const texts = resourceLinks.map(
    (link) => `${method.toLowerCase()}\n${resourceType.toLowerCase()}\n${link}\n${date.toLowerCase()}\n\n`,
  );
  const given = Buffer.from(signature, 'base64');
  if (!texts.some((text) => isSignature(given, createHmac('sha256', key).update(text).digest()))) {
    throw unauthorized(
      "The input authorization token can't serve the request. Please check that the expected payload is built as per " +
        `the protocol, and check the key being used. Server used the following payload to sign: '${texts[0] ?? ''}'`,
    );
  }
  const at = Date.parse(date);
  if (!(Math.abs(Date.now() - at) <= clockSkewMilliseconds)) {
    throw new CosmosError(
      403,
      'Forbidden',
      'The date of the request differs from the time of the emulator by more than 15 minutes.',
    );
  }
}

function isSignature(given: Buffer, expected: Buffer): boolean {
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function parseToken(authorization: string): { type?: string; version?: string; signature: string } {
  let token: string;
  try {
    token = decodeURIComponent(authorization);
  } catch {
    throw unauthorized('The authorization token is not URL-encoded.');
  }
  // URLSearchParams would turn the plus signs of base64 into spaces.
  const fields = new Map(
    token.split('&').map((field): [string, string] => {
      const mark = field.indexOf('=');
      return [field.slice(0, mark), field.slice(mark + 1)];
    }),
  );
  return { type: fields.get('type'), version: fields.get('ver'), signature: fields.get('sig') ?? '' };
}
