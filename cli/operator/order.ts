import { readFile } from 'node:fs/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { findStack } from '../../infra/local/stack/running-stack.ts';
import { NotText, textOf } from '../../lib/jobs/message-text.ts';
import { repeatedMember } from '../../lib/manifest/json-text.ts';
import type { Context } from '../context.ts';
import { CliError, exitCodes } from '../errors.ts';

/** Sends an order to the queue of the local stack, as an ERP system does with the connection string. */
export async function sendOrder({ output, say }: Context, file: string): Promise<undefined> {
  const order = decoded(await readFile(file), file);
  // The host parses the message, and would keep the last of the two.
  const repeated = repeatedMember(order);
  if (repeated !== undefined) {
    throw new CliError(exitCodes.failed, `${file} has the member "${repeated}" twice. Remove one of the two.`);
  }
  const { storageConnectionString } = await findStack();
  const orders = QueueServiceClient.fromConnectionString(storageConnectionString).getQueueClient('orders');
  const { messageId } = await orders.sendMessage(order);
  await output.one({ file, queue: 'orders', messageId }, () => [
    `Sent ${file} to the queue orders as message ${messageId}.`,
  ]);
  say('next: fleet jobs --source order; if the order is invalid, fleet dead-letters list');
  return undefined;
}

function decoded(bytes: Buffer, file: string): string {
  try {
    return textOf(bytes);
  } catch (error) {
    if (!(error instanceof NotText)) throw error;
    throw new CliError(exitCodes.failed, `${file} ${error.message} Save it as UTF-8.`);
  }
}
