import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { registerRoot } from '../../../lib/enrollment/ca-registration.ts';
import { FleetError } from '../../../lib/errors.ts';
import { type Fleet, startFleet } from './fleet-on-dps.ts';

const definition = { keyCustody: 'plain', target: 'dps-device' } as const;
let fleet: Fleet;

before(async () => {
  fleet = await startFleet();
  await registerRoot(fleet);
});
after(() => fleet.stop());

const isConflict = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof FleetError, String(error));
  assert.equal(error.code, 'method-conflict');
  assert.match(error.message, message);
  return true;
};

describe('rollover of a group', () => {
  it('issues from the new CA, and devices of the old CA can still register', async () => {
    await fleet.groups.declare('line7', definition);
    const old = await fleet.issue('line7', 'old-1');
    const oldToo = await fleet.issue('line7', 'old-2');
    assert.equal((await fleet.dps.register('old-1', old)).status, 'assigned');

    const { group, pending } = await fleet.groups.rollOver('line7', { from: 1 });
    assert.equal(pending, undefined);
    assert.deepEqual(
      group.issuingCas.map(({ generation }) => generation),
      [2, 1],
    );

    const fresh = await fleet.issue('line7', 'new-1');
    assert.notEqual(fresh.chainPem.split('-----END')[1], old.chainPem.split('-----END')[1]);
    assert.equal((await fleet.dps.register('new-1', fresh)).status, 'assigned');
    assert.equal((await fleet.dps.register('old-1', old)).status, 'assigned');
    assert.equal((await fleet.dps.register('old-2', oldToo)).status, 'assigned');
  });

  it('rolls over once when the request is sent twice', async () => {
    await fleet.groups.declare('twice', definition);
    await fleet.groups.rollOver('twice', { from: 1 });
    await assert.rejects(fleet.groups.rollOver('twice', { from: 1 }), isConflict(/issues by CA 2, not by 1/));
  });

  it('drops a CA with devices only with force', async () => {
    await fleet.groups.declare('third', definition);
    const first = await fleet.issue('third', 'first-1');
    await fleet.groups.rollOver('third');
    await assert.rejects(fleet.groups.rollOver('third'), isConflict(/ends CA 1, valid until \d{4}-/));
    assert.equal((await fleet.dps.register('first-1', first)).status, 'assigned');

    const { group } = await fleet.groups.rollOver('third', { force: true });
    assert.deepEqual(
      group.issuingCas.map(({ generation }) => generation),
      [3, 2],
    );
    await assert.rejects(
      fleet.dps.register('first-1', first),
      /"errorCode":401002.*No enrollment holds this certificate/,
    );
    assert.notEqual(await fleet.provision('third', 'third-1'), '');
  });

  it('uses another key type from the next CA on', async () => {
    await fleet.groups.declare('types', definition);
    const before = await fleet.issue('types', 'types-1');
    await fleet.groups.declare('types', { ...definition, issuingCa: { keyType: 'ec-p384' } });
    assert.equal((await fleet.dps.register('types-1', before)).status, 'assigned');
    assert.notEqual(await fleet.provision('types', 'types-2'), '');
    await fleet.groups.rollOver('types');
    assert.notEqual(await fleet.provision('types', 'types-3'), '');
    const record = (await fleet.groupStore.read('types'))?.value;
    const keys = record?.issuingCas.map((ca) => fleet.authority.open(ca));
    assert.deepEqual(
      (await Promise.all(keys ?? [])).map(({ signer }) => signer.keyType),
      ['ec-p384', 'ec-p256'],
    );
  });

  it('reports a group that does not exist', async () => {
    await assert.rejects(fleet.groups.rollOver('nobody'), { code: 'not-found' });
  });
});
