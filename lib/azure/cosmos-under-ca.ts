import type { Container, SqlParameter } from '@azure/cosmos';
import type { CaInUse, DevicesUnderCa, UnderCa } from '../devices/under-ca.ts';
import { callingCosmos } from './cosmos.ts';

/*
 * `underCa` (lib/devices/count-under-ca.ts) as queries: Cosmos DB counts, and answers with some rows, however many devices there
 * are. Only the group and the status are indexed, so each query loads the records of the group.
 */

/** Devices that are in the group, or have been. */
const scope =
  '(c.enrollmentGroup = @group OR ARRAY_CONTAINS(c.formerGroups, @group))' +
  " AND c.status NOT IN ('revoked', 'scrapped', 'deleted')";

/** A certificate of the CA that has not ended. */
const isOfCa = (name: string) =>
  `${name}.enrollmentGroup = @group AND ${name}.notAfter >= @at` +
  ` AND (${name}.caGeneration = @generation OR NOT IS_DEFINED(${name}.caGeneration))`;

/** The identity with which the device works: the present one, or that before the row which claims the device. */
const isPresent = (name: string) =>
  `c.status != 'failed' AND ${name}.kind = 'identity' AND ((NOT IS_DEFINED(c.before) AND ${name}.serialNumber = c.serialNumber)` +
  ` OR ${name}.serialNumber = c.before.serialNumber)`;

const isUsed = (name: string) => `(IS_DEFINED(${name}.confirmedAt) OR IS_DEFINED(${name}.registeredAt))`;

const isUsedOfCa = (name: string) =>
  `${name}.kind = 'identity' AND ${name}.state != 'revoked' AND ${isOfCa(name)} AND ${isUsed(name)}`;

/** The present identity does not need the CA and is known to work, or it is of the CA and counted as such. */
const isSettled =
  `EXISTS (SELECT VALUE p FROM p IN c.certificates WHERE ${isPresent('p')}` +
  ` AND (IS_DEFINED(p.confirmedAt) OR (${isOfCa('p')})))`;

interface Row {
  readonly kind?: 'identity' | 'est-id';
  readonly used?: boolean;
  readonly recent?: boolean;
  readonly n: number;
  readonly until: string;
  readonly since?: string;
}

/** Present identities and est-ids of the CA: one row per device and kind, grouped. */
const presentOnes =
  `SELECT x.kind, ${isUsed('x')} AS used, x.since >= @issuedSince AS recent,` +
  ' COUNT(1) AS n, MAX(x.notAfter) AS until, MAX(x.since) AS since' +
  ` FROM c JOIN x IN c.certificates WHERE ${scope} AND ${isOfCa('x')}` +
  ` AND ((x.kind = 'est-id' AND x.state = 'live') OR (${isPresent('x')}))` +
  ` GROUP BY x.kind, ${isUsed('x')}, x.since >= @issuedSince`;

/** Records of earlier versions have no list of certificates. Their identity counts as of the oldest CA. */
const withoutList =
  "SELECT c.status != 'provisioned' AS used, c.statusSince >= @issuedSince AS recent," +
  ' COUNT(1) AS n, MAX(c.identity.notAfter) AS until, MAX(c.statusSince) AS since FROM c' +
  ` WHERE c.enrollmentGroup = @group AND ${scope} AND c.status != 'failed' AND NOT IS_DEFINED(c.certificates) AND c.identity.notAfter >= @at` +
  " GROUP BY c.status != 'provisioned', c.statusSince >= @issuedSince";

const unconfirmed =
  `SELECT VALUE COUNT(1) FROM c WHERE ${scope} AND NOT ${isSettled}` +
  ` AND EXISTS (SELECT VALUE x FROM x IN c.certificates WHERE ${isUsedOfCa('x')})`;

const unconfirmedUntil =
  `SELECT VALUE MAX(x.notAfter) FROM c JOIN x IN c.certificates WHERE ${scope}` +
  ` AND ${isUsedOfCa('x')} AND NOT ${isSettled}`;

/** @throws FleetError `throttled`, `unavailable` */
export async function countUnderCa(container: Container, ca: CaInUse): Promise<UnderCa> {
  const { enrollmentGroup, generation, at, issuedSince } = ca;
  const parameters: SqlParameter[] = [
    { name: '@group', value: enrollmentGroup },
    { name: '@generation', value: generation },
    { name: '@at', value: at },
    { name: '@issuedSince', value: issuedSince },
  ];
  const all = async <T>(query: string): Promise<T[]> =>
    (await callingCosmos(() => container.items.query<T>({ query, parameters }).fetchAll())).resources;
  // One after the other: each can use what the account has per second.
  const rows = [...(await all<Row>(presentOnes)), ...(await all<Row>(withoutList))];
  const [devices = 0] = await all<number>(unconfirmed);
  const [until] = devices === 0 ? [] : await all<string>(unconfirmedUntil);
  const identities = rows.filter(({ kind }) => kind !== 'est-id');
  return {
    notRenewed: summed(identities.filter(({ used }) => used)),
    notConfirmed: { devices, ...(until !== undefined && { until }) },
    notInstalled: withLastIssued(identities.filter(({ used, recent }) => !used && recent)),
    pastShelfLife: summed(identities.filter(({ used, recent }) => !used && !recent)),
    estIds: summed(rows.filter(({ kind }) => kind === 'est-id')),
  };
}

function summed(rows: readonly Row[]): DevicesUnderCa {
  const until = rows
    .map((row) => row.until)
    .sort()
    .at(-1);
  const devices = rows.reduce((sum, { n }) => sum + n, 0);
  return { devices, ...(until !== undefined && { until }) };
}

function withLastIssued(rows: readonly Row[]): DevicesUnderCa {
  const lastIssued = rows
    .flatMap(({ since }) => since ?? [])
    .sort()
    .at(-1);
  return { ...summed(rows), ...(lastIssued !== undefined && { lastIssued }) };
}
