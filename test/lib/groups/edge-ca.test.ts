import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createCertificateAuthority, issuingCaFits } from '../../../lib/authorities/certificate-authority.ts';
import type { IssuingCa } from '../../../lib/groups/group.ts';
import { readCertificate } from '../../../lib/pki/certificate.ts';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';
import { someGroup, someTime } from '../../factories.ts';
import { createMemoryAudit } from '../../memory/audit.ts';
import { createMemoryGroupStore } from '../../memory/group-store.ts';
import { createWorld } from '../../world.ts';

const pathLengthOf = ({ certificatePem }: IssuingCa) =>
  readCertificate(new X509Certificate(certificatePem).raw).basicConstraints?.pathLength;

describe('the issuing CA of a group', () => {
  for (const [name, input, pathLength] of [
    ['identities', {}, 0],
    ['devices without modules', { target: 'dps-device' }, 0],
    ['Edge CAs', { edgeCa: 'issued' }, 1],
    ['device CAs of IoT Edge 1.1', { edgeCa: 'issued', target: 'iotedge-1.1' }, 2],
  ] as const) {
    it(`has the path length that ${name} need`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'fleet-keys-'));
      try {
        const keys = createSoftwareKeyStore({ directory });
        const options = {
          keys,
          groups: createMemoryGroupStore(),
          rootName: 'Test root CA',
          audit: createMemoryAudit(),
          now: () => someTime,
        };
        const issuingCa = await createCertificateAuthority(options).createIssuingCa(someGroup('line7', input), 1);
        assert.equal(pathLengthOf(issuingCa), pathLength);
        assert.ok(issuingCaFits(someGroup('line7', input), issuingCa));
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }

  it('is replaced when the group is declared with Edge CAs, and DPS keeps the first as secondary', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { group } = await world.declare('line7', { keyCustody: 'plain', edgeCa: 'issued' });
    assert.deepEqual(group.issuingCas.map(pathLengthOf), [1, 0]);
    assert.deepEqual(
      group.issuingCas.map(({ generation }) => generation),
      [2, 1],
    );

    // Declared without Edge CAs again, it still fits: nothing changes.
    const { group: back } = await world.declare('line7', { keyCustody: 'plain' });
    assert.deepEqual(back.issuingCas, group.issuingCas);

    await world.declare('line7', { keyCustody: 'plain', edgeCa: 'issued' });
    const job = await world.upload('list.csv', 'deviceId,enrollmentGroup\ngw-1,line7\ngw-2,line7\n');
    await world.settle();
    assert.equal((await world.job(job)).counts.provisioned, 2);
  });
});
