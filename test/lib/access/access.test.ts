import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Access, createAccess, type GroupRole, rolesUpTo } from '../../../lib/access/access.ts';
import { actorName } from '../../../lib/access/act.ts';
import { parsePrincipal } from '../../../lib/access/principal.ts';
import { FleetError } from '../../../lib/errors.ts';
import fc from '../../fast-check.ts';
import { operation, operationIds } from '../../operation.ts';

const objectId = '0b2e6b4e-3d3c-4a53-9d0a-6f5b8f8f0001';
const securityGroup = '5f0c8a52-3f0b-4a57-8f3e-000000000007';

/** The header as built-in authentication writes it for a user of Microsoft Entra. */
function header({ roles = [] as string[], ...changes }: Record<string, unknown> & { roles?: string[] } = {}): string {
  const document = {
    auth_typ: 'aad',
    name_typ: 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name',
    role_typ: 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role',
    claims: [
      { typ: 'aud', val: 'api://fleet' },
      { typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier', val: objectId },
      { typ: 'preferred_username', val: 'mona@example.com' },
      ...roles.map((val) => ({ typ: 'roles', val })),
    ],
    ...changes,
  };
  return Buffer.from(JSON.stringify(document)).toString('base64');
}

function codeOf(access: Access, id: string, principal: string | null): string {
  try {
    access(operation(id), principal);
    return 'allowed';
  } catch (error) {
    assert.ok(error instanceof FleetError);
    return error.code;
  }
}

describe('parsePrincipal', () => {
  it('reads id, name and the app roles it knows', () => {
    assert.deepEqual(parsePrincipal(header({ roles: ['operator', 'reader', 'Owner'] })), {
      id: objectId,
      name: 'mona@example.com',
      roles: ['reader', 'operator'],
      mappable: ['operator', 'reader', 'Owner', objectId],
    });
  });

  it('reads roles under the long claim name and names an application by its client id', () => {
    const claims = [
      { typ: 'oid', val: objectId },
      { typ: 'appid', val: 'b7c7' },
      { typ: 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role', val: 'submitter' },
      { typ: 'groups', val: securityGroup },
    ];
    assert.deepEqual(parsePrincipal(header({ claims })), {
      id: objectId,
      name: 'b7c7',
      roles: ['submitter'],
      mappable: ['submitter', securityGroup, objectId],
    });
  });

  it('returns undefined for any other header', () => {
    const wrong = [
      null,
      undefined,
      '',
      'not base64 json',
      Buffer.from('[]').toString('base64'),
      header({ auth_typ: 'github' }),
      header({ claims: [] }),
      header({ claims: 'reader' }),
      header({ claims: [{ typ: 'oid', val: 7 }] }),
      header({ padding: 'x'.repeat(40_000) }),
      header({ claims: [{ typ: 'name', val: 'Mona' }] }),
    ];
    for (const value of wrong) assert.equal(parsePrincipal(value), undefined, String(value).slice(0, 40));
  });

  it('reads the longest header that a front end lets through', () => {
    // Spaces around base64 are ignored.
    const padded = (length: number) => header({ roles: ['reader'] }).padEnd(length, ' ');
    assert.deepEqual(parsePrincipal(padded(32_768))?.roles, ['reader']);
    assert.equal(parsePrincipal(padded(32_769)), undefined);
  });

  it('reads the name and the roles under the claim names that the header gives', () => {
    const claims = [
      { typ: 'oid', val: objectId },
      { typ: 'my-name', val: 'Mona' },
      { typ: 'preferred_username', val: 'mona@example.com' },
      { typ: 'my-role', val: 'reader' },
    ];
    const { name, roles } = parsePrincipal(header({ claims, name_typ: 'my-name', role_typ: 'my-role' })) ?? {};
    assert.deepEqual([name, roles], ['Mona', ['reader']]);
  });

  it('names an account without a name by its id', () => {
    assert.equal(parsePrincipal(header({ claims: [{ typ: 'oid', val: objectId }] }))?.name, objectId);
  });

  it('does not throw on any header', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json().map(btoa8)), (text) => {
        assert.doesNotThrow(() => parsePrincipal(text));
      }),
    );
  });
});

const btoa8 = (text: string) => Buffer.from(text).toString('base64');

describe('createAccess', () => {
  const entra = createAccess('entra');

  it('allows each role its operations and no others', () => {
    const table: [string[], string, string][] = [
      [['reader'], 'get-job', 'allowed'],
      [['reader'], 'submit-job', 'forbidden'],
      [['reader'], 'get-device-bundle', 'forbidden'],
      [['submitter'], 'get-job', 'allowed'],
      [['submitter'], 'submit-job', 'allowed'],
      [['submitter'], 'put-enrollment-group', 'forbidden'],
      [['submitter'], 'get-device-bundle', 'forbidden'],
      [['operator'], 'submit-job', 'allowed'],
      [['operator'], 'put-enrollment-group', 'allowed'],
      [['operator'], 'get-device-bundle', 'allowed'],
      [[], 'health', 'forbidden'],
      [['admin'], 'list-devices', 'forbidden'],
    ];
    for (const [roles, id, expected] of table) {
      assert.equal(codeOf(entra, id, header({ roles })), expected, `${roles} ${id}`);
    }
  });

  it('refuses every operation when no user is signed in', () => {
    for (const id of operationIds) assert.equal(codeOf(entra, id, null), 'unauthorized');
  });

  it('names the missing role and the caller', () => {
    assert.throws(() => entra(operation('get-device-bundle'), header({ roles: ['reader'] })), {
      message: 'get-device-bundle takes the app role "operator"; mona@example.com is reader.',
    });
  });

  it('names the caller for the history', () => {
    assert.deepEqual(entra(operation('get-device-bundle'), header({ roles: ['operator'] })), {
      name: 'mona@example.com',
      id: objectId,
      role: 'operator',
    });
  });

  it('names the lowest role that let the caller in, for the audit trail', () => {
    const roleFor = (id: string, roles: string[]) => entra(operation(id), header({ roles })).role;
    assert.equal(roleFor('get-job', ['operator', 'reader']), 'reader');
    assert.equal(roleFor('submit-job', ['operator', 'reader']), 'operator');
  });

  it('ignores the header when callers use keys, since any caller can send it', () => {
    assert.deepEqual(createAccess('keys')(operation('get-device-bundle'), header({ roles: ['operator'] })), {
      name: 'function key',
    });
  });
});

describe('rolesUpTo', () => {
  it('gives a role and the lower ones', () => {
    assert.deepEqual(rolesUpTo('reader'), ['reader']);
    assert.deepEqual(rolesUpTo('submitter'), ['reader', 'submitter']);
    assert.deepEqual(rolesUpTo('operator'), ['reader', 'submitter', 'operator']);
  });
});

describe('actorName', () => {
  it('tells users of one name apart', () => {
    assert.equal(actorName({ name: 'Ada', id: objectId }), `Ada (${objectId})`);
    assert.equal(actorName({ name: 'function key' }), 'function key');
  });
});

describe('a role that is limited to enrollment groups', () => {
  const limited = createAccess(
    'entra',
    new Map<string, GroupRole>([
      ['line7-submitter', { role: 'submitter', enrollmentGroups: ['line7'] }],
      ['lines-reader', { role: 'reader', enrollmentGroups: ['line7', 'line8'] }],
      [securityGroup, { role: 'operator', enrollmentGroups: ['line9'] }],
      [objectId, { role: 'reader', enrollmentGroups: ['lab'] }],
    ]),
  );
  const groupsFor = (id: string, roles: string[]) => limited(operation(id), header({ roles })).enrollmentGroups;

  it('names the groups for which the caller has the role of the operation', () => {
    assert.deepEqual(groupsFor('submit-job', ['line7-submitter', 'lines-reader']), ['line7']);
    assert.deepEqual(groupsFor('get-job', ['line7-submitter', 'lines-reader']), ['line7', 'line8', 'lab']);
    assert.equal(codeOf(limited, 'put-enrollment-group', header({ roles: ['line7-submitter'] })), 'forbidden');
  });

  it('is found by security group and by object id', () => {
    const claims = [
      { typ: 'oid', val: objectId },
      { typ: 'groups', val: securityGroup },
    ];
    assert.deepEqual(limited(operation('get-device-bundle'), header({ claims })).enrollmentGroups, ['line9']);
    assert.deepEqual(limited(operation('get-device'), header()).enrollmentGroups, ['lab']);
    assert.equal(limited(operation('get-device-bundle'), header({ claims })).role, 'operator');
  });

  it('does not limit an app role, which holds for all groups', () => {
    assert.equal(groupsFor('submit-job', ['line7-submitter', 'submitter']), undefined);
    assert.deepEqual(groupsFor('submit-job', ['line7-submitter', 'reader']), ['line7']);
  });

  it('allows no operation on things of all groups', () => {
    const claims = [
      { typ: 'oid', val: objectId },
      { typ: 'groups', val: securityGroup },
    ];
    for (const id of ['health', 'list-dead-letters', 'redrive-dead-letters']) {
      assert.equal(codeOf(limited, id, header({ claims })), 'forbidden', id);
    }
    assert.throws(() => limited(operation('redrive-dead-letters'), header({ claims })), /for all enrollment groups\.$/);
  });

  it('allows nothing when it names no group', () => {
    const none = createAccess(
      'entra',
      new Map<string, GroupRole>([[objectId, { role: 'operator', enrollmentGroups: [] }]]),
    );
    assert.equal(codeOf(none, 'get-device', header()), 'forbidden');
  });

  it('is ignored when callers use keys', () => {
    const roles = new Map<string, GroupRole>([[objectId, { role: 'reader', enrollmentGroups: ['lab'] }]]);
    assert.equal(createAccess('keys', roles)(operation('get-device'), header()).enrollmentGroups, undefined);
  });
});
