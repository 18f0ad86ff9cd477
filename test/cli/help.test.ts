import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { notesOf } from '../../cli/help.ts';
import { createProgram } from '../../cli/program.ts';
import type { AnyVerb } from '../../cli/root.ts';
import { fleet } from './transcript.ts';

const nowhere = new Writable();
const root = createProgram({ stdout: nowhere, stderr: nowhere }, () => async () => {}) as AnyVerb;

/** Every verb that can be called, with its words. */
function verbsOf(parent: AnyVerb, path: readonly string[] = []): { verb: AnyVerb; path: readonly string[] }[] {
  return parent
    .createHelp()
    .visibleCommands(parent)
    .filter((verb) => verb.name() !== 'help')
    .flatMap((verb) => [{ verb, path: [...path, verb.name()] }, ...verbsOf(verb, [...path, verb.name()])]);
}
const verbs = verbsOf(root);

describe('the help of every verb', () => {
  it('has exit codes and examples, and fits on a screen', async () => {
    assert.ok(verbs.length > 50, `${verbs.length}`);
    for (const { path } of [{ path: [] }, ...verbs]) {
      const { code, out, err } = await fleet([...path, '--help']);
      assert.deepEqual([code, err], [0, ''], path.join(' '));
      assert.match(out, /^Exit codes: 0 success, /m);
      assert.match(out, /^Examples?:\n {2}\S/m);
      for (const line of out.split('\n')) assert.ok(line.length <= 120, `${path.join(' ')}: ${line}`);
    }
  });

  it('shows examples whose verbs and options exist', async () => {
    for (const { verb, path } of verbs) {
      for (const example of notesOf(verb)?.examples ?? []) {
        const [, line] = /(?:^|[|(]|\s)fleet ([^|)>]+)/.exec(example) ?? [];
        if (line === undefined) continue;
        const words = [...line.matchAll(/"[^"]*"|\S+/g)].map(([word]) => word);
        const meant = verbs.findLast((each) => each.path.every((name, index) => words[index] === name));
        assert.ok(meant, `${path.join(' ')}: ${example}`);
        const flags = words.filter((word) => /^--?[a-z]/.test(word));
        const known = [...meant.verb.options, ...root.options].flatMap(({ long, short }) => [long, short]);
        for (const flag of flags) assert.ok(known.includes(flag), `${example}: ${flag}`);
      }
    }
  });

  it('has no option that takes a key itself: arguments are seen by other users of a machine', () => {
    const secret = /key|token|secret|password|pin/i;
    for (const { verb, path } of verbs) {
      for (const { flags, long, required } of verb.options) {
        // --idempotency-key is an id; the others name files.
        if (!required || !secret.test(long ?? '') || long === '--idempotency-key') continue;
        assert.match(flags, /<FILE>/, `${path.join(' ')} ${flags}`);
      }
    }
  });
});

describe('a mistyped command line', () => {
  it('ends with 2 and names what was meant', async () => {
    assert.deepEqual(await fleet('jbos'), {
      code: 2,
      out: '',
      err: "error: unknown command 'jbos'\n(Did you mean jobs?)\nhint: Add --help to see options and examples.\n",
    });
    for (const line of ['jobs --limit 0', 'jobs -o xml', 'job show', 'submit a b', 'device', 'jobs --sinc 1d']) {
      const { code, out } = await fleet(line);
      assert.deepEqual([code, out], [2, ''], line);
    }
  });
});
