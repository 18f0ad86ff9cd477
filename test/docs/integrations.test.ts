import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { eventSchema, events } from '../../functions/http/event-schemas.ts';
import type { CloudEvent } from '../../lib/events/cloud-event.ts';
import { type EventType, eventTypes } from '../../lib/outbox.ts';
import { dynamicsMessage, idocStatus, sapConfirmation, teamsMessage } from './integration-messages.ts';
import { realEvents } from './real-events.ts';

/*
 * The JSON of docs/integrations.md is what the pipeline sends. `UPDATE_DOCS=1 npx node --test test/docs/integrations.test.ts`
 * writes it into the page.
 */

const page = new URL('../../docs/integrations.md', import.meta.url);
const block = /<!-- (event|message): ([\w.-]+) -->\n+```json\n([\s\S]*?)\n```/g;

const real = await realEvents();

function eventOf(type: EventType): CloudEvent {
  return real.get(type) ?? assert.fail(`no event ${type}`);
}

const messages: Readonly<Record<string, () => unknown>> = {
  'sap-confirmation': () => sapConfirmation(eventOf('fleet.order.finished')),
  'idoc-accepted': () => idocStatus(eventOf('fleet.order.accepted')),
  'idoc-refused': () => idocStatus(eventOf('fleet.order.refused')),
  dynamics: () => dynamicsMessage(eventOf('fleet.order.finished')),
  teams: () => teamsMessage(eventOf('fleet.order.finished')),
};

function shown(kind: string, name: string): string {
  const value = kind === 'event' ? eventOf(name as EventType) : messages[name]?.();
  return JSON.stringify(value, undefined, 2);
}

describe('docs/integrations.md', () => {
  it('shows events as they are sent, and what adapters make of them', () => {
    const text = readFileSync(page, 'utf8');
    const written = text.replaceAll(block, (_, kind, name) => {
      return `<!-- ${kind}: ${name} -->\n\n\`\`\`json\n${shown(kind, name)}\n\`\`\``;
    });
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, written);
    else assert.equal(text, written);
    const names = [...text.matchAll(block)].map(([, , name]) => name);
    for (const name of Object.keys(messages)) assert.ok(names.includes(name), name);
  });

  it('lists every event with its meaning', () => {
    const text = readFileSync(page, 'utf8');
    for (const { type, meaning } of events) assert.ok(text.includes(`| \`${type}\` | ${meaning} |`), type);
  });
});

describe('an event', () => {
  for (const type of eventTypes.filter((each) => each !== 'fleet.webhook.test')) {
    it(`${type} has what docs/openapi.json says, and nothing else`, () => {
      const event = JSON.parse(JSON.stringify(eventOf(type)));
      // A schema of zod leaves out members that it does not know.
      assert.deepEqual(eventSchema(type).parse(event), event);
    });
  }
});
