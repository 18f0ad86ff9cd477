import assert from 'node:assert/strict';
import { it } from 'node:test';
import { commandsOf, missingLine } from './page-commands.ts';

const fence = '```';

it('commands are found with their lines, exit codes and output', () => {
  const page = [
    ...[
      '# Page',
      `${fence}sh`,
      'first a \\',
      '  b',
      '',
      "cat <<'END'",
      'text',
      'END',
      "third 'x",
      "y'  # exit code 5",
      fence,
      '',
    ],
    ...[
      `${fence}text`,
      'printed',
      fence,
      'Prose.',
      `${fence}text`,
      'not run',
      fence,
      `${fence}sh`,
      'last',
      fence,
      'Prose.',
    ],
  ].join('\n');
  assert.deepEqual(commandsOf(page), [
    {
      commands: [
        { line: 3, text: 'first a \\\n  b', exitCode: 0 },
        { line: 6, text: "cat <<'END'\ntext\nEND", exitCode: 0 },
        { line: 9, text: "third 'x\ny'  # exit code 5", exitCode: 5 },
      ],
      output: ['printed'],
    },
    { commands: [{ line: 21, text: 'last', exitCode: 0 }] },
  ]);
});

it('a block that would not be run whole is refused', () => {
  for (const [page, message] of [
    [`${fence}bash\nls\n${fence}`, /expected ```sh or ```text: bash/],
    [`${fence}sh\nls`, /does not end/],
    [`${fence}sh\necho 'a\n${fence}`, /ends within a command/],
    [`${fence}sh\nls \\\n${fence}`, /ends within a command/],
  ] as const) {
    assert.throws(() => commandsOf(page), message);
  }
});

it('output is compared line by line, but for what differs in each run', () => {
  const printed = ['job  bdb36ecb8d155eb22a72f400', 'at   2026-11-28 01:30:28 UTC', '', 'rows 5', 'end'];
  const same = ['job 878fa8e90916faf956375c4c', '', 'at 2027-01-01 00:00:00 UTC', 'rows 5', 'end'];
  assert.equal(missingLine(same, printed), undefined);
  assert.equal(missingLine(['...', 'rows 5', '...'], printed), undefined);
  assert.equal(missingLine(['...', 'rows 6', '...'], printed), 'rows 6');
  assert.equal(missingLine(['...', 'end', 'rows 5'], printed), 'rows 5');
  assert.equal(missingLine(['rows 5', '...'], printed), 'rows 5', 'not the first line');
  assert.equal(missingLine(['...', 'rows 5'], printed), 'the end, but this was printed: end');
});
