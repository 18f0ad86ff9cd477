import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { groupSettings, groupsPage } from '../../infra/tools/groups-page.ts';
import { type GroupDefinition, parseGroupDefinition } from '../../lib/groups/definition.ts';

const page = readFileSync(new URL('../../docs/groups.md', import.meta.url), 'utf8');
const settings = groupSettings();
const examples = [...page.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, text = '']) => JSON.parse(text));

describe('docs/groups.md', () => {
  it('is generated from the schema', () => {
    assert.equal(page, groupsPage(), 'run: npx node infra/tools/groups-page.ts');
  });

  it('has every setting, with a description', () => {
    assert.ok(settings.length > 30);
    for (const { path, property } of settings) {
      assert.ok(page.includes(`\n### ${path}\n`), path);
      assert.match(property.description ?? '', /\S/, `${path} has no description`);
    }
  });

  it('has examples that the app accepts', () => {
    assert.ok(examples.length >= 8);
    for (const definition of examples) parseGroupDefinition('line7', definition);
  });

  it('has an example of each target and of each policy', () => {
    const parsed = examples.map((definition) => parseGroupDefinition('line7', definition));
    const shown = (name: keyof GroupDefinition) => new Set(parsed.map((definition) => definition[name]));
    const names = ['target', 'keyCustody', 'enrollment', 'attestation', 'allocationPolicy', 'edgeCa'] as const;
    for (const name of [...names, 'provisioningStatus', 'autoReprovisioningMode'] as const) {
      const values = settings.find(({ path }) => path === name)?.property.enum ?? [];
      assert.ok(values.length > 1, name);
      assert.deepEqual(shown(name), new Set(values), name);
    }
  });
});
