#!/usr/bin/env node
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../command-line.ts';
import { readCommandLine, usage } from '../dps/command-line.ts';
import { createDpsEmulator } from '../dps/dps-emulator.ts';
import { exitWithParent } from '../exit-with-parent.ts';
import { ensureLocalTls } from '../tls.ts';

await runProgram({
  usage,
  read: readCommandLine,
  async start({ options, port, host, stateDirectory, tlsDirectory }) {
    exitWithParent();
    await mkdir(stateDirectory, { recursive: true });
    const hostNames = [options.serviceHostName, ...options.hubs.map((hub) => hub.hostName)];
    const tls = await ensureLocalTls({ directory: tlsDirectory, hostNames });
    const emulator = createDpsEmulator({ ...options, tls, dataFile: join(stateDirectory, 'dps.sqlite') });
    const { port: listening } = await emulator.listen(port, host);
    process.stdout.write(
      `DPS ${options.idScope} and ${options.hubs.length} hubs ready at https://localhost:${listening} (CA ${tls.caPath})\n`,
    );
    return () => emulator.close();
  },
});
