import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { settingNames } from '../../../functions/config/settings.ts';
import { readConfig } from '../../../functions/config.ts';
import { settingsPage } from '../../../infra/tools/settings-page.ts';
import { requiredRole } from '../../../lib/access/access.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

describe('docs/settings.md', () => {
  it('is generated from the schema', () => {
    assert.equal(read('docs/settings.md'), settingsPage(), 'run: node infra/tools/settings-page.ts');
  });

  it('has every setting', () => {
    for (const name of settingNames) assert.ok(settingsPage().includes(`\n### ${name}\n`), name);
  });
});

describe('local.settings.sample.json', () => {
  it('is a complete configuration for func start', () => {
    const { FUNCTIONS_WORKER_RUNTIME: runtime, ...values } = JSON.parse(read('local.settings.sample.json')).Values;
    assert.equal(runtime, 'node');
    for (const name of Object.keys(values)) assert.ok((settingNames as readonly string[]).includes(name), name);
    assert.equal(readConfig(values).cosmos.database, 'fleet');
  });
});

describe('functions/requests.http', () => {
  it('has an example of every HTTP function', () => {
    const examples = read('functions/requests.http').replaceAll(/\?.*$/gm, '');
    const sources = globSync('functions/http/*.ts').map(read).join('\n');
    const operations = [...sources.matchAll(/route: '([^']+)',\s+methods: \['(\w+)'\]/g)];
    assert.equal(operations.length, Object.keys(requiredRole).length);
    for (const [, route = '', method = ''] of operations) {
      const names: Record<string, string> = { jobId: 'job', deviceId: 'device', id: 'group' };
      const url = route.replaceAll(/\{(\w+)\}/g, (_, name: string) => `{{${names[name]}}}`);
      assert.match(examples, new RegExp(`^${method} ${`{{host}}/${url}`.replaceAll(/[{}]/g, '\\$&')}$`, 'm'));
    }
  });
});

describe('the workflows', () => {
  const workflows = ['check', 'deploy'].map((name) => [name, read(`.github/workflows/${name}.yml`)] as const);

  it('can read the code, and only the deployment can request a token', () => {
    const permissions = Object.fromEntries(workflows.map(([name, text]) => [name, parse(text).permissions]));
    assert.deepEqual(permissions, {
      check: { contents: 'read' },
      deploy: { contents: 'read', 'id-token': 'write' },
    });
  });

  it('pin every action to a commit, except one whose commit is not known', () => {
    const uses = workflows.flatMap(([, text]) => [...text.matchAll(/uses: (\S+)(?: # (v[\d.]+))?/g)]);
    assert.ok(uses.length >= 6);
    for (const [, action = '', version] of uses) {
      if (action === 'Azure/setup-azd@v2') continue;
      assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      assert.match(version ?? '', /^v\d+\.\d+\.\d+$/, action);
    }
  });

  it('use no secrets', () => {
    for (const [name, text] of workflows) assert.doesNotMatch(text, /secrets\./, name);
  });
});
