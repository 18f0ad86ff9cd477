import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type WeakAssertions, weakAssertions } from './assertions.ts';

/** The weak assertions of one file with that text. */
const inFile = (text: string): WeakAssertions => weakAssertions(new Map([['test/some.test.ts', text]]));

const first = ['test/some.test.ts:1'];

describe('the assertions of the tests', () => {
  const paths = globSync('test/**/*.ts').filter((path) => !path.startsWith('test/structure/'));
  const found = weakAssertions(new Map(paths.map((path) => [path, readFileSync(path, 'utf8')])));

  it('are read from the sources', () => assert.ok(paths.length > 400, `${paths.length} files`));

  it('name the error that is meant: throws and rejects have a second argument', () => {
    assert.deepEqual(found.anyError, []);
  });

  it('are not true of an empty list: assertEvery of test/assert-every.ts, not every', () => {
    assert.deepEqual(found.every, []);
  });

  it('are in every test', () => {
    assert.deepEqual(found.silent, []);
  });
});

describe('weak assertions', () => {
  for (const text of [
    'await assert.rejects(run());',
    'assert.throws(() => run());',
    "assert.throws(() => run(), 'it throws');",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source text
    'assert.throws(() => run(), `case ${index}`);',
    'for (const each of all) await assert.rejects(async () => each.run());',
  ]) {
    it(`take any error: ${text}`, () => assert.deepEqual(inFile(text).anyError, first));
  }

  for (const text of [
    "await assert.rejects(run(), { code: 'not-found' });",
    'assert.throws(() => run(), SyntaxError, `case`);',
    'await assert.doesNotReject(run());',
    'const { rejects } = promise;',
  ]) {
    it(`do not take any error: ${text}`, () => assert.deepEqual(inFile(text).anyError, []));
  }

  for (const text of [
    'assert.ok(all.every(isGood));',
    'assert.ok(record.all?.every(({ state }) => state === 1));',
    'assert.equal((await all()).every(isGood), true);',
    'assert.ok(all.length < 3 && all.every(isGood));',
  ]) {
    it(`are true of an empty list: ${text}`, () => assert.deepEqual(inFile(text).every, first));
  }

  for (const text of [
    'assertEvery(all, isGood);',
    'assert.deepEqual(lists.filter((list) => list.every(isGood)), [one]);',
    'const isErased = (bytes: Buffer) => bytes.every((each) => each === 0);',
  ]) {
    it(`are not true of an empty list: ${text}`, () => assert.deepEqual(inFile(text).every, []));
  }

  for (const text of [
    "it('runs', () => run());",
    "test('runs', { timeout: 5 }, async () => { await run(); });",
    "it('runs', () => helper()); function helper() { return other(); } function other() { return helper(); }",
    "it('has a member of the name', () => world.check()); function check() { assert.ok(1); }",
  ]) {
    it(`are missing: ${text}`, () => assert.deepEqual(inFile(text).silent, first));
  }

  for (const text of [
    "it('asserts', () => { assert.ok(run()); });",
    "it('asserts through functions', () => helper()); function helper() { other(); } const other = () => assert.ok(1);",
    "it('hands a function over', () => withFleet(check)); function check() { assert.ok(1); }",
    "it('waits', () => until(run));",
  ]) {
    it(`are there: ${text}`, () => assert.deepEqual(inFile(text).silent, []));
  }

  it('are looked for in helpers of other files', () => {
    const files = new Map([
      [
        'test/a.test.ts',
        "import { strict as check, lax } from './b.ts';\nit('one', () => check());\nit('two', () => lax());",
      ],
      ['test/b.ts', 'export function strict() { assert.ok(1); }\nexport function lax() {}'],
    ]);
    assert.deepEqual(weakAssertions(files).silent, ['test/a.test.ts:3']);
  });
});
