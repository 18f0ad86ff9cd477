import { app } from '@azure/functions';
import { readEarlyConfig } from '../config.ts';
import { operations } from './operations.ts';
import { respond } from './respond.ts';

/**
 * Whether the host asks for a function key before a function runs. With signed-in users, built-in authentication lets
 * callers in and `respond` checks their role.
 */
const authLevel = readEarlyConfig().httpAccess === 'entra' ? 'anonymous' : 'function';

for (const operation of operations) {
  const { id, path: route, method } = operation;
  app.http(id, { route, methods: [method], authLevel, handler: respond(operation) });
}
