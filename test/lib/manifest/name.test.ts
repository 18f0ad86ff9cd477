import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manifestDefaults } from '../../../lib/manifest/manifest.ts';

describe('the name of a manifest', () => {
  const named: [name: string, format: string, defaultGroup?: string][] = [
    ['list.csv', 'csv'],
    ['LIST.CSV', 'csv'],
    ['line7/list.ndjson', 'ndjson', 'line7'],
    ['line7/2026/11/list.jsonl', 'ndjson', 'line7'],
    ['line7/list.XLSX', 'xlsx', 'line7'],
    ['_http/0123.csv', 'csv'],
    ['line7/_http/0123.csv', 'csv', 'line7'],
    ['_orders/0123.ndjson', 'ndjson'],
    ['/list.csv', 'csv'],
  ];
  for (const [name, format, defaultGroup] of named) {
    it(`gives format and group: ${name}`, () =>
      assert.deepEqual(manifestDefaults(name), { format, ...(defaultGroup === undefined ? {} : { defaultGroup }) }));
  }

  for (const name of ['list', 'list.txt', 'list.csv.zip', 'line7/list.xls', 'list.xlsm', 'csv', 'x'.repeat(1024)]) {
    it(`is refused without a known suffix: ${name.slice(0, 20)}`, () => {
      assert.throws(
        () => manifestDefaults(name),
        (error: Error) => error.message.length < 200 && 'code' in error && error.code === 'manifest-format',
      );
    });
  }
});
