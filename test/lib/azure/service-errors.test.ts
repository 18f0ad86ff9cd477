import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { iotAnswer, unexpectedAnswer } from '../../../lib/azure/iot.ts';
import { calling, causeOfRefusal, serviceError, statusOf, unlessStatus } from '../../../lib/azure/service-errors.ts';
import { FleetError } from '../../../lib/errors.ts';

/* What the SDKs throw, in the forms that they have. */

const sdkError = (fields: object, message = 'refused') => Object.assign(new Error(message), fields);
/** As `items.bulk` and `items.batch` of @azure/cosmos throw it. */
const wrapped = (cause: Error) => new Error('', { cause });

describe('the status in an error of an SDK', () => {
  it('is its statusCode, or a code that is a number', () => {
    assert.equal(statusOf(sdkError({ statusCode: 404 })), 404);
    assert.equal(statusOf(sdkError({ code: 412 })), 412);
    assert.equal(statusOf(sdkError({ statusCode: 404, code: 412 })), 404);
    assert.equal(statusOf(sdkError({ code: 'ENOTFOUND' })), undefined);
    assert.equal(statusOf(new Error('x')), undefined);
  });

  it('is that of its cause where it has none itself', () => {
    assert.equal(statusOf(wrapped(sdkError({ code: 449 }))), 449);
    assert.equal(statusOf(wrapped(wrapped(sdkError({ statusCode: 503 })))), 503);
    assert.equal(statusOf(Object.assign(wrapped(sdkError({ code: 449 })), { code: 'E' })), undefined);
    assert.equal(statusOf(new Error('', { cause: 'text' })), undefined);
  });
});

describe('an error of an SDK', () => {
  const codeOf = (error: unknown) => (serviceError('Cosmos DB', error) as FleetError).code;

  it('says that the service throttles, with the wait that it asks for', () => {
    const throttled = (fields: object) => {
      const error = serviceError('Cosmos DB', sdkError({ statusCode: 429, ...fields }));
      assert.ok(error instanceof FleetError && error.code === 'throttled' && error.retry);
      return error.details.retryAfter;
    };
    assert.equal(throttled({}), undefined);
    assert.equal(throttled({ retryAfterInMs: 1001 }), 2);
    assert.equal(throttled({ retryAfterInMs: 0 }), 0);
    assert.equal(throttled({ response: { headers: { 'retry-after': '7' } } }), 7);
    assert.equal(throttled({ response: { headers: new Map([['retry-after', '8']]) } }), 8);
    assert.equal(throttled({ response: { headers: { 'retry-after': '-3' } } }), 0);
    assert.equal(throttled({ response: { headers: { 'retry-after': 'Sat, 28 Nov 2026 09:00:00 GMT' } } }), undefined);
    const inCause = serviceError('Cosmos DB', wrapped(sdkError({ code: 429, retryAfterInMs: 2000 })));
    assert.ok(inCause instanceof FleetError);
    assert.equal(inCause.details.retryAfter, 2);
  });

  it('says that the identity is refused', () => {
    for (const statusCode of [401, 403]) {
      const error = serviceError('Key Vault', sdkError({ statusCode }));
      assert.ok(error instanceof FleetError && error.code === 'unavailable');
      assert.match(error.message, new RegExp(`Key Vault refuses this app's identity \\(HTTP ${statusCode}\\)`));
    }
  });

  it('says that the service is not there, or failed', () => {
    for (const statusCode of [408, 449, 500, 503, 599]) assert.equal(codeOf(sdkError({ statusCode })), 'unavailable');
    for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'REQUEST_SEND_ERROR', 'PARSE_ERROR'])
      assert.equal(codeOf(sdkError({ code })), 'unavailable', code);
    for (const name of ['AbortError', 'TimeoutError']) assert.equal(codeOf(sdkError({ name })), 'unavailable', name);
    assert.equal(codeOf(wrapped(sdkError({ code: 'ECONNRESET' }))), 'unavailable');
  });

  it('is itself where it is an answer, or a mistake of this app', () => {
    for (const fields of [
      { statusCode: 400 },
      { statusCode: 404 },
      { statusCode: 409 },
      { statusCode: 499 },
      {},
      { code: 'Exxx' },
    ]) {
      const error = sdkError(fields);
      assert.equal(serviceError('Cosmos DB', error), error);
    }
    const own = new FleetError('not-found', 'x');
    assert.equal(serviceError('Cosmos DB', own), own);
  });

  it('is translated when it is thrown', async () => {
    await assert.rejects(
      calling('DPS', () => Promise.reject(sdkError({ statusCode: 503 }))),
      { code: 'unavailable' },
    );
    assert.equal(await calling('DPS', async () => 7), 7);
  });
});

describe('a status that is an answer', () => {
  it('is undefined, and any other one an error', async () => {
    const refuse = (statusCode: number | undefined) =>
      unlessStatus([404, 412], () => Promise.reject(sdkError({ statusCode })));
    assert.equal(await refuse(404), undefined);
    assert.equal(await refuse(412), undefined);
    await assert.rejects(refuse(409), { statusCode: 409 });
    await assert.rejects(refuse(undefined), /refused/);
    assert.equal(await unlessStatus([404], async () => 7), 7);
  });
});

describe('the cause of a refusal', () => {
  it('is the status and the code of the service, wherever an SDK has it', () => {
    const cases: readonly [error: unknown, status: number | undefined, code: string | undefined][] = [
      [sdkError({ statusCode: 403, code: 'AuthorizationFailure' }), 403, 'AuthorizationFailure'],
      [
        sdkError({ statusCode: 403, details: { errorCode: 'AuthorizationPermissionMismatch' } }),
        403,
        'AuthorizationPermissionMismatch',
      ],
      [
        sdkError({
          statusCode: 403,
          code: 'Forbidden',
          details: { error: { innererror: { code: 'ForbiddenByRbac' } } },
        }),
        403,
        'ForbiddenByRbac',
      ],
      [
        sdkError({ response: { status: 409, headers: { 'x-ms-error-code': 'BlockCountExceedsLimit' } } }),
        409,
        'BlockCountExceedsLimit',
      ],
      [sdkError({ response: { statusCode: 404 } }), 404, undefined],
      [sdkError({ code: 'a code with blanks' }), undefined, undefined],
      [sdkError({ name: 'AggregateAuthenticationError' }), undefined, 'AuthenticationError'],
      [sdkError({ name: 'CredentialUnavailableError' }), undefined, 'CredentialUnavailableError'],
      [sdkError({ name: 'SomeError' }), undefined, undefined],
      ['text', undefined, undefined],
      [null, undefined, undefined],
    ];
    for (const [error, status, code] of cases) {
      const expected = { ...(status !== undefined && { status }), ...(code !== undefined && { code }) };
      assert.deepEqual(causeOfRefusal(error), expected, JSON.stringify(error));
    }
  });

  it('is found in the causes of an error of this app, whose own code says nothing', () => {
    const inner = sdkError({ statusCode: 403, code: 'Forbidden' });
    assert.deepEqual(causeOfRefusal(new FleetError('unavailable', 'x', { cause: inner })), {
      status: 403,
      code: 'Forbidden',
    });
    assert.deepEqual(causeOfRefusal(sdkError({ code: 'Outer', cause: sdkError({ code: 'Inner', statusCode: 401 }) })), {
      ...{ status: 401, code: 'Outer' },
    });
  });

  it('is looked for in six links at most, so a ring of causes ends', () => {
    const ring: Error = sdkError({});
    Object.assign(ring, { cause: ring });
    assert.deepEqual(causeOfRefusal(ring), {});
    const deep = (links: number): unknown =>
      links === 0 ? sdkError({ code: 'Deepest' }) : sdkError({ cause: deep(links - 1) });
    assert.equal(causeOfRefusal(deep(5)).code, 'Deepest');
    assert.equal(causeOfRefusal(deep(6)).code, undefined);
  });
});

describe('an answer of DPS', () => {
  const answered = (statusCode: number, responseBody?: string) =>
    sdkError({ response: { statusCode }, ...(responseBody !== undefined && { responseBody }) });

  it('has its code and its message, or the status', () => {
    assert.deepEqual(iotAnswer(answered(400, '{"errorCode":400004,"message":"No."}')), {
      errorCode: 400_004,
      message: 'No.',
    });
    assert.deepEqual(iotAnswer(answered(400, '{}')), { errorCode: 400, message: 'no message' });
    assert.deepEqual(iotAnswer(answered(400, '<html>')), { errorCode: 400, message: 'no message' });
    assert.deepEqual(iotAnswer(sdkError({})), { errorCode: 0, message: 'no message' });
  });

  it('that nobody expects names the service', () => {
    const error = unexpectedAnswer('DPS', answered(400, '{"errorCode":400004,"message":"No."}'));
    assert.ok(error instanceof FleetError && error.code === 'unavailable');
    assert.equal(error.message, 'DPS answered HTTP 400: 400004 No.');
    const own = new FleetError('throttled', 'x');
    assert.equal(unexpectedAnswer('DPS', own), own);
    const none = sdkError({});
    assert.equal(unexpectedAnswer('DPS', none), none);
  });
});
