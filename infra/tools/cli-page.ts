/**
 * Writes docs/cli.md from the verbs of the command line (cli/commands/).
 * Run: `npx node infra/tools/cli-page.ts`. A test compares the page with the verbs.
 */
import { writeFile } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { exitCodes } from '../../cli/errors.ts';
import { exitMeanings, notesOf } from '../../cli/help.ts';
import { createProgram } from '../../cli/program.ts';
import type { AnyVerb } from '../../cli/root.ts';

const page = new URL('../../docs/cli.md', import.meta.url);

/** The whole page. */
export function cliPage(): string {
  const nowhere = new Writable();
  const root = createProgram({ stdout: nowhere, stderr: nowhere }, () => async () => {});
  const verbs = root.createHelp().visibleCommands(root as AnyVerb);
  const groups = Map.groupBy(
    verbs.filter((verb) => verb.name() !== 'help'),
    (verb) => verb.helpGroup(),
  );
  const sections = [...groups].map(
    ([group, all]) => `## ${group.replace(/:$/, '')}\n\n${all.flatMap((verb) => described(verb)).join('\n')}`,
  );
  return `${intro(root as AnyVerb)}\n${sections.join('\n')}`;
}

/** The sections of a verb, or of each verb of a noun. */
function described(verb: AnyVerb, prefix = 'fleet'): string[] {
  const path = `${prefix} ${verb.name()}`;
  const verbs = verb.commands.filter((each) => each.name() !== 'help');
  if (verbs.length > 0) return verbs.flatMap((each) => described(each, path));
  const operands = verb.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const { about = [], examples = [] } = notesOf(verb) ?? {};
  const rows = [
    ...verb.registeredArguments.map((argument) => `- \`${argument.name()}\`: ${argument.description}`),
    ...verb.options.map(
      ({ flags, description, argChoices }) =>
        `- \`${flags}\`: ${[description, argChoices?.join(', ')].filter(Boolean).join('; ')}`,
    ),
  ];
  const description = verb.description();
  return [
    `### \`${[path, ...operands].join(' ')}\`\n`,
    `${description.slice(0, 1).toUpperCase()}${description.slice(1)}.${about.length > 0 ? ` ${about.join(' ')}` : ''}\n`,
    ...(rows.length > 0 ? [`${rows.join('\n')}\n`] : []),
    `\`\`\`sh\n${examples.join('\n')}\n\`\`\`\n`,
  ];
}

function intro(root: AnyVerb): string {
  const codes = Object.entries(exitCodes).map(
    ([name, code]) => `| ${code} | ${exitMeanings[name as keyof typeof exitCodes]} |`,
  );
  const options = root.options.map(({ flags, description }) => `| \`${flags}\` | ${description} |`);
  return `# Command line

<!-- Written by infra/tools/cli-page.ts from the verbs of the command line (cli/commands/); change it there. -->

\`fleet\` does over the [HTTP API](api.md) what people do with a deployment: check and submit lists, follow jobs, fetch bundles, act on
devices, declare groups from files. It needs Node.js 22.12 or newer.

## Start

In a clone, with the stack of \`npm start\` in another terminal:

\`\`\`sh
npx fleet group apply samples/line7.json
npx fleet submit samples/gateways.csv --group line7 --watch
\`\`\`

The local stack is found by itself. For a deployment in Azure, add a profile. Its function key is asked for, and never an argument:

\`\`\`sh
fleet profile add plant --url https://APP.azurewebsites.net
fleet profile add plant --url https://APP.azurewebsites.net --auth entra --scope api://APP_ID/.default
fleet doctor
\`\`\`

To install it elsewhere, \`npm run package-cli\` makes an npm package without dependencies in \`dist/cli\`: \`npm install --global ./dist/cli\`.
[Completion](#this-command-line) is there for bash, zsh, fish and PowerShell.

## Which deployment

The first of these that is given:

1. \`--profile\` or \`--url\`,
2. \`FLEET_PROFILE\`, or \`FLEET_URL\` with \`FLEET_KEY\` (with \`FLEET_SCOPE\`: a token in place of a key),
3. the current profile (\`fleet profile use\`),
4. the local stack whose data is in \`LOCAL_DIR\` or \`.local\`.

A key of a profile is sent to the URL of that profile only, never over plain HTTP to another machine, and no redirect is followed.
\`--auth entra\` tries the environment (workload identity of CI included), \`az login\`, \`azd auth login\`, and then a device code.
Profiles are in \`~/.config/fleet/profiles.json\` (\`XDG_CONFIG_HOME\`; \`%APPDATA%\` on Windows), mode 0600.

## Output

- Data is on stdout, everything else on stderr: \`fleet jobs --json | jq\` never meets a progress line.
- \`-o table\` is for people: local times, at most 100 rows unless \`--limit\` says otherwise. \`json\`, \`jsonl\` and \`csv\` have UTC and all rows.
  In CSV, a cell that begins like a formula gets an apostrophe, as in [reports](manifests.md#error-reports).
- Control characters in values are written out in tables, so a list cannot write to your terminal.
- Progress is one line on a terminal, otherwise a line per 10 % or 30 seconds; \`--quiet\` turns it off. \`NO_COLOR\` and \`--no-color\` turn colours off.
- What cannot be undone asks first. \`--yes\` answers, where no terminal is there to ask.

| option of every verb | |
| --- | --- |
${options.join('\n')}

| exit code | |
| --- | --- |
${codes.join('\n')}

## Groups as files

\`fleet group diff\` and \`apply\` compare a folder of files, one group each, with the deployment. The defaults come from the deployment's own
description, so a file can leave out what has one. The plan is bound to the versions that it saw: a group that was changed meanwhile is refused
with nothing of it changed, and the other groups are applied. A group that no file declares stays; \`--prune\` deletes it when its name is typed.
The API does not show the query of a URL, which often holds a key: the plan says that it was not compared, and \`--rewrite\` sends it.

\`--detailed-exitcode\` ends with 7 when there are changes. It is not 2, as in Terraform: a mistyped option ends with 2 too.

## Old names

\`npm run upload\`, \`order\`, \`ca\`, \`verify-bundle\` and \`audit\` call \`fleet submit\`, \`order\`, \`ca\`, \`bundle verify\` and \`audit\`. They go in the
release after the next.
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(page, cliPage());
