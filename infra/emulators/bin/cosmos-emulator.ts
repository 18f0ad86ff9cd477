#!/usr/bin/env node
import { runProgram } from '../command-line.ts';
import { readCommandLine, usage } from '../cosmos/command-line.ts';
import { createCosmosEmulator } from '../cosmos/cosmos-emulator.ts';
import { exitWithParent } from '../exit-with-parent.ts';

await runProgram({
  usage,
  read: readCommandLine,
  async start({ port, ...options }) {
    exitWithParent();
    const emulator = createCosmosEmulator({ ...options, log: (line) => process.stderr.write(`${line}\n`) });
    const { port: listening } = await emulator.listen(port);
    process.stdout.write(`Cosmos DB ready at http://localhost:${listening}/\n`);
    return () => emulator.close();
  },
});
