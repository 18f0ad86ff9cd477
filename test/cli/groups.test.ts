import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { assertEvery } from '../assert-every.ts';
import { fakeDeployment, fleet, problem } from './transcript.ts';

const description = JSON.parse(readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8'));
const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

function filesOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

const definition = {
  enrollment: 'group',
  keyCustody: 'sealed',
  deviceIdCase: 'refuse',
  keyType: 'ec-p256',
  validityDays: 365,
  bundleShelfLifeDays: 90,
  issuingCa: { origin: 'fleet', keyType: 'ec-p256', validityDays: 1825 },
  attestation: 'signingCertificate',
  target: 'iotedge-1.6',
  recipients: [],
  autoReprovisioningMode: 'Dynamic',
  edgeCa: 'daemon',
  trustBundle: [],
  initialTwin: { tags: { ring: 'pilot' }, desired: {} },
  provisioningStatus: 'enabled',
  allocationPolicy: 'hashed',
  allocation: 'dps',
  iotHubs: [],
  reprovisionPolicy: { updateHubAssignment: true, migrateDeviceData: true },
};
const group = (id: string, more: object = {}) => ({
  id,
  definition: { ...definition, ...more },
  enrollment: { status: 'enrolled' },
  issuingCas: [{ generation: 2, notAfter: '2026-12-27T12:00:00.000Z', certificatePem: '', chainPem: [] }],
  issuance: { by: 'direct', reason: 'Issuing CA 2 has path length 0.' },
  createdAt: '2026-11-27T11:00:00.000Z',
  updatedAt: '2026-11-27T11:00:00.000Z',
});
const etag = { headers: { etag: '"1"' } };
const live = {
  'GET /api/openapi.json': { json: description },
  'GET /api/enrollment-groups': { json: { enrollmentGroups: [group('line7'), group('old')] } },
  'GET /api/enrollment-groups/line7': { json: group('line7'), ...etag },
  'GET /api/enrollment-groups/old': { json: group('old'), ...etag },
};
const files = {
  'line7.yaml': 'keyCustody: sealed\nvalidityDays: 90\ninitialTwin:\n  tags: { ring: wide }\n',
  'new.json': JSON.stringify({ keyCustody: 'device' }),
};

describe('fleet group diff', () => {
  it('shows what differs, member by member, with the defaults of the deployment', async () => {
    await using deployment = await fakeDeployment(live);
    const { code, out } = await fleet(
      `group diff ${filesOf({ 'line7.yaml': files['line7.yaml'] })} --detailed-exitcode`,
      deployment,
    );
    assert.equal(code, 7);
    assert.equal(
      out,
      [
        '~ line7',
        '    initialTwin.tags.ring: "pilot" -> "wide"',
        '    validityDays: 365 -> 90',
        '  not in the files, and kept: old',
        '0 to create, 1 to change, 0 to delete, 0 unchanged',
        '',
      ].join('\n'),
    );
    assert.deepEqual(new Set(deployment.seen.map(({ method }) => method)), new Set(['GET']));
  });

  it('finds nothing where a file leaves out what has a default', async () => {
    await using deployment = await fakeDeployment(live);
    const folder = filesOf({ 'line7.yaml': 'keyCustody: sealed\ninitialTwin: { tags: { ring: pilot } }\n' });
    const { code, out } = await fleet(`group diff ${folder} --detailed-exitcode`, deployment);
    assert.deepEqual([code, out.trim().split('\n').at(-1)], [0, '0 to create, 0 to change, 0 to delete, 1 unchanged']);
  });

  it('takes the short form of a member for what it stands for', async () => {
    const est = { url: 'fleet', identity: true, threshold: '80%', retry: '4%' };
    const more = { edgeCaThreshold: '75%', edgeCaRetry: '4%', renewExpiredWithinDays: 0, idCa: 'issuing' };
    const declared = group('line7', { est: { ...est, ...more } });
    await using deployment = await fakeDeployment({
      ...live,
      'GET /api/enrollment-groups': { json: { enrollmentGroups: [declared] } },
      'GET /api/enrollment-groups/line7': { json: declared, ...etag },
    });
    const text = 'keyCustody: sealed\ninitialTwin: { tags: { ring: pilot } }\nest: fleet\n';
    const same = await fleet(`group diff ${filesOf({ 'line7.yaml': text })} --detailed-exitcode`, deployment);
    assert.deepEqual(
      [same.code, same.err, same.out.trim()],
      [0, '', '0 to create, 0 to change, 0 to delete, 1 unchanged'],
    );
    const wrong = await fleet(
      `group diff ${filesOf({ 'line7.yaml': text.replace('est: fleet', 'est: flet') })}`,
      deployment,
    );
    assert.equal(wrong.code, 2);
    assert.match(wrong.err, /est has to be of type object/);
  });

  it('names every fault of the files, and reads nothing that it does not need', async () => {
    await using deployment = await fakeDeployment(live);
    const folder = filesOf({
      'a.yaml': 'keyCustody: sealed\nkeyCustody: plain\n',
      'b.json': '[]',
      'Line.json': '{"keyCustody":"plain"}',
      'c.yaml': 'id: same\nkeyCustody: plain\n',
      'd.yaml': 'id: same\nkeyCustody: plain\n',
    });
    const syntax = await fleet(`group diff ${folder}`, deployment);
    assert.equal(syntax.code, 2);
    assert.match(syntax.err, /a\.yaml: Map keys must be unique/);
    assert.match(syntax.err, /b\.json: expected one object/);
    assert.match(syntax.err, /Line\.json: "Line" is not an id of a group/);
    assert.match(syntax.err, /c\.yaml, .*d\.yaml: all declare the group same/);
    const wrong = filesOf({
      'line7.json': JSON.stringify({ keyCustody: 'lost', validity: 1, initialTwin: { tag: {} } }),
    });
    const { code, err } = await fleet(`group diff ${wrong}`, deployment);
    assert.equal(code, 2);
    assert.match(err, /line7\.json: keyCustody is "lost"; expected device, sealed, plain/);
    assert.match(err, /line7\.json: there is no member validity/);
    assert.match(err, /line7\.json: there is no member initialTwin\.tag/);
  });

  it('says that the query of a URL cannot be compared, and does not show it', async () => {
    const allocation = {
      allocationPolicy: 'custom',
      customAllocation: { webhookUrl: 'https://x.example/a', apiVersion: '2021-10-01' },
    };
    await using deployment = await fakeDeployment({
      ...live,
      'GET /api/enrollment-groups/line7': { json: group('line7', allocation), ...etag },
    });
    const declared = {
      ...definition,
      ...allocation,
      customAllocation: { webhookUrl: 'https://x.example/a?code=secret' },
    };
    const folder = filesOf({ 'line7.json': JSON.stringify(declared) });
    const same = await fleet(`group diff ${folder}`, deployment);
    assert.match(same.out, /not compared: the query of line7 customAllocation\.webhookUrl/);
    assert.match(same.out, /0 to change, 0 to delete, 1 unchanged/);
    const created = await fleet(`group diff ${filesOf({ 'line8.json': JSON.stringify(declared) })}`, deployment);
    assert.match(created.out, /customAllocation\.webhookUrl: "https:\/\/x\.example\/a\?…"/);
    assert.doesNotMatch(same.out + created.out, /secret/);
    assert.match((await fleet(`group diff ${folder} --rewrite`, deployment)).out, /1 to change/);
  });
});

describe('fleet group apply', () => {
  const writes = {
    'PUT /api/enrollment-groups/line7': { json: group('line7') },
    'PUT /api/enrollment-groups/new': { status: 201, json: group('new') },
    'DELETE /api/enrollment-groups/old': { json: { id: 'old', dps: 'deleted', formerCas: [] } },
  };

  it('writes each group at the version that the plan saw, and asks first', async () => {
    await using deployment = await fakeDeployment({ ...live, ...writes });
    const folder = filesOf(files);
    assert.equal((await fleet(`group apply ${folder}`, deployment)).code, 2);
    const { code, out, err } = await fleet(`group apply ${folder} --no-color`, {
      ...deployment,
      isTerminal: true,
      stdin: 'y\n',
    });
    assert.equal(code, 0, err);
    assert.match(err, /^\+ new$/m);
    assert.match(err, /1 to create, 1 to change, 0 to delete, 0 unchanged\nApply to 2 groups\? \[y\/N\]/);
    assert.match(out, /^line7 +change +enrolled$/m);
    const sent = deployment.seen.filter(({ method }) => method === 'PUT');
    assert.deepEqual(
      sent.map(({ path, headers, body }) => [
        path,
        headers['if-match'],
        headers['if-none-match'],
        JSON.parse(body).keyCustody,
      ]),
      [
        ['/api/enrollment-groups/line7', '"1"', undefined, 'sealed'],
        ['/api/enrollment-groups/new', undefined, '*', 'device'],
      ],
    );
  });

  it('refuses a group that was changed after the plan, and applies the others', async () => {
    await using deployment = await fakeDeployment({
      ...live,
      ...writes,
      'PUT /api/enrollment-groups/line7': problem(412, 'precondition-failed', 'Another version.'),
    });
    const { code, out, err } = await fleet(`group apply ${filesOf(files)} --yes`, deployment);
    assert.equal(code, 1);
    assert.match(out, /^line7 +change +failed +Group line7 is not as the plan saw it\. \(precondition-failed\)$/m);
    assert.match(out, /^new +create +enrolled$/m);
    assert.match(err, /^line7: hint: Nothing of this group was changed\. Compare the files again\.$/m);
    assert.match(err, /1 group of 2 failed\.\nnext: fleet group diff \S+\n$/);
  });

  it('deletes only with --prune and the name of the group', async () => {
    await using deployment = await fakeDeployment({ ...live, ...writes });
    const folder = filesOf({ 'line7.yaml': 'keyCustody: sealed\ninitialTwin: { tags: { ring: pilot } }\n' });
    const kept = await fleet(`group apply ${folder} --yes`, deployment);
    assert.match(kept.err, /not in the files, and kept: old/);
    const unnamed = await fleet(`group apply ${folder} --prune --yes`, deployment);
    assert.equal(unnamed.code, 2);
    assert.match(unnamed.err, /error: Group old would be deleted\.\nhint: Add --confirm old/);
    const mistyped = await fleet(`group apply ${folder} --prune`, {
      ...deployment,
      isTerminal: true,
      stdin: 'line7\n',
    });
    assert.equal(mistyped.code, 1);
    assertEvery(deployment.seen, ({ method }) => method === 'GET');
    const { code, out } = await fleet(`group apply ${folder} --prune --no-color`, {
      ...deployment,
      isTerminal: true,
      stdin: 'old\n',
    });
    assert.equal(code, 0);
    assert.match(out, /^old +delete +done$/m);
    assert.equal(deployment.seen.at(-1)?.headers['if-match'], '"1"');
  });

  it('applies exactly a plan that was saved, for the deployment that it was made for', async () => {
    await using deployment = await fakeDeployment({ ...live, ...writes });
    const folder = filesOf(files);
    const plan = join(folder, 'plan.txt');
    await fleet(`group diff ${folder} --plan-out ${plan}`, deployment);
    writeFileSync(join(folder, 'line7.yaml'), 'keyCustody: plain\n');
    const { code, err } = await fleet(`group apply --plan ${plan} --yes`, deployment);
    assert.equal(code, 0, err);
    const [changed] = deployment.seen.filter(({ method }) => method === 'PUT');
    assert.equal(JSON.parse(changed?.body ?? '').keyCustody, 'sealed');
    await using other = await fakeDeployment(live);
    const elsewhere = await fleet(`group apply --plan ${plan} --yes`, other);
    assert.equal(elsewhere.code, 2);
    assert.match(elsewhere.err, /^error: The plan is for http/);
  });
});

describe('fleet groups and group rollover', () => {
  it('shows the days that CAs have left', async () => {
    await using deployment = await fakeDeployment(live);
    const { out } = await fleet('groups', deployment);
    assert.match(out, /^GROUP +STATUS +ENROLLMENT +CUSTODY +CA +CA DAYS LEFT/);
    assert.match(out, /^line7 +enrolled +group +sealed +2 +30 /m);
    const green = await fleet('groups', { ...deployment, isTerminal: true });
    assert.ok(green.out.includes('\u001b[32menrolled\u001b[39m'), green.out);
    const env = { ...deployment.env, NO_COLOR: '1' };
    assert.equal((await fleet('groups', { env, isTerminal: true })).out, out);
  });

  it('rolls over from the generation that was seen, so that a repeated request does it once', async () => {
    await using deployment = await fakeDeployment({
      ...live,
      'POST /api/enrollment-groups/line7/rollover': { json: group('line7') },
    });
    const { code, err } = await fleet('group rollover line7 --start', {
      ...deployment,
      isTerminal: true,
      stdin: 'y\n',
    });
    assert.equal(code, 0);
    assert.match(err, /^CA 3 of line7 becomes the current one; CA 2 is still accepted\.\nRoll over line7\? \[y\/N\]/);
    assert.equal(deployment.seen.at(-1)?.path, '/api/enrollment-groups/line7/rollover?from=2');
  });

  const counts = { notConfirmed: { devices: 0 }, pastShelfLife: { devices: 0 }, estIds: { devices: 2 } };
  const gate = {
    ...{ open: false, devicesLockedOut: 3, notRenewed: { devices: 2 }, notInstalled: { devices: 1 }, ...counts },
    ...{ opensBy: '2027-11-23T08:00:00.000Z', observedAt: '2026-11-23T08:00:00.000Z' },
  };
  const ca = (generation: number) => ({ generation, notAfter: '2027-12-23T08:00:00.000Z' });
  const closed = { json: { id: 'line7', currentCa: ca(2), olderCa: ca(1), gate } };

  it('shows what stands in the way of removing the older CA, and changes nothing', async () => {
    await using deployment = await fakeDeployment({ ...live, 'GET /api/enrollment-groups/line7/rollover': closed });
    const { code, out } = await fleet('group rollover line7', deployment);
    assert.equal(code, 0);
    assert.match(out, /^older CA +1\n.*^gate +closed: 3 devices could not register any more\n^not renewed +2\n/ms);
    assert.deepEqual(
      deployment.seen.map(({ method }) => method),
      ['GET'],
    );
  });

  it('completes with the number of devices that are locked out, as it was typed', async () => {
    await using deployment = await fakeDeployment({
      ...live,
      'GET /api/enrollment-groups/line7/rollover': closed,
      'POST /api/enrollment-groups/line7/rollover/complete': { json: group('line7') },
    });
    const { code, err } = await fleet('group rollover line7 --complete --force-locked-out 3 --yes', deployment);
    assert.equal(code, 0, err);
    assert.match(err, /^CA 1 of line7 leaves DPS\. 3 devices could no longer register\.$/m);
    assert.deepEqual(JSON.parse(deployment.seen.at(-1)?.body ?? ''), { force: { devicesLockedOut: 3 } });
  });

  it('refuses options of another act', async () => {
    await using deployment = await fakeDeployment(live);
    for (const options of ['--start --complete', '--force', '--from 2', '--start --force-locked-out 3'])
      assert.equal((await fleet(`group rollover line7 ${options}`, deployment)).code, 2, options);
    assert.deepEqual(deployment.seen, []);
  });

  it('rotates the key of the webhook, and says whether DPS has it', async () => {
    const allocation = { note: 'a price', keyGeneration: 2, keyCreatedAt: '2026-11-28T05:00:00Z' };
    const path = 'POST /api/enrollment-groups/line7/allocation-key';
    const inDps = { ...allocation, keyWrittenAt: '2026-11-28T05:00:01Z' };
    await using done = await fakeDeployment({ ...live, [path]: { json: { ...group('line7'), allocation: inDps } } });
    const { code, out } = await fleet('group rotate-allocation-key line7', done);
    assert.equal(code, 0);
    assert.match(out, /allocation key +2, in DPS since 2026-11-28T05:00:01Z/);
    await using waiting = await fakeDeployment({ ...live, [path]: { json: { ...group('line7'), allocation } } });
    const pending = await fleet('group rotate-allocation-key line7', waiting);
    assert.equal(pending.code, 1);
    assert.match(pending.out, /allocation key +2, not in DPS yet/);
  });
});
