import { readFile } from 'node:fs/promises';
import { DefaultAzureCredential } from '@azure/identity';
import { z } from 'zod';
import { readConfig } from '../../../functions/config.ts';
import { createServices } from '../../../functions/services.ts';
import type { CaRegistry } from '../../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../../lib/errors.ts';
import { findStack } from '../../local/stack/running-stack.ts';
import { localOperator, signedInOperator } from './operator.ts';
import { findRegistry, localRegistry } from './registry.ts';

/** The deployment that a command acts on. */
export interface Place {
  readonly services: ReturnType<typeof createServices>;
  /** The CA certificates of its DPS. Undefined without --dps. */
  readonly registry?: CaRegistry;
  /** For messages. */
  readonly name: string;
  /** Who runs the command, for the audit trail. */
  readonly operator: () => Promise<string>;
}

/** App settings in one of three forms: output of `az`, local.settings.json, or one object. */
const settingsFile = z.union([
  z
    .array(z.object({ name: z.string(), value: z.string() }))
    .transform((list) => Object.fromEntries(list.map(({ name, value }) => [name, value]))),
  z.object({ Values: z.record(z.string(), z.string()) }).transform(({ Values }) => Values),
  z.record(z.string(), z.string()),
]);

/**
 * Finds the deployment: that of a settings file, with the identity of the user (az login), or the running local stack.
 * @throws FleetError `request-invalid`, `setting-invalid`
 * @throws Error if no local stack runs
 */
export async function findPlace({
  settings,
  dps,
}: {
  settings?: string | undefined;
  dps?: string | undefined;
}): Promise<Place> {
  if (settings === undefined) return localPlace();
  const parsed = settingsFile.safeParse(JSON.parse(await readFile(settings, 'utf8')));
  if (!parsed.success)
    throw new FleetError(
      'request-invalid',
      `${settings} contains no app settings. Expected the output of "az functionapp config appsettings list".`,
    );
  // Leave out the identity of the app. The signed-in user (az login) needs the same roles.
  const {
    AZURE_CLIENT_ID: _,
    AzureWebJobsStorage__clientId: __,
    AzureWebJobsStorage__credential: ___,
    ...own
  } = parsed.data;
  const config = readConfig(own);
  const services = createServices(config);
  // A storage account that is reached by a key is an emulator on this machine.
  const operator = async () =>
    'connectionString' in config.storage ? localOperator() : signedInOperator(new DefaultAzureCredential());
  if (dps === undefined) return { services, operator, name: settings };
  return { services, operator, name: settings, registry: await findRegistry(dps) };
}

async function localPlace(): Promise<Place> {
  const stack = await findStack();
  const registry = await localRegistry(stack);
  return {
    services: createServices(readConfig(stack.appSettings)),
    registry,
    operator: async () => localOperator(),
    name: 'the local stack',
  };
}
