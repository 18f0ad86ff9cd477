import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { createCertificateAuthority } from '../../../lib/authorities/certificate-authority.ts';
import { createGroups } from '../../../lib/enrollment/groups.ts';
import { createSoftwareKeyStore } from '../../../lib/pki/software-key-store.ts';
import { createMemoryAudit } from '../../memory/audit.ts';
import { createWorld } from '../../world.ts';

it('plain keys are refused when the deployment does not allow them, and nothing is created for the group', async (t) => {
  using world = createWorld();
  const directory = mkdtempSync(join(tmpdir(), 'custody-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const { groupStore: store, enrollments } = world;
  const now = () => new Date();
  const keys = createSoftwareKeyStore({ directory });
  const authority = createCertificateAuthority({
    keys,
    groups: store,
    rootName: 'Test root CA',
    audit: createMemoryAudit(),
    now,
  });
  const retry = { maxWaitSeconds: 0, sleep: async () => {} };
  const groups = createGroups({ store, authority, enrollments, retry, now, allowPlainKeys: false });
  await assert.rejects(groups.declare('line7', { keyCustody: 'plain' }), { code: 'custody-not-allowed' });
  assert.equal(await store.read('line7'), undefined);
  assert.equal(enrollments.groups.size, 0);
  assert.equal((await groups.declare('line7', { keyCustody: 'device' })).created, true);
});
