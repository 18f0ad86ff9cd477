import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { operations } from '../../functions/http/operations.ts';
import { openApiFile } from '../../infra/tools/openapi.ts';

const file = 'docs/openapi.json';
const text = readFileSync(file, 'utf8');

interface Described {
  readonly operationId: string;
  readonly 'x-required-role': string;
}

describe('docs/openapi.json', () => {
  it('is what the table of operations gives', () => {
    assert.equal(text, openApiFile(), 'run: npx node infra/tools/openapi.ts');
  });

  it('has every operation under its method and path, with its role', () => {
    const { paths } = JSON.parse(text) as { paths: Record<string, Record<string, Described>> };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, each]) =>
        [each.operationId, method.toUpperCase(), path, each['x-required-role']].join(' '),
      ),
    );
    const expected = operations.map(({ id, method, path, role }) => [id, method, `/${path}`, role].join(' '));
    assert.deepEqual(described.sort(), expected.sort());
  });

  it('passes the rules of Redocly', () => {
    const args = ['node_modules/@redocly/cli/bin/cli.js', 'lint', file, '--config', 'infra/tools/redocly.yaml'];
    // Neither telemetry nor the check for a newer version may reach the network.
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', CI: 'true' };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
    assert.equal(status, 0, `${stdout}${stderr}`);
  });
});
