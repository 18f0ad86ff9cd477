import 'reflect-metadata';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { nodeIssue, oldestNode } from '../../../functions/config/node-version.ts';
import { readConfig } from '../../../functions/config.ts';

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const enginesOf = (path: string) => JSON.parse(read(path)).engines;

describe('the Node.js that the app needs', () => {
  it('is compared by number', () => {
    for (const old of ['20.20.2', '22.9.0', '22.11.0', '9.99.0']) assert.notEqual(nodeIssue(old), undefined, old);
    for (const good of ['22.12.0', '22.21.1', '23.0.0', '24.9.0', '100.0.0']) assert.equal(nodeIssue(good), undefined);
  });

  it('is a fault of the configuration that comes before all others', () => {
    assert.throws(() => readConfig({}, '20.20.2'), {
      code: 'setting-invalid',
      message: /Node\.js: is 20\.20\.2; expected 22\.12 or newer/,
      details: { faults: [nodeIssue('20.20.2')] },
    });
  });

  it('is the same in package.json, its lock file and the pages for people', () => {
    assert.deepEqual(enginesOf('package.json'), { node: `>=${oldestNode}` });
    assert.deepEqual(JSON.parse(read('package-lock.json')).packages[''].engines, { node: `>=${oldestNode}` });
    assert.deepEqual(enginesOf('cli/package.json'), { node: `>=${oldestNode}` });
    for (const page of ['README.md', 'CONTRIBUTING.md', 'docs/cli.md'])
      assert.ok(read(page).includes(`${oldestNode} or newer`), page);
  });
});
