import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { HttpRequest } from '@azure/functions';
import type { Services } from '../../../functions/services.ts';
import { someTime } from '../../factories.ts';
import { createEventPorts } from '../../lib/events/event-ports.ts';
import { createMemoryAudit } from '../../memory/audit.ts';
import { operation } from '../../operation.ts';

function someApi() {
  const events = createEventPorts();
  const audit = createMemoryAudit();
  const { webhooks, secrets } = events;
  const services = {
    webhookAdmin: { webhooks, secrets, now: () => someTime, randomBytes },
    events: events.ports,
    allowPrivateReceivers: false,
    audit,
    now: () => someTime,
    newId: () => 'some-id',
  } as unknown as Services;
  const caller = { name: 'Ada', id: '1', role: 'operator' } as const;

  async function call(id: string, params: Record<string, string> = {}, body?: unknown) {
    const { method, answer } = operation(id);
    const string = body === undefined ? undefined : JSON.stringify(body);
    const url = 'https://fleet.example.com/api/webhooks';
    const request = new HttpRequest({ method, url, params, ...(string !== undefined && { body: { string } }) });
    const { status, jsonBody, body: text } = await answer(request, { services, caller, requestId: 'request-1' });
    return { status, json: (jsonBody ?? JSON.parse(String(text ?? '{}'))) as Record<string, unknown> };
  }
  return { ...events, audit, call };
}

const url = 'https://erp.example.com/events?code=secret';

describe('the API of webhooks', () => {
  it('shows a secret once, and the query of the address never again', async () => {
    const { call, secrets } = someApi();
    const { status, json } = await call('create-webhook', {}, { url });
    assert.equal(status, 201);
    const { webhook, secret } = json as { webhook: Record<string, unknown>; secret: string };
    assert.deepEqual([...secrets.values.values()], [secret]);
    assert.equal(webhook['url'], 'https://erp.example.com/events?redacted');
    assert.ok(!(webhook['types'] as string[]).includes('fleet.device.assigned'));
    const params = { webhookId: String(webhook['webhookId']) };
    for (const answer of [await call('list-webhooks'), await call('get-webhook', params)]) {
      assert.doesNotMatch(JSON.stringify(answer), /whsec_|code=secret|webhook-wh/);
    }
    const rotated = await call('rotate-webhook-secret', params);
    assert.notEqual(rotated.json['secret'], secret);
  });

  it('leaves the host in the audit trail, and nothing of the secret, the path and the query', async () => {
    const { call, audit } = someApi();
    const { json } = await call(
      'create-webhook',
      {},
      { url: 'https://hooks.example.com/services/T1/token?code=secret' },
    );
    const { webhookId } = (json as { webhook: { webhookId: string } }).webhook;
    assert.deepEqual(audit.entries.at(-1)?.details, { webhookId, host: 'hooks.example.com' });
    assert.doesNotMatch(JSON.stringify(audit.entries), /whsec_|token|code=/);
  });

  for (const wrong of [
    { url: 'http://erp.example.com/' },
    { url: 'https://10.0.0.1/' },
    { url: 'https://localhost/' },
    { url: 'https://user:password@erp.example.com/' },
    { url, types: [] },
    { url, types: ['fleet.nothing'] },
    { url, more: 1 },
    {},
  ]) {
    it(`refuses ${JSON.stringify(wrong)}`, async () => {
      await assert.rejects(someApi().call('create-webhook', {}, wrong), { code: 'request-invalid' });
    });
  }

  it('has no more webhooks than it can serve', async () => {
    const { call } = someApi();
    for (let made = 0; made < 20; made++) await call('create-webhook', {}, { url });
    await assert.rejects(call('create-webhook', {}, { url }), { code: 'method-conflict' });
  });

  it('sends a test event, lists its delivery, and deletes the webhook', async () => {
    const { call, delayed } = someApi();
    const { json } = await call('create-webhook', {}, { url, types: ['fleet.job.ended'] });
    const { webhookId } = (json as { webhook: { webhookId: string } }).webhook;
    const tested = await call('test-webhook', { webhookId });
    assert.equal(tested.status, 202);
    assert.deepEqual(
      delayed.map(({ message }) => message.deliveryId),
      [tested.json['deliveryId']],
    );
    const { json: listed } = await call('list-event-deliveries', { webhookId });
    const [delivery] = (listed as unknown as { deliveries: Record<string, unknown>[] }).deliveries;
    assert.deepEqual([delivery?.['state'], delivery?.['types']], ['waiting', ['fleet.webhook.test']]);
    assert.equal((await call('delete-webhook', { webhookId })).status, 204);
    await assert.rejects(call('get-webhook', { webhookId }), { code: 'not-found' });
    await assert.rejects(call('delete-webhook', { webhookId }), { code: 'not-found' });
  });
});
