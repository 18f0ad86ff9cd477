import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { DelegatedCaStore } from '../../../lib/authorities/delegated-ca.ts';
import { createDelegatedCas, type DelegatedCaRequest } from '../../../lib/authorities/delegated-cas.ts';
import { FleetError } from '../../../lib/errors.ts';
import type { IssuingCa } from '../../../lib/groups/group.ts';
import { type Log, withLog } from '../../../lib/log.ts';
import { readCertificate } from '../../../lib/pki/certificate.ts';
import type { Authority } from '../../../lib/pki/issuer.ts';
import type { JournalEntry } from '../../../lib/pki/signing-journal.ts';
import { isIssuedBy } from '../../../lib/pki/x509.ts';
import { someTime } from '../../factories.ts';
import { createMemoryAudit } from '../../memory/audit.ts';
import { createMemoryDelegatedCaStore } from '../../memory/delegated-ca-store.ts';
import { someAuthority } from '../pki/some-authority.ts';

const minute = 60_000;
const data = Buffer.from('to be signed');

/** A pool whose time, timers, issuing CA and faults a test decides. */
async function somePool(journal?: string) {
  let at = someTime.getTime();
  const timers = new Set<{ at: number; work: () => void }>();
  const issuer = await someAuthority({ pathLength: 1 });
  const memory = createMemoryDelegatedCaStore();
  const audit = createMemoryAudit();
  const lines: string[] = [];
  const note = (...line: unknown[]) => void lines.push(inspect(line, { depth: 9 }));
  const log: Log = { info: note, warn: note, error: note };
  const vault = { signatures: 0, fault: undefined as FleetError | undefined, meanwhile: async () => {} };
  const store: DelegatedCaStore = { ...memory };
  const authority: Authority = {
    ...issuer,
    signer: {
      ...issuer.signer,
      isLocal: false,
      async sign(tbs: Uint8Array) {
        await vault.meanwhile();
        if (vault.fault !== undefined) throw vault.fault;
        vault.signatures += 1;
        return issuer.signer.sign(tbs);
      },
    },
  };
  const pool = createDelegatedCas({
    ...{ authority: { open: async () => authority }, store, audit, worker: 'host-1-4711', log, journal },
    now: () => new Date(at),
    later(milliseconds, work) {
      const timer = { at: at + milliseconds, work };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  });
  const issuingCa: IssuingCa = {
    ...{ certificatePem: issuer.certificatePem, chainPem: issuer.chainPem, generation: 3 },
    ...{ keyName: 'issuing-line7-3', notAfter: new X509Certificate(issuer.certificatePem).validToDate.toISOString() },
  };
  const request: DelegatedCaRequest = { enrollmentGroup: 'line7', issuingCa, pathLength: 0, validityDays: 365 };
  return {
    ...{ pool, store, memory, audit, vault, request, issuer, lines, log },
    open: (more: Partial<DelegatedCaRequest> = {}) => withLog(log, () => pool.open({ ...request, ...more })),
    /** Lets time pass, and runs the timers that are due. */
    async pass(milliseconds: number) {
      at += milliseconds;
      for (const timer of [...timers].filter((each) => each.at <= at)) {
        timers.delete(timer);
        timer.work();
      }
      for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    },
    timers,
    record: (id: string) => memory.all().find((each) => each.id === id),
  };
}

let pooled: Awaited<ReturnType<typeof somePool>>;
beforeEach(async () => {
  pooled = await somePool();
});

describe('a delegated CA', () => {
  it('is a CA below the issuing CA, named after group, worker and time, with the room that it needs', async () => {
    const { open, issuer } = pooled;
    const { id, certificatePem, authority } = await open();
    const certificate = new X509Certificate(certificatePem);
    const { basicConstraints, commonName, serialNumber } = readCertificate(certificate.raw);
    assert.ok(isIssuedBy(certificate, new X509Certificate(issuer.certificatePem)));
    assert.deepEqual(basicConstraints, { ca: true, pathLength: 0 });
    assert.equal(serialNumber.toString('hex'), id);
    const time = someTime.toISOString().replaceAll(/[-:]|\.\d+/g, '');
    assert.equal(commonName?.toString(), `line7 host-1-4711 ${time}`);
    assert.ok(certificate.publicKey.equals(authority.signer.publicKey));
    assert.deepEqual(authority.chainPem, [issuer.certificatePem, ...issuer.chainPem]);
    // An hour of issuing, five minutes more, and the life of what it signs.
    const end = someTime.getTime() + 65 * minute + 365 * 24 * 60 * minute;
    assert.equal(certificate.validToDate.getTime(), Math.floor(end / 1000) * 1000);
  });

  it('has a name of 64 characters at most', async () => {
    const { certificatePem } = await pooled.open({ enrollmentGroup: 'g'.repeat(64) });
    const name = readCertificate(new X509Certificate(certificatePem).raw).commonName?.toString() ?? '';
    assert.ok(name.length <= 64 && name.startsWith('ggg'), name);
  });

  it('is on record before it is signed, and in the audit trail before that', async () => {
    const { open, vault, memory, audit } = pooled;
    const seen: unknown[] = [];
    vault.meanwhile = async () => {
      const [record] = memory.all();
      seen.push([record?.worker, record?.certificatePem, audit.entries.map(({ phase, action }) => [phase, action])]);
    };
    const { id, certificatePem } = await open();
    assert.deepEqual(seen, [['host-1-4711', undefined, [['intent', 'create-delegated-ca']]]]);
    assert.equal(pooled.record(id)?.certificatePem, certificatePem);
    assert.equal(pooled.record(id)?.caGeneration, 3);
    const [intent, result] = audit.entries;
    assert.deepEqual(intent?.subject, { enrollmentGroup: 'line7', caGeneration: 3, delegatedCa: id });
    assert.equal(result?.outcome, 'done');
    assert.match(String(result?.details?.['caSha256']), /^[0-9a-f]{64}$/);
  });

  it('is shared by all that ask for it at the same time, and later', async () => {
    const { open, vault } = pooled;
    const [first, second] = await Promise.all([open(), open()]);
    assert.equal(first.id, second.id);
    assert.equal((await open()).id, first.id);
    assert.equal(vault.signatures, 1);
    assert.notEqual((await open({ enrollmentGroup: 'line8' })).id, first.id);
  });

  it('ends after five minutes without a use, and its record says how many certificates it signed', async () => {
    const { open, pass, record } = pooled;
    const { id, authority, use } = await open();
    await authority.signer.sign(data);
    await pass(4 * minute);
    await authority.signer.sign(data);
    await pass(4 * minute);
    assert.equal(record(id)?.ended, undefined);
    assert.equal(use(), true);
    await pass(5 * minute);
    assert.deepEqual(record(id)?.ended, {
      at: new Date(someTime.getTime() + 13 * minute).toISOString(),
      ...{ reason: 'idle', certificates: 2 },
    });
    assert.equal(use(), false);
    assert.throws(
      () => authority.signer.sign(data),
      (error: FleetError) => error.retry && error.code === 'concurrent-change',
    );
    assert.notEqual((await open()).id, id);
  });

  it('is used for an hour at most: for new work no more in the last five minutes, and for none after it', async () => {
    const { open, pass, record } = pooled;
    const { id, authority, use } = await open();
    for (let at = 0; at < 54; at += 2) {
      assert.equal((await open()).id, id);
      await pass(2 * minute);
    }
    assert.equal(use(), true);
    await pass(minute);
    assert.equal(use(), false);
    const next = await open();
    assert.notEqual(next.id, id);
    await pass(3 * minute);
    authority.signer.sign(data);
    next.use();
    await pass(2 * minute);
    assert.equal(record(id)?.ended?.reason, 'age');
    assert.throws(() => authority.signer.sign(data), /has ended/);
    assert.equal(record(next.id)?.ended, undefined);
  });

  it('signs nothing after its hour, however late its timer is', async () => {
    const { open, pass, timers } = pooled;
    const { authority, use } = await open();
    timers.clear();
    await pass(60 * minute);
    assert.equal(use(), false);
    assert.throws(() => authority.signer.sign(data), /has ended/);
  });

  it('ends a minute after its last use when the group has another issuing CA, and chunks in work can end', async () => {
    const { open, pass, record, request } = pooled;
    const { id, authority } = await open();
    const other = await someAuthority({ pathLength: 1, keyType: 'ec-p384' });
    const next = await open({ issuingCa: { ...request.issuingCa, certificatePem: other.certificatePem } });
    assert.notEqual(next.id, id);
    await pass(minute / 2);
    authority.signer.sign(data);
    await pass(minute);
    assert.deepEqual([record(id)?.ended?.reason, record(id)?.ended?.certificates], ['group-changed', 1]);
    assert.equal(record(next.id)?.ended, undefined);
  });

  it('is another one when the life of its certificates is another one', async () => {
    const { open } = pooled;
    const [year, month] = [await open(), await open({ validityDays: 30 })];
    assert.notEqual(year.id, month.id);
    assert.ok(
      new X509Certificate(year.certificatePem).validToDate > new X509Certificate(month.certificatePem).validToDate,
    );
  });

  it('ends at once when it is blocked', async () => {
    const { open, pool, record } = pooled;
    const { id, authority } = await open();
    await pool.end(id, 'blocked');
    assert.equal(record(id)?.ended?.reason, 'blocked');
    assert.throws(() => authority.signer.sign(data), /has ended/);
    assert.notEqual((await open()).id, id);
    await pool.end('of another process', 'blocked');
  });

  it('is not made when it was blocked before it was signed', async () => {
    const { open, vault, store, memory } = pooled;
    vault.meanwhile = async () => {
      const [ca] = memory.all();
      const found = await store.read(ca?.id ?? '');
      assert.ok(found);
      const blocked = { by: 'Ada', at: someTime.toISOString(), reason: 'test' };
      await store.replace({ value: { ...found.value, blocked }, etag: found.etag });
    };
    await assert.rejects(open(), (error: FleetError) => error.code === 'concurrent-change');
    const [ca] = memory.all();
    assert.deepEqual([ca?.ended?.reason, ca?.blocked?.by, ca?.certificatePem], ['not-made', 'Ada', undefined]);
  });

  it('ends with the process, which makes none any more', async () => {
    const { open, pool, record } = pooled;
    const { id, authority } = await open();
    authority.signer.sign(data);
    await pool.close();
    assert.deepEqual([record(id)?.ended?.reason, record(id)?.ended?.certificates], ['shutdown', 1]);
    await assert.rejects(open(), (error: FleetError) => error.retry);
  });

  it('writes what it signs to the journal of CA keys, where there is one', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'fleet-journal-'));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const file = join(directory, 'signed.jsonl');
    const { id, authority } = await (await somePool(file)).open();
    await authority.signer.sign(data);
    const { key, signed } = JSON.parse(readFileSync(file, 'utf8')) as JournalEntry;
    assert.deepEqual([key, signed], [`delegated-${id}`, data.toString('base64')]);
  });

  it('ends at once when the process ends while it is made', async () => {
    const { open, pool, vault, memory } = pooled;
    vault.meanwhile = () => pool.close();
    await assert.rejects(open(), (error: FleetError) => error.retry);
    assert.equal(memory.all()[0]?.ended?.reason, 'shutdown');
  });
});

describe('a delegated CA that cannot be made', () => {
  for (const code of ['throttled', 'unavailable'] as const) {
    it(`fails with ${code} of the vault, for all that wait for it, and the next one tries again`, async () => {
      const { open, vault, memory } = pooled;
      vault.fault = new FleetError(code, 'Key Vault is throttling this app.', { retryAfter: 7 });
      const failed = await Promise.allSettled([open(), open()]);
      for (const each of failed) assert.equal((each as PromiseRejectedResult).reason, vault.fault);
      assert.deepEqual(
        memory.all().map(({ ended, certificatePem }) => [ended?.reason, ended?.certificates, certificatePem]),
        [['not-made', 0, undefined]],
      );
      vault.fault = undefined;
      assert.ok(await open());
    });
  }

  it('is not signed when the audit trail takes no entry, or the record cannot be written', async () => {
    const { open, vault, audit, store, memory } = pooled;
    audit.stop();
    await assert.rejects(open(), (error: FleetError) => error.code === 'unavailable');
    assert.deepEqual(memory.all(), []);
    audit.start();
    store.create = async () => {
      throw new FleetError('throttled', 'Cosmos DB is throttling this app.');
    };
    await assert.rejects(open(), (error: FleetError) => error.code === 'throttled');
    assert.equal(vault.signatures, 0);
  });

  it('is not used when its certificate cannot be recorded', async () => {
    const { open, store, vault } = pooled;
    store.replace = async () => {
      throw new FleetError('unavailable', 'Cosmos DB did not answer.');
    };
    await assert.rejects(open(), (error: FleetError) => error.code === 'unavailable');
    assert.equal(vault.signatures, 1);
  });

  it('drops the key also when its end cannot be recorded', async () => {
    const { open, pool, store, log } = pooled;
    const { id, authority } = await open();
    store.read = async () => {
      throw new FleetError('unavailable', 'Cosmos DB did not answer.');
    };
    await withLog(log, () => pool.end(id, 'idle'));
    assert.throws(() => authority.signer.sign(data), /has ended/);
    assert.ok(pooled.lines.some((line) => line.includes('end of a delegated CA not recorded')));
  });
});

describe('the key of a delegated CA', () => {
  it('is in no record, audit entry, log line, error or object that is shown', async () => {
    const { open, pool, memory, audit, lines, pass } = pooled;
    const ca = await open();
    ca.authority.signer.sign(data);
    await pass(60 * minute);
    let error: unknown;
    try {
      ca.authority.signer.sign(data);
    } catch (thrown) {
      error = thrown;
    }
    await pool.close();
    const shown = [memory.all(), audit.entries, lines, error, ca, pool].map((each) => inspect(each, { depth: 20 }));
    for (const text of [...shown, JSON.stringify([memory.all(), audit.entries, ca])]) {
      assert.doesNotMatch(text, /PRIVATE|PrivateKeyObject|"d":/);
    }
    assert.equal(ca.authority.signer.publicKey.type, 'public');
  });
});
