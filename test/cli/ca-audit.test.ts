import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runAudited } from '../../cli/operator/audited-verb.ts';
import type { Arguments } from '../../cli/operator/ca-verbs.ts';
import { signedInOperator } from '../../cli/operator/operator.ts';
import type { Place } from '../../cli/operator/place.ts';
import { FleetError } from '../../lib/errors.ts';
import type { KeyProtection } from '../../lib/pki/key-store.ts';
import { createWorld, type World } from '../world.ts';

function run(world: World, args: Arguments) {
  const place = { services: world.services(), operator: async () => 'Ada (1)', name: 'a world' };
  return runAudited(place as unknown as Place, args);
}

describe('fleet ca, in the audit trail', () => {
  it('has who ran which command on which group, and the CA that it made', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    world.audit.entries.length = 0;
    await run(world, { verb: 'rollover', group: 'line7', from: 1 });
    const [intent, made, madeResult, result] = world.audit.entries;
    assert.deepEqual(intent, {
      ...{ phase: 'intent', id: '0', action: 'ca-rollover', by: 'Ada (1)', subject: { enrollmentGroup: 'line7' } },
      details: { name: undefined, from: 1, vouched: undefined, force: undefined },
    });
    assert.deepEqual(
      [made?.action, made?.subject],
      ['create-issuing-ca', { enrollmentGroup: 'line7', caGeneration: 2 }],
    );
    assert.deepEqual([result?.action, result?.outcome, result?.details?.['caGeneration']], ['ca-rollover', 'done', 2]);
    assert.equal(result?.details?.['caSha256'], madeResult?.details?.['caSha256']);
  });

  it('has a command that failed', async () => {
    using world = createWorld();
    await assert.rejects(run(world, { verb: 'rollover', group: 'line7' }), { code: 'not-found' });
    assert.deepEqual(
      world.audit.entries.map(({ phase, code }) => [phase, code]),
      [
        ['intent', undefined],
        ['result', 'not-found'],
      ],
    );
  });

  it('stops a command when it takes no entries', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    world.audit.stop();
    await assert.rejects(run(world, { verb: 'csr', group: 'line7' }), { code: 'unavailable' });
  });
});

describe('fleet ca show', () => {
  it('says where the key of each CA is, and which one cannot be used', async () => {
    const places = new Map<string, KeyProtection>([
      ['root', 'hsm'],
      ['issuing-line7-1', 'software'],
    ]);
    using files = createWorld();
    await files.declare('line7', { keyCustody: 'plain' });
    const services = files.services();
    const show = async () => {
      const checkKey = async ({ keyName }: { readonly keyName: string }) => {
        const place = places.get(keyName);
        if (place === undefined)
          throw new FleetError('ca-key-unusable', `CA key "${keyName}" is deleted in the vault.`);
        return place;
      };
      const authority = { ...services.authority, checkKey };
      const place = { services: { ...services, authority }, operator: async () => 'Ada (1)', name: 'a world' };
      return runAudited(place as unknown as Place, { verb: 'show' });
    };
    const { text, json } = await show();
    assert.match(text, /^root .*key "root" in an HSM$/m);
    assert.match(text, /^ {2}CA 1 .*\(current, key in software in a vault\)$/m);
    const { root, groups } = json as { root: object; groups: { issuingCas: object[] }[] };
    assert.partialDeepStrictEqual(
      [root, groups[0]?.issuingCas[0]],
      [{ keyProtection: 'hsm' }, { keyProtection: 'software' }],
    );
    places.delete('issuing-line7-1');
    assert.match((await show()).text, /key cannot be used: CA key "issuing-line7-1" is deleted in the vault\./);
    const own = (await run(files, { verb: 'show' })).text;
    assert.match(own, /^ {2}CA 1 .*key in a file\)$/m);
  });
});

describe('the operator of a command', () => {
  const tokenOf = (claims: object) => ({
    getToken: async () => ({
      token: `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`,
      expiresOnTimestamp: 0,
    }),
  });

  it('is named by the claims of the token, as a caller of the API is', async () => {
    assert.equal(await signedInOperator(tokenOf({ upn: 'ada@example.com', oid: '8c1f' })), 'ada@example.com (8c1f)');
    assert.equal(await signedInOperator(tokenOf({ appid: 'a-1', oid: '8c1f' })), 'a-1 (8c1f)');
  });
});
