import { Option } from '@commander-js/extra-typings';
import { seconds } from '../arguments.ts';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';

export function watchFolderCommand(root: Root, run: Run): void {
  root.commandsGroup('Lists and jobs:');
  withNotes(
    root
      .command('watch-folder')
      .description('submit each list that appears in a folder, and put its report beside it')
      .argument('<DIR>', 'the folder')
      .option('-g, --group <ID>', 'enrollment group of the rows that name none')
      .addOption(
        new Option('--on-conflict <HOW>', 'for devices that are provisioned already with other content').choices([
          'reject',
          'replace',
          'reissue',
        ] as const),
      )
      .option('--quiet-for <DURATION>', 'a file is taken when it has not changed for so long', seconds, 5)
      .option('--once', 'end when no file is left')
      .action(run(async () => (await import('../verbs/watch-folder.ts')).watchFolder)),
    {
      about: [
        'A file goes to done/ when every row is good, otherwise to failed/. NAME.job.json and the report (NAME.results.csv or',
        'NAME.errors.csv) are beside it. Other files, and names that begin with . or ~, are left alone. After a crash, a file',
        'that is still there is submitted again under the same key, so it is one job.',
      ],
      examples: ['fleet watch-folder /srv/line7 --group line7', 'fleet watch-folder lists --once -o jsonl'],
    },
  );
}
