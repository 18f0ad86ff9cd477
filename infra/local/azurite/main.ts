import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { dieWithParent } from '../die-with-parent.ts';

/*
 * One service of Azurite as a process: `node infra/local/azurite/main.ts --service blob|queue --port N --state DIR`.
 * Azurite reads its options from the command line of its process, so they are put there.
 */

const { values } = parseArgs({
  options: {
    service: { type: 'string', default: 'blob' },
    port: { type: 'string', default: '10000' },
    state: { type: 'string', default: '.local/azurite' },
  },
});
const { service, port, state } = values;
if (service !== 'blob' && service !== 'queue') throw new Error(`There is no Azurite service "${service}" here.`);

// A signal lets it write its index, of which it saves changes every few seconds only.
dieWithParent(() => process.kill(process.pid, 'SIGTERM'));
await mkdir(state, { recursive: true });
process.argv.splice(
  2,
  Number.POSITIVE_INFINITY,
  ...[`--${service}Host`, '127.0.0.1', `--${service}Port`, port, '--location', state, '--silent'],
  // The SDKs send newer API versions than Azurite knows; telemetry would look for Application Insights.
  ...['--skipApiVersionCheck', '--disableTelemetry'],
);
await import(`azurite/dist/src/${service}/main.js`);
