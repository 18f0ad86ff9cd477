import { createHmac, timingSafeEqual } from 'node:crypto';
import { CosmosError, unauthorized } from './errors.ts';

export interface SignedRequest {
  readonly method: string;
  readonly resourceType: string;
  /** Link of the resource by names, such as `dbs/fleet/colls/jobs`; of its parent where the request is for a feed. */
  readonly resourceLink: string;
  readonly header: (name: string) => string | undefined;
}

/** "A date more than 15 minutes away from the service's clock is refused." */
const clockSkewMilliseconds = 15 * 60 * 1000;

/**
 * Verifies a request as the service does: HMAC-SHA256 with the account's key over verb, resource type, resource link and
 * date (https://learn.microsoft.com/rest/api/cosmos-db/access-control-on-cosmosdb-resources).
 * @throws CosmosError 401, or 403 where the date is too far away
 */
export function verifyMasterKey({ method, resourceType, resourceLink, header }: SignedRequest, key: Buffer): void {
  const authorization = header('authorization');
  if (authorization === undefined) {
    throw unauthorized('Required Header authorization is missing. Ensure a valid Authorization token is passed.');
  }
  const { type, version, signature } = parseToken(authorization);
  if (type !== 'master' || version !== '1.0') {
    throw unauthorized('This emulator takes tokens of the master key, version 1.0, and no other.');
  }
  const date = header('x-ms-date') ?? header('date') ?? '';
  const text = `${method.toLowerCase()}\n${resourceType.toLowerCase()}\n${resourceLink}\n${date.toLowerCase()}\n\n`;
  const expected = createHmac('sha256', key).update(text).digest();
  const given = Buffer.from(signature, 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw unauthorized(
      "The input authorization token can't serve the request. Please check that the expected payload is built as per " +
        `the protocol, and check the key being used. Server used the following payload to sign: '${text}'`,
    );
  }
  const at = Date.parse(date);
  if (!(Math.abs(Date.now() - at) <= clockSkewMilliseconds)) {
    throw new CosmosError(
      403,
      'Forbidden',
      'The date of the request is more than 15 minutes away from the clock here.',
    );
  }
}

function parseToken(authorization: string): { type?: string; version?: string; signature: string } {
  let token: string;
  try {
    token = decodeURIComponent(authorization);
  } catch {
    throw unauthorized('The authorization token is not URL-encoded.');
  }
  // Not URLSearchParams: base64 has plus signs, which that would turn into spaces.
  const fields = new Map(
    token.split('&').map((field): [string, string] => {
      const mark = field.indexOf('=');
      return [field.slice(0, mark), field.slice(mark + 1)];
    }),
  );
  return { type: fields.get('type'), version: fields.get('ver'), signature: fields.get('sig') ?? '' };
}
