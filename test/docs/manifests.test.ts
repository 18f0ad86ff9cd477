import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { errorsPage } from '../../infra/tools/errors-page.ts';
import { errorCodes } from '../../lib/errors.ts';
import { readManifest } from '../lib/manifest/read-manifest.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/manifests.md');

/** Rows of the tables under a heading, as the texts of their cells. */
function table(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replace(/^`(.*)`$/, '$1')),
  );
}

it('docs/errors.md is what lib/errors.ts says', () => {
  assert.equal(read('docs/errors.md'), errorsPage(), 'run: node infra/tools/errors-page.ts');
});

describe('docs/manifests.md', () => {
  const codesFrom = (first: string, last: string) => {
    const codes: readonly string[] = errorCodes;
    return codes.slice(codes.indexOf(first), codes.indexOf(last) + 1).sort();
  };

  it('names every code that a row can have', () => {
    const named = new Set(table('What is wrong with a row').map(([code]) => code));
    assert.deepEqual([...named].sort(), codesFrom('row-syntax', 'gave-up'));
  });

  it('names every code that refuses a file', () => {
    const named = table('What refuses a file').map(([code]) => code);
    assert.deepEqual(named.sort(), codesFrom('manifest-empty', 'manifest-gone'));
  });

  const groups = { line7: {}, 'on-device': { keyCustody: 'device' } } as const;
  for (const [code = '', header = '', row = '', mended] of table('What is wrong with a row')) {
    if (mended === undefined) continue;
    it(`shows ${code} and its repair: ${row}`, async () => {
      const before = `gw-0${header.replace(/[^,]*/, '').replaceAll(/[^,]/g, '')}`;
      const defaultGroup = code === 'group-missing' ? null : 'line7';
      const manifest = (last: string) => [header, before, last].join('\n');
      const { faults } = await readManifest(manifest(row), { groups, defaultGroup });
      assert.equal(faults.find(({ line }) => line === 3)?.code, code);
      const repaired = await readManifest(manifest(mended), { groups, defaultGroup });
      assert.deepEqual(
        repaired.faults.filter(({ line }) => line === 3),
        [],
      );
      assert.equal(repaired.requests.at(-1)?.line, 3);
    });
  }
});
