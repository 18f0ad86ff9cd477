import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it } from 'node:test';
import { fakeDeployment } from './transcript.ts';

const bin = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
after(() => rmSync(bin, { recursive: true }));

/** Runs the command line as a process of its own, with an Azure CLI that answers as told. */
function fleetWithAz(args: readonly string[], env: Record<string, string>): Promise<{ code: unknown; err: string }> {
  return new Promise((end) => {
    const path = `${bin}:${join(process.execPath, '..')}:/usr/bin:/bin`;
    execFile(
      process.execPath,
      [resolve('cli/fleet.ts'), ...args],
      { env: { PATH: path, HOME: bin, ...env } },
      (error, _out, err) => end({ code: error?.code ?? 0, err }),
    );
  });
}

function az(script: string): void {
  writeFileSync(join(bin, 'az'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(bin, 'az'), 0o755);
}

describe('sign-in with Microsoft Entra', () => {
  it('sends the token of the Azure CLI, for the scope of the profile', async () => {
    const expires = Math.floor(Date.now() / 1000) + 3600;
    az(`echo "$@" > ${bin}/asked; echo '{"accessToken":"token-of-az","expires_on":${expires},"tokenType":"Bearer"}'`);
    await using deployment = await fakeDeployment({ 'GET /api/jobs': { json: { jobs: [] } } });
    const scope = 'api://00000000-0000-0000-0000-000000000001/.default';
    const added = await fleetWithAz(
      ['profile', 'add', 'plant', '--url', deployment.url, '--auth', 'entra', '--scope', scope],
      {},
    );
    assert.equal(added.code, 0, added.err);
    const { code, err } = await fleetWithAz(['jobs', '--json'], {});
    assert.equal(code, 0, err);
    assert.equal(deployment.seen[0]?.headers.authorization, 'Bearer token-of-az');
    assert.equal(deployment.seen[0]?.headers['x-functions-key'], undefined);
    const { readFileSync } = await import('node:fs');
    assert.match(
      readFileSync(join(bin, 'asked'), 'utf8'),
      /get-access-token.*api:\/\/00000000-0000-0000-0000-000000000001/,
    );
  });

  it('ends with 4 and says to sign in when there is no token', async () => {
    az('echo "ERROR: Please run az login to setup account." >&2; exit 1');
    await using deployment = await fakeDeployment({});
    const env = { FLEET_URL: deployment.url, FLEET_SCOPE: 'api://x/.default' };
    const { code, err } = await fleetWithAz(['jobs'], env);
    assert.equal(code, 4, err);
    assert.match(err, /^error: Cannot sign in to http/);
    assert.match(err, /\nhint: Run az login\.\n$/);
    assert.equal(deployment.seen.length, 0);
  });
});
