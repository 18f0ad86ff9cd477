import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { operationsOf } from '../../../functions/http/operations.ts';
import { roles } from '../../../lib/access/principal.ts';
import { assertEvery } from '../../assert-every.ts';
import { operationIds } from '../../operation.ts';

const program = 'infra/tools/keys.ts';
const names = { AZURE_RESOURCE_GROUP: 'rg fleet', AZURE_FUNCTION_APP_NAME: 'func-fleet' };

/** Runs what the program prints for a role, with a command `az` that writes its arguments down. */
function azCalls(args: string[], env: Record<string, string>): { calls: string[][]; status: number | null } {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-keys-'));
  try {
    writeFileSync(
      join(directory, 'az'),
      `#!/bin/sh\nprintf '%s\\t' "$@" >> "${directory}/calls"; echo >> "${directory}/calls"\n`,
    );
    chmodSync(join(directory, 'az'), 0o700);
    writeFileSync(join(directory, 'calls'), '');
    const script = execFileSync(process.execPath, [program, ...args], { encoding: 'utf8' });
    const { status } = spawnSync('sh', ['-e'], {
      input: script,
      env: { PATH: `${directory}:${process.env['PATH']}`, ...env },
    });
    const lines = readFileSync(join(directory, 'calls'), 'utf8').split('\n').filter(Boolean);
    return { calls: lines.map((line) => line.split('\t').slice(0, -1)), status };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const optionOf = (call: string[], option: string) => call[call.indexOf(option) + 1];

describe('npm run keys', () => {
  for (const role of roles) {
    it(`sets the key of a ${role} on the functions that the role may call, and on no other`, () => {
      const { calls, status } = azCalls([role], { ...names, KEY: 'a $secret `key`' });
      assert.equal(status, 0);
      assert.deepEqual(
        calls.map((call) => optionOf(call, '--function-name')),
        operationsOf(role),
      );
      for (const call of calls) {
        assert.deepEqual(call.slice(0, 4), ['functionapp', 'function', 'keys', 'set']);
        assert.deepEqual(
          ['-g', '-n', '--key-name', '--key-value'].map((option) => optionOf(call, option)),
          ['rg fleet', 'func-fleet', role, 'a $secret `key`'],
        );
      }
    });
  }

  it('deletes the key from the same functions', () => {
    const { calls } = azCalls(['submitter', '--delete'], names);
    assert.deepEqual(
      calls.map((call) => [call[3], optionOf(call, '--function-name')]),
      operationsOf('submitter').map((operation) => ['delete', operation]),
    );
  });

  it('runs no command when the key or a name is missing', () => {
    const incomplete: Record<string, string>[] = [names, { ...names, KEY: '' }, { KEY: 'secret' }];
    for (const env of incomplete) {
      const { calls, status } = azCalls(['reader'], env);
      assert.deepEqual([calls, status === 0], [[], false]);
    }
  });

  it('refuses an unknown role', () => {
    const { status, stderr } = spawnSync(process.execPath, [program, 'admin'], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.match(stderr, /Expected one of reader, submitter, operator/);
  });
});

describe('operationsOf', () => {
  it('gives the operator every operation, and lesser roles fewer', () => {
    const [reader, submitter, operator] = roles.map(operationsOf);
    assert.deepEqual(operator, operationIds);
    assert.ok(reader && submitter);
    assertEvery(reader, (operation) => submitter.includes(operation));
    for (const key of ['get-device-bundle', 'put-enrollment-group', 'redrive-dead-letters'] as const) {
      assert.equal(submitter.includes(key), false, key);
    }
    assert.equal(reader.includes('submit-job'), false);
  });
});
