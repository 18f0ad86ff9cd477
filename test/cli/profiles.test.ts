import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fakeDeployment, fleet } from './transcript.ts';

let home = '';
let env: Record<string, string> = {};
const homes: string[] = [];
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
  homes.push(home);
  env = { HOME: home };
});
after(() => {
  for (const each of homes) rmSync(each, { recursive: true });
});
const file = () => join(home, '.config/fleet/profiles.json');
const add = (line: string, stdin: string) => fleet(`profile add ${line} --key-stdin`, { env, stdin });

describe('fleet profile', () => {
  it('adds a deployment with its key from stdin, in a file that only its owner can read', async () => {
    const added = await add('plant --url https://plant.example', 'secret\n');
    assert.deepEqual(added, {
      code: 0,
      out: '',
      err: `Added plant to ${file()}. It is the current profile.\nnext: fleet doctor\n`,
    });
    assert.equal(statSync(file()).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(file(), 'utf8')), {
      current: 'plant',
      profiles: { plant: { url: 'https://plant.example', auth: 'key', key: 'secret' } },
    });
  });

  it('lists profiles without their keys', async () => {
    await add('plant --url https://plant.example/api/', 'secret');
    await fleet('profile add lab --url https://lab.example --auth entra --scope api://1/.default', { env });
    assert.deepEqual(await fleet('profile list', { env }), {
      code: 0,
      out: [
        'CURRENT  NAME   URL                    AUTH   KEY',
        '*        plant  https://plant.example  key    stored',
        '         lab    https://lab.example    entra',
        '',
      ].join('\n'),
      err: '',
    });
    const { out } = await fleet('profile list --json', { env });
    assert.doesNotMatch(out, /secret/);
  });

  it('changes the current profile, and forgets one', async () => {
    await add('plant --url https://plant.example', 'secret');
    await add('lab --url https://lab.example', 'other');
    assert.equal((await fleet('profile use lab', { env })).err, 'lab is the current profile.\n');
    await fleet('profile remove lab', { env });
    assert.deepEqual(JSON.parse(readFileSync(file(), 'utf8')), {
      profiles: { plant: { url: 'https://plant.example', auth: 'key', key: 'secret' } },
    });
    const { code, err } = await fleet('profile use lab', { env });
    assert.deepEqual([code, err], [2, 'error: There is no profile "lab". There are: plant.\n']);
  });

  it('refuses a file of keys that other users can read', async () => {
    await add('plant --url https://plant.example', 'secret');
    chmodSync(file(), 0o644);
    const { code, err } = await fleet('jobs', { env });
    assert.equal(code, 1);
    assert.match(err, /^error: .*profiles\.json holds a key, and other users can read it\.\nhint: Run chmod 600/);
    assert.doesNotMatch(err, /secret/);
  });

  it('refuses a URL to which a key would travel readable, and what is not a URL', async () => {
    for (const [url, message] of [
      ['http://plant.example', 'http://plant.example would get the key without encryption.'],
      ['plant.example', '"plant.example" is not the URL of a deployment.'],
      ['https://user@plant.example', '"https://user@plant.example" is not the URL of a deployment.'],
    ]) {
      const { code, err } = await add(`plant --url ${url}`, 'secret');
      assert.equal(code, 2);
      assert.ok(err.startsWith(`error: ${message}\nhint: `), err);
    }
  });

  it('sends the key of a profile to the URL of that profile only', async () => {
    await using other = await fakeDeployment({});
    await add('plant --url https://plant.example', 'secret');
    const both = await fleet(`jobs --profile plant --url ${other.url}`, { env });
    assert.equal(both.code, 2);
    assert.match(both.err, /^error: Give --profile or --url, not both/);
    await fleet(`jobs --url ${other.url}`, { env });
    assert.equal(other.seen[0]?.headers['x-functions-key'], undefined);
  });
});
