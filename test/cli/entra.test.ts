import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { graphOperations } from '../../cli/operator/entra/graph-operations.ts';
import { assertEvery } from '../assert-every.ts';
import { type GraphDouble, startGraphDouble, tenantId } from './graph-double.ts';
import { fleet, type Setting } from './transcript.ts';

const azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
const ada = { 'ada@example.com': 'aaaaaaaa-0000-4000-8000-000000000001' };
const lineGroup = 'bbbbbbbb-0000-4000-8000-000000000001';
const erp = 'cccccccc-0000-4000-8000-000000000001';

function run(graph: GraphDouble, line: string, setting: Setting = {}) {
  return fleet(`entra ${line} --graph ${graph.url}`, setting);
}

const changesOf = ({ seen }: GraphDouble) =>
  seen.filter(({ operation }) => graphOperations[operation].method !== 'GET').map(({ operation }) => operation);

interface Registered {
  readonly appId: string;
  readonly identifierUris: string[];
  readonly appRoles: { id: string; value: string; isEnabled: boolean }[];
  readonly groupMembershipClaims: string | null;
  readonly api: {
    readonly requestedAccessTokenVersion: number;
    readonly oauth2PermissionScopes: { id: string; value: string }[];
    readonly preAuthorizedApplications: { appId: string; delegatedPermissionIds: string[] }[];
  };
  readonly web: { readonly redirectUris: string[] };
}

function onlyApplication({ applications }: GraphDouble): Registered {
  assert.equal(applications.size, 1);
  const [application] = applications.values();
  return application as unknown as Registered;
}

describe('fleet entra setup', () => {
  it('makes a registration with roles, scope, client, sign-in and service principal', async () => {
    await using graph = await startGraphDouble();
    const options =
      '--redirect https://app.example --identity dddddddd-0000-4000-8000-000000000001 --role line7-submitter';
    const { code, out, err } = await run(graph, `setup ${options} --group-claims`);
    assert.equal(code, 0, err);
    const made = onlyApplication(graph);
    assert.deepEqual(made.identifierUris, [`api://${made.appId}`]);
    assert.deepEqual(
      made.appRoles.map(({ value }) => value),
      ['reader', 'submitter', 'operator', 'line7-submitter'],
    );
    const [scope] = made.api.oauth2PermissionScopes;
    assert.equal(scope?.value, 'user_impersonation');
    assert.equal(made.api.requestedAccessTokenVersion, 2);
    assert.deepEqual(made.api.preAuthorizedApplications, [{ appId: azureCli, delegatedPermissionIds: [scope?.id] }]);
    assert.deepEqual(made.web.redirectUris, ['https://app.example/.auth/login/aad/callback']);
    assert.equal(made.groupMembershipClaims, 'ApplicationGroup');
    assert.equal(graph.servicePrincipals.size, 1);
    const [credentials] = graph.credentials.values();
    assert.partialDeepStrictEqual(credentials, [
      {
        name: 'app-identity',
        issuer: `https://login.microsoftonline.com/${tenantId}/v2.0`,
        subject: 'dddddddd-0000-4000-8000-000000000001',
        audiences: ['api://AzureADTokenExchange'],
      },
    ]);
    assert.match(out, new RegExp(`^client id +${made.appId}$`, 'm'));
    assert.match(err, new RegExp(`azd env set ENTRA_CLIENT_ID ${made.appId}`));
  });

  it('changes nothing when it runs again, by name or by client id', async () => {
    await using graph = await startGraphDouble();
    const options = '--redirect https://app.example --identity dddddddd-0000-4000-8000-000000000001';
    await run(graph, `setup ${options}`);
    const { appId } = onlyApplication(graph);
    graph.seen.length = 0;
    const again = await run(graph, `setup ${options}`);
    assert.match(again.out, /The registration has everything\. Nothing was changed\./);
    await run(graph, `setup ${options}`, { env: { ENTRA_CLIENT_ID: appId } });
    await run(graph, `setup ${options} --app-id ${appId}`);
    assert.deepEqual(changesOf(graph), []);
    assert.deepEqual(
      graph.seen.filter(({ operation }) => operation === 'readApplication').length,
      2,
      'the client id is used where it is known',
    );
  });

  it('completes a registration that was made by hand, and keeps what it has', async () => {
    await using graph = await startGraphDouble();
    await run(graph, 'setup --name other');
    const [id, made] = [...graph.applications][0] ?? assert.fail();
    const own = { id: 'own-role', value: 'auditor', isEnabled: true };
    const reader = { id: 'own-reader', value: 'reader', isEnabled: false };
    const scope = { id: 'own-scope', value: 'user_impersonation', isEnabled: true };
    const further = { id: 'other-scope', value: 'other', isEnabled: true };
    const portal = { appId: 'portal', delegatedPermissionIds: ['other-scope'] };
    const redirectUris = ['https://old.example/.auth/login/aad/callback'];
    graph.applications.set(id, {
      ...made,
      displayName: "the plant's",
      appRoles: [own, reader],
      api: { oauth2PermissionScopes: [scope, further], preAuthorizedApplications: [portal as never] },
      web: { redirectUris, implicitGrantSettings: { enableIdTokenIssuance: true } },
    });
    const words = [
      'entra',
      'setup',
      '--name',
      "the plant's",
      '--redirect',
      'https://app.example',
      '--graph',
      graph.url,
    ];
    assert.equal((await fleet(words)).code, 0);
    const after = onlyApplication(graph);
    assert.deepEqual(
      after.appRoles.map(({ id: roleId, value, isEnabled }) => [roleId, value, isEnabled]),
      [
        ['own-role', 'auditor', true],
        ['own-reader', 'reader', true],
        ['6f0c7a52-3c1b-4f6e-9a52-0c5f2b7d1a02', 'submitter', true],
        ['6f0c7a52-3c1b-4f6e-9a52-0c5f2b7d1a03', 'operator', true],
      ],
    );
    assert.deepEqual(after.api.preAuthorizedApplications, [
      portal,
      { appId: azureCli, delegatedPermissionIds: ['own-scope'] },
    ]);
    assert.deepEqual(after.web, {
      redirectUris: [...redirectUris, 'https://app.example/.auth/login/aad/callback'],
      implicitGrantSettings: { enableIdTokenIssuance: true },
    });
  });

  it('trusts the new identity of an app that was made anew', async () => {
    await using graph = await startGraphDouble();
    await run(graph, 'setup --identity dddddddd-0000-4000-8000-000000000001');
    await run(graph, 'setup --identity dddddddd-0000-4000-8000-000000000002');
    const [credentials] = graph.credentials.values();
    assert.deepEqual(
      credentials?.map(({ subject }) => subject),
      ['dddddddd-0000-4000-8000-000000000002'],
    );
  });

  it('prints every call of a dry run with its page, and changes nothing', async () => {
    await using graph = await startGraphDouble();
    const { code, out } = await run(graph, 'setup --identity dddddddd-0000-4000-8000-000000000001 --dry-run');
    assert.equal(code, 0);
    assert.equal(graph.applications.size, 0);
    assert.deepEqual(changesOf(graph), []);
    const calls = [...out.matchAll(/^(GET|POST|PATCH) \S+?\/v1\.0(\/.*?)( {2}\(not sent\))?$/gm)];
    assert.deepEqual(
      calls.map(([, method, path, note]) => `${method} ${path?.split('?')[0]}${note ?? ''}`),
      [
        'GET /applications',
        'POST /applications  (not sent)',
        'PATCH /applications/{object id}  (not sent)',
        'PATCH /applications/{object id}  (not sent)',
        "GET /servicePrincipals(appId='{client id}')  (not sent)",
        'POST /servicePrincipals  (not sent)',
        'GET /applications/{object id}/federatedIdentityCredentials  (not sent)',
        'POST /applications/{object id}/federatedIdentityCredentials  (not sent)',
      ],
    );
    assert.equal(out.match(/^ {2}https:\/\/learn\.microsoft\.com\/graph\/api\//gm)?.length, calls.length);
    assert.match(out, /"displayName":"fleet-orchestrator"/);
  });

  it('shows in a dry run what the real run then does', async () => {
    await using graph = await startGraphDouble();
    const dry = JSON.parse((await run(graph, 'setup --dry-run --json')).out) as { calls: { method: string }[] };
    await run(graph, 'setup');
    const planned = dry.calls.filter(({ method }) => method !== 'GET').map(({ method }) => method);
    assert.deepEqual(
      planned,
      changesOf(graph).map((operation) => graphOperations[operation].method),
    );
  });

  it('waits for an object that not every server of the directory has yet', async () => {
    await using graph = await startGraphDouble();
    const message = "The appId 'x' of the service principal does not reference a valid application object.";
    graph.refusals.set('createServicePrincipal', { status: 400, message, times: 2 });
    const late = {
      status: 404,
      message: "Resource 'x' does not exist or one of its queried reference-property objects are not present.",
    };
    graph.refusals.set('updateApplication', { ...late, times: 1 });
    const waits: number[] = [];
    const { code, err } = await run(graph, 'setup', { sleep: async (milliseconds) => waits.push(milliseconds) });
    assert.equal(code, 0, err);
    assert.deepEqual(waits, [2000, 2000, 4000]);
    assert.equal(graph.servicePrincipals.size, 1);
  });

  it('repeats no refused change of what was there before', async () => {
    await using graph = await startGraphDouble();
    await run(graph, 'setup');
    graph.refusals.set('updateApplication', { status: 404, message: "Resource 'x' does not exist.", times: 1 });
    const { code, err } = await run(graph, 'setup --role line7-submitter', { sleep: async () => assert.fail('waits') });
    assert.equal(code, 1);
    assert.match(err, /PATCH .* was answered with 404/);
  });

  it('says which role it needs when the user may not', async () => {
    await using graph = await startGraphDouble();
    graph.refusals.set('createApplication', { status: 403, message: 'Insufficient privileges.', times: 1 });
    const { code, err } = await run(graph, 'setup');
    assert.equal(code, 4);
    assert.match(err, /Insufficient privileges\./);
    assert.match(err, /^hint: .*Application Administrator/m);
  });

  it('asks which one is meant when two registrations have the name', async () => {
    await using graph = await startGraphDouble();
    await run(graph, 'setup');
    const [first] = graph.applications.values();
    graph.applications.set('second', { ...(first ?? assert.fail()), id: 'second' });
    const { code, err } = await run(graph, 'setup');
    assert.equal(code, 2);
    assert.match(err, /2 app registrations have the name "fleet-orchestrator".*\n.*--app-id/);
  });

  it('refuses what is no client id, no address of an app and no Microsoft Graph', async () => {
    await using graph = await startGraphDouble();
    const wrong = [
      ['setup --app-id x', /"x" is not a client id/],
      ['setup --redirect http://app.example', /"http:\/\/app\.example" is not the address/],
      ['setup --role a/b', /"a\/b" is not the value of an app role/],
      ['assign reader --application x', /"x" is not a client id/],
    ] as const;
    for (const [line, message] of wrong) {
      if (line.startsWith('assign')) await run(graph, 'setup');
      const { code, err } = await run(graph, line);
      assert.equal(code, 2, line);
      assert.match(err, message);
    }
    const { code, err } = await fleet('entra setup --graph http://graph.example');
    assert.equal(code, 2);
    assert.match(err, /is not the URL of Microsoft Graph/);
  });
});

describe('fleet entra assign', () => {
  async function registered(pageSize = 100): Promise<GraphDouble> {
    const graph = await startGraphDouble({ users: ada, groups: [lineGroup], pageSize });
    await run(graph, 'setup');
    graph.servicePrincipals.set('erp-principal', { id: 'erp-principal', appId: erp });
    graph.seen.length = 0;
    return graph;
  }

  it('gives a role to people, groups and applications, once', async () => {
    await using graph = await registered();
    const line = `assign submitter --person ada@example.com --group ${lineGroup} --application ${erp}`;
    const { code, out, err } = await run(graph, line);
    assert.equal(code, 0, err);
    assert.match(out, /submitter: person ada@example\.com has it now/);
    assert.match(err, new RegExp(`admit ${erp} too.*ENTRA_ALLOWED_APPLICATIONS`));
    const submitter = onlyApplication(graph).appRoles.find(({ value }) => value === 'submitter');
    assert.deepEqual(
      graph.assignments.map(({ principalId }) => principalId),
      [ada['ada@example.com'], lineGroup, 'erp-principal'],
    );
    assertEvery(graph.assignments, ({ appRoleId }) => appRoleId === submitter?.id);
    const again = await run(graph, line);
    assert.equal(again.code, 0, again.err);
    assert.equal(again.out.match(/has it already/g)?.length, 3);
    assert.equal(graph.assignments.length, 3);
  });

  it('finds an assignment on a later page of the list', async () => {
    await using graph = await registered(1);
    await run(graph, `assign reader --group ${lineGroup} --application ${erp}`);
    const { out } = await run(graph, `assign reader --application ${erp}`);
    assert.match(out, /has it already/);
  });

  it('gives nobody the role when one of them is not found', async () => {
    await using graph = await registered();
    const { code, err } = await run(graph, 'assign reader --person ada@example.com eve@example.com');
    assert.equal(code, 3);
    assert.match(err, /no person eve@example\.com/);
    assert.deepEqual(graph.assignments, []);
  });

  it('prints the calls of a dry run, and assigns nothing', async () => {
    await using graph = await registered();
    const { out } = await run(graph, 'assign operator --person ada@example.com --dry-run');
    assert.match(out, /^POST \S+\/appRoleAssignedTo {2}\(not sent\)\n {2}\{"principalId":"aaaaaaaa-/m);
    assert.match(out, /^ {2}https:\/\/learn\.microsoft\.com\/graph\/api\/serviceprincipal-post-approleassignedto$/m);
    assert.match(out, /operator: person ada@example\.com would get it/);
    assert.deepEqual(graph.assignments, []);
  });

  it('names the roles when there is none of that value, and the setup when there is no registration', async () => {
    await using graph = await registered();
    const unknown = await run(graph, 'assign owner --person ada@example.com');
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /no app role "owner"\. It has: reader, submitter, operator\./);
    const nowhere = await run(graph, 'assign reader --person ada@example.com --name other');
    assert.equal(nowhere.code, 3);
    assert.match(nowhere.err, /^next: fleet entra setup$/m);
    assert.equal((await run(graph, 'assign reader')).code, 2);
  });
});

describe('the calls of fleet entra', () => {
  it('have each a page of the documentation of Microsoft Graph', () => {
    assertEvery(Object.values(graphOperations), ({ documentation }) =>
      /^https:\/\/learn\.microsoft\.com\/graph\/api\/[a-z]+(-[a-z]+)+$/.test(documentation),
    );
  });
});
