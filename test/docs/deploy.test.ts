import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { createProgram } from '../../cli/program.ts';
import { bicepFile, bicepFiles, declarationsOf } from '../infra/azure/bicep.ts';
import { builtInRoles } from '../infra/azure/role-uses.ts';

/*
 * The manual of the deployment, walked from top to bottom: what its commands name is there. Nobody has run them in Azure.
 */

const page = readFileSync('docs/deploy.md', 'utf8');
const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);

/** Values of `azd env get-values` besides the outputs of the template. https://learn.microsoft.com/azure/developer/azure-developer-cli/environment-variables-faq */
const ofAzd = ['AZURE_ENV_NAME', 'AZURE_LOCATION', 'AZURE_SUBSCRIPTION_ID'];
/** Names of the shell itself. */
const ofShell = ['HOME', 'PATH', 'PWD'];

const outputs = declarationsOf(bicepFile('main.bicep'), 'output').map(({ symbol }) => symbol);

/** Variables that a block reads and that nothing before has set. */
function unset(block: string, known: Set<string>): string[] {
  const missing: string[] = [];
  for (const line of block.split('\n')) {
    // Text between single quotes is not expanded.
    const expanded = line.replaceAll(/'[^']*'/g, '').replace(/#(?: .*)?$/, '');
    for (const [, name = ''] of expanded.matchAll(/\$\{?([A-Za-z_][A-Za-z0-9_]*)/g))
      if (!known.has(name)) missing.push(name);
    for (const [, name = ''] of expanded.matchAll(/(?:^|\s|;)(?:export )?([A-Za-z_][A-Za-z0-9_]*)=/g)) known.add(name);
  }
  return missing;
}

describe('docs/deploy.md', () => {
  it('has blocks of commands', () => assert.ok(blocks.length >= 8, `found ${blocks.length}`));

  it('reads only variables that azd gives, or that the page has set before', () => {
    const known = new Set([...ofAzd, ...ofShell]);
    for (const block of blocks) {
      // The outputs are there once the page has asked azd for them.
      if (block.includes('azd env get-values')) for (const name of outputs) known.add(name);
      assert.deepEqual(unset(block, known), [], block);
    }
  });

  it('would be seen to read a variable that nobody sets', () => {
    assert.deepEqual(unset(`A=1\necho "$A" "$\{B}" '$C' $(cat $A) # $D\n`, new Set()), ['B']);
  });

  it('names variables of azd in its text that are there', () => {
    const text = page.replaceAll(/^```[\s\S]*?^```/gm, '');
    for (const [, name = ''] of text.matchAll(/\$(AZURE_\w+)/g)) {
      assert.ok([...ofAzd, ...outputs].includes(name), name);
    }
  });

  it('calls fleet with verbs and options that it has', async () => {
    // A here document or a substitution is one word of any content.
    const commands = blocks
      .flatMap((block) => block.replaceAll(/\\\n\s*/g, ' ').split('\n'))
      .flatMap((line) =>
        [...line.matchAll(/(?:^|\| *|&& *)npx fleet (.*?)(?: +#.*)?$/g)].map(([, words = '']) => words),
      );
    assert.ok(commands.length >= 6, `found ${commands.length}`);
    for (const command of commands) {
      const words = command.match(/"(?:\$\([^)]*\)|[^"])*"|\S+/g)?.map((word) => word.replaceAll(/^"|"$/g, '')) ?? [];
      const called: string[] = [];
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      const program = createProgram({ stdout, stderr }, () => async () => void called.push(command));
      await program
        .parseAsync(words, { from: 'user' })
        .catch((error: unknown) => assert.fail(`fleet ${command}: ${error}`));
      assert.deepEqual(called, [command]);
    }
  });

  it('gives roles that Azure has, or that the template defines', () => {
    const own = bicepFiles.flatMap(({ root }) =>
      [...root.text.matchAll(/roleName: '([^('$]+) \(/g)].map(([, name = '']) => name),
    );
    assert.ok(own.length >= 3);
    const builtIn = Object.values(builtInRoles).map(({ name }) => name);
    const given = [...page.matchAll(/--role "([^"$(]+?)(?: \(\$\w+\))?"/g)].map(([, name = '']) => name);
    assert.ok(given.length > 0);
    for (const name of given) assert.ok([...own, ...builtIn].includes(name), name);
    // Its own roles stay when the group is deleted.
    const [, teardown = ''] = /^## Teardown\n([\s\S]*?)^## /m.exec(page) ?? [];
    for (const name of own) assert.ok(teardown.includes(`"${name} ($`), `Teardown does not delete the role "${name}"`);
  });

  it('says what only a subscription can show, each with a command or a page', () => {
    const [, section = ''] = /^### What only a subscription shows\n([\s\S]*)/m.exec(page) ?? [];
    const rows = [...section.matchAll(/^\| (?!---|subject)(.*?) \| (.*) \|$/gm)];
    assert.ok(rows.length >= 10, `found ${rows.length}`);
    for (const [, subject, shown = ''] of rows) assert.match(shown, /`|\]\(/, subject);
  });
});
