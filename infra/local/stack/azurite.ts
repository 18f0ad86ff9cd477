import fs, { type NoParamCallback } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { exitWithParent } from 'fleet-emulators/exit-with-parent';

/*
 * One service of Azurite as a process: `node infra/local/stack/azurite.ts --service blob|queue --port N --state DIR`.
 * Azurite reads its options from the command line of its process, so this program puts them there.
 */

const { values } = parseArgs({
  options: {
    service: { type: 'string', default: 'blob' },
    port: { type: 'string', default: '10000' },
    state: { type: 'string', default: '.local/azurite' },
  },
});
const { service, port, state } = values;
if (service !== 'blob' && service !== 'queue') {
  throw new Error(`Invalid value "${service}" for --service. Expected blob or queue.`);
}

// Azurite saves its index every few seconds only. On a signal it saves it before it ends.
exitWithParent(() => process.kill(process.pid, 'SIGTERM'));
await mkdir(state, { recursive: true });
process.argv.splice(
  2,
  Number.POSITIVE_INFINITY,
  ...[`--${service}Host`, '127.0.0.1', `--${service}Port`, port, '--location', state, '--silent'],
  // The SDKs send newer API versions than Azurite knows. Telemetry would connect to Application Insights.
  ...['--skipApiVersionCheck', '--disableTelemetry'],
);
// Azurite waits for the disk after each write. What it wrote survives its end without that, and its index, without which nothing is
// found, is saved every few seconds only.
Object.assign(fs, { fdatasync: (_file: number, done: NoParamCallback) => done(null) });
await import(`azurite/dist/src/${service}/main.js`);
