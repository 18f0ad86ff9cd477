import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

/*
 * What pages say is there: files they link to or name, headings, npm scripts. Pages of packages are not ours.
 */

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const there = (path: string) => existsSync(join(root, path));

const pages = globSync(['*.md', 'docs/**/*.md', 'infra/**/*.md', 'bench/**/*.md'], { cwd: root })
  .filter((page) => !page.includes('/dist/'))
  .sort();
/** Where commands stand that people copy or machines run. */
const withCommands = [
  ...pages,
  ...globSync(['.ci/run', '.github/workflows/*.yml', 'azure.yaml', 'infra/**/*.ts', 'lib/**/*.ts'], {
    cwd: root,
  }).filter((file) => !file.includes('/dist/')),
];

/** The name under which GitHub links a heading: lower case, no punctuation, "-" for a space. */
function anchorOf(heading: string): string {
  const text = heading.replaceAll(/[`*]|\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return text.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^```.*?^```/gms, '');
}

const headings = (path: string) => [...withoutBlocks(read(path)).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);

describe('pages', () => {
  it('are found', () => assert.ok(pages.includes('README.md') && pages.includes('infra/emulators/README.md')));

  for (const page of pages) {
    it(`${page}: links lead to files and headings that are there`, () => {
      const text = withoutBlocks(read(page));
      const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?\)/g)];
      const references = [...text.matchAll(/^\[[^\]]+\]: (\S+)$/gm)];
      for (const [, target = ''] of [...inline, ...references]) {
        if (/^[a-z]+:/.test(target)) continue;
        const [file = '', anchor] = target.split('#');
        const path = file === '' ? page : join(dirname(page), file);
        assert.ok(there(path), `${target} is not there`);
        if (anchor !== undefined) assert.ok(headings(path).map(anchorOf).includes(anchor), `no heading ${target}`);
      }
    });

    it(`${page}: files that it names are there`, () => {
      const named = /(?<![\w./-])(?:\.ci|\.github|bench|docs|functions|infra|lib|samples|test)\/[\w./-]*\w/g;
      // An address is not a file, and a path that goes on with * or <…> names a kind of file.
      const text = read(page).replaceAll(/https?:\S+/g, '');
      for (const { 0: path, index } of text.matchAll(named)) {
        if (/^\/?[*<{]/.test(text.slice(index + path.length))) continue;
        assert.ok(there(path) || there(join(dirname(page), path)), `${path} is not there`);
      }
    });

    // The user's own Node may be 20, which knows no .ts; `npx node` is the one that `npm ci` brought.
    it(`${page}: TypeScript is run by the Node of the project`, () => {
      for (const [line] of read(page).matchAll(/^.*\bnode (?:--\S+ )*[\w./-]+\.ts\b.*$/gm))
        assert.match(line, /npx node/);
    });
  }

  it('name npm scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const path of withCommands) {
      for (const [, name = ''] of read(path).matchAll(/\bnpm run (?:-s )?([a-z][\w:-]*)/g)) {
        assert.ok(Object.hasOwn(scripts, name), `${path}: npm run ${name}`);
      }
    }
  });

  it('README shows every function that works on a queue or by the clock', () => {
    const readme = read('README.md');
    const sources = globSync('functions/*.ts', { cwd: root }).map(read).join('\n');
    const names = [...sources.matchAll(/app\.(?:storageQueue|timer)\(['`]([a-z-]*[a-z])/g)].map(
      ([, name = '']) => name,
    );
    assert.equal(names.length, 10);
    for (const name of names) assert.ok(readme.includes(name), name);
  });
});
