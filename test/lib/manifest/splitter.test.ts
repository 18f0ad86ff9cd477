import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FleetError } from '../../../lib/errors.ts';
import { maxChunkBytes, maxRecordBytes } from '../../../lib/manifest/manifest.ts';
import { splitManifest } from '../../../lib/manifest/splitter.ts';
import { assertEvery } from '../../assert-every.ts';
import { pieces, readManifest } from './read-manifest.ts';

const split = (manifest: string | Uint8Array, chunkRows = 2, format: 'csv' | 'ndjson' = 'csv') =>
  splitManifest(pieces(Buffer.from(manifest as string)), { format, chunkRows });

/** A file of any size that needs no memory: the same piece many times. Counts the bytes sent. */
function endless(head: string, piece: Buffer, times: number) {
  const source = { sent: 0 };
  async function* stream() {
    yield Buffer.from(head);
    for (let time = 0; time < times; time += 1) {
      source.sent += piece.length;
      yield piece;
    }
  }
  return { source, stream: stream() };
}

describe('splitting a manifest', () => {
  it('finds byte ranges that begin and end with a row', async () => {
    const manifest = 'deviceId,tags.a\ngw-1,1\ngw-2,2\ngw-3,3\n';
    const { shape, chunks, rows } = await split(manifest);
    assert.deepEqual(shape, { format: 'csv', delimiter: ',', columns: ['deviceId', 'tags.a'] });
    assert.equal(rows, 3);
    assert.deepEqual(chunks, [
      { chunk: 0, start: 16, end: 30, firstLine: 2, rows: 2 },
      { chunk: 1, start: 30, end: 37, firstLine: 4, rows: 1 },
    ]);
    assert.equal(manifest.slice(30, 37), 'gw-3,3\n');
  });

  it('keeps a quoted field with line ends in one row, and counts its lines', async () => {
    const manifest = 'deviceId,tags.a\r\ngw-1,"a\r\nb ""x"",\r\n"\r\ngw-2,2\r\n\r\ngw-3,"\n"';
    const { requests } = await readManifest(manifest, { chunkRows: 1 });
    assert.deepEqual(
      requests.map(({ line, deviceId, tags }) => [line, deviceId, tags]),
      [
        [2, 'gw-1', { a: 'a\r\nb "x",\r\n' }],
        [5, 'gw-2', { a: '2' }],
        [7, 'gw-3', { a: '\n' }],
      ],
    );
  });

  it('accepts a file without a last line end, with a byte order mark and with blank lines', async () => {
    const manifest = '\ufeff\n\r\ndeviceId\n\ngw-1\n\n\ngw-2';
    const { shape, requests } = await readManifest(manifest);
    assert.deepEqual(shape, { format: 'csv', delimiter: ',', columns: ['deviceId'], bom: true });
    assert.deepEqual(
      requests.map(({ line, deviceId }) => [line, deviceId]),
      [
        [5, 'gw-1'],
        [8, 'gw-2'],
      ],
    );
  });

  it('reads NDJSON line by line, quotes or not', async () => {
    const manifest = '\ufeff{"deviceId":"gw-1","tags":{"a":"\\""}}\r\n\n{"deviceId":"gw-2"}';
    const { shape, requests } = await readManifest(manifest, { format: 'ndjson', chunkRows: 1 });
    assert.deepEqual(shape, { format: 'ndjson', bom: true });
    assert.deepEqual(
      requests.map(({ line, deviceId, tags }) => [line, deviceId, tags]),
      [
        [1, 'gw-1', { a: '"' }],
        [3, 'gw-2', {}],
      ],
    );
  });

  it('closes a chunk before it exceeds 4 MiB', async () => {
    const row = `gw,${'x'.repeat(maxRecordBytes - 100)}\n`;
    const { chunks } = await split(`deviceId,tags.a\n${row.repeat(9)}`, 250);
    assert.deepEqual(
      chunks.map(({ rows }) => rows),
      [4, 4, 1],
    );
    assertEvery(chunks, ({ start, end }) => end - start <= maxChunkBytes);
  });
});

describe('a file that another program wrote in its own way', () => {
  const rows = 'deviceId;tags.a\r\ngw-1;ä\r\ngw-2;2\r\n';
  const repaired: [what: string, file: string | Buffer, repairs: object][] = [
    ['has several byte order marks', `\ufeff\ufeff\ufeff${rows}`, { bom: 1 }],
    ['is UTF-16', Buffer.from(`\ufeff${rows}`, 'utf16le'), { 'utf-16': 1 }],
    ['is big-endian UTF-16', Buffer.from(`\ufeff${rows}`, 'utf16le').swap16(), { 'utf-16': 1 }],
    ['has lines that end in CR', rows.replaceAll('\n', ''), { 'line-ends': 2 }],
    ['has lines that end in CRCRLF', rows.replaceAll('\r', '\r\r'), { 'line-ends': 2 }],
    ['has one CR among its line ends', rows.replace('ä\r\n', 'ä\r'), { 'line-ends': 1 }],
    ['names its delimiter', `sep=;\r\n${rows}`, { 'sep-line': 1 }],
    ['names its delimiter and was saved again', `\ufeff"sep=;";;\r\n${rows}`, { 'sep-line': 1 }],
    ['has rows of delimiters', `;;\r\n${rows};\r\n"" ; \r\n;\u00a0\r\n`.replace('"" ', '""'), { 'blank-rows': 4 }],
    ['has rows of blanks', rows.replace('gw-2', ' \t\r\n\f\r\n\ufeff\r\ngw-2'), { 'blank-rows': 3 }],
    ['ends with Ctrl-Z', `${rows}\x1a`, { 'blank-rows': 1 }],
    ['has a row of record separators', `${rows}\x1e\r\n`, { 'blank-rows': 1 }],
    ['ends with zero bytes', `${rows}${'\0'.repeat(300)}`, { tail: 1 }],
    ['has other names of columns', rows.replace('deviceId', 'Device ID'), { 'header-names': 1 }],
    ['has columns without a name', rows.replaceAll('\r\n', ';;\r\n'), { 'empty-columns': 2 }],
    ['has bars between its cells', rows.replaceAll(';', '|'), {}],
  ];
  for (const [what, file, repairs] of repaired) {
    it(`is read, and its repairs are counted, when it ${what}`, async () => {
      for (const [pieceBytes, blockBytes] of [
        [undefined, undefined],
        [1, 8],
        [3, 8],
        [7, 11],
      ]) {
        const read = await readManifest(file, { chunkRows: 1, pieceBytes, blockBytes });
        assert.deepEqual(
          read.requests.map(({ deviceId, tags }) => [deviceId, tags]),
          [
            ['gw-1', { a: 'ä' }],
            ['gw-2', { a: '2' }],
          ],
        );
        assert.deepEqual([read.faults, read.repairs], [[], repairs]);
      }
    });
  }
});

describe('a row of control characters that are not blanks', () => {
  for (const character of ['\x01', '\x08', '\x1b', '\x7f']) {
    it(`has its error, when it is U+${character.charCodeAt(0).toString(16).padStart(4, '0')}`, async () => {
      const read = await readManifest(`deviceId,tags.a\n${character},\ngw-1,1\n`);
      assert.deepEqual(
        [read.requests.map(({ deviceId }) => deviceId), read.faults.map(({ line }) => line), read.repairs],
        [['gw-1'], [2], {}],
      );
    });
  }
});

describe('a file that is not a manifest', () => {
  const text = 'deviceId,tags.a\ngw-1,ä\n';
  const refused: [what: string, file: string | Buffer, code: string, message: RegExp][] = [
    ['is empty', '', 'manifest-empty', /is empty/],
    ['is a byte order mark', '\ufeff', 'manifest-empty', /is empty/],
    ['has blank lines only', '\n\r\n\n', 'manifest-empty', /is empty/],
    ['has a header only', 'deviceId,tags.a\n\n', 'manifest-empty', /a header but no row/],
    ['has only a header without a line end', 'deviceId', 'manifest-empty', /a header but no row/],
    ['has no header', 'gw-1,line7\ngw-2,line7\n', 'manifest-header', /the line looks like a device/],
    ['is UTF-16 without a mark', Buffer.from(text, 'utf16le'), 'manifest-encoding', /UTF-16/],
    ['is big-endian UTF-16', Buffer.from(text, 'utf16le').swap16(), 'manifest-encoding', /UTF-16/],
    ['is Latin-1', Buffer.from(text, 'latin1'), 'manifest-encoding', /not UTF-8. See byte 21, on line 2/],
    ['ends within a character', Buffer.from(text).subarray(0, -2), 'manifest-encoding', /See byte 21, on line 2/],
    [
      'has half of a surrogate pair',
      Buffer.from('deviceId\n\xed\xa0\x80', 'latin1'),
      'manifest-encoding',
      /byte 9, on line 2/,
    ],
    ['is a workbook', Buffer.from('504b030414000600', 'hex'), 'manifest-not-text', /Excel workbook/],
    ['is gzip', gzipSync(text), 'manifest-not-text', /gzip/],
    ['is PDF', '%PDF-1.7\n', 'manifest-not-text', /PDF/],
    ['has a zero byte', 'deviceId\ngw-1\ngw-\x002', 'manifest-not-text', /zero byte.*See byte 17, on line 3/],
    [
      'has a quote that never closes',
      'deviceId,tags.a\ngw-1,1\ngw-2,"2\ngw-3,3\n',
      'manifest-quote',
      /opens on line 3/,
    ],
    [
      'ends within a code unit of UTF-16',
      Buffer.from('fffe6400', 'hex').subarray(0, 3),
      'manifest-encoding',
      /not UTF-16/,
    ],
    ['has zero bytes before more rows', 'deviceId\ngw-1\n\0\0gw-2\n', 'manifest-not-text', /See byte 14, on line 3/],
    ['is zero bytes only', Buffer.alloc(100), 'manifest-not-text', /zero byte/],
    ['is RTF', '{\\rtf1\\ansi deviceId', 'manifest-not-text', /RTF document/],
    ['is HTML', '<!DOCTYPE html>\n<html>', 'manifest-not-text', /is HTML/],
    ['is XML', '<?xml version="1.0"?>\n<Workbook>', 'manifest-not-text', /is XML/],
    ['is JSON', '[{"deviceId":"gw-1"}]', 'manifest-format', /is JSON/],
    [
      'has a title',
      'Shipping list 4711,,\n,,\ndeviceId,tags.a,tags.b\ngw-1,1,2\n',
      'manifest-header',
      /seems to be on line 3/,
    ],
    ['has comment lines', '# made by us\n# today\ndeviceId\ngw-1\n', 'manifest-header', /seems to be on line 3/],
  ];
  for (const [what, file, code, message] of refused) {
    it(`is refused when it ${what}`, () => assert.rejects(split(file), { code, message }));
  }

  it('is refused when it is one array instead of NDJSON', () =>
    assert.rejects(split('[\n{"deviceId":"gw-1"}]', 2, 'ndjson'), {
      code: 'manifest-format',
      message: /without brackets/,
    }));

  it('is refused when it is CSV instead of NDJSON', () =>
    assert.rejects(split('\n\ndeviceId,tags.a\ngw-1,1\n', 2, 'ndjson'), {
      code: 'manifest-format',
      message: /is CSV/,
    }));

  it('is refused for its first error, whatever the size of its pieces', async () => {
    const both = Buffer.concat([Buffer.from('deviceId,tags.a\ngw-1,"1\n'), Buffer.from([0xff])]);
    for (const blockBytes of [8, 9, 64, 4096]) {
      await assert.rejects(splitManifest(pieces(both, 3), { format: 'csv', chunkRows: 2, blockBytes }), {
        code: 'manifest-encoding',
        message: /byte 24, on line 3/,
      });
    }
  });
});

describe('a file that does not end', () => {
  const megabyte = Buffer.alloc(1024 * 1024, 'x');
  const refused: [what: string, head: string, format: 'csv' | 'ndjson', message: RegExp][] = [
    ['one line without a header', '', 'csv', /No header ends within the first 65536 bytes/],
    ['one row', 'deviceId\ngw-1,', 'csv', /The row on line 2 is longer than 1048576 bytes: it does not end/],
    ['one quoted field', 'deviceId\ngw-1\n"', 'csv', /a quoted field that opens on line 3 does not end/],
    ['one row of NDJSON', '{"deviceId":"', 'ndjson', /The row on line 1 is longer/],
  ];
  for (const [what, head, format, message] of refused) {
    it(`is refused by its first megabytes when it is ${what}`, async () => {
      const { source, stream } = endless(head, megabyte, 100);
      await assert.rejects(splitManifest(stream, { format, chunkRows: 250 }), {
        code: 'manifest-row-too-long',
        message,
      });
      assert.ok(source.sent <= 3 * megabyte.length, `${source.sent} bytes were read`);
    });
  }

  it('is refused by its first megabyte when it is byte order marks', async () => {
    for (const format of ['csv', 'ndjson'] as const) {
      const { source, stream } = endless('', Buffer.from('\ufeff'.repeat(300_000)), 100);
      await assert.rejects(splitManifest(stream, { format, chunkRows: 250 }), { code: 'manifest-row-too-long' });
      assert.ok(source.sent <= megabyte.length);
    }
  });

  it('is refused by its first megabytes when it is zero bytes behind the rows', async () => {
    const { source, stream } = endless('deviceId\ngw-1\n', Buffer.alloc(megabyte.length), 100);
    await assert.rejects(splitManifest(stream, { format: 'csv', chunkRows: 250 }), { code: 'manifest-not-text' });
    assert.ok(source.sent <= 3 * megabyte.length);
  });

  it('is refused by its first megabyte when it is blank lines', async () => {
    const { source, stream } = endless('', Buffer.alloc(1024 * 1024, '\n'), 100);
    await assert.rejects(splitManifest(stream, { format: 'csv', chunkRows: 250 }), { code: 'manifest-row-too-long' });
    assert.ok(source.sent <= megabyte.length);
  });

  it('of rows is refused when it has more chunks than a job can have', async () => {
    const { source, stream } = endless('deviceId\n', Buffer.from('a\n'.repeat(50_000)), 100);
    await assert.rejects(splitManifest(stream, { format: 'csv', chunkRows: 1 }), {
      code: 'manifest-too-large',
      message: /more than 100000 chunks of 1 rows/,
    });
    assert.ok(source.sent <= 5 * 100_000);
  });

  it('may have a row of the maximum length, and not one byte more', async () => {
    const row = (length: number) => `deviceId\n${'x'.repeat(length)}\n`;
    assert.equal((await split(row(maxRecordBytes))).rows, 1);
    await assert.rejects(
      split(row(maxRecordBytes + 1)),
      (error) => error instanceof FleetError && error.details.line === 2,
    );
  });

  it('may have a header of 64 KiB, and not one byte more, in any pieces', async () => {
    const header = (length: number) => {
      const names = Array.from({ length: 72 }, (_, index) => `,tags.t${String(index).padStart(893, '0')}`);
      const start = `deviceId${names.join('')},tags.`;
      return `${start}${'k'.repeat(length - start.length - 1)}\ngw-1\n`;
    };
    for (const pieceBytes of [1000, 1_000_000]) {
      const shape = (length: number) =>
        splitManifest(pieces(Buffer.from(header(length)), pieceBytes), {
          format: 'csv',
          chunkRows: 1,
          blockBytes: 4096,
        });
      assert.equal((await shape(65_536)).rows, 1);
      await assert.rejects(shape(65_537), { code: 'manifest-row-too-long' });
    }
  });
});
