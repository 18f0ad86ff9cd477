import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { holdDelegatedCa } from '../../../lib/authorities/held-delegated-ca.ts';
import { someTime } from '../../factories.ts';
import { someSigner } from '../pki/some-authority.ts';

const minute = 60_000;
const iso = (ms: number) => new Date(someTime.getTime() + ms).toISOString();

/** A delegated CA that signs for an hour, and a clock that the test sets. */
function held() {
  let at = someTime.getTime();
  const record = {
    ...{ id: 'a1', enrollmentGroup: 'line7', caGeneration: 1, worker: 'host 1', commonName: 'line7 CA' },
    ...{ reservedAt: iso(0), notBefore: iso(0), notAfter: iso(1e9), signsUntil: iso(60 * minute) },
  };
  const ca = holdDelegatedCa(record, 'PEM', { signer: someSigner(), chainPem: ['chain'], now: () => new Date(at) });
  return {
    ca,
    sign: () => ca.authority.signer.sign(Buffer.from('data')),
    to: (ms: number) => {
      at = someTime.getTime() + ms;
    },
  };
}

const ended = { code: 'concurrent-change', message: /Delegated CA a1 has ended/ };

describe('a delegated CA', () => {
  it('signs with its key, and counts', () => {
    const { ca, sign } = held();
    assert.deepEqual([ca.id, ca.certificatePem, ca.authority.chainPem], ['a1', 'PEM', ['chain']]);
    for (let count = 0; count < 3; count++) assert.ok(sign());
    assert.equal(ca.drop(), 3);
  });

  it('signs until its hour is over, and not after', () => {
    const { sign, to } = held();
    to(60 * minute - 1);
    assert.ok(sign());
    to(60 * minute);
    assert.throws(sign, ended);
  });

  it('signs nothing once it was dropped, and is dropped once', () => {
    const { ca, sign } = held();
    assert.equal(ca.drop(), 0);
    assert.throws(sign, ended);
    assert.equal(ca.use(), false);
    assert.equal(ca.drop(), undefined);
  });

  it('begins no work in the last five minutes', () => {
    const { ca, to } = held();
    for (let at = 0; at < 55; at += 4) {
      to(at * minute);
      assert.equal(ca.use(), true);
    }
    to(55 * minute - 1);
    assert.equal(ca.use(), true);
    to(55 * minute);
    assert.equal(ca.use(), false);
  });

  it('is due five minutes after its last use or signature', () => {
    const { ca, sign, to } = held();
    assert.equal(ca.dueIn(), 5 * minute);
    to(2 * minute);
    assert.equal(ca.use(), true);
    assert.equal(ca.dueIn(), 5 * minute);
    to(4 * minute);
    assert.ok(sign());
    assert.equal(ca.dueIn(), 5 * minute);
    to(9 * minute);
    assert.deepEqual([ca.dueIn(), ca.dueReason(), ca.use()], [0, 'idle', false]);
  });

  it('is due at the end of its hour, however much it signs', () => {
    const { ca, sign, to } = held();
    to(59 * minute);
    assert.ok(sign());
    assert.equal(ca.dueIn(), minute);
    to(60 * minute - 1);
    assert.equal(ca.dueReason(), 'idle');
    to(60 * minute);
    assert.deepEqual([ca.dueIn(), ca.dueReason()], [0, 'age']);
  });

  it('is due a minute after its last use once its group has another one', () => {
    const { ca, to } = held();
    ca.supersede();
    assert.deepEqual([ca.dueIn(), ca.dueReason()], [minute, 'group-changed']);
    to(minute - 1);
    assert.equal(ca.use(), true);
    to(2 * minute - 1);
    assert.equal(ca.use(), false);
  });
});
