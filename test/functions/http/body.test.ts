import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import functions from '@azure/functions';
import { bodyOf, checkContentLength, dropRestOfBody, maxBodyBytes, readBody } from '../../../functions/http/body.ts';
import { operations } from '../../../functions/http/operations.ts';
import type { FleetError } from '../../../lib/errors.ts';
import { operation as operationOf } from '../../operation.ts';
import { until } from '../../until.ts';

const url = 'https://fleet.example/api/x';
const root = fileURLToPath(new URL('../../../', import.meta.url));

function requestOf(length: number) {
  const nullableHeaders = { 'content-length': { value: String(length) } };
  return new functions.HttpRequest({ method: 'POST', url, nullableHeaders } as never);
}

/** A chunked request: a body of some pieces, without a Content-Length. It counts the pieces that were read. */
function chunkedRequest(pieces: number, pieceBytes: number) {
  let read = 0;
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (read === pieces) return controller.close();
        read += 1;
        controller.enqueue(new Uint8Array(pieceBytes));
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const nativeRequest = new Request(url, { method: 'POST', body, duplex: 'half' } as RequestInit);
  const request = new functions.HttpRequest({ nativeRequest } as never);
  return { request, read: () => read, cancelled: () => cancelled };
}

describe('the body of a request', () => {
  it('has a limit for every operation', () => {
    for (const operation of operations) assert.ok(maxBodyBytes(operation) >= 4 * 1024, operation.id);
  });

  it('has its limit documented where it is read', () => {
    const text = readFileSync(new URL('../../../docs/host.md', import.meta.url), 'utf8');
    for (const operation of operations) {
      const bytes = maxBodyBytes(operation);
      if (operation.body === undefined) assert.equal(bytes, 4 * 1024);
      const limit = bytes < 1024 * 1024 ? `${bytes / 1024} KiB` : `${bytes / 1024 / 1024} MiB`;
      if (operation.body !== undefined) assert.ok(text.includes(`| \`${operation.id}\` | ${limit}`), operation.id);
    }
    assert.match(text, /\| all others \| 4 KiB, not read \|/);
  });

  it('is refused by its Content-Length, one byte beyond the limit, before it is read', () => {
    for (const operation of operations) {
      const limit = maxBodyBytes(operation);
      checkContentLength(operation, requestOf(limit));
      const isManifest = operation.id === 'submit-job' || operation.id === 'create-check';
      const code = isManifest ? 'manifest-too-large' : 'request-too-large';
      assert.throws(() => checkContentLength(operation, requestOf(limit + 1)), { code, status: 413 });
    }
  });

  it('is counted when it has no Content-Length, and read no further than the limit', async () => {
    const operation = operationOf('put-enrollment-group');
    const limit = maxBodyBytes(operation);
    const fits = chunkedRequest(16, limit / 16);
    const parts = await Array.fromAsync(bodyOf(operation, fits.request));
    assert.equal(Buffer.concat(parts).length, limit);

    const tooLong = chunkedRequest(1000, limit / 16);
    await assert.rejects(Array.fromAsync(bodyOf(operation, tooLong.request)), { code: 'request-too-large' });
    assert.equal(tooLong.read(), 17);
    assert.equal(tooLong.cancelled(), false, 'the answer is sent on the same connection');
  });

  it('is read to its end after a refusal, so that the next request of its connection gets an answer', async () => {
    const { request, read, cancelled } = chunkedRequest(100, 1024);
    for await (const _ of bodyOf(operationOf('submit-job'), request)) break;
    assert.ok(read() < 100);
    await dropRestOfBody(request);
    assert.deepEqual([read(), cancelled()], [100, false]);
  });

  it('is read to its end while an operation answers with an error', async () => {
    const { request, read } = chunkedRequest(100, 1024);
    request.headers.set('content-type', 'text/csv; charset=klingon');
    const context = { services: {} as never, caller: { name: 'test' } as never, requestId: '1' };
    await assert.rejects(operationOf('create-check').answer(request, context), { code: 'manifest-format' });
    await until(() => read() === 100);
  });

  const jsonOf = (body: string | Buffer) => {
    const nativeRequest = new Request(url, {
      method: 'PUT',
      body: typeof body === 'string' ? body : new Uint8Array(body),
    });
    return readBody(operationOf('put-enrollment-group'), new functions.HttpRequest({ nativeRequest } as never));
  };

  it('of JSON can have a byte order mark, and be UTF-16 with one, as PowerShell writes it', async () => {
    for (const encoding of ['utf8', 'utf16le'] as const)
      assert.deepEqual(await jsonOf(Buffer.from('\ufeff{"a": "ü"}', encoding)), { a: 'ü' });
  });

  for (const [body, message] of [
    ['{"a": 1,}', 'The body is not JSON at line 1, column 9. A comma stands before a closing bracket. Remove it.'],
    ['{"a": 1', 'The body is not JSON at line 1, column 8. It ends before its last bracket or quote.'],
    ['', 'There is no body. Send a JSON object.'],
    [
      Buffer.from('{"a": "M\xfcnchen"}', 'latin1'),
      'The body is not UTF-8: the byte at offset 8 is 0xfc. Send it as UTF-8.',
    ],
    ['['.repeat(100_000), 'The body is not JSON at line 1, column 100001.'],
  ] as const) {
    it(`that is not JSON is refused with the place: ${String(body).slice(0, 20)}`, () =>
      assert.rejects(jsonOf(body), (error: Error) => error.message.startsWith(message)));
  }

  describe('of JSON, in pieces of one byte and without a Content-Length, as .NET sends it', () => {
    const bodies: readonly (string | Buffer)[] = [
      ...['', '{}', '\ufeff{}', '{"ключ": "значение"}', '{"a": 1,}', '{"a"', '[]', 'null', '{"a":1,"a":2}'],
      ...[Buffer.from('\ufeff{"a": "ü"}', 'utf16le'), Buffer.from('{"a": "\xfc"}', 'latin1')],
    ];
    const takers = operations.filter(({ body }) => body?.kind === 'json' || body?.kind === 'json-unchecked');

    async function outcome(taker: (typeof takers)[number], body: string | Buffer, chunked: boolean): Promise<unknown> {
      const bytes = new Uint8Array(Buffer.from(body as string));
      const pieces = new ReadableStream<Uint8Array>({
        start(controller) {
          for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
          controller.close();
        },
      });
      const given = { method: 'PUT', body: chunked ? pieces : bytes, duplex: 'half' } as RequestInit;
      const request = new functions.HttpRequest({ nativeRequest: new Request(url, given) } as never);
      try {
        return { value: await readBody(taker, request) };
      } catch (error) {
        const { code, message } = error as FleetError;
        return { code, message };
      }
    }

    it('is read by each operation as it is in one piece, and refused for the same reason', async () => {
      assert.ok(takers.length > 5);
      let refused = 0;
      for (const taker of takers) {
        for (const body of bodies) {
          const whole = await outcome(taker, body, false);
          assert.deepEqual(await outcome(taker, body, true), whole, `${taker.id}: ${body}`);
          if (Object.hasOwn(whole as object, 'code')) refused += 1;
        }
      }
      assert.ok(refused > takers.length);
    });

    it('is read here and nowhere else', () => {
      // The EST server takes 16 KiB at most, and no streams: est/answer.ts.
      const readers = globSync('functions/**/*.ts', { cwd: root }).filter((file) =>
        /request\.(?:json|text|arrayBuffer|blob|formData|body)\b/.test(readFileSync(join(root, file), 'utf8')),
      );
      assert.deepEqual(readers.sort(), ['functions/est/answer.ts', 'functions/http/body.ts']);
    });
  });

  it('of JSON may not have a member twice, since only the last one counts', async () => {
    const nativeRequest = new Request(url, { method: 'PUT', body: '{"keyCustody":"plain","keyCustody":"device"}' });
    const request = new functions.HttpRequest({ nativeRequest } as never);
    const message = 'Member "keyCustody" of the body stands twice. Remove one of the two.';
    await assert.rejects(readBody(operationOf('put-enrollment-group'), request), { code: 'request-invalid', message });
  });

  it('is empty when there is none', async () => {
    const request = new functions.HttpRequest({ method: 'POST', url } as never);
    assert.deepEqual(await Array.fromAsync(bodyOf(operationOf('submit-job'), request)), []);
  });
});
