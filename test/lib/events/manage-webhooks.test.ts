import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  createWebhook,
  deleteWebhook,
  enableWebhook,
  type ManagePorts,
  readWebhook,
  rotateSecret,
} from '../../../lib/events/manage-webhooks.ts';
import { someTime } from '../../factories.ts';
import { createMemorySecrets, createMemoryWebhookStore } from '../../memory/webhook-store.ts';

const wanted = { url: 'https://erp.example.com/', types: ['fleet.job.ended'] as const, description: 'the ERP' };

function somePorts() {
  const webhooks = createMemoryWebhookStore();
  const secrets = createMemorySecrets();
  const given: Uint8Array[] = [];
  const ports: ManagePorts = {
    ...{ webhooks, secrets, now: () => someTime },
    randomBytes: (length) => {
      const bytes = randomBytes(length);
      given.push(bytes);
      return bytes;
    },
  };
  return { webhooks, secrets, ports, given };
}

describe('a webhook', () => {
  it('is stored with who declared it, and its secret is nowhere but in the secret store', async () => {
    const { webhooks, secrets, ports, given } = somePorts();
    const { webhook, secret } = await createWebhook(wanted, 'Ada (1)', ports);
    assert.match(webhook.webhookId, /^wh-[0-9a-f]{16}$/);
    assert.match(secret, /^whsec_[\w+/]{43}=$/);
    const [{ name = '' } = {}] = webhook.secrets;
    assert.match(name, new RegExp(`^webhook-${webhook.webhookId}-[0-9a-f]{8}$`));
    assert.deepEqual(webhook, {
      ...{ webhookId: webhook.webhookId, ...wanted, secrets: [{ name }] },
      created: { by: 'Ada (1)', at: someTime.toISOString() },
    });
    assert.deepEqual((await webhooks.read(webhook.webhookId))?.value, webhook);
    assert.deepEqual([...secrets.values], [[name, secret]]);
    const [bytes] = given.filter(({ length }) => length === 32);
    assert.deepEqual(bytes, Buffer.alloc(32));
  });

  it('is refused beside 20 others', async () => {
    const { webhooks, secrets, ports } = somePorts();
    for (let count = 0; count < 20; count++) await createWebhook(wanted, 'ada', ports);
    await assert.rejects(createWebhook(wanted, 'ada', ports), { code: 'method-conflict', message: /There are 20/ });
    assert.deepEqual([(await webhooks.list()).length, secrets.values.size], [20, 20]);
  });

  it('that is not there cannot be read, changed or deleted, and no secret is made for it', async () => {
    const { secrets, ports } = somePorts();
    for (const act of [readWebhook, rotateSecret, enableWebhook, deleteWebhook])
      await assert.rejects(Promise.resolve(act('wh-0', ports)), { code: 'not-found', message: /"wh-0"/ });
    assert.equal(secrets.values.size, 0);
  });

  it('has its secret before the last one for 24 hours more, and no older one', async () => {
    const { secrets, ports } = somePorts();
    const { webhook } = await createWebhook(wanted, 'ada', ports);
    const first = await rotateSecret(webhook.webhookId, ports);
    const second = await rotateSecret(webhook.webhookId, ports);
    const [newest, before, ...older] = second.webhook.secrets;
    assert.deepEqual([newest?.until, older], [undefined, []]);
    assert.deepEqual(before, { ...first.webhook.secrets[0], until: '2026-11-24T08:00:00.000Z' });
    assert.deepEqual([...secrets.values.values()], [first.secret, second.secret]);
  });

  it('is changed beside a delivery that notes its success, and not for ever', async () => {
    const { webhooks, ports } = somePorts();
    const { webhook } = await createWebhook(wanted, 'ada', ports);
    const { webhookId } = webhook;
    const lose = (times: number): ManagePorts => {
      let lost = 0;
      const replace: typeof webhooks.replace = async (value) => (lost++ < times ? false : webhooks.replace(value));
      return { ...ports, webhooks: { ...webhooks, replace } };
    };
    const read = (await webhooks.read(webhookId)) ?? assert.fail();
    await webhooks.replace({ ...read, value: { ...read.value, disabled: { at: 'then', why: 'gone' } } });
    await assert.rejects(enableWebhook(webhookId, lose(10)), { code: 'concurrent-change' });
    assert.equal((await enableWebhook(webhookId, lose(9))).disabled, undefined);
    assert.deepEqual((await webhooks.read(webhookId))?.value, webhook);
  });

  it('takes its secrets with it when it is deleted, and no others', async () => {
    const { webhooks, secrets, ports } = somePorts();
    const { webhook } = await createWebhook(wanted, 'ada', ports);
    const kept = await createWebhook(wanted, 'ada', ports);
    await rotateSecret(webhook.webhookId, ports);
    await deleteWebhook(webhook.webhookId, ports);
    assert.deepEqual([...secrets.values.values()], [kept.secret]);
    assert.deepEqual(await webhooks.list(), [kept.webhook]);
  });
});
