import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { findingsPage } from '../../infra/tools/findings-page.ts';
import { definitionOf, findingKinds } from '../../lib/findings/kinds.ts';
import { repairs } from '../../lib/pipeline/repairs.ts';

test('docs/findings.md is what the kinds say', () => {
  const page = readFileSync(new URL('../../docs/findings.md', import.meta.url), 'utf8');
  assert.equal(page, findingsPage(), 'run: npx node infra/tools/findings-page.ts');
});

test('a kind says that it can be repaired where the app can repair it', () => {
  const said = findingKinds.filter((kind) => definitionOf(kind).repair !== 'none');
  assert.deepEqual(said.sort(), Object.keys(repairs).sort());
});
