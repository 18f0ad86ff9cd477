import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { readUpload, uploadMediaTypes } from '../../../functions/http/upload.ts';
import { FleetError } from '../../../lib/errors.ts';

const MiB = 1024 * 1024;
const csv = 'deviceId,tags.ort\ngw-1,Köln\n';
const ndjson = '{"deviceId":"gw-1"}\n';

/** A body in small pieces, so that whatever is looked for lies across two of them. It counts the bytes that were read. */
function bodyOf(text: string | Buffer, pieceBytes = 7) {
  const bytes = Buffer.from(text);
  const counted = { read: 0 };
  const body = (async function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const piece = bytes.subarray(at, at + pieceBytes);
      counted.read += piece.length;
      yield piece;
    }
  })();
  return { body, counted };
}

async function readAll(headers: Record<string, string>, body: AsyncIterable<Uint8Array>, maxBytes = 100 * MiB) {
  const upload = await readUpload(new Headers(headers), body, maxBytes);
  return { format: upload.format, text: Buffer.concat(await Array.fromAsync(upload.body)).toString() };
}

const read = (headers: Record<string, string>, text: string | Buffer) => readAll(headers, bodyOf(text).body);

describe('the media type of an upload', () => {
  const taken: [type: string, text: string, format: string][] = [
    ['text/csv', csv, 'csv'],
    ['text/csv; charset=utf-8; header=present', csv, 'csv'],
    ['TEXT/CSV; Charset="UTF-8"', csv, 'csv'],
    ['application/csv', csv, 'csv'],
    ['text/comma-separated-values', csv, 'csv'],
    ['text/tab-separated-values', csv, 'csv'],
    ['application/vnd.ms-excel', csv, 'csv'],
    ['text/plain', csv, 'csv'],
    ['text/plain;charset=UTF-8', ndjson, 'ndjson'],
    ['application/octet-stream', `\ufeff\n ${ndjson}`, 'ndjson'],
    ['application/x-www-form-urlencoded', csv, 'csv'],
    ['application/x-ndjson', ndjson, 'ndjson'],
    ['application/jsonl', ndjson, 'ndjson'],
    ['application/x-jsonlines', ndjson, 'ndjson'],
    ['application/json-seq', `\x1e${ndjson}`, 'ndjson'],
    // The reader names a file of another kind.
    ['text/csv', ndjson, 'csv'],
  ];
  for (const [type, text, format] of taken) {
    it(`is taken: ${type}, ${format}`, async () =>
      assert.deepEqual(await read({ 'content-type': type }, text), { format, text }));
  }

  it('of UTF-16 is found by its bytes', async () => {
    const body = Buffer.from(`\ufeff${ndjson}`, 'utf16le');
    assert.equal((await read({ 'content-type': 'text/plain' }, body)).format, 'ndjson');
  });

  for (const type of [
    '',
    'application/json',
    'text/json',
    'application/pdf',
    'text/html',
    'nonsense',
    'multipart/mixed; boundary=x',
  ]) {
    it(`is refused before the body is read: "${type}"`, async () => {
      const { body, counted } = bodyOf(csv);
      const json = type.endsWith('json') ? 'Write one JSON object per line' : '';
      const refusal = { code: 'manifest-format', status: 415, message: new RegExp(`Expected text/csv.*${json}`) };
      await assert.rejects(readAll({ 'content-type': type }, body), refusal);
      assert.equal(counted.read, 0);
    });
  }

  it('is in the description of the API', () => {
    for (const type of ['text/csv', 'application/x-ndjson', 'application/vnd.ms-excel', 'multipart/form-data'])
      assert.ok(type in uploadMediaTypes, type);
  });

  it('without a body is refused', async () => {
    for (const headers of [{}, { 'content-encoding': 'gzip' }] as Record<string, string>[]) {
      const body = 'content-encoding' in headers ? gzipSync('') : '';
      await assert.rejects(read({ 'content-type': 'text/csv', ...headers }, body), { code: 'manifest-empty' });
    }
  });
});

describe('the charset of an upload', () => {
  const latin1 = Buffer.from(csv, 'latin1');
  const utf16 = Buffer.from(csv, 'utf16le');
  const taken: [charset: string, what: string, body: Buffer][] = [
    ['windows-1252', 'Windows-1252', latin1],
    ['"ISO-8859-1"', 'ISO 8859-1', latin1],
    ['us-ascii', 'UTF-8', Buffer.from(csv)],
    ['utf8', 'UTF-8', Buffer.from(csv)],
    ['utf-16le', 'UTF-16 without a byte order mark', utf16],
    ['utf-16', 'UTF-16 without a byte order mark', utf16],
    ['utf-16', 'big-endian UTF-16 without a byte order mark', Buffer.from(utf16).swap16()],
    ['utf-16be', 'big-endian UTF-16 without a byte order mark', Buffer.from(utf16).swap16()],
  ];
  for (const [charset, what, body] of taken) {
    it(`is obeyed: ${charset} for ${what}`, async () =>
      assert.equal((await read({ 'content-type': `text/csv; charset=${charset}` }, body)).text, csv));
  }

  it('yields to a byte order mark, which the reader decodes', async () => {
    const marked = [
      Buffer.from(`\ufeff${csv}`),
      Buffer.from(`\ufeff${csv}`, 'utf16le'),
      Buffer.from(`\ufeff${csv}`, 'utf16le').swap16(),
    ];
    for (const body of marked) {
      for (const charset of ['utf-8', 'windows-1252', 'utf-16', 'utf-16be']) {
        const upload = await readUpload(
          new Headers({ 'content-type': `text/csv; charset=${charset}` }),
          bodyOf(body).body,
          MiB,
        );
        assert.deepEqual(Buffer.concat(await Array.fromAsync(upload.body)), body, charset);
      }
    }
  });

  it('is refused by its name when it is unknown', async () => {
    const refusal = {
      code: 'manifest-format',
      status: 415,
      message: /The charset "klingon" of the Content-Type is not known/,
    };
    await assert.rejects(read({ 'content-type': 'text/csv; charset=klingon' }, csv), refusal);
  });

  it('that the bytes are not in is an error, with the offset of the byte', async () => {
    const readAs = (charset: string, bytes: Buffer) => read({ 'content-type': `text/csv; charset=${charset}` }, bytes);
    const half = Buffer.from([0x00, 0xd8]);
    await assert.rejects(readAs('utf-16le', Buffer.concat([utf16, half])), {
      code: 'manifest-encoding',
      message: `The body is not utf-16le, as its Content-Type says: at offset ${utf16.length + 2}, it ends inside a character. Save the list as UTF-8.`,
    });
    // Half of a pair shows with the character behind it; 0xff is not in Shift_JIS.
    for (const [charset, wrong, at] of [
      ['utf-16le', Buffer.concat([half, utf16]), 3],
      ['shift_jis', Buffer.from([0xff]), 0],
    ] as const) {
      for (const before of [0, 2, 6, 8, 64]) {
        const good = Buffer.from('a'.repeat(before), charset === 'utf-16le' ? 'utf16le' : 'latin1');
        const name = new RegExp(
          `^The body is not ${charset}, .*: at offset ${good.length + at}, the byte there does not`,
        );
        await assert.rejects(readAs(charset, Buffer.concat([good, wrong, good])), { message: name });
      }
    }
  });
});

describe('an upload in gzip', () => {
  const headers = { 'content-type': 'text/csv', 'content-encoding': 'gzip' };

  it('is unpacked, also in several members', async () => {
    assert.equal((await read(headers, gzipSync(csv))).text, csv);
    assert.equal((await read({ ...headers, 'content-encoding': 'X-GZIP' }, gzipSync(csv))).text, csv);
    assert.equal((await read(headers, Buffer.concat([gzipSync(csv), gzipSync(csv)]))).text, csv + csv);
  });

  const broken: [what: string, body: Buffer][] = [
    ['is not gzip', Buffer.from(csv)],
    ['ends early', gzipSync(csv).subarray(0, -9)],
    ['has a wrong check sum', Buffer.concat([gzipSync(csv).subarray(0, -8), Buffer.alloc(8, 1)])],
    ['has more behind its end', Buffer.concat([gzipSync(csv), Buffer.from('and more')])],
  ];
  for (const [what, body] of broken) {
    it(`is refused when it ${what}`, async () => {
      for (const pieceBytes of [1, 1000]) {
        await assert.rejects(readAll(headers, bodyOf(body, pieceBytes).body), { code: 'request-invalid', status: 400 });
      }
    });
  }

  it('is refused when bytes come late behind its end', async () => {
    const body = (async function* () {
      yield gzipSync(csv);
      await new Promise((later) => setTimeout(later, 20));
      yield Buffer.from('late');
    })();
    await assert.rejects(readAll(headers, body), { code: 'request-invalid' });
  });

  it('is refused once it unpacks to more than the limit', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MiB, 'a'));
    const { body } = bodyOf(bomb, 4096);
    const upload = await readUpload(new Headers(headers), body, MiB);
    let bytes = 0;
    await assert.rejects(
      async () => {
        for await (const part of upload.body) bytes += part.byteLength;
      },
      { code: 'manifest-too-large', status: 413 },
    );
    assert.ok(bytes <= MiB, `${bytes} bytes were handed on`);
  });

  for (const encoding of ['br', 'deflate', 'gzip, gzip', 'zstd']) {
    it(`has its encoding named when it is another one: ${encoding}`, async () => {
      const { body, counted } = bodyOf(csv);
      const refusal = { code: 'manifest-format', status: 415, message: /The Content-Encoding is ".*Expected gzip/ };
      await assert.rejects(readAll({ ...headers, 'content-encoding': encoding }, body), refusal);
      assert.equal(counted.read, 0);
    });
  }
});

describe('an upload as a form', () => {
  const headers = { 'content-type': 'multipart/form-data; boundary=x' };
  const file = (name: string, text: string, type = 'text/csv') =>
    `Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n${text}`;
  const field = (name: string, text: string) => `Content-Disposition: form-data; name="${name}"\r\n\r\n${text}`;
  const form = (...parts: string[]) => `${parts.map((part) => `--x\r\n${part}\r\n`).join('')}--x--\r\n`;

  const taken: [what: string, form: string, format: string, text: string][] = [
    ['with one file', form(file('list.csv', csv)), 'csv', csv],
    ['with text around it', `preamble\r\n${form(file('list.csv', csv))}epilogue`, 'csv', csv],
    [
      'whose name says more than its type',
      form(file('list.jsonl', ndjson, 'application/octet-stream')),
      'ndjson',
      ndjson,
    ],
    ['whose name says more than Windows does', form(file('Liste.CSV', csv, 'application/vnd.ms-excel')), 'csv', csv],
    ['whose type says more than its name', form(file('list.txt', ndjson, 'application/x-ndjson')), 'ndjson', ndjson],
    ['whose bytes say more than both', form(file('list', ndjson, 'text/plain')), 'ndjson', ndjson],
  ];
  for (const [what, body, format, text] of taken) {
    it(`is read: ${what}`, async () => {
      assert.deepEqual(await read(headers, body), { format, text });
      assert.deepEqual(await read({ ...headers, 'content-encoding': 'gzip' }, gzipSync(body)), { format, text });
    });
  }

  const many = form(...Array.from({ length: 10_000 }, (_, index) => file(`${index}.csv`, csv)));
  const refused: [what: string, body: string, message: RegExp, code?: string][] = [
    ['has two files', form(file('a.csv', csv), file('b.csv', csv)), /several files: "a\.csv" and "b\.csv"\. Send one/],
    ['has many files', many, /several files: "0\.csv" and "1\.csv"/],
    [
      'has a field before its file',
      form(field('onConflict', 'replace'), file('a.csv', csv)),
      /the field "onConflict".*parameters of the URL/,
    ],
    ['has a field behind its file', form(file('a.csv', csv), field('group', 'line7')), /the field "group"/],
    ['has the list as a field', form(field('list', csv)), /the field "list".*curl -F file=@list\.csv/],
    ['has no part', form(), /The form has no file/],
    ['is no form', csv, /The form is not whole/],
    ['is empty', '', /The form is not whole/],
    ['ends in the middle', form(file('a.csv', csv)).slice(0, -12), /The form is not whole/],
    ['ends in a header', '--x\r\nContent-Disposition: fo', /The form is not whole/],
    ['has endless headers', `--x\r\nX-Long: ${'x'.repeat(MiB)}`, /The form is not whole/],
    [
      'has its file in base64',
      form(file('a.csv', csv).replace('\r\n\r\n', '\r\nContent-Transfer-Encoding: base64\r\n\r\n')),
      /Content-Transfer-Encoding "base64"/,
    ],
    ['has an empty file', form(file('a.csv', '')), /no body/, 'manifest-empty'],
    [
      'has another kind of file',
      form(file('a.pdf', 'x', 'application/pdf')),
      /of "a\.pdf" is "application\/pdf"/,
      'manifest-format',
    ],
  ];
  for (const [what, body, message, code = 'request-invalid'] of refused) {
    it(`is refused when it ${what}`, async () => {
      for (const pieceBytes of [7, 65_536]) {
        await assert.rejects(readAll(headers, bodyOf(body, pieceBytes).body), { code, message });
      }
    });
  }

  it('is refused without a boundary', async () => {
    const refusal = { code: 'request-invalid', message: /has no boundary/ };
    await assert.rejects(read({ 'content-type': 'multipart/form-data' }, form(file('a.csv', csv))), refusal);
  });

  it('ends with the error of its body, such as a body over the limit', async () => {
    const tooLarge = new FleetError('manifest-too-large', 'The body is too large.');
    const body = (async function* () {
      yield Buffer.from(`--x\r\n${file('a.csv', csv)}`);
      for (let index = 0; index < 20; index += 1) yield Buffer.alloc(65_536, 'a\n');
      throw tooLarge;
    })();
    await assert.rejects(readAll(headers, body), tooLarge);
  });

  it('is read in blocks: a large file is never whole in memory', async () => {
    let ahead = 0;
    let most = 0;
    const body = (async function* () {
      yield Buffer.from(`--x\r\n${file('a.csv', csv)}`);
      for (let index = 0; index < 256; index += 1) {
        ahead += 65_536;
        most = Math.max(most, ahead);
        yield Buffer.alloc(65_536, 'a\n');
      }
      yield Buffer.from('\r\n--x--\r\n');
    })();
    const upload = await readUpload(new Headers(headers), body, 100 * MiB);
    let bytes = 0;
    for await (const part of upload.body) {
      ahead -= part.byteLength;
      bytes += part.byteLength;
      await new Promise(setImmediate);
    }
    assert.equal(bytes, 256 * 65_536 + Buffer.byteLength(csv));
    assert.ok(most < MiB, `${most} bytes were read ahead`);
  });
});

describe('an upload that a page sends', () => {
  const headers = { 'content-type': 'text/plain', 'sec-fetch-site': 'cross-site' };

  it('of another site, with nothing but the cookie of a user, is refused', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const { body, counted } = bodyOf(csv);
      await assert.rejects(readAll({ ...headers, 'sec-fetch-site': site }, body), { code: 'forbidden', status: 403 });
      assert.equal(counted.read, 0);
    }
  });

  it('of this site, or with a key or a token, is taken', async () => {
    const taken: Record<string, string>[] = [
      { 'sec-fetch-site': 'same-origin' },
      { 'x-functions-key': 'k' },
      { authorization: 'Bearer x' },
    ];
    for (const more of taken) assert.equal((await read({ ...headers, ...more }, csv)).text, csv);
  });
});
