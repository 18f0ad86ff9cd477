import { Argument } from '@commander-js/extra-typings';
import { withNotes } from '../help.ts';
import type { Root, Run } from '../root.ts';
import { shells } from '../shells.ts';

export function completionCommands(root: Root, run: Run): void {
  root.commandsGroup('This command line:');
  withNotes(
    root
      .command('completion')
      .description('print the script that completes verbs and options in a shell')
      .addArgument(new Argument('<SHELL>', 'your shell').choices(shells))
      .action(run(async () => (await import('../verbs/completion.ts')).printScript)),
    {
      examples: [
        'source <(fleet completion bash)',
        'source <(fleet completion zsh)',
        'fleet completion fish > ~/.config/fish/completions/fleet.fish',
        'fleet completion powershell | Out-String | Invoke-Expression',
      ],
    },
  );
  // The scripts call this with the word that is typed, after "=", and the words before it.
  root
    .command('complete', { hidden: true })
    .argument('<CURRENT>')
    .argument('[WORD...]')
    .action(run(async () => (await import('../verbs/completion.ts')).complete(root)));
}
