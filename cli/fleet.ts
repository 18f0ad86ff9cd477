#!/usr/bin/env node
import { main } from './main.ts';
import { processTerminal } from './terminal.ts';

const code = await main(process.argv.slice(2), processTerminal());
// What was written reaches a pipe before the process ends; connections and timers of clients would keep it running.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
process.exit(code);
