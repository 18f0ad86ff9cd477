import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest, type HttpRequestInit, InvocationContext } from '@azure/functions';
import { settingNames } from '../../../functions/config/settings.ts';
import { type AnswerEst, answerEst } from '../../../functions/est/answer.ts';
import { maxBodyBytes } from '../../../functions/est/limits.ts';
import { FleetError } from '../../../lib/errors.ts';

for (const name of settingNames) delete process.env[name];

const invocationId = 'the-invocation';

async function answerOf(handle: AnswerEst, init: Partial<HttpRequestInit> = {}) {
  const lines: string[] = [];
  const context = new InvocationContext({
    functionName: 'simpleenroll',
    invocationId,
    logHandler: (_, line) => void lines.push(String(line)),
  });
  const url = 'https://est.example.com/.well-known/est/line7~1/simpleenroll';
  const request = new HttpRequest({ method: 'POST', url, params: { label: 'line7~1' }, ...init });
  const answer = await answerEst('simpleenroll', handle)(request, context);
  assert.ok(answer && 'headers' in answer);
  return {
    status: answer.status,
    body: answer.body,
    headers: new Headers(answer.headers as Record<string, string>),
    lines,
  };
}

const never: AnswerEst = () => assert.fail('the operation was called');

describe('an answer of the EST server', () => {
  // The services are built once per process, so this comes first.
  it('tells a caller nothing of its settings, and the log everything', async () => {
    const { status, body, headers, lines } = await answerOf(never);
    assert.equal(status, 500);
    assert.equal(body, `The EST server failed. Its log has the reason (${invocationId}).`);
    assert.match(headers.get('content-type') ?? '', /^text\/plain/);
    assert.match(lines.join('\n'), /"event":"request failed".*"code":"setting-invalid"/);
  });

  it('refuses a body that is too long, by its length or when it was read', async () => {
    const long = 'x'.repeat(maxBodyBytes + 1);
    const declared: Record<string, string> = { 'content-length': String(long.length) };
    for (const headers of [declared, {}]) {
      const { status, body } = await answerOf(never, { body: { string: long }, headers });
      assert.deepEqual([status, body], [413, `The request has more than ${maxBodyBytes} bytes.`]);
    }
  });

  it('refuses a body that the host did not pass on, and a certificate that cannot be read', async () => {
    const chunked = await answerOf(never, { headers: { 'transfer-encoding': 'chunked' } });
    assert.deepEqual([chunked.status, chunked.body], [400, 'The request has no Content-Length.']);
    const unreadable = await answerOf(never, { headers: { 'x-arr-clientcert': 'AAAA' } });
    assert.deepEqual(
      [unreadable.status, unreadable.body],
      [400, 'The client certificate is not an X.509 certificate.'],
    );
  });

  it('gives the operation the label and the body, and sends its answer as base64', async () => {
    Object.assign(process.env, {
      AzureWebJobsStorage: 'UseDevelopmentStorage=true',
      COSMOS_ENDPOINT: 'http://localhost:8081',
      COSMOS_KEY: 'bG9jYWwga2V5',
      DPS_CONNECTION_STRING: 'HostName=localhost:8443;SharedAccessKeyName=provisioning;SharedAccessKey=c2VjcmV0',
      DPS_ID_SCOPE: '0ne00000000',
      HUB_CONNECTION_STRING: 'HostName=localhost:8443;SharedAccessKeyName=owner;SharedAccessKey=c2VjcmV0',
      CA_KEY_DIRECTORY: '.local/ca',
      AUDIT_KEY_DIRECTORY: '.local/audit',
      RECONCILE_SCHEDULE: '0 */10 * * * *',
    });
    const handle: AnswerEst = async ({ label, body, clientCertificate }) => {
      assert.equal(clientCertificate, undefined);
      return { status: 200, contentType: 'application/pkcs7-mime', body: `${label} ${body}` };
    };
    const { status, body, headers } = await answerOf(handle, { body: { string: 'a request' } });
    assert.deepEqual([status, body], [200, 'line7~1 a request']);
    assert.equal(headers.get('content-type'), 'application/pkcs7-mime');
    assert.equal(headers.get('content-transfer-encoding'), 'base64');
  });

  it('is the reason in plain text when the operation refuses, with the time to wait', async () => {
    const refused: AnswerEst = () => {
      throw new FleetError('throttled', 'DPS is busy.', { retryAfter: 2.5 });
    };
    const { status, body, headers } = await answerOf(refused);
    assert.deepEqual([status, body, headers.get('retry-after')], [503, 'DPS is busy.', '3']);
    assert.match(headers.get('content-type') ?? '', /^text\/plain/);
  });

  it('has no body with 204', async () => {
    const { status, body } = await answerOf(async () => ({ status: 204, body: '' }));
    assert.deepEqual([status, body], [204, undefined]);
  });
});
