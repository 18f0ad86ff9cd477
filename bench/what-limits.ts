import { instances, type Limit, limits, targets, usage } from '../lib/limits-and-prices.ts';

/** One row of the table "What limits you". */
interface Bound {
  /** `issuing`: until bundles are ready. `registering`: until devices have registered. */
  readonly phase: 'issuing' | 'registering';
  readonly limit: Omit<Limit, 'service'>;
  /** Operations that one device takes. */
  readonly perDevice: number;
  /** When it takes that many, and how to raise the limit. */
  readonly raise: string;
}

const bounds: readonly Bound[] = [
  {
    phase: 'registering',
    limit: limits.hubRegistryOperations,
    perDevice: 1,
    raise:
      'More units (`iotHubUnits`), S3 (`iotHubSku`: 5,000 per minute and unit), or more hubs in the group. Only devices that are new to the hub. ' +
      'It is not documented whether identities that DPS makes count; this takes it that they do.',
  },
  {
    phase: 'registering',
    limit: limits.dpsRegistrations,
    perDevice: 1,
    raise:
      '[More DPS instances](stamps.md). Renewals count too, so ends of certificates are [spread](certificates.md#the-end-is-spread).',
  },
  {
    phase: 'issuing',
    limit: limits.dpsOperations,
    perDevice: 1,
    raise:
      'Only groups with `enrollment: "individual"`. With `"group"`, DPS takes one operation per group. Then: [more DPS instances](stamps.md).',
  },
  {
    phase: 'issuing',
    limit: limits.requestUnits,
    perDevice: usage.requestUnits.perDevice,
    raise:
      '`cosmosCapacity=autoscale` with `cosmosMaxThroughput`, as many as needed (10,000 per physical partition). ' +
      'A serverless account is [changed in place](https://learn.microsoft.com/azure/cosmos-db/how-to-change-capacity-mode), once.',
  },
  {
    phase: 'issuing',
    limit: limits.keyVaultEcSignatures,
    perDevice: 1,
    raise:
      'Only groups with `issuance: "direct"`, and twice per device with an Edge CA. With `"delegated"` the vault signs once per worker and hour, so it does not bind.',
  },
  {
    phase: 'issuing',
    limit: targets.queueMessages,
    perDevice: usage.queueOperations.perDevice,
    raise: 'Larger chunks ([`CHUNK_ROWS`](settings.md#chunk_rows)).',
  },
  {
    phase: 'issuing',
    limit: targets.storageRequests,
    perDevice: usage.queueOperations.perDevice + usage.blobOperations.perDevice,
    raise: 'Larger chunks; Microsoft raises it on request.',
  },
];

const perMinute = ({ count, seconds }: Pick<Limit, 'count' | 'seconds'>): number => (count * 60) / seconds;

/** Two significant digits: the figures behind it are not more exact. */
const about = (value: number): string => Number(value.toPrecision(2)).toLocaleString('en');

/**
 * The section "What limits you".
 * @param pipelineRate devices per second of the pipeline on the bench; undefined if it was not measured
 */
export function whatLimits(pipelineRate: number | undefined): string {
  const rows = bounds
    .map((bound) => ({ ...bound, devices: perMinute(bound.limit) / bound.perDevice }))
    .toSorted((a, b) => a.devices - b.devices)
    .map(({ phase, limit, devices, raise }) => {
      const documented = `[${limit.count.toLocaleString('en')} in ${limit.seconds} s](${limit.source})`;
      return `| ${phase} | ${limit.of} | ${documented} | ${about(devices)} | ${raise} |`;
    });
  const { perApp, coresPerRegion } = instances;
  return [
    '## What limits you',
    'The documented limits of a new deployment, the lowest first, and the devices per minute that each one allows by what the app ' +
      'uses per device (`cost` below). Limits of `issuing` bound how fast bundles are ready, limits of `registering` how fast ' +
      'devices get their hub if all start at once. `fleet check` [estimates](check.md#the-estimate) both for a list.',
    [
      '| | limit | documented | devices per minute | how to raise it |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
    ].join('\n'),
    `Instances: \`maximumInstanceCount\` is 40 by default and [${perApp.count.toLocaleString('en')}](${perApp.source}) at most. A ` +
      `subscription has [${coresPerRegion.count} cores](${coresPerRegion.source}) per region by default, and support raises that. One ` +
      'core of the bench issues faster than any limit above but those of storage, so instances are not what to raise first.',
    ...(pipelineRate === undefined ? [] : [throughputFor(pipelineRate)]),
    'The figures are those of lib/limits-and-prices.ts.',
  ].join('\n\n');
}

/** Compares the rate of the bench with what a new deployment reaches, as a paragraph. */
function throughputFor(rate: number): string {
  const { perDevice } = usage.requestUnits;
  const serverless = limits.requestUnits.count / perDevice;
  const list = 10_000;
  const minutes = (limit: Limit) => about(list / perMinute(limit));
  return (
    `So a new deployment does not reach the ${about(rate)} devices per second of \`pipeline\`. With delegated issuing, serverless ` +
    `Cosmos DB bounds it at about ${about(serverless)} per second; the rate of the bench takes about ${about(rate * perDevice)} request ` +
    `units per second. For most lists that does not matter: ${list.toLocaleString('en')} devices are issued in about ` +
    `${about(list / serverless)} seconds, and register in ${minutes(limits.dpsRegistrations)} minutes at the pace of DPS, or ` +
    `${minutes(limits.hubRegistryOperations)} at that of one hub unit.`
  );
}
