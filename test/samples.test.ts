import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { it } from 'node:test';
import { parseGroupDefinition } from '../lib/groups/definition.ts';
import { orderRows, parseOrder } from '../lib/orders/order.ts';
import { readManifest } from './lib/manifest/read-manifest.ts';

const sample = (name: string) => readFile(new URL(`../samples/${name}`, import.meta.url));
const json = async (name: string) => JSON.parse((await sample(name)).toString());

it('the sample manifest has 1,000 rows, with the intended errors on the listed lines', async () => {
  const { rows, requests, faults } = await readManifest(await sample('gateways.csv'), { chunkRows: 250 });
  assert.equal(rows, 1000);
  const expected = (await sample('gateways.errors.txt')).toString().trim().split('\n');
  assert.deepEqual(
    faults.map(({ line, code }) => `${line} ${code}`),
    expected,
  );
  assert.equal(requests.length, 1000 - expected.length);
});

it('the sample manifest has every kind of error that a row can have by itself', async () => {
  const codes = new Set(
    (await readManifest(await sample('gateways.csv'), { chunkRows: 250 })).faults.map(({ code }) => code),
  );
  const shown = [
    'row-syntax',
    'row-columns',
    'device-id-invalid',
    'device-id-duplicate',
    'group-unknown',
    'twin-invalid',
  ];
  assert.deepEqual([...codes].sort(), [...shown, 'value-type', 'csr-unexpected'].sort());
});

it('the other samples are valid, and no device appears twice', async () => {
  assert.equal(parseGroupDefinition('line7', await json('line7.json')).keyCustody, 'plain');
  const order = parseOrder(await json('order.json'));
  const list = await readManifest(await sample('gateways.ndjson'), { format: 'ndjson' });
  const ordered = await readManifest(Buffer.concat(await Array.fromAsync(orderRows(order))), { format: 'ndjson' });
  const csv = await readManifest(await sample('gateways.csv'), { chunkRows: 250 });
  assert.deepEqual([list.faults, ordered.faults], [[], []]);
  const ids = [list, ordered, csv].flatMap(({ requests }) => requests.map(({ deviceId }) => deviceId));
  assert.equal(new Set(ids).size, ids.length);
});
