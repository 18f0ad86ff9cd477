import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { costOf } from '../../../lib/limits-and-prices.ts';
import { bicepFile, bicepFiles, declarationsOf, type Literal } from './bicep.ts';
import { paramsOf } from './template.ts';

/* docs/cost.md follows what is deployed. */

const page = readFileSync(new URL('../../../docs/cost.md', import.meta.url), 'utf8');

/** The cells of the first row of a section whose text has the words. */
function row(section: string, words: string): string[] {
  const [, text = ''] = new RegExp(`^## ${section}$([\\s\\S]*?)(?=^## )`, 'm').exec(page) ?? [];
  const line = text.split('\n').find((each) => each.startsWith('|') && each.includes(words));
  assert.ok(line, `docs/cost.md has no row "${words}"`);
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

const number = (text: string | undefined) => Number(text?.replaceAll(',', ''));
const count = (words: string) => number(row('At rest', words).at(-3));

const calls = (path: string, reference: string) =>
  declarationsOf(bicepFile(path), 'module').filter((module) => module.reference.startsWith(reference));

describe('docs/cost.md', () => {
  it('multiplies right', () => {
    const rows = [...page.matchAll(/^\|.*\| ([\d.,]+) \| ([\d.]+) \| ([\d.]+) \|$/gm)];
    assert.ok(rows.length >= 12, `found ${rows.length}`);
    for (const [line, amount, each, month] of rows)
      assert.equal((number(amount) * number(each)).toFixed(2), month, line);
  });

  it('counts the alert rules', () => {
    const rules = declarationsOf(bicepFile('app/alerts.bicep'), 'variable').find(({ symbol }) => symbol === 'rules');
    assert.equal(count('alert rules](https'), rules?.value?.text.match(/^ {4}name: '/gm)?.length);
    const metrics = bicepFile('app/delivery-alerts.bicep').root.text.match(/^ {4}metric: '/gm)?.length;
    assert.equal(count('alert rules on metrics'), metrics);
    assert.equal(count('ROUTE_DEVICE_EVENTS'), metrics);
  });

  it('counts the private endpoints and DNS zones', () => {
    const endpointsOf = (path: string) => bicepFile(path).root.text.match(/^ +service: '/gm)?.length ?? 0;
    const modules = ['storage', 'est-storage', 'cosmos', 'key-vault'].flatMap((name) =>
      calls('main.bicep', `app/${name}.bicep`).map(({ reference }) => reference),
    );
    assert.equal(modules.length, 5);
    const endpoints = modules.reduce((sum, path) => sum + endpointsOf(path), 0);
    assert.equal(count('private endpoints'), endpoints);
    const elsewhere = bicepFiles.filter(
      ({ path, root }) => root.text.includes('privateEndpoints:') && !modules.includes(path),
    );
    assert.deepEqual(
      elsewhere.map(({ path }) => path),
      [],
    );
    assert.equal(
      count('private DNS zones'),
      calls('app/network.bicep', 'br/public:avm/res/network/private-dns-zone').length,
    );
  });

  it('counts the request units of autoscale at rest', () => {
    const [database] = paramsOf('app/cosmos.bicep', 'account')['sqlDatabases'] as Record<string, Literal>[];
    const small = ((database?.['containers'] ?? []) as Record<string, Literal>[]).filter((container) =>
      String(container['autoscaleSettingsMaxThroughput']).endsWith('smallThroughput'),
    );
    const defaultOf = (path: string, name: string) =>
      Number(
        [...declarationsOf(bicepFile(path), 'variable'), ...declarationsOf(bicepFile(path), 'parameter')].find(
          ({ symbol }) => symbol === name,
        )?.value?.text,
      );
    const most =
      defaultOf('main.bicep', 'cosmosMaxThroughput') + small.length * defaultOf('app/cosmos.bicep', 'smallThroughput');
    assert.equal(count('COSMOS_CAPACITY'), most / 10 / 100);
  });

  it('prices a million devices by the table of lib/limits-and-prices.ts', () => {
    const perMillion = (words: string) => row('Per million devices', words).slice(1);
    const [registrations, dps] = perMillion('first registration');
    assert.equal(dps, costOf('dpsOperation', number(registrations)).toFixed(2));
    for (const words of ['telemetry of the jobs', 'log of requests to Cosmos DB', 'log of IoT Hub']) {
      const [gigabytes, dollars] = perMillion(words);
      assert.equal(dollars, costOf('logGigabyte', number(gigabytes)).toFixed(2), words);
    }
    const measured = /\| per million devices \| ([\d.]+) USD \|/.exec(
      readFileSync(new URL('../../../docs/performance.md', import.meta.url), 'utf8'),
    );
    assert.equal(number(perMillion('issuing')[1]), number(measured?.[1]));
  });
});
