import { readFile } from 'node:fs/promises';
import { DefaultAzureCredential } from '@azure/identity';
import { z } from 'zod';
import { readConfig } from '../../functions/config.ts';
import { createServices } from '../../functions/services.ts';
import { findStack } from '../../infra/local/stack/running-stack.ts';
import type { CaRegistry } from '../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../lib/errors.ts';
import { defaultDps, dpsOf } from '../../lib/groups/dps-instance.ts';
import type { Context } from '../context.ts';
import { usageError } from '../errors.ts';
import { localOperator, signedInOperator } from './operator.ts';
import { findRegistry, localRegistry } from './registry.ts';

/** The deployment that a command acts on. */
export interface Place {
  readonly services: ReturnType<typeof createServices>;
  /** The CA certificates of one of its DPS instances. Undefined without --dps. */
  readonly registry?: CaRegistry;
  /** The name of that instance. */
  readonly dpsInstance: string;
  /** For messages. */
  readonly name: string;
  /** Who runs the command, for the audit trail. */
  readonly operator: () => Promise<string>;
}

/** What names the deployment, and one of its DPS instances. */
export interface PlaceArguments {
  readonly settings?: string | undefined;
  readonly dps?: string | undefined;
  readonly instance?: string | undefined;
  readonly group?: string | undefined;
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
 * @throws CliError if a profile or a URL was given: these verbs do not use the HTTP API
 * @throws Error if no local stack runs
 */
export async function findPlace({ options }: Pick<Context, 'options'>, args: PlaceArguments): Promise<Place> {
  const { settings, dps } = args;
  if (options.profile !== undefined || options.url !== undefined) {
    throw usageError('This verb works past the HTTP API.', 'Use --settings FILE in place of --profile and --url.');
  }
  if (settings === undefined) return localPlace(args);
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
  const { name: dpsInstance, address } = await instanceOf(services, args);
  if (dps === undefined) return { services, operator, name: settings, dpsInstance };
  return { services, operator, name: settings, dpsInstance, registry: await findRegistry(dps, address.globalEndpoint) };
}

/**
 * The DPS instance that a command acts on: the one that is named, that of the group, the one whose resource --dps names, or
 * `default`.
 * @throws CliError if there is no such instance, or --dps names the resource of another one
 */
async function instanceOf({ dps: { instances }, groupStore }: Place['services'], args: PlaceArguments) {
  const resource = args.dps?.split('/').at(-1)?.toLowerCase();
  const isResourceOf = ({ host }: { readonly host: string }) => host.toLowerCase().split('.')[0] === resource;
  const group = args.group === undefined ? undefined : (await groupStore.read(args.group))?.value;
  const named = args.instance ?? (group && dpsOf(group.definition)) ?? instances.find(isResourceOf)?.name;
  const found = instances.find(({ name }) => name === (named ?? defaultDps));
  const names = instances.map(({ name }) => name).join(', ');
  if (found === undefined) throw usageError(`There is no DPS instance "${named}".`, `Use one of: ${names}.`);
  const other = isResourceOf(found) ? undefined : instances.find(isResourceOf);
  if (other !== undefined) {
    const message = `--dps names the DPS instance "${other.name}", and this is about "${found.name}".`;
    throw usageError(message, `Give the resource id of ${found.host}, or --instance ${other.name}.`);
  }
  return found;
}

async function localPlace(args: PlaceArguments): Promise<Place> {
  const stack = await findStack();
  const services = createServices(readConfig(stack.appSettings));
  const { name: dpsInstance, address } = await instanceOf(services, { ...args, dps: undefined });
  const registry = await localRegistry(stack, address.globalEndpoint);
  return {
    services,
    registry,
    dpsInstance,
    operator: async () => localOperator(),
    name: 'the local stack',
  };
}
