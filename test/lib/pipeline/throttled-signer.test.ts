import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createKeyVaultEmulator } from 'fleet-emulators/key-vault';
import { ensureLocalTls } from 'fleet-emulators/tls';
import { createKeyVaultKeyStore } from '../../../lib/azure/key-vault.ts';
import { FleetError } from '../../../lib/errors.ts';
import { partName } from '../../../lib/jobs/job.ts';
import { createWorld } from '../../world.ts';
import { trustLocalTls } from '../azure/trust-local-tls.ts';

/** Must not be asked for a token: the vault is on this machine. */
const credential = { getToken: () => assert.fail('a token was asked for') };

describe('a vault that throttles in the middle of a chunk', () => {
  it('leaves the whole chunk to be tried again, with nothing half-issued', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'fleet-vault-'));
    const tls = await ensureLocalTls({ directory: join(directory, 'tls') });
    trustLocalTls(tls.caPem);
    let at = Date.parse('2026-11-23T08:00:00Z');
    // Opening and making the CAs takes about ten transactions, so of thirty signatures not all fit behind them, and all alone.
    const emulator = createKeyVaultEmulator({ tls, limits: { others: 35 }, now: () => new Date(at) });
    const { url } = await emulator.listen(0);
    using world = createWorld({
      chunkRows: 30,
      keys: createKeyVaultKeyStore({ vaultUrl: url, credential, maxRetries: 0 }),
    });
    try {
      await world.declare('line7', { keyCustody: 'plain', target: 'dps-device' });
      const rows = Array.from({ length: 30 }, (_, index) => `gw-${index + 1}`);
      const jobId = await world.upload('line7/list.csv', `deviceId\n${rows.join('\n')}\n`);
      await world.queue.shift()?.run();
      const [chunk] = world.queue.splice(0);
      assert.ok(chunk);

      let failures = 0;
      for (let delivery = 1; delivery <= 10; delivery++) {
        try {
          await chunk.run();
          break;
        } catch (error) {
          assert.ok(error instanceof FleetError, String(error));
          assert.equal(error.code, 'throttled');
          assert.ok((error.details.retryAfter ?? 0) > 0);
          failures += 1;
          assert.equal(await world.bundles.properties(`${jobId}/${partName(0, 1)}.zip`), undefined);
          // Claimed, and no more: each has its serial number.
          assert.deepEqual(
            [...((await world.jobs.claimed(jobId, partName(0, 1))) ?? []).keys()].sort(),
            rows.toSorted(),
          );
          assert.equal((await world.devices.read(rows)).size, 0);
          at += 60_000;
        }
      }
      assert.equal(failures, 1);
      const { counts } = await world.job(jobId);
      assert.deepEqual([counts.provisioned, counts.failed, counts.rejected], [30, 0, 0]);
      const serials = [...(await world.devices.read(rows)).values()].map(({ value }) => value.serialNumber);
      assert.equal(new Set(serials).size, 30);
    } finally {
      await emulator.close();
      await rm(directory, { recursive: true, force: true });
    }
  });
});
