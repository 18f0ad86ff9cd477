import { resolve } from 'node:path';
import { z } from 'zod';

/** Settings of the local stack, read from the environment. Each has a default. */
const port = (fallback: number, meaning: string) =>
  z.coerce.number().int().min(1).max(65_535).default(fallback).describe(meaning);

const schema = z.object({
  FUNCTIONS_PORT: port(7071, 'Functions host'),
  EST_PORT: port(7443, 'EST server'),
  AZURITE_BLOB_PORT: port(10_000, 'Azurite, blobs'),
  AZURITE_QUEUE_PORT: port(10_001, 'Azurite, queues'),
  COSMOS_PORT: port(8081, 'Cosmos DB emulator'),
  DPS_PORT: port(8443, 'DPS and IoT Hub emulator'),
  LOCAL_DPS_INSTANCES: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((name) => name.trim()))
    .transform((names) => names.filter((name) => name !== ''))
    .pipe(z.array(z.string().regex(/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/)).max(20))
    .describe('Names of more DPS instances, separated by commas: an emulator with a hub for each (docs/stamps.md)'),
  DPS_INSTANCE_PORT: port(9443, 'First of the other DPS emulators, if there are any; each has the next port'),
  KEY_VAULT_PORT: port(8444, 'Key Vault emulator, if it runs'),
  LOCAL_KEY_VAULT: z
    .enum(['0', '1'])
    .default('0')
    .transform((flag) => flag === '1')
    .describe('1: keep CA keys in the Key Vault emulator, as in Azure; 0: in files'),
  LOCAL_DIR: z.string().min(1).default('.local').describe('Folder of all data'),
  FUNCTIONS_KEY: z.string().min(8).default('local-function-key').describe('Function key that requests send'),
  LOCAL_HOST_LEASE_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(600)
    .default(60)
    .describe(
      'Seconds that a received queue message stays hidden: the delay until another host takes over after a crash. 600 in Azure.',
    ),
  SWEEP_SCHEDULE: z.string().default('0 * * * * *').describe('When a sweep begins (NCRONTAB)'),
  RECONCILE_SCHEDULE: z.string().default('*/5 * * * * *').describe('When reconcile-registrations runs (NCRONTAB)'),
});

export interface LocalSettings {
  readonly ports: Readonly<Record<PortName, number>>;
  readonly directory: string;
  readonly keyVault: boolean;
  readonly dpsInstances: readonly string[];
  readonly dpsInstancePorts: readonly number[];
  readonly functionsKey: string;
  readonly leaseSeconds: number;
  readonly reconcileSchedule: string;
  readonly sweepSchedule: string;
}

export const portNames = ['functions', 'est', 'blobs', 'queues', 'cosmos', 'dps', 'keyVault'] as const;
export type PortName = (typeof portNames)[number];

/** The ports that the stack will listen on. */
export function portsInUse(runs: {
  readonly functions: boolean;
  readonly est: boolean;
  readonly keyVault: boolean;
}): PortName[] {
  const optional: Partial<Record<PortName, boolean>> = runs;
  return portNames.filter((name) => optional[name] ?? true);
}

/** The variable that changes a port. */
export const portVariables: Readonly<Record<PortName, string>> = {
  functions: 'FUNCTIONS_PORT',
  est: 'EST_PORT',
  blobs: 'AZURITE_BLOB_PORT',
  queues: 'AZURITE_QUEUE_PORT',
  cosmos: 'COSMOS_PORT',
  dps: 'DPS_PORT',
  keyVault: 'KEY_VAULT_PORT',
};

/** @throws Error that names every invalid variable */
export function readLocalSettings(environment: NodeJS.ProcessEnv = process.env): LocalSettings {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) throw new Error(`Invalid settings of the local stack:\n${z.prettifyError(parsed.error)}`);
  const set = parsed.data;
  return {
    ports: {
      functions: set.FUNCTIONS_PORT,
      est: set.EST_PORT,
      blobs: set.AZURITE_BLOB_PORT,
      queues: set.AZURITE_QUEUE_PORT,
      cosmos: set.COSMOS_PORT,
      dps: set.DPS_PORT,
      keyVault: set.KEY_VAULT_PORT,
    },
    directory: resolve(set.LOCAL_DIR),
    keyVault: set.LOCAL_KEY_VAULT,
    dpsInstances: set.LOCAL_DPS_INSTANCES,
    dpsInstancePorts: set.LOCAL_DPS_INSTANCES.map((_, index) => set.DPS_INSTANCE_PORT + index),
    functionsKey: set.FUNCTIONS_KEY,
    leaseSeconds: set.LOCAL_HOST_LEASE_SECONDS,
    reconcileSchedule: set.RECONCILE_SCHEDULE,
    sweepSchedule: set.SWEEP_SCHEDULE,
  };
}

/** App setting that overrides `queues.maxPollingInterval` of host.json. */
export const pollingSetting = 'AzureFunctionsJobHost__extensions__queues__maxPollingInterval';

/**
 * The longest pause between two polls of an idle queue: the shortest that the queue extension takes. The 2 s of host.json keep
 * the cost of polling low. Here polling costs some percent of a core, and a person waits.
 */
export const localPolling = '00:00:00.100';

/** The settings of an empty environment. */
export const defaults: LocalSettings = readLocalSettings({});
