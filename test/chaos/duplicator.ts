import { randomUUID } from 'node:crypto';
import type { QueueClient } from '@azure/storage-queue';
import type { Answer, Interference } from './proxy.ts';
import type { Random } from './random.ts';

export interface Duplicator {
  readonly interfere: Interference;
  readonly metrics: { sent: number; delivered: number };
}

export interface DuplicatorOptions {
  readonly random: Random;
  /** A client that bypasses the proxy. */
  readonly queueOf: (name: string) => QueueClient;
  /** Longest delay of a copy. Best longer than the job takes, so that copies arrive after its end. */
  readonly latestSeconds: number;
}

/** Puts each message on its queue one to three times, each copy with a random delay, so that no order is kept. */
export function createDuplicator({ random, queueOf, latestSeconds }: DuplicatorOptions): Duplicator {
  const metrics = { sent: 0, delivered: 0 };
  return {
    metrics,
    async interfere({ method, path, body }, forward) {
      const [, queue] = /^\/[^/]+\/([^/?]+)\/messages(\?|$)/.exec(path) ?? [];
      if (method !== 'POST' || queue === undefined) return { answer: await forward() };
      const text = /<MessageText>([\s\S]*)<\/MessageText>/.exec(body.toString())?.[1] ?? '';
      // The delay that the sender asked for is added.
      const asked = Number(/[?&]visibilitytimeout=(\d+)/.exec(path)?.[1] ?? 0);
      const copies = random.between(1, 3);
      metrics.sent += 1;
      metrics.delivered += copies;
      for (let copy = 0; copy < copies; copy++) {
        const late = random.chance(0.5) ? random.between(0, latestSeconds) : 0;
        await queueOf(queue).sendMessage(unescaped(text), { visibilityTimeout: asked + late });
      }
      return { answer: accepted() };
    },
  };
}

function unescaped(text: string): string {
  const entities: Record<string, string> = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&apos;': "'", '&amp;': '&' };
  return text
    .replaceAll(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replaceAll(/&(lt|gt|quot|apos|amp);/g, (entity) => entities[entity] ?? entity);
}

/** https://learn.microsoft.com/rest/api/storageservices/put-message#response-body */
function accepted(): Answer {
  const now = new Date().toUTCString();
  const message = [
    `<MessageId>${randomUUID()}</MessageId><InsertionTime>${now}</InsertionTime><ExpirationTime>${now}</ExpirationTime>`,
    `<PopReceipt>none</PopReceipt><TimeNextVisible>${now}</TimeNextVisible>`,
  ].join('');
  const body = `<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage>${message}</QueueMessage></QueueMessagesList>`;
  return { status: 201, headers: { 'content-type': 'application/xml' }, body: Buffer.from(body) };
}
