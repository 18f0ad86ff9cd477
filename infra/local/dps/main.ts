import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { dieWithParent } from '../die-with-parent.ts';
import { ensureLocalTls } from '../tls.ts';
import { readCommandLine } from './command-line.ts';
import { createDpsStandIn } from './dps-stand-in.ts';

/*
 * The stand-in for DPS and IoT Hub as a process: `node infra/local/dps/main.ts --port N --state DIR`. `--help` lists the
 * options, README.md says what it imitates.
 */

const command = readCommandLine(process.argv.slice(2));
if ('text' in command) {
  process[command.exitCode === 0 ? 'stdout' : 'stderr'].write(command.text);
  process.exit(command.exitCode);
}

dieWithParent();
const { options, port, host, stateDirectory, tlsDirectory } = command;
await mkdir(stateDirectory, { recursive: true });
const hostNames = [options.serviceHostName, ...options.hubs.map((hub) => hub.hostName)];
const tls = await ensureLocalTls({ directory: tlsDirectory, hostNames });
const standIn = createDpsStandIn({ ...options, tls, dataFile: join(stateDirectory, 'dps.sqlite') });
const place = await standIn.listen(port, host);
process.stdout.write(
  `DPS ${options.idScope} and ${options.hubs.length} hubs ready at https://localhost:${place.port} (CA ${tls.caPath})\n`,
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
