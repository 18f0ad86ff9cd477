import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageCli } from '../../infra/package-cli.ts';
import { run } from '../lib/bundle/command.ts';

const directory = mkdtempSync(join(tmpdir(), 'fleet-cli-'));
before(() => packageCli(directory));
after(() => rmSync(directory, { recursive: true }));
const fleet = join(directory, 'fleet.js');
const environment = { PATH: process.env['PATH'], HOME: directory };

describe('the npm package of the command line', () => {
  it('has everything that it needs, and the licenses of that', () => {
    const { bin, dependencies, engines, version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    assert.deepEqual([bin, dependencies, engines], [{ fleet: 'fleet.js' }, undefined, { node: '>=22.12' }]);
    assert.equal(
      execFileSync(process.execPath, [fleet, '--version'], { encoding: 'utf8', env: environment }),
      `${version}\n`,
    );
    const notices = readFileSync(join(directory, 'THIRD-PARTY-NOTICES.txt'), 'utf8');
    for (const library of ['commander', '@azure/identity', 'openapi-fetch', 'yaml'])
      assert.ok(notices.includes(library), library);
    const packed = JSON.parse(
      execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: directory, encoding: 'utf8' }),
    );
    const files = [packed]
      .flat()
      .flatMap((each) =>
        'files' in each
          ? each.files
          : Object.values(each).flatMap((one) => (one as { files: { path: string }[] }).files),
      );
    for (const name of ['fleet.js', 'README.md', 'LICENSE'])
      assert.ok(
        files.some(({ path }: { path: string }) => path === name),
        name,
      );
    assert.ok(files.some(({ path }: { path: string }) => path.startsWith('lib/')));
  });

  it('loads a small part of itself for --help', () => {
    // The cost of a start is what is parsed. Chunks that fleet.js imports itself are loaded always.
    const loaded = new Set<string>();
    const load = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      const imports = readFileSync(join(directory, file), 'utf8').matchAll(
        /(?:from|import)"\.\/((?:lib\/)?[\w.-]+\.js)"/g,
      );
      for (const [, name = ''] of imports) load(name.startsWith('lib/') ? name : `lib/${name}`);
    };
    load('fleet.js');
    const bytes = [...loaded].reduce((sum, file) => sum + statSync(join(directory, file)).size, 0);
    assert.ok(bytes < 150_000, `${bytes} bytes`);
    assert.ok(readdirSync(join(directory, 'lib')).length > 10);
  });

  it('runs the verbs of the operator too', () => {
    const refused = run(process.execPath, [fleet, 'bundle', 'verify', 'package.json', '--groups', 'package.json'], {
      cwd: directory,
    });
    assert.equal(refused.status, 2, refused.output);
    assert.match(refused.stderr, /^error: package\.json is not an answer of GET \/api\/enrollment-groups\n/);
    const { stderr } = run(process.execPath, [fleet, 'ca', 'show'], { cwd: directory });
    assert.match(stderr, /^error: No local stack runs in /);
  });
});
