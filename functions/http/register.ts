import { app } from '@azure/functions';
import { readEarlyConfig } from '../config.ts';
import { allocationHandler, allocationRoute } from './allocations.ts';
import { consoleFile, consolePage, readConsole } from './console.ts';
import { operations } from './operations.ts';
import { respond } from './respond.ts';

/**
 * Whether the host asks for a function key before a function runs. With signed-in users, built-in authentication lets
 * callers in and `respond` checks their role.
 */
const { httpAccess } = readEarlyConfig();
const authLevel = httpAccess === 'entra' ? 'anonymous' : 'function';

for (const operation of operations) {
  const { id, path, method } = operation;
  app.http(id, { route: `api/${path}`, methods: [method], authLevel, handler: respond(operation) });
}

// DPS calls it. It cannot sign in, so the handler checks the key of the group (`?code=`); the host checks none.
app.http('allocate-device', {
  route: `api/${allocationRoute}`,
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: allocationHandler(),
});

// Its files hold no data: what the console shows, it asks the API for. The build puts them beside the bundle.
const files = readConsole(new URL('../console/', import.meta.url), httpAccess);
app.http('console', {
  route: 'console/{*path}',
  methods: ['GET', 'HEAD'],
  authLevel: 'anonymous',
  handler: consoleFile(files),
});
// The host names a function with an empty route by its name. This route is empty, too, and the host keeps it.
app.http('root', {
  route: '{ignored:maxlength(0)?}',
  methods: ['GET', 'HEAD'],
  authLevel: 'anonymous',
  handler: consolePage,
});
