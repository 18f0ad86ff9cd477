import { oneOf, parseOptions, portNumber, UsageError } from '../command-line.ts';
import type { CosmosEmulatorOptions } from './cosmos-emulator.ts';
import { emulatorKey } from './emulator-key.ts';

export const usage = `Usage: cosmos-emulator [options]

Cosmos DB for NoSQL over HTTP on 127.0.0.1, stored in one SQLite file.

  --port N               port; 0 takes a free one (default: 8081)
  --file FILE            SQLite file; its folder is created (default: .local/cosmos/store.sqlite)
  --key BASE64           account key (default: the published key of Microsoft's emulator)
  --ru-per-second N      request units per second; more requests get status 429
                         (default: COSMOS_RU_PER_SECOND, otherwise no limit)
  --ru-per SCOPE         what shares this budget: container or database (default: container)
  --durability LEVEL     normal: acknowledged writes survive kill -9
                         full: they survive a power cut too, with one fsync per commit (default: normal)
  -h, --help             show this text

Example: cosmos-emulator --port 8081 --file ./data/cosmos.sqlite
`;

/** @throws UsageError that names the option and the expected value */
export function readCommandLine(args: readonly string[]): CosmosEmulatorOptions & { readonly port: number } {
  const values = parseOptions(args, {
    port: { type: 'string', default: '8081' },
    file: { type: 'string', default: '.local/cosmos/store.sqlite' },
    key: { type: 'string', default: emulatorKey },
    'ru-per-second': { type: 'string' },
    'ru-per': { type: 'string', default: 'container' },
    durability: { type: 'string', default: 'normal' },
  });
  const ruPerSecond = values['ru-per-second'] ?? process.env['COSMOS_RU_PER_SECOND'];
  const per = oneOf('ru-per', values['ru-per'], ['container', 'database']);
  return {
    port: portNumber(values.port),
    file: values.file,
    key: base64(values.key),
    durability: oneOf('durability', values.durability, ['normal', 'full']),
    ...(ruPerSecond !== undefined && { throughput: { ruPerSecond: requestUnits(ruPerSecond), per } }),
  };
}

function base64(text: string): string {
  if (/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) && text !== '') return text;
  throw new UsageError('Invalid value for --key. Expected base64.');
}

function requestUnits(text: string): number {
  const units = Number(text);
  if (text.trim() !== '' && units > 0 && Number.isFinite(units)) return units;
  throw new UsageError(`Invalid value "${text}" for --ru-per-second. Expected a number greater than 0.`);
}
