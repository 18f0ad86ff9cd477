import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Estimate, estimate, type GroupWork } from '../../../lib/jobs/estimate.ts';
import { limits, prices, usage } from '../../../lib/limits-and-prices.ts';

const vault = { dpsOperationsPerMinute: 1000, usesKeyVault: true };
const work = (change: Partial<GroupWork> = {}): GroupWork => ({
  ...{ devices: 1000, newDevices: 1000, certificatesPerDevice: 1, rsa: false, individual: false },
  ...change,
});

describe('an estimate', () => {
  it('names the quota that takes longest: 100 new devices per minute and hub unit', () => {
    const { binding, certificates, phases } = estimate({ work: [work()], deployment: vault });
    const [issue, register] = phases;
    assert.deepEqual([binding, certificates, issue?.phase, register?.phase], ['hub', 1000, 'issue', 'register']);
    assert.deepEqual([register?.minutes, register?.binding], [10, 'hub']);
    // 1,000 signatures at 400 per second are 2.5 seconds; 8,400 RU at 5,000 per second are 1.7.
    assert.deepEqual([issue?.minutes, issue?.binding], [0.1, 'keyVault']);
  });

  it('names DPS for devices that are known to their hub', () => {
    const { binding, phases } = estimate({ work: [work({ newDevices: 0 })], deployment: vault });
    assert.deepEqual([binding, phases[1]?.minutes], ['dps', 1]);
  });

  it('names Key Vault for RSA keys: 50 signatures per second', () => {
    const [issue] = estimate({ work: [work({ rsa: true, devices: 3000 })], deployment: vault }).phases;
    assert.deepEqual([issue?.binding, issue?.minutes], ['keyVault', 1]);
  });

  it('counts individual enrollments at the rate that the deployment allows', () => {
    const deployment = { ...vault, dpsOperationsPerMinute: 60 };
    const [issue] = estimate({ work: [work({ individual: true })], deployment }).phases;
    assert.deepEqual([issue?.binding, issue?.minutes, issue?.quotas[0]?.perMinute], ['dps', 16.7, 60]);
  });

  it('counts two certificates where the group issues Edge CAs, and none in the vault where keys are files', () => {
    const edge = [work({ certificatesPerDevice: 2 })];
    assert.equal(estimate({ work: edge, deployment: vault }).certificates, 2000);
    const files = estimate({ work: edge, deployment: { ...vault, usesKeyVault: false } });
    assert.ok(!files.phases.some(({ quotas }) => quotas.some(({ service }) => service === 'keyVault')));
    assert.ok(!files.price.items.some(({ of }) => of === prices.keyVaultSignature.of));
  });

  it('takes one signature of the vault per delegated CA, at most one per chunk, so that the vault does not bind', () => {
    const delegated = { enrollmentGroup: 'line7', by: 'delegated' } as const;
    const direct = { enrollmentGroup: 'line8', by: 'direct', reason: 'Issuing CA 1 has path length 0' } as const;
    const million = { devices: 1_000_000, rsa: true };
    const found = estimate({ work: [work({ ...million, issuance: delegated })], deployment: vault });
    assert.deepEqual([found.certificates, found.phases[0]?.binding], [1_000_000, 'cosmos']);
    const signatures = ({ price }: Estimate) => price.items.find(({ of }) => of === prices.keyVaultSignature.of);
    assert.deepEqual([signatures(found)?.count, signatures(found)?.dollars], [2500, 0.0375]);

    const edge = work({ devices: 10, certificatesPerDevice: 2, issuance: delegated });
    const both = estimate({ work: [edge, work({ devices: 10, issuance: direct })], deployment: vault });
    assert.equal(signatures(both)?.count, 11);
    assert.deepEqual(both.issuance, [delegated, direct]);
  });

  it('adds up its prices, each with source and date', () => {
    const { price } = estimate({ work: [work({ devices: 1_000_000 })], deployment: vault });
    const sum = (when: string) =>
      price.items.reduce((total, item) => total + (item.when === when ? item.dollars : 0), 0);
    assert.ok(Math.abs(price.once - sum('once')) < 0.001);
    assert.ok(Math.abs(price.perMonth - sum('perMonth')) < 0.001);
    // 123 for registrations, 15 for signatures, 2.1 for request units.
    assert.ok(price.once > 140 && price.once < 141, String(price.once));
    for (const { source, date } of price.items) assert.match(`${source} ${date}`, /^https:\S+ \d{4}-\d\d-\d\d$/);
  });

  it('says how fast each group renews, and where that is more than half of the quota of DPS', () => {
    const renewals = { enrollmentGroup: 'line7', ofDevices: 1000, jitterDays: 1, perDay: 1000, perMinute: 0.87 };
    const all = { ...renewals, enrollmentGroup: 'line8', jitterDays: 0, perMinute: 501 };
    const found = estimate({ work: [work({ renewals }), work({ renewals: all }), work()], deployment: vault });
    assert.deepEqual(found.renewals, [
      { ...renewals, perMinute: 1, aboveHalfOfQuota: false },
      { ...all, aboveHalfOfQuota: true },
    ]);
  });

  it('of nothing is nothing', () => {
    const { binding, phases, price } = estimate({ work: [], deployment: vault });
    assert.deepEqual([binding, phases[0]?.minutes, price.once, price.items], [undefined, 0, 0, []]);
  });
});

describe('the table of limits and prices', () => {
  it('has a source and a date for each figure', () => {
    for (const { source, date } of [...Object.values(limits), ...Object.values(prices), ...Object.values(usage)]) {
      assert.match(source, /^https:\/\/(?:learn|azure)\.microsoft\.com\/|^performance\.md/);
      assert.match(date, /^2\d{3}-\d\d-\d\d$/);
    }
  });
});
