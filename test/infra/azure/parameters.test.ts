import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { bicepFile, declarationsOf } from './bicep.ts';

/*
 * The parameters of the deployment are one list in five places: main.bicep, main.parameters.json of azd, the workflow, the manual, and the
 * parameter files that npm run check:infra evaluates.
 */

const main = bicepFile('main.bicep');
const parameters = declarationsOf(main, 'parameter');
/** Default of each parameter as text; undefined for one that has none. */
const defaults = new Map(parameters.map(({ symbol, value }) => [symbol, value?.text.replaceAll(/^'|'$/g, '')]));

const azd: Record<string, { value: unknown }> = JSON.parse(
  readFileSync('infra/azure/main.parameters.json', 'utf8'),
).parameters;
/** Parameters with a variable: the variable, and its default. A deployment may have others there with a value of its own. */
const variables = new Map(
  Object.entries(azd).flatMap(([name, { value }]) => {
    const [, variable, fallback] = /^\$\{(\w+)(?:=(.*))?\}$/.exec(String(value)) ?? [];
    return variable === undefined ? [] : [[name, { variable, fallback }] as const];
  }),
);
/** Those that azd or a person signed in sets, and no option of the manual. */
const isOfAzd = (variable: string) => variable.startsWith('AZURE_');

const manual = readFileSync('docs/deploy.md', 'utf8');
/** Rows of a table of the manual: the default by each name in the first column. */
function rowsOf(heading: string): Map<string, string> {
  const section = manual.split(`\n${heading}\n`)[1]?.split(/^##/m)[0] ?? '';
  // A row can have several names, and then as many defaults. No default is an empty cell, or a word that is no code.
  const rows = [...section.matchAll(/^\| (`\w+`(?:, `\w+`)*) \| (.*?) *\|/gm)];
  return new Map(
    rows.flatMap(([, cell = '', values = '']) => {
      const names = [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);
      const given = names.length === 1 ? [values] : values.split(', ');
      return names.map((name, index) => [name, /^`(.*)`$/.exec(given[index] ?? '')?.[1] ?? ''] as const);
    }),
  );
}
const [optionRows, otherRows] = [rowsOf('## Options'), rowsOf('### Parameters without a variable')];

const sorted = (names: Iterable<string>) => [...names].sort();

describe('the parameters of the deployment', () => {
  it('have the same default in main.bicep and for azd', () => {
    assert.ok(variables.size >= 10, `found ${variables.size}`);
    for (const [name, { variable, fallback }] of variables) {
      assert.ok(defaults.has(name), `main.bicep has no parameter ${name}`);
      if (fallback === undefined)
        assert.equal(defaults.get(name), undefined, `${name} has a default, and ${variable} has none`);
      else assert.equal(fallback, defaults.get(name), name);
    }
  });

  it('have the same default in the workflow', () => {
    const { jobs } = parse(readFileSync('.github/workflows/deploy.yml', 'utf8'));
    const env: Record<string, string> = jobs.deploy.env;
    const names = [...variables.values()].map(({ variable }) => variable);
    assert.deepEqual(sorted(Object.keys(env)), sorted(names));
    for (const { variable, fallback } of variables.values()) {
      const [, read, otherwise = ''] = /^\$\{\{ vars\.(\w+)(?: \|\| '(.*)')? \}\}$/.exec(env[variable] ?? '') ?? [];
      assert.equal(read, variable);
      assert.equal(otherwise, fallback ?? '', variable);
    }
  });

  it('are options of the manual, with the same default', () => {
    const options = [...variables.values()].filter(({ variable }) => !isOfAzd(variable));
    assert.deepEqual(sorted(optionRows.keys()), sorted(options.map(({ variable }) => variable)));
    for (const { variable, fallback } of options) assert.equal(optionRows.get(variable), fallback, variable);
  });

  it('without a variable are in the other table of the manual, with the same default', () => {
    const others = parameters.filter(({ symbol }) => !variables.has(symbol));
    assert.deepEqual(sorted(otherRows.keys()), sorted(others.map(({ symbol }) => symbol)));
    for (const { symbol } of others) assert.equal(otherRows.get(symbol), defaults.get(symbol), symbol);
  });
});

describe('the parameter files of npm run check:infra', () => {
  const given = (name: string) => {
    const text = readFileSync(`infra/azure/test/${name}.bicepparam`, 'utf8');
    assert.match(text, /^using '\.\.\/main\.bicep'$/m);
    return new Map([...text.matchAll(/^param (\w+) = (.*)$/gm)].map(([, symbol = '', value = '']) => [symbol, value]));
  };

  it('name in defaults what has no default, and nothing else', () => {
    const required = parameters.filter(({ value }) => value === undefined).map(({ symbol }) => symbol);
    assert.deepEqual(sorted(given('defaults').keys()), sorted(required));
  });

  it('change in everything every parameter: a condition that is never on would never be evaluated', () => {
    const everything = given('everything');
    assert.deepEqual(sorted(everything.keys()), sorted(defaults.keys()));
    for (const [symbol, value] of everything) {
      assert.notEqual(value.replaceAll(/^'|'$/g, ''), defaults.get(symbol), `${symbol} has its default`);
    }
  });
});
