import { subscribe } from 'node:diagnostics_channel';
import fs, { type NoParamCallback } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { exitWithParent } from 'fleet-emulators/exit-with-parent';

/*
 * One service of Azurite as a process: `node infra/local/stack/azurite.ts --service blob|queue --port N --state DIR`. With
 * `--tell URL --writes-to CONTAINER` it sends a request to the URL after each write to a blob of the container.
 *
 * Azurite reads its options from the command line of its process, so this program puts them there.
 */

const { values } = parseArgs({
  options: {
    service: { type: 'string', default: 'blob' },
    port: { type: 'string', default: '10000' },
    state: { type: 'string', default: '.local/azurite' },
    tell: { type: 'string' },
    'writes-to': { type: 'string' },
  },
});
const { service, port, state, tell, 'writes-to': container } = values;
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
/** Put Blob and Put Block List change what a blob is. Put Block, a snapshot or a lease do not. */
const contentChanges: readonly (string | null)[] = [null, 'blocklist'];

// Azurite waits for the disk after each write. What it wrote survives its end without that, and its index, without which nothing is
// found, is saved every few seconds only.
Object.assign(fs, { fdatasync: (_file: number, done: NoParamCallback) => done(null) });
if (tell !== undefined && container !== undefined) tellOfWrites(tell, container);
await import(`azurite/dist/src/${service}/main.js`);

/** A request that is lost delays the event until the next listing (event-grid-emulator). */
function tellOfWrites(url: string, container: string): void {
  const isBlob = new RegExp(`^/[^/]+/${container}/.`);
  subscribe('http.server.response.finish', (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    if (request.method !== 'PUT' || response.statusCode !== 201) return;
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    if (!isBlob.test(pathname) || !contentChanges.includes(searchParams.get('comp'))) return;
    fetch(url, { method: 'POST' }).catch(() => undefined);
  });
}
