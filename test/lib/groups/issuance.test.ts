import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { parseGroupDefinition } from '../../../lib/groups/definition.ts';
import type { IssuingCa } from '../../../lib/groups/group.ts';
import { issuanceOf, newPathLength } from '../../../lib/groups/issuance.ts';
import { someGroup } from '../../factories.ts';
import { someAuthority } from '../pki/some-authority.ts';

async function issuingCaWith(pathLength: number, more: Partial<IssuingCa> = {}): Promise<IssuingCa> {
  const { certificatePem, chainPem } = await someAuthority({ pathLength });
  return { certificatePem, chainPem, generation: 1, keyName: 'issuing-line7-1', notAfter: '', ...more };
}

const vault = { usesKeyVault: true };
const files = { usesKeyVault: false };
const by = (input: Partial<GroupInput>, deployment: typeof vault) =>
  issuanceOf(someGroup('line7', input), deployment).by;

describe('who signs the identities of a group', () => {
  it('is a delegated CA where CA keys are in a Key Vault, unless the group says otherwise', () => {
    assert.equal(by({}, vault), 'delegated');
    assert.equal(by({}, files), 'direct');
    assert.equal(by({ issuance: 'direct' }, vault), 'direct');
    assert.equal(by({ issuance: 'delegated' }, files), 'delegated');
  });

  it('is the issuing CA with individual enrollments, which cannot be declared otherwise', () => {
    assert.equal(by({ enrollment: 'individual' }, vault), 'direct');
    const input = { keyCustody: 'plain', enrollment: 'individual', issuance: 'delegated' };
    assert.throws(() => parseGroupDefinition('line7', input), /issuance: "delegated" needs enrollment "group"/);
  });

  it('is the issuing CA while that has no room below it, with the reason and what to do', async () => {
    const group = someGroup('line7', {});
    const edge = someGroup('line7', { edgeCa: 'issued' });
    const short = await issuingCaWith(0);
    assert.deepEqual(issuanceOf(group, { ...vault, issuingCa: short }), {
      by: 'direct',
      reason: 'Issuing CA 1 has path length 0, and delegated CAs below it need 1. Roll the group over.',
    });
    assert.deepEqual(issuanceOf(group, { ...vault, issuingCa: await issuingCaWith(1) }), { by: 'delegated' });
    assert.match(issuanceOf(edge, { ...vault, issuingCa: await issuingCaWith(1) }).reason ?? '', /need 2/);
    assert.deepEqual(issuanceOf(edge, { ...vault, issuingCa: await issuingCaWith(2) }), { by: 'delegated' });
    // A group that is direct by its declaration has nothing to explain.
    const declared = someGroup('line7', { issuance: 'direct' });
    assert.deepEqual(issuanceOf(declared, { ...vault, issuingCa: short }), { by: 'direct' });
  });

  it('is the issuing CA where a CA above it has no room', async () => {
    const above = await someAuthority({ pathLength: 1 });
    const issuingCa = await issuingCaWith(3, { chainPem: [above.certificatePem, ...above.chainPem] });
    assert.deepEqual(issuanceOf(someGroup('line7', {}), { ...vault, issuingCa }), {
      by: 'direct',
      reason: 'A CA above Issuing CA 1 has path length 1, and delegated CAs need 2. Import a chain that has the room.',
    });
  });
});

describe('the path length of a new issuing CA', () => {
  it('is one more where the group issues by delegated CAs', () => {
    for (const [input, needed] of [
      [{}, 0],
      [{ edgeCa: 'issued' }, 1],
      [{ edgeCa: 'issued', target: 'iotedge-1.1' }, 2],
    ] as const) {
      assert.equal(newPathLength(someGroup('line7', input), true), needed + 1);
      assert.equal(newPathLength(someGroup('line7', input), false), needed);
      assert.equal(newPathLength(someGroup('line7', { ...input, issuance: 'direct' }), true), needed);
    }
  });

  it('is what the devices need where the root has no more room', async () => {
    const [one, two] = [await someAuthority({ pathLength: 1 }), await someAuthority({ pathLength: 2 })];
    assert.equal(newPathLength(someGroup('line7', {}), true, one.certificatePem), 0);
    assert.equal(newPathLength(someGroup('line7', {}), true, two.certificatePem), 1);
  });
});
