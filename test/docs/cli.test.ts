import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { cliPage } from '../../infra/tools/cli-page.ts';

test('docs/cli.md has the verbs of the command line', () => {
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  assert.equal(page, cliPage(), 'Run: npx node infra/tools/cli-page.ts');
});
