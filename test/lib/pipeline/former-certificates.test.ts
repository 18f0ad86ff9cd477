import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateName } from '../../../lib/devices/certificate.ts';
import { createWorld } from '../../world.ts';

test('a device is found by each certificate that it had, after it was replaced twice', async () => {
  using world = createWorld();
  await world.declare('line7', { keyCustody: 'plain' });
  const names: CertificateName[] = [];
  for (const version of [1, 2, 3]) {
    const list = `deviceId,tags.version\ngw-1,${version}\n`;
    await world.upload(`line7/list-${version}.csv`, list, { onconflict: 'replace' });
    await world.settle();
    const record = world.devices.records.get('gw-1') ?? assert.fail();
    const { sha1Thumbprint = '', sha256Thumbprint = '' } = record.identity ?? {};
    names.push({ kind: 'serialNumber', hex: record.serialNumber.toLowerCase() });
    names.push({ kind: 'sha1Thumbprint', hex: sha1Thumbprint.toLowerCase() });
    names.push({ kind: 'sha256Thumbprint', hex: sha256Thumbprint.toLowerCase() });
  }
  assert.equal(new Set(names.map(({ hex }) => hex)).size, 9);
  for (const certificate of names) {
    const { items } = await world.devices.list({ certificate }, { size: 10 });
    assert.deepEqual(
      items.map(({ id }) => id),
      ['gw-1'],
    );
  }
});
