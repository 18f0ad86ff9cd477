import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readErrorReport } from '../../../infra/local/demo/error-report.ts';
import { errorsCsv } from '../../../lib/manifest/report.ts';
import { each, readManifest, text } from '../../lib/manifest/read-manifest.ts';

const errors = [
  { line: '3', code: 'device-id-invalid' },
  { line: '4', code: 'row-columns' },
];

for (const delimiter of [',', ';', '\t']) {
  for (const bom of ['', '\uFEFF']) {
    const name = `the report of a manifest with ${JSON.stringify(delimiter)}${bom && ' and a byte order mark'} is read`;
    test(name, async () => {
      const rows = [
        ['deviceId', 'tags.note'],
        ['gw-1', 'fine'],
        ['GW 2', `"a ""b""${delimiter} c"`],
        ['gw-3', 'd', 'surplus'],
      ];
      const manifest = bom + rows.map((row) => row.join(delimiter)).join('\n');
      const { shape, faults } = await readManifest(manifest);
      const report = readErrorReport(await text(errorsCsv(each(faults), shape)));
      assert.deepEqual(
        report.map(({ line, code }) => ({ line, code })),
        errors,
      );
      assert.deepEqual(
        report.map(({ message }) => message),
        faults.map(({ message }) => message),
      );
    });
  }
}

test('a report without rows, of a job that was never split, is read', async () => {
  assert.deepEqual(readErrorReport(await text(errorsCsv(each([])))), []);
});

test('the report of an NDJSON manifest is read', async () => {
  const { shape, faults } = await readManifest('{"deviceId":"GW 1"}\n{"deviceId":"gw-2"}\n', { format: 'ndjson' });
  const [row] = readErrorReport(await text(errorsCsv(each(faults), shape)));
  assert.equal(row?.line, '1');
  assert.equal(row?.code, 'device-id-invalid');
});
