import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dieWithParent } from '../die-with-parent.ts';
import { ensureLocalTls } from '../tls.ts';
import { hubsOf, optionSyntax, quotasOf, usage, wholeNumber } from './command-line.ts';
import { createDpsStandIn } from './dps-stand-in.ts';
import { accessRights, wellKnownKey } from './options.ts';

/*
 * The stand-in for DPS and IoT Hub as a process: `node infra/local/dps/main.ts --port N --state DIR`. `--help` lists the
 * options, README.md says what it imitates.
 */

const { values } = parseArgs({ options: optionSyntax });
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}

dieWithParent();
const stateDirectory = resolve(values.state);
await mkdir(stateDirectory, { recursive: true });
const key = values.key ?? wellKnownKey;
const hubs = hubsOf(values.hub, key);
const serviceHostName = values['service-host'].toLowerCase();
const hostNames = [serviceHostName, ...hubs.map((hub) => hub.hostName)];
const tls = await ensureLocalTls({ directory: resolve(values.tls ?? join(stateDirectory, 'tls')), hostNames });

const standIn = createDpsStandIn({
  tls,
  hubs,
  serviceHostName,
  dataFile: join(stateDirectory, 'dps.sqlite'),
  idScope: values['id-scope'],
  policies: [{ name: 'provisioningserviceowner', primaryKey: key, rights: accessRights }],
  retryAfterSeconds: wholeNumber('retry-after', values['retry-after']),
  quotas: quotasOf(values),
  webhook: { allowHttp: values['allow-http-webhooks'] },
});
const { port } = await standIn.listen(wholeNumber('port', values.port), values.host);
process.stdout.write(
  `DPS ${values['id-scope']} and ${hubs.length} hubs ready at https://localhost:${port} (CA ${tls.caPath})\n`,
);

let stopping = false;
async function stop(): Promise<void> {
  if (stopping) process.exit(1);
  stopping = true;
  await standIn.close();
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
process.on('SIGINT', () => void stop());
