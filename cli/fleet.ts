#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Half of the time of --help is parsing. Not in the folder for temporary files, where others could write it first.
enableCompileCache(join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'fleet'));
const [{ main }, { processTerminal }] = await Promise.all([import('./main.ts'), import('./terminal.ts')]);

const code = await main(process.argv.slice(2), processTerminal());
// What was written reaches a pipe before the process ends; connections and timers of clients would keep it running.
for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
process.exit(code);
