import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HTTP, CloudEvent as OfficialCloudEvent } from 'cloudevents';
import { createEventGridPublisher } from '../../../lib/azure/event-grid.ts';
import { cloudEvent } from '../../../lib/events/cloud-event.ts';

const endpoint = 'https://topic.westeurope-1.eventgrid.azure.net/api/events';
const credential = { getToken: async () => ({ token: 'some-token', expiresOnTimestamp: Date.now() + 3_600_000 }) };

type Client = NonNullable<NonNullable<Parameters<typeof createEventGridPublisher>[1]>['httpClient']>;
type Sent = Parameters<Client['sendRequest']>[0];

function publisher(status: number) {
  const sent: Sent[] = [];
  const httpClient: Client = {
    async sendRequest(request) {
      sent.push(request);
      const headers = request.headers;
      return { request, status, headers, bodyAsText: '' };
    },
  };
  return { sent, publish: createEventGridPublisher({ endpoint, credential }, { maxRetries: 0, httpClient }) };
}

const events = [1, 2].map((n) => {
  const data = { jobId: `${n}`, links: { job: '/api/jobs/1' } };
  const owed = {
    id: `evt_${n}`,
    type: 'fleet.job.ended',
    subject: `jobs/${n}`,
    time: '2026-11-27T18:00:00.000Z',
    data,
  } as const;
  return cloudEvent(owed, 'https://fleet.example.com');
});

describe('the Event Grid topic', () => {
  it('gets a batch of CloudEvents by identity, which the official package reads', async () => {
    const { sent, publish } = publisher(200);
    await publish(events);
    const [request, ...others] = sent;
    assert.deepEqual(others, []);
    assert.match(
      request?.url ?? '',
      /^https:\/\/topic\.westeurope-1\.eventgrid\.azure\.net\/api\/events\?api-version=2018-01-01/,
    );
    assert.equal(request?.headers.get('authorization'), 'Bearer some-token');
    assert.match(request?.headers.get('content-type') ?? '', /^application\/cloudevents-batch\+json/);
    const body = String(request?.body);
    const read = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents-batch+json' }, body });
    assert.ok(Array.isArray(read));
    for (const [index, event] of read.entries()) {
      assert.ok(event instanceof OfficialCloudEvent && event.validate());
      const { id, source, type, subject, time, data } = events[index] ?? assert.fail();
      assert.deepEqual(
        [event.id, event.source, event.type, event.subject, event.time],
        [id, source, type, subject, time],
      );
      assert.deepEqual(event.data, data);
    }
  });

  for (const [status, code] of [
    [429, 'throttled'],
    [401, 'unavailable'],
    [503, 'unavailable'],
  ] as const) {
    it(`that answers ${status} is ${code}`, async () => {
      await assert.rejects(publisher(status).publish(events), { code });
    });
  }

  it('that never answers is unavailable after a time', async () => {
    const httpClient: Client = {
      sendRequest: ({ abortSignal }) =>
        new Promise((_, reject) => {
          abortSignal?.addEventListener('abort', () =>
            reject(Object.assign(new Error('aborted'), { name: 'AbortError' })),
          );
        }),
    };
    const publish = createEventGridPublisher({ endpoint, credential }, { maxRetries: 0, timeoutMs: 50, httpClient });
    // AbortSignal.timeout does not keep the process running, as the socket of a request does.
    const running = setTimeout(() => {}, 5000);
    await assert.rejects(publish(events), { code: 'unavailable' });
    clearTimeout(running);
  });
});
