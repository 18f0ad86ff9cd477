import * as z from 'zod';
import { defaultDps, dpsInstanceName } from '../../lib/groups/dps-instance.ts';

/** The value of a setting of DPS has the same rule wherever it is given. */
export interface DpsRules {
  readonly idScope: z.ZodType<string>;
  readonly serviceHost: z.ZodType<string>;
  readonly connectionString: z.ZodType<string>;
  readonly globalEndpoint: z.ZodType<string, string | undefined>;
  readonly operationsPerMinute: z.ZodType<number>;
}

/** A subscription has 10, which Azure support can raise. It bounds the checks, sweeps and locks of a deployment. */
const maxInstances = 20;

/** The value of DPS_INSTANCES: JSON text. Two instances with one ID scope are one instance with two names. */
export function dpsInstances({
  connectionString,
  idScope,
  serviceHost,
  globalEndpoint,
  operationsPerMinute,
}: DpsRules) {
  const common = {
    idScope,
    globalEndpoint: globalEndpoint.optional(),
    operationsPerMinute: operationsPerMinute.optional(),
    /** Of the hubs of an emulator, by host name. */
    hubs: z.record(z.string(), connectionString).optional(),
  };
  const instance = z.union([
    z.strictObject({ ...common, serviceHost }),
    z.strictObject({ ...common, connectionString }),
  ]);
  return z
    .string()
    .transform(parseJson)
    .pipe(z.record(z.string().regex(dpsInstanceName), instance))
    .refine((all) => !Object.hasOwn(all, defaultDps) && Object.keys(all).length <= maxInstances)
    .refine((all) => {
      const scopes = Object.values(all).map((each) => each.idScope.toLowerCase());
      return new Set(scopes).size === scopes.length;
    });
}

/** @returns undefined, which no later rule accepts, for text that is not JSON */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
