import assert from 'node:assert/strict';
import { it } from 'node:test';
import { groupView } from '../../../functions/http/group-view.ts';
import { FleetError } from '../../../lib/errors.ts';
import { enrollmentRevision, type GroupRecord } from '../../../lib/groups/group.ts';
import { someGroup, someTime } from '../../factories.ts';
import { someAuthority } from '../../lib/pki/some-authority.ts';

const at = someTime.toISOString();
const act = { by: 'an operator', at };
const deployment = { usesKeyVault: false };

function group(change: Partial<GroupRecord> = {}): GroupRecord {
  const definition = someGroup();
  return { id: 'line7', definition, issuingCas: [], declaredBy: act, createdAt: at, updatedAt: at, ...change };
}

it('a refused group shows the reason, what is in force, and who declared it', () => {
  const { reason } = new FleetError('group-refused', 'DPS refused the enrollment group: 400004 No such hub.');
  const definition = someGroup('line7', { provisioningStatus: 'disabled' });
  const accepted = { definition: someGroup(), issuingCas: [] };
  const declared = group({ definition, accepted });
  const view = groupView(
    { ...declared, refusal: { revision: enrollmentRevision(declared), reason, at } },
    { deployment },
  );
  assert.deepEqual([view.enrollment.status, view.enrollment.reason], ['refused', reason]);
  assert.deepEqual([view.definition.provisioningStatus, view.inForce?.provisioningStatus], ['disabled', 'enabled']);
  assert.deepEqual(view.declaredBy, act);
});

it('a refusal of an earlier definition is not shown', () => {
  const { reason } = new FleetError('group-refused', 'DPS refused the enrollment group.');
  const view = groupView(group({ refusal: { revision: 'of an earlier definition', reason, at } }), { deployment });
  assert.deepEqual([view.enrollment.status, view.enrollment.reason, view.inForce], ['pending', undefined, undefined]);
});

it('a group shows who signs its identities, and why that is the issuing CA', async () => {
  const { certificatePem, chainPem } = await someAuthority({ pathLength: 0 });
  const issuingCas = [{ certificatePem, chainPem, generation: 4, keyName: 'issuing-line7-4', notAfter: at }];
  const vault = { deployment: { usesKeyVault: true } };
  assert.deepEqual(groupView(group({ issuingCas }), { deployment }).issuance, { by: 'direct' });
  assert.deepEqual(groupView(group(), vault).issuance, { by: 'delegated' });
  const { by, reason } = groupView(group({ issuingCas }), vault).issuance;
  assert.equal(by, 'direct');
  assert.match(reason ?? '', /^Issuing CA 4 has path length 0, .* Roll the group over\.$/);
});
