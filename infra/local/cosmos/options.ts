import { z } from 'zod';
import type { CosmosStandInOptions } from './cosmos-stand-in.ts';
import { emulatorKey } from './emulator-key.ts';

const schema = z
  .object({
    port: z.coerce.number().int().min(0).max(65_535),
    file: z.string().min(1),
    key: z.base64().min(1).default(emulatorKey),
    'ru-per-second': z.coerce.number().positive().optional(),
    'ru-per': z.enum(['container', 'database']),
    durability: z.enum(['normal', 'full']),
  })
  .strict();

/** Options of the command line. @throws Error that names every one that is wrong */
export function parseOptions(values: Readonly<Record<string, unknown>>): CosmosStandInOptions & { port: number } {
  const parsed = schema.safeParse(values);
  if (!parsed.success)
    throw new Error(`Options of the Cosmos DB stand-in are wrong:\n${z.prettifyError(parsed.error)}`);
  const { port, file, key, durability, 'ru-per-second': ruPerSecond, 'ru-per': per } = parsed.data;
  return { port, file, key, durability, ...(ruPerSecond !== undefined && { throughput: { ruPerSecond, per } }) };
}
