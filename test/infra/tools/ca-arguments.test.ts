import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseArguments, UsageError, usage } from '../../../infra/tools/ca/arguments.ts';

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean));

describe('arguments of npm run ca', () => {
  it('are understood as its help shows them', () => {
    const examples = [...usage.matchAll(/^ {2}npm run ca -- (.*)$/gm)].map(([, line]) => line ?? '');
    assert.equal(examples.length, 2);
    for (const line of examples) assert.notEqual(parse(line), 'help');
    assert.deepEqual(parse('import line7 --certificate line7.pem --chain root.pem --from 2 --json'), {
      ...{ verb: 'import', group: 'line7', certificate: 'line7.pem', chain: 'root.pem', from: 2 },
      ...{ force: false, vouched: false, json: true },
    });
  });

  it('fit on one screen', () => {
    assert.ok(usage.split('\n').length <= 32);
    for (const line of usage.split('\n')) assert.ok(line.length <= 120, line);
  });

  it('are refused with the reason, and before anything is looked at', () => {
    const wrong: [string, RegExp][] = [
      ['destroy', /"destroy" is no verb; expected show, register/],
      ['--json', /is no verb/],
      ['csr', /csr needs the name of a group/],
      ['rollover', /needs the name of a group/],
      ['show line7', /show takes no group/],
      ['csr a b', /"b" is too much/],
      ['csr a --force', /--force has no meaning for csr/],
      ['show --key x', /--key has no meaning for show/],
      ['root', /root needs --certificate FILE/],
      ['import a --key k', /import needs --certificate FILE/],
      ['rollover a --from b', /--from is the number/],
      ['show --colour', /Unknown option '--colour'/],
    ];
    for (const [line, message] of wrong) {
      assert.throws(
        () => parse(line),
        (error: unknown) => error instanceof UsageError && message.test(error.message),
        line,
      );
    }
  });

  it('ask for help by none, or by asking', () => {
    for (const line of ['', '--help', '-h', 'show --help']) assert.equal(parse(line), 'help');
  });
});
