import { parseArgs } from 'node:util';
import { dieWithParent } from '../die-with-parent.ts';
import { createCosmosStandIn } from './cosmos-stand-in.ts';
import { parseOptions } from './options.ts';

/* Cosmos DB on one machine: `node infra/local/cosmos/main.ts --port N --file FILE`. README.md lists the options. */

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8081' },
    file: { type: 'string', default: '.local/cosmos/store.sqlite' },
    key: { type: 'string' },
    'ru-per-second': { type: 'string', default: process.env['COSMOS_RU_PER_SECOND'] },
    'ru-per': { type: 'string', default: 'container' },
    durability: { type: 'string', default: 'normal' },
  },
});

dieWithParent();
const { port, ...options } = parseOptions(values);
const standIn = createCosmosStandIn({ ...options, log: (line) => process.stderr.write(`${line}\n`) });
const { port: listening } = await standIn.listen(port);
process.stdout.write(`Cosmos DB ready at http://localhost:${listening}/\n`);

/** Answers what has come, commits it and closes the file. What was answered is safe without this, too. */
const stop = () => void standIn.close().then(() => process.exit(0));
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
