#!/usr/bin/env node
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseOptions, portNumber, runProgram, UsageError, wholeNumber } from '../command-line.ts';
import { createEventGridEmulator, type EventGridEmulator } from '../event-grid/event-grid-emulator.ts';
import { exitWithParent } from '../exit-with-parent.ts';

const usage = `Usage: event-grid-emulator --container NAME --queue NAME [options]

One Event Grid subscription: writes a BlobCreated event to a storage queue for each new or replaced blob of a container.
Both must exist, and Azurite or a storage account must serve them.

  --connection TEXT    connection string of the storage account (default: AzureWebJobsStorage)
  --container NAME     blob container to watch
  --queue NAME         queue that gets the events
  --ends-with SUFFIX   only blobs whose name ends so, in any case; may be repeated (default: all blobs)
  --state DIR          folder of announced.json, which lists the announced blobs (default: .local/event-grid)
  --interval MS        milliseconds between two listings of the container (default: 300)
  --port N             HTTP port on 127.0.0.1: each request makes it list the container at once, for a storage emulator that can
                       tell of a write; 0 takes a free one (default: none)
  -h, --help           show this text

Example: event-grid-emulator --connection UseDevelopmentStorage=true --container uploads --queue new-uploads --ends-with .csv
`;

await runProgram({
  usage,
  read(args) {
    const values = parseOptions(args, {
      connection: { type: 'string' },
      container: { type: 'string' },
      queue: { type: 'string' },
      'ends-with': { type: 'string', multiple: true },
      state: { type: 'string', default: '.local/event-grid' },
      interval: { type: 'string', default: '300' },
      port: { type: 'string' },
    });
    const connectionString = values.connection ?? process.env['AzureWebJobsStorage'];
    if (connectionString === undefined) throw new UsageError('No storage account. Set --connection TEXT.');
    if (values.container === undefined) throw new UsageError('No container to watch. Set --container NAME.');
    if (values.queue === undefined) throw new UsageError('No queue for the events. Set --queue NAME.');
    return {
      connectionString,
      container: values.container,
      queue: values.queue,
      suffixes: values['ends-with'],
      stateDirectory: values.state,
      intervalMs: wholeNumber('interval', values.interval, [1, 3_600_000]),
      port: values.port === undefined ? undefined : portNumber(values.port),
    };
  },
  async start({ port, ...options }) {
    exitWithParent();
    const log = (line: string) => process.stdout.write(`${new Date().toISOString()} ${line}\n`);
    const emulator = await createEventGridEmulator({ ...options, log });
    const at = port === undefined ? '' : `, asked at http://127.0.0.1:${await listen(port, emulator)}`;
    process.stdout.write(`Event Grid ready: watching container ${options.container}${at}\n`);
    return () => emulator.close();
  },
});

/** @returns the port */
async function listen(port: number, emulator: EventGridEmulator): Promise<number> {
  const server = createServer((_, response) => {
    emulator.look();
    response.writeHead(202).end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
