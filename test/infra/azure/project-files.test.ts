import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { settingNames } from '../../../functions/config/settings.ts';
import { readConfig } from '../../../functions/config.ts';
import { operations } from '../../../functions/http/operations.ts';
import { settingsPage } from '../../../infra/tools/settings-page.ts';

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
    for (const { path: route, method } of operations) {
      // `jobId` is the variable `job`; `id` is that of a group.
      const url = route.replaceAll(
        /\{(\w+)\}/g,
        (_, name: string) => `{{${name.replace(/Id$/, '').replace(/^id$/, 'group')}}}`,
      );
      assert.match(examples, new RegExp(`^${method} ${`{{host}}/${url}`.replaceAll(/[{}]/g, '\\$&')}$`, 'm'));
    }
  });
});

interface Step {
  readonly uses?: string;
  readonly run?: string;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly needs?: string;
        readonly permissions?: Readonly<Record<string, string>>;
        readonly env?: Readonly<Record<string, string>>;
        readonly steps: readonly Step[];
      }
    >
  >;
}

describe('the workflows', () => {
  const names = globSync('.github/workflows/*').map((path) => path.replaceAll('\\', '/'));
  const workflows = names.map((name) => ({ name, text: read(name), workflow: parse(read(name)) as Workflow }));
  const jobs = workflows.flatMap(({ name, workflow }) =>
    Object.entries(workflow.jobs).map(([id, job]) => {
      return { place: `${name} ${id}`, ...job, permissions: job.permissions ?? workflow.permissions };
    }),
  );
  const deploy = jobs.find(({ place }) => place.endsWith('deploy.yml deploy'));

  it('are found', () => {
    assert.deepEqual(
      names.sort(),
      ['check', 'deploy', 'mutation'].map((name) => `.github/workflows/${name}.yml`),
    );
    assert.ok(jobs.length >= 5);
  });

  it('can read the code, and only the deployment can request a token', () => {
    for (const { place, permissions } of jobs) {
      const token = place.endsWith('deploy.yml deploy') ? { 'id-token': 'write' } : {};
      assert.deepEqual(permissions, { contents: 'read', ...token }, place);
    }
  });

  it('run no code of a dependency where a token can be requested', () => {
    assert.equal(deploy?.needs, 'build');
    for (const { run = '' } of deploy?.steps ?? []) {
      assert.doesNotMatch(run, /\b(npm|npx|node|curl|wget|pip)\b/, run);
    }
    const actions = deploy?.steps.flatMap(({ uses }) => uses?.split('@')[0] ?? []);
    assert.deepEqual(actions, ['actions/checkout', 'actions/download-artifact', 'azure/login']);
  });

  it('run no install script of a dependency', () => {
    const installs = jobs.flatMap(({ steps }) =>
      steps.flatMap(({ run = '' }) => run.match(/npm (ci|i|install)\b.*/g) ?? []),
    );
    assert.ok(installs.length >= 3);
    for (const install of installs) assert.match(install, /^npm ci --ignore-scripts/);
  });

  it('look for known weaknesses in what is deployed, before it is', () => {
    for (const place of ['check.yml dependencies', 'deploy.yml build']) {
      const job = jobs.find((each) => each.place.endsWith(place));
      assert.ok(
        job?.steps.some(({ run }) => run === 'npm audit --omit=dev --audit-level=high'),
        place,
      );
    }
  });

  it('pin every action to a commit', () => {
    const uses = workflows.flatMap(({ text }) => [...text.matchAll(/uses: (\S+)(?: # (v[\d.]+))?/g)]);
    assert.ok(uses.length >= 9);
    for (const [, action = '', version] of uses) {
      assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
      assert.match(version ?? '', /^v\d+\.\d+\.\d+$/, action);
    }
  });

  it('name every parameter of the deployment that azd names, with its variable', () => {
    const { parameters } = JSON.parse(read('infra/azure/main.parameters.json'));
    // A deployment may add a parameter with a value of its own (docs/deploy.md).
    const variables = Object.fromEntries(
      Object.entries<{ value: unknown }>(parameters).flatMap(([name, { value }]) => {
        const [, variable] = /^\$\{(\w+)/.exec(String(value)) ?? [];
        return variable === undefined ? [] : [[name, variable]];
      }),
    );
    const script = deploy?.steps.find(({ run }) => run?.includes('parameters.json'))?.run ?? '';
    const named = [...script.matchAll(/^ *(\w+): \(?env\.(\w+)/gm)].map(([, name, variable]) => [name, variable]);
    assert.deepEqual(Object.fromEntries(named), variables);
    for (const name of Object.values(variables)) assert.ok(Object.hasOwn(deploy?.env ?? {}, name ?? ''), name);
  });

  it('give no text of a variable to a shell as part of a command', () => {
    for (const { place, steps } of jobs) for (const { run = '' } of steps) assert.doesNotMatch(run, /\$\{\{/, place);
  });

  it('use no secrets', () => {
    for (const { name, text } of workflows) assert.doesNotMatch(text, /secrets\./, name);
  });
});

describe('the updates of dependencies', () => {
  it('cover the packages and the actions', () => {
    const { version, updates } = parse(read('.github/dependabot.yml'));
    assert.equal(version, 2);
    const ecosystems = updates.map((update: Record<string, string>) => [
      update['package-ecosystem'],
      update['directory'],
    ]);
    assert.deepEqual(ecosystems, [
      ['npm', '/'],
      ['github-actions', '/'],
    ]);
  });
});
