import type { Context } from '../context.ts';
import { profilesPath, readProfiles } from '../profiles.ts';
import type { AnyVerb } from '../root.ts';
import type { Shell } from '../shells.ts';

/** Prints the script of a shell. It calls `fleet complete` for each Tab. */
export async function printScript({ output }: Context, shell: Shell): Promise<undefined> {
  await output.raw(scripts[shell]);
  return undefined;
}

/** The verb that prints what can stand at the place of the current word: a value and its meaning per line. */
export function complete(root: AnyVerb) {
  return async ({ terminal, output }: Context, current: string, before: readonly string[]): Promise<undefined> => {
    const { profiles } = await readProfiles(profilesPath(terminal.env)).catch(() => ({ profiles: {} }));
    const typed = current.replace(/^=/, '');
    const found = candidates(root, typed, before, Object.keys(profiles));
    // The shell completes names of files better than we do.
    if (found === 'files') await output.raw(':files\n');
    else for (const [value, meaning] of found) await output.raw(`${value}\t${meaning}\n`);
    return undefined;
  };
}

type Candidate = readonly [value: string, meaning: string];

/** Names of arguments and values that are files or folders. */
const fileNames = ['FILE', 'DIR', 'PATH', 'BUNDLE'];

function candidates(
  root: AnyVerb,
  typed: string,
  before: readonly string[],
  profiles: readonly string[],
): readonly Candidate[] | 'files' {
  const beginning = ([value]: Candidate) => value.startsWith(typed);
  const { verb, waiting, operands } = place(root, before);
  if (waiting !== undefined) {
    if (fileNames.some((name) => waiting.flags.includes(`<${name}>`))) return 'files';
    const values = waiting.long === '--profile' ? profiles : (waiting.argChoices ?? []);
    return values.map((value): Candidate => [value, '']).filter(beginning);
  }
  if (typed.startsWith('-')) {
    const help = verb.createHelp();
    const options = [...help.visibleOptions(verb), ...help.visibleGlobalOptions(verb)];
    return options.map(({ long, description }): Candidate => [long ?? '', description]).filter(beginning);
  }
  if (verb.commands.length > 0) {
    return verb
      .createHelp()
      .visibleCommands(verb)
      .map((each): Candidate => [each.name(), each.description()])
      .filter(beginning);
  }
  const operand = verb.registeredArguments[operands];
  if (operand === undefined) return [];
  if (fileNames.includes(operand.name())) return 'files';
  return (operand.argChoices ?? []).map((value): Candidate => [value, '']).filter(beginning);
}

/** The verb that the words lead to, the option that waits for its value, and how many operands there are. */
function place(root: AnyVerb, words: readonly string[]) {
  let [verb, operands] = [root, 0];
  let waiting: AnyVerb['options'][number] | undefined;
  for (const word of words) {
    if (waiting !== undefined) {
      waiting = undefined;
      continue;
    }
    if (word.startsWith('-')) {
      const option = [...verb.options, ...root.options].find(({ long, short }) => word === long || word === short);
      waiting = option?.required ? option : undefined;
      continue;
    }
    const next = verb.commands.find((each) => each.name() === word);
    if (next === undefined) operands += 1;
    else verb = next;
  }
  return { verb, waiting, operands };
}

const scripts: Readonly<Record<Shell, string>> = {
  bash: `# bash: source <(fleet completion bash)
_fleet() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default
      COMPREPLY=()
      return
    fi
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(fleet complete -- "=\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)
}
complete -F _fleet fleet
`,
  zsh: `#compdef fleet
# zsh, after compinit: source <(fleet completion zsh)
_fleet() {
  local -a lines found
  local line
  lines=("\${(@f)$(fleet complete -- "=\${words[CURRENT]}" "\${(@)words[2,CURRENT-1]}" 2>/dev/null)}")
  if [[ \${lines[1]} == :files ]]; then
    _files
    return
  fi
  for line in "\${lines[@]}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe fleet found
}
compdef _fleet fleet
`,
  fish: `# fish: fleet completion fish > ~/.config/fish/completions/fleet.fish
function __fleet_complete
  set -l current (commandline -ct)
  set -l words (commandline -opc)
  set -l lines (fleet complete -- "=$current" $words[2..-1] 2>/dev/null)
  if test "$lines[1]" = ":files"
    __fish_complete_path "$current"
    return
  end
  printf '%s\\n' $lines
end
complete -c fleet -f -a '(__fleet_complete)'
`,
  powershell: `# PowerShell: fleet completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName fleet -ScriptBlock {
  param($typed, $ast, $cursor)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($typed -ne '' -and $words.Count -gt 0) { $words = @($words | Select-Object -SkipLast 1) }
  fleet complete -- "=$typed" @words 2>$null | Where-Object { $_ -ne ':files' } | ForEach-Object {
    $value, $meaning = $_ -split "\`t", 2
    if (-not $meaning) { $meaning = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $meaning)
  }
}
`,
};
