import { resolve } from 'node:path';
import { z } from 'zod';

/** Settings of the local stack, from the environment. Each has a default, so that `npm start` needs none. */
const port = (fallback: number, meaning: string) =>
  z.coerce.number().int().min(1).max(65_535).default(fallback).describe(meaning);

const schema = z.object({
  FUNCTIONS_PORT: port(7071, 'Functions host'),
  AZURITE_BLOB_PORT: port(10_000, 'Azurite, blobs'),
  AZURITE_QUEUE_PORT: port(10_001, 'Azurite, queues'),
  COSMOS_PORT: port(8081, 'Cosmos DB stand-in'),
  DPS_PORT: port(8443, 'DPS and IoT Hub stand-in'),
  KEY_VAULT_PORT: port(8444, 'Key Vault stand-in, where there is one'),
  LOCAL_KEY_VAULT: z
    .enum(['0', '1'])
    .default('0')
    .transform((flag) => flag === '1')
    .describe('1: CA keys in a Key Vault stand-in, as in Azure, and not in files of the app'),
  LOCAL_DIR: z.string().min(1).default('.local').describe('Where state is kept'),
  FUNCTIONS_KEY: z.string().min(8).default('local-function-key').describe('The function key that requests carry'),
  LOCAL_HOST_LEASE_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(600)
    .default(60)
    .describe('How long a received queue message stays hidden, and a crash waits to be made good; 600 in Azure'),
  RECONCILE_SCHEDULE: z.string().default('*/5 * * * * *').describe('When reconcile-registrations runs (NCRONTAB)'),
});

export interface LocalSettings {
  readonly ports: Readonly<Record<PortName, number>>;
  readonly directory: string;
  readonly keyVault: boolean;
  readonly functionsKey: string;
  readonly leaseSeconds: number;
  readonly reconcileSchedule: string;
}

export const portNames = ['functions', 'blobs', 'queues', 'cosmos', 'dps', 'keyVault'] as const;
export type PortName = (typeof portNames)[number];

/** Ports that something will listen on. */
export function portsInUse({ standInsAlone, keyVault }: { standInsAlone: boolean; keyVault: boolean }): PortName[] {
  return portNames.filter((name) => (name === 'functions' ? !standInsAlone : name !== 'keyVault' || keyVault));
}

/** The variable that changes a port, for the message that says it is taken. */
export const portVariables: Readonly<Record<PortName, string>> = {
  functions: 'FUNCTIONS_PORT',
  blobs: 'AZURITE_BLOB_PORT',
  queues: 'AZURITE_QUEUE_PORT',
  cosmos: 'COSMOS_PORT',
  dps: 'DPS_PORT',
  keyVault: 'KEY_VAULT_PORT',
};

/** @throws Error that names every variable that is wrong */
export function readLocalSettings(environment: NodeJS.ProcessEnv = process.env): LocalSettings {
  const parsed = schema.safeParse(environment);
  if (!parsed.success) throw new Error(`Settings of the local stack are wrong:\n${z.prettifyError(parsed.error)}`);
  const set = parsed.data;
  return {
    ports: {
      functions: set.FUNCTIONS_PORT,
      blobs: set.AZURITE_BLOB_PORT,
      queues: set.AZURITE_QUEUE_PORT,
      cosmos: set.COSMOS_PORT,
      dps: set.DPS_PORT,
      keyVault: set.KEY_VAULT_PORT,
    },
    directory: resolve(set.LOCAL_DIR),
    keyVault: set.LOCAL_KEY_VAULT,
    functionsKey: set.FUNCTIONS_KEY,
    leaseSeconds: set.LOCAL_HOST_LEASE_SECONDS,
    reconcileSchedule: set.RECONCILE_SCHEDULE,
  };
}

/** Where nothing is set. */
export const defaults: LocalSettings = readLocalSettings({});
