import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createDeviceIssuer } from '../../../lib/pki/device-issuer.ts';
import { newSerialNumber } from '../../../lib/pki/serial.ts';
import { shareOf, spreadEnd } from '../../../lib/pki/spread.ts';
import { someTime } from '../../factories.ts';
import fc from '../../fast-check.ts';
import { someAuthority } from './some-authority.ts';

const day = 24 * 60 * 60 * 1000;
const ids = Array.from({ length: 20_000 }, (_, number) => `gw-${String(number).padStart(6, '0')}`);

describe('share of a device', () => {
  it('is the first 32 bits of the SHA-256 of its id', () => {
    // printf %s gw-1 | sha256sum
    assert.equal(shareOf('gw-1'), 0xf5135b27 / 2 ** 32);
  });

  it('spreads ids that differ in their last digits evenly', () => {
    const buckets = new Array<number>(100).fill(0);
    for (const id of ids) {
      const bucket = Math.floor(shareOf(id) * 100);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    // Chi-squared with 99 degrees of freedom: 149 is exceeded by 1 of 1,000 random sets.
    const expected = ids.length / 100;
    const chiSquared = buckets.reduce((sum, found) => sum + (found - expected) ** 2 / expected, 0);
    assert.ok(chiSquared < 149, `chi-squared ${chiSquared}`);
  });
});

describe('end of a spread certificate', () => {
  const life = { now: someTime, notAfter: new Date(someTime.getTime() + 100 * day), validityDays: 100 };

  it('is earlier by the share of the window', () => {
    const end = spreadEnd('gw-1', { ...life, jitterDays: 10 });
    const earlier = life.notAfter.getTime() - end.getTime();
    assert.ok(Math.abs(earlier - shareOf('gw-1') * 10 * day) <= 1000);
  });

  it('is that of all without a window', () => {
    assert.deepEqual(spreadEnd('gw-1', { ...life, jitterDays: 0 }), life.notAfter);
  });

  it('is within the life, in whole seconds, and the same each time', () => {
    const some = fc.record({
      id: fc.string({ minLength: 1, maxLength: 64 }),
      validityDays: fc.integer({ min: 1, max: 3650 }),
      ofWindow: fc.double({ min: 0, max: 0.5, noNaN: true }),
      // Where the issuer ends first.
      leftMs: fc.integer({ min: 2000, max: 3650 * day }),
    });
    fc.assert(
      fc.property(some, ({ id, validityDays, ofWindow, leftMs }) => {
        const latest = Math.floor((someTime.getTime() + Math.min(validityDays * day, leftMs)) / 1000) * 1000;
        const notAfter = new Date(latest);
        const spread = { now: someTime, notAfter, validityDays, jitterDays: validityDays * ofWindow };
        const end = spreadEnd(id, spread);
        assert.equal(end.getTime() % 1000, 0);
        assert.ok(end <= notAfter);
        assert.ok(notAfter.getTime() - end.getTime() <= ofWindow * (latest - someTime.getTime()) + 1000);
        assert.deepEqual(spreadEnd(id, spread), end);
      }),
    );
  });
});

describe('certificates of a batch', () => {
  const issue = async (options: { validityDays: number; caDays: number; now?: Date; edgeCa?: true }) => {
    const { validityDays, caDays, now = someTime, edgeCa } = options;
    const issuer = createDeviceIssuer({
      issuer: await someAuthority({ now, validityDays: caDays, pathLength: 1 }),
      ...{ keyType: 'ec-p256', validityDays, now },
      ...(edgeCa && { edgeCa: 'edge-ca' }),
    });
    const some = ids.slice(0, 200);
    const issued = [];
    for (const deviceId of some)
      issued.push(await issuer.issue({ deviceId, serialNumber: newSerialNumber(), jitterDays: validityDays / 10 }));
    return issued;
  };

  it('end at different times, the Edge CA with its identity', async () => {
    const issued = await issue({ validityDays: 365, caDays: 1825, edgeCa: true });
    const ends = issued.map(({ certificatePem }) => new X509Certificate(certificatePem).validToDate.getTime());
    assert.equal(new Set(ends).size, issued.length);
    assert.deepEqual(
      ends,
      issued.map(({ notAfter }) => notAfter.getTime()),
    );
    assert.deepEqual(
      issued.map(({ edgeCa }) => new X509Certificate(edgeCa?.certificatePem ?? '').validToDate.getTime()),
      ends,
    );
    const [latest, span] = [someTime.getTime() + 365 * day, 36.5 * day];
    assert.ok(Math.max(...ends) <= latest && Math.min(...ends) >= latest - span - 1000);
    assert.ok(Math.max(...ends) - Math.min(...ends) > 0.9 * span);
  });

  it('end at different times where their issuer ends first', async () => {
    const issued = await issue({ validityDays: 365, caDays: 40 });
    const ends = issued.map(({ notAfter }) => notAfter.getTime());
    assert.equal(new Set(ends).size, issued.length);
    const latest = someTime.getTime() + 40 * day;
    assert.ok(Math.max(...ends) <= latest && Math.min(...ends) >= latest - 4 * day - 1000);
  });

  it('end before and after 2050 in one batch', async () => {
    const issued = await issue({ validityDays: 3650, caDays: 7300, now: new Date('2040-07-01T00:00:00Z') });
    const ends = issued.map(({ certificatePem, notAfter }) => {
      const { validToDate } = new X509Certificate(certificatePem);
      assert.deepEqual(validToDate, notAfter);
      return validToDate.getUTCFullYear();
    });
    assert.deepEqual([...new Set(ends)].sort(), [2049, 2050]);
  });
});
