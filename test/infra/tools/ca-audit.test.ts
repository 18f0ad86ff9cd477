import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseArguments } from '../../../infra/tools/ca/arguments.ts';
import { runAudited } from '../../../infra/tools/ca/audited-verb.ts';
import { signedInOperator } from '../../../infra/tools/ca/operator.ts';
import type { Place } from '../../../infra/tools/ca/place.ts';
import { createWorld, type World } from '../../world.ts';

function run(world: World, ...line: string[]) {
  const place = { services: world.services(), operator: async () => 'Ada (1)', name: 'a world' };
  const args = parseArguments(line);
  assert.ok(args !== 'help');
  return runAudited(place as unknown as Place, args);
}

describe('npm run ca, in the audit trail', () => {
  it('has who ran which command on which group, and the CA that it made', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    world.audit.entries.length = 0;
    await run(world, 'rollover', 'line7', '--from', '1');
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
    await assert.rejects(run(world, 'rollover', 'line7'), { code: 'not-found' });
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
    await assert.rejects(run(world, 'csr', 'line7'), { code: 'unavailable' });
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
