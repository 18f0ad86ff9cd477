import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseArguments, UsageError, usage } from '../../../infra/tools/ca/arguments.ts';

const parse = (line: string) => parseArguments(line.split(' ').filter(Boolean));

describe('arguments of npm run ca', () => {
  it('are accepted as the help shows them', () => {
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

  it('are refused with the reason, before anything is read', () => {
    const wrong: [string, RegExp][] = [
      ['destroy', /Unknown command "destroy"\. Expected show, check, register/],
      ['--json', /Unknown command/],
      ['csr', /csr needs the name of a group/],
      ['rollover', /needs the name of a group/],
      ['check line7', /check does not take a GROUP/],
      ['check --force', /check does not take --force/],
      ['show line7', /show does not take a GROUP/],
      ['csr a b', /Unexpected argument "b"/],
      ['csr a --force', /csr does not take --force/],
      ['show --key x', /show does not take --key/],
      ['root', /root needs --certificate FILE/],
      ['import a --key k', /import needs --certificate FILE/],
      ['rollover a --from b', /--from\. Expected the number/],
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

  it('show the help without arguments, or on request', () => {
    for (const line of ['', '--help', '-h', 'show --help']) assert.equal(parse(line), 'help');
  });
});
