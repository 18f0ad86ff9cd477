import * as z from 'zod';
import { actorName } from '../../lib/access/act.ts';
import { excerpt, FleetError } from '../../lib/errors.ts';
import { cloudEvent } from '../../lib/events/cloud-event.ts';
import { beginDelivery, defaultTypes } from '../../lib/events/delivery.ts';
import {
  createWebhook,
  deleteWebhook,
  enableWebhook,
  readWebhook,
  rotateSecret,
} from '../../lib/events/manage-webhooks.ts';
import { deliveryStates, eventGridTarget, maxWebhooks, type Webhook } from '../../lib/events/webhook.ts';
import { urlIssue, withoutQuery } from '../../lib/groups/url-rule.ts';
import { eventId, eventTypes } from '../../lib/outbox.ts';
import { reasonText } from './device-blocks.ts';
import { defineOperation } from './operation.ts';
import { pageEnd, pageIn, pageQuery } from './pages.ts';
import { word } from './parameters.ts';
import { act, count, pageLinks, time } from './schemas.ts';

const eventType = z.enum(eventTypes).meta({ id: 'EventType', description: 'See docs/integrations.md.' });

const wanted = z
  .strictObject({
    url: z.string().min(1).max(2000).describe('An absolute https URL, on the internet. Its query is not shown again.'),
    types: z
      .array(eventType)
      .min(1)
      .max(eventTypes.length)
      .optional()
      .describe('Absent: all but `fleet.device.assigned`, which comes once per device.'),
    description: reasonText.optional().describe('For people: what is behind the address.'),
  })
  .meta({ id: 'WantedWebhook' });

const webhook = z
  .object({
    webhookId: z.string(),
    url: z.string().describe('With `redacted` in the place of its query.'),
    types: z.array(eventType).readonly(),
    description: z.string().optional(),
    created: act.readonly(),
    secrets: z
      .array(z.object({ until: time.optional().describe('Absent: the newest one.') }).readonly())
      .readonly()
      .describe('The secrets that sign, newest first. No answer shows them again.'),
    disabled: z
      .object({ at: time, why: z.string() })
      .readonly()
      .optional()
      .describe('Why nothing is sent. `POST …/enable` ends that.'),
    lastSuccessAt: time.optional().describe('When a delivery succeeded last, to the hour.'),
    links: z.object({ self: z.string(), deliveries: z.string() }).describe('Paths.'),
  })
  .readonly()
  .meta({ id: 'Webhook' });

const withSecret = z
  .object({ webhook, secret: z.string().describe('`whsec_` and base64 (Standard Webhooks). It is shown only here.') })
  .readonly()
  .meta({ id: 'WebhookWithSecret' });

const delivery = z
  .object({
    deliveryId: z.string().describe('The id of its event; of a batch a digest of their ids.'),
    state: z.enum(deliveryStates),
    types: z.array(eventType).readonly(),
    subject: z.string().describe('Of its first event.'),
    events: count,
    attempts: count,
    createdAt: time,
    lastAttemptAt: time.optional(),
    nextAttemptAt: time.optional(),
    lastError: z.string().optional(),
  })
  .readonly()
  .meta({ id: 'EventDelivery' });

const target = z
  .string()
  .regex(/^(?:wh-[0-9a-f]{16}|event-grid)$/, {
    error: ({ input }) => `There is no webhook "${excerpt(String(input))}".`,
  })
  .describe('Id of a webhook.');
const pathParameters = z.object({ webhookId: target });
const access = { role: 'operator', perGroup: false } as const;

function webhookView({ secrets, url, ...shown }: Webhook): z.input<typeof webhook> {
  const self = `/api/webhooks/${shown.webhookId}`;
  return {
    ...shown,
    url: withoutQuery(url),
    secrets: secrets.map(({ until }) => (until === undefined ? {} : { until })),
    links: { self, deliveries: `${self}/deliveries` },
  };
}

const create = defineOperation({
  ...access,
  id: 'create-webhook',
  method: 'POST',
  path: 'webhooks',
  summary: 'Have events posted to an address',
  description: `Signed as in Standard Webhooks. There are ${maxWebhooks} webhooks at most.`,
  body: { kind: 'json', description: 'The address, and which events.', schema: wanted, maxBytes: 8192 },
  answers: { 201: { description: 'The webhook, with its secret.', schema: withSecret } },
  errors: ['method-conflict'],
  async handle({ body: { url, types, description }, services, caller, note }) {
    const issue = urlIssue(url, { allowPrivate: services.allowPrivateReceivers });
    if (issue !== undefined) throw FleetError.of('request-invalid', 'The webhook', [{ path: 'url', message: issue }]);
    const made = await createWebhook(
      { url, types: types ?? defaultTypes(eventTypes), ...(description !== undefined && { description }) },
      actorName(caller),
      services.webhookAdmin,
    );
    // Readers see the audit trail, and the path of such a URL is often its secret.
    note({ webhookId: made.webhook.webhookId, host: new URL(url).host });
    return { status: 201, json: { webhook: webhookView(made.webhook), secret: made.secret } };
  },
});

const list = defineOperation({
  ...access,
  id: 'list-webhooks',
  method: 'GET',
  path: 'webhooks',
  summary: 'All webhooks',
  answers: {
    200: {
      description: 'By id.',
      schema: z
        .object({ webhooks: z.array(webhook).readonly() })
        .readonly()
        .meta({ id: 'Webhooks' }),
    },
  },
  async handle({ services }) {
    return { status: 200, json: { webhooks: (await services.webhookAdmin.webhooks.list()).map(webhookView) } };
  },
});

const get = defineOperation({
  ...access,
  id: 'get-webhook',
  method: 'GET',
  path: 'webhooks/{webhookId}',
  summary: 'One webhook',
  pathParameters,
  answers: { 200: { description: 'The webhook.', schema: webhook } },
  errors: ['not-found'],
  async handle({ path, services }) {
    return { status: 200, json: webhookView((await readWebhook(path.webhookId, services.webhookAdmin)).value) };
  },
});

const remove = defineOperation({
  ...access,
  id: 'delete-webhook',
  method: 'DELETE',
  path: 'webhooks/{webhookId}',
  summary: 'Delete a webhook and its secrets',
  takesRightsAway: true,
  pathParameters,
  answers: { 204: { description: 'It is deleted. Deliveries that wait end as failed.' } },
  errors: ['not-found'],
  async handle({ path, services }) {
    await deleteWebhook(path.webhookId, services.webhookAdmin);
    return { status: 204 };
  },
});

const rotate = defineOperation({
  ...access,
  id: 'rotate-webhook-secret',
  method: 'POST',
  path: 'webhooks/{webhookId}/rotate-secret',
  summary: 'Give a webhook another secret',
  description: 'For 24 hours, each message is signed with both secrets.',
  pathParameters,
  answers: { 200: { description: 'The webhook, with its new secret.', schema: withSecret } },
  errors: ['not-found', 'concurrent-change'],
  async handle({ path, services }) {
    const { webhook: changed, secret } = await rotateSecret(path.webhookId, services.webhookAdmin);
    return { status: 200, json: { webhook: webhookView(changed), secret } };
  },
});

const enable = defineOperation({
  ...access,
  id: 'enable-webhook',
  method: 'POST',
  path: 'webhooks/{webhookId}/enable',
  summary: 'Send to a webhook again that was disabled',
  description: 'Events from the time between are not sent. `GET …/deliveries` lists what failed before.',
  pathParameters,
  answers: { 200: { description: 'The webhook.', schema: webhook } },
  errors: ['not-found', 'concurrent-change'],
  async handle({ path, services }) {
    return { status: 200, json: webhookView(await enableWebhook(path.webhookId, services.webhookAdmin)) };
  },
});

const test = defineOperation({
  ...access,
  id: 'test-webhook',
  method: 'POST',
  path: 'webhooks/{webhookId}/test',
  summary: 'Send a test event to a webhook',
  description: 'A `fleet.webhook.test`, delivered as every other event.',
  pathParameters,
  answers: {
    202: {
      description: 'It will be sent.',
      schema: z.object({ deliveryId: z.string() }).readonly().meta({ id: 'WebhookTest' }),
    },
  },
  errors: ['not-found'],
  async handle({ path: { webhookId }, services, requestId, caller }) {
    await readWebhook(webhookId, services.webhookAdmin);
    const type = 'fleet.webhook.test';
    const id = eventId(type, webhookId, requestId, services.newId());
    const data = { webhookId, by: actorName(caller), links: { webhook: `/api/webhooks/${webhookId}` } };
    const owed = { id, type, subject: `webhooks/${webhookId}`, time: services.now().toISOString(), data } as const;
    await beginDelivery(webhookId, cloudEvent(owed, services.events.apiUrl), services.events.deliveries);
    return { status: 202, json: { deliveryId: id } };
  },
});

const deliveries = defineOperation({
  ...access,
  id: 'list-event-deliveries',
  method: 'GET',
  path: 'webhooks/{webhookId}/deliveries',
  summary: 'What was sent to a webhook, and why it failed',
  description: `Kept for 30 days. \`${eventGridTarget}\` in the place of an id lists what was sent to the Event Grid topic.`,
  pathParameters,
  query: z.object({
    ...pageQuery,
    state: word(deliveryStates).optional().describe('Deliveries in this state only.'),
  }),
  answers: {
    200: {
      description: 'One page, newest first.',
      schema: z.object({ deliveries: z.array(delivery).readonly(), ...pageLinks }).meta({ id: 'EventDeliveries' }),
    },
  },
  errors: ['not-found'],
  async handle({ path: { webhookId }, query, request, services }) {
    const page = { ...pageIn(request, query), state: query.state };
    const { items, continuation } = await services.webhookAdmin.webhooks.deliveries(webhookId, page);
    const shown = items.map(({ events, target: _target, ...rest }) => ({
      ...rest,
      types: [...new Set(events.map(({ type }) => type))],
      subject: events[0]?.subject ?? '',
      events: events.length,
    }));
    return { status: 200, json: { deliveries: shown, ...pageEnd(request, continuation) } };
  },
});

export const webhookOperations = [create, list, get, remove, rotate, enable, test, deliveries];
