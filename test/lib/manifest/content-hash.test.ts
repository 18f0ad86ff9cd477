import assert from 'node:assert/strict';
import { it } from 'node:test';
import { contentHash } from '../../../lib/manifest/manifest.ts';
import { readManifest } from './read-manifest.ts';

it('rows with the same content have the same hash, in any format and order of columns', async () => {
  const manifests = [
    readManifest('deviceId,tags.a,tags.b:number\ngw-1,x,2\n'),
    readManifest('tags.b:number;tags.a;deviceId;enrollmentGroup;csr\n2.0;x;gw-1;line7;\n'),
    readManifest('{"tags":{"b":2,"a":"x"},"deviceId":"gw-1","desired":{}}', { format: 'ndjson' }),
  ];
  const rows = (await Promise.all(manifests)).flatMap(({ requests }) => requests);
  assert.equal(rows.length, 3);
  assert.equal(new Set(rows.map(contentHash)).size, 1);
});

it('rows with different content have different hashes', () => {
  const row = { deviceId: 'gw-1', enrollmentGroup: 'line7', tags: {}, desired: {} };
  const rows = [
    row,
    { ...row, deviceId: 'gw-2' },
    { ...row, enrollmentGroup: 'line8' },
    { ...row, csr: 'MIIB' },
    { ...row, tags: { a: '1' } },
    { ...row, tags: { a: 1 } },
    { ...row, desired: { a: 1 } },
  ];
  assert.equal(new Set(rows.map(contentHash)).size, rows.length);
});
