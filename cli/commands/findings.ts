import { Option } from '@commander-js/extra-typings';
import { positive } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

const limit = ['--limit <N>', 'at most so many (default: 100 in a table, otherwise all)', positive] as const;
const yes = ['-y, --yes', 'do not ask'] as const;
const letterStates = ['waiting', 'redriven', 'discarded'] as const;

export function findingCommands(root: Root, run: Run): void {
  root.commandsGroup('What went wrong:');
  withNotes(
    root
      .command('findings')
      .description('list what was seen in Azure that the records do not say')
      .option('--kind <KIND>', 'only findings of this kind')
      .addOption(new Option('--severity <WORD>').choices(['critical', 'high', 'medium', 'low'] as const))
      .addOption(
        new Option('--state <WORD>', 'default: open').choices(['open', 'accepted', 'repaired', 'gone'] as const),
      )
      .option('-g, --group <ID>', 'only findings about this enrollment group and its devices')
      .option(...limit)
      .action(run(async () => (await import('../verbs/findings.ts')).listFindings)),
    { examples: ['fleet findings', 'fleet findings --severity critical --json | jq -r .[].id'] },
  );
  const noun = root.command('finding').description('one finding');
  const id = ['<ID>', 'id of a finding'] as const;
  withNotes(
    noun
      .command('show')
      .description('show a finding: what was expected, what was seen, what to do')
      .argument(...id)
      .action(run(async () => (await import('../verbs/findings.ts')).showFinding)),
    { exits: ['notFound'], examples: ['fleet finding show identity-missing.0123456789abcdef0123456789abcdef'] },
  );
  for (const [act, description] of [
    ['repair', 'make Azure what the records say'],
    ['accept', 'keep a finding quiet until it changes'],
  ] as const) {
    withNotes(
      noun
        .command(act)
        .description(description)
        .argument(...id)
        .requiredOption('--reason <TEXT>', 'why; it is in the finding and in the audit trail')
        .action(run(async () => (await import('../verbs/findings.ts')).actOnFinding(act))),
      {
        exits: ['notFound'],
        examples: [`fleet finding ${act} identity-missing.0123456789abcdef0123456789abcdef --reason "ticket 4711"`],
      },
    );
  }

  const letters = root.command('dead-letters').description('messages that failed for good');
  const queue = ['--queue <NAME>', 'only letters of this queue'] as const;
  const reason = ['--reason <CODE>', 'only letters with this code'] as const;
  const ids = ['--ids <LIST>', 'only letters with these ids, with commas between'] as const;
  withNotes(
    letters
      .command('list')
      .description('list dead letters, with the reason of each')
      .option(...queue)
      .option(...reason)
      .option(...ids)
      .addOption(new Option('--state <WORD>', 'default: waiting').choices(letterStates))
      .option(...limit)
      .action(run(async () => (await import('../verbs/dead-letters.ts')).listLetters)),
    { examples: ['fleet dead-letters list', 'fleet dead-letters list --reason order-invalid -o jsonl'] },
  );
  withNotes(
    letters
      .command('redrive')
      .description('process dead letters again')
      .option(...queue)
      .option(...reason)
      .option(...ids)
      .option(...yes)
      .action(run(async () => (await import('../verbs/dead-letters.ts')).redrive)),
    {
      about: [
        'The letter of a chunk retries its whole job. A letter for which nothing can be done stays, and the reason is shown.',
      ],
      examples: ['fleet dead-letters redrive --reason unavailable', 'fleet dead-letters redrive --yes'],
    },
  );
  withNotes(
    letters
      .command('discard')
      .description('take dead letters off the list whose work is not wanted any more')
      .option(...queue)
      .option(...reason)
      .option(...ids)
      .option('--all', 'all letters that wait')
      .option(...yes)
      .action(run(async () => (await import('../verbs/dead-letters.ts')).discard)),
    { examples: ['fleet dead-letters discard --reason order-invalid'] },
  );
}
