import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  definitionInDps,
  enrollmentRevision,
  type GroupRecord,
  type IssuingCa,
  inForce,
  isInUse,
  keepAccepted,
  withReached,
} from '../../../lib/groups/group.ts';
import { someGroup, someTime } from '../../factories.ts';

const at = someTime.toISOString();
const act = { by: 'ada', at };

function someCa(generation: number): IssuingCa {
  const keyName = `issuing-line7-${generation}`;
  return { certificatePem: `PEM ${generation}`, chainPem: [], generation, keyName, notAfter: at };
}

/** A group that DPS has as declared, unless `change` is newer than `enrolled`. */
function inDps(change: Partial<GroupRecord> = {}): GroupRecord {
  const definition = someGroup('line7');
  const group = { id: 'line7', definition, issuingCas: [someCa(1)], createdAt: at, updatedAt: at };
  return { ...group, enrolled: { revision: enrollmentRevision(group), at }, ...change };
}

const changed = { definition: someGroup('line7', { initialTwin: { tags: { site: 'porto' } } }) };

describe('the revision of a group', () => {
  const revision = (change: Partial<GroupRecord>) => enrollmentRevision(inDps(change));
  const definition = (change: Parameters<typeof someGroup>[1]) => ({ definition: someGroup('line7', change) });
  const suspension = { ...act, reason: 'stolen', fleetAct: 'act-1' };
  const key = { generation: 1, secret: 'name', sha256: 'ab', createdAt: at };
  const asked = definition({ allocation: 'orchestrator' });

  it('is another one for everything that DPS has of it', () => {
    const revisions = [
      {},
      changed,
      { issuingCas: [someCa(2), someCa(1)] },
      { suspension },
      definition({ enrollment: 'individual' }),
      definition({ reprovisionPolicy: { updateHubAssignment: false } }),
      definition({ allocationPolicy: 'geoLatency' }),
      definition({ iotHubs: ['hub1.azure-devices.net'] }),
      definition({ target: 'dps-device' }),
      definition({ attestation: 'caReference' }),
      {
        ...definition({ attestation: 'caReference' }),
        issuingCas: [{ ...someCa(1), registration: { name: 'line7', at } }],
      },
      asked,
      { ...asked, allocationHook: { url: 'https://fleet.example.com/', keys: [key] as const } },
      { ...asked, allocationHook: { url: 'https://fleet.example.com/', keys: [{ ...key, generation: 2 }] as const } },
      { ...asked, allocationHook: { url: 'https://other.example.com/', keys: [key] as const } },
    ].map(revision);
    assert.equal(new Set(revisions).size, revisions.length);
    assert.match(revisions[0] ?? '', /^[0-9a-f]{32}$/);
  });

  it('is the same whatever DPS does not have', () => {
    const hook = { url: 'https://fleet.example.com/', keys: [key] as const };
    for (const change of [definition({ validityDays: 90 }), { updatedAt: 'later' }, { allocationHook: hook }])
      assert.equal(revision(change), revision({}));
  });
});

describe('a group in force', () => {
  const accepted = { definition: someGroup('line7'), issuingCas: [someCa(1)] };

  it('is as DPS accepted it, until DPS has it as declared', () => {
    const group = inDps({ ...changed, issuingCas: [someCa(2)], accepted });
    assert.deepEqual([inForce(group).definition, inForce(group).issuingCas], [accepted.definition, [someCa(1)]]);
    const taken = { ...group, enrolled: { revision: enrollmentRevision(group), at } };
    assert.deepEqual([inForce(taken).definition, inForce(taken).issuingCas], [changed.definition, [someCa(2)]]);
  });

  it('is as declared if DPS never had it', () => {
    assert.deepEqual(inForce(inDps(changed)).definition, changed.definition);
  });

  it('is as declared where DPS needs not have it: with individual enrollments, once it has a CA', () => {
    const individual = { definition: someGroup('line7', { enrollment: 'individual' }), accepted };
    assert.deepEqual(inForce(inDps(individual)).definition, individual.definition);
    assert.deepEqual(inForce(inDps({ ...individual, issuingCas: [] })).definition, accepted.definition);
  });

  it('is disabled while it is suspended', () => {
    const group = inDps({ suspension: { ...act, reason: 'stolen', fleetAct: 'act-1' } });
    assert.equal(inForce(group).definition.provisioningStatus, 'disabled');
    assert.equal(definitionInDps(group).provisioningStatus, 'disabled');
    assert.equal(definitionInDps(inDps()).provisioningStatus, 'enabled');
  });

  it('hands out certificates of its current CA, and of those that DPS keeps', () => {
    const used = (change: Partial<GroupRecord>) => [1, 2, 3].filter((each) => isInUse(inDps(change), each));
    assert.deepEqual(used({}), [1]);
    assert.deepEqual(used({ issuingCas: [someCa(2), someCa(1)] }), [1, 2]);
    assert.deepEqual(used({ issuingCas: [someCa(2), someCa(1)], removingCa: { ...act, generation: 1 } }), [2]);
    assert.deepEqual(used({ issuingCas: [someCa(3)], accepted }), [1, 3]);
    assert.deepEqual(used({ issuingCas: [] }), []);
  });
});

describe('a changed group', () => {
  const before = { definition: someGroup('line7'), issuingCas: [someCa(1)] };

  it('keeps what was in force, until DPS takes the change', () => {
    const first = keepAccepted(inDps(), inDps(changed));
    assert.deepEqual(first.accepted, before);
    const second = { ...first, definition: someGroup('line7', { reprovisionPolicy: { updateHubAssignment: false } }) };
    assert.deepEqual(keepAccepted(first, second).accepted, before);
    const taken = { ...second, enrolled: { revision: enrollmentRevision(second), at } };
    const settled = keepAccepted(second, taken);
    assert.equal('accepted' in settled || 'refusal' in settled, false);
  });

  it('has nothing to keep if DPS never had it', () => {
    const { enrolled: _, ...never } = inDps();
    assert.equal('accepted' in keepAccepted(never, { ...never, ...changed }), false);
    assert.equal('accepted' in keepAccepted(inDps({ issuingCas: [] }), inDps(changed)), false);
  });

  it('keeps a refusal of the same revision only', () => {
    const group = inDps(changed);
    const refusal = (revision: string) => ({
      revision,
      reason: { code: 'group-refused', message: 'no', hint: '' } as const,
      at,
    });
    const same = refusal(enrollmentRevision(group));
    assert.deepEqual(keepAccepted(inDps(), { ...group, refusal: same }).refusal, same);
    assert.equal('refusal' in keepAccepted(inDps(), { ...group, refusal: refusal('other') }), false);
  });

  it('notes that its individual enrollments may have either status', () => {
    const disabled = inDps({ definition: someGroup('line7', { provisioningStatus: 'disabled' }) });
    assert.equal(withReached(inDps(), disabled).reached, 'some');
    assert.equal(withReached(disabled, inDps()).reached, 'some');
    assert.equal(withReached(inDps(), inDps(changed)).reached, undefined);
    const suspended = inDps({ suspension: { ...act, reason: 'stolen', fleetAct: 'act-1' } });
    assert.equal(withReached(disabled, suspended).reached, undefined);
  });
});
