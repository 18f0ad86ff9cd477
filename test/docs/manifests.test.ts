import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { errorsPage } from '../../infra/tools/errors-page.ts';
import { errorCodes } from '../../lib/errors.ts';
import { repairDescriptions, warningDescriptions } from '../../lib/manifest/repairs.ts';
import { readManifest } from '../lib/manifest/read-manifest.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const page = read('docs/manifests.md');

/** The rows of the tables under a heading, as cells. */
function table(heading: string): string[][] {
  return rowsOf(page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '');
}

function rowsOf(section: string): string[][] {
  const lines = section.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replace(/^`(.*)`$/, '$1')),
  );
}

it('docs/errors.md is generated from lib/errors.ts', () => {
  assert.equal(read('docs/errors.md'), errorsPage(), 'run: node infra/tools/errors-page.ts');
});

describe('docs/manifests.md', () => {
  const codesFrom = (first: string, last: string) => {
    const codes: readonly string[] = errorCodes;
    return codes.slice(codes.indexOf(first), codes.indexOf(last) + 1).sort();
  };

  it('names every code that a row can have', () => {
    const named = new Set(table('Errors of a row').map(([code]) => code));
    assert.deepEqual([...named].sort(), codesFrom('row-syntax', 'gave-up'));
  });

  it('names every code that refuses a file', () => {
    const named = table('Errors of a file').map(([code]) => code);
    assert.deepEqual(named.sort(), codesFrom('manifest-empty', 'manifest-gone'));
  });

  it('names every repair and every warning, as the reader describes them', () => {
    const [repairs = '', warnings = ''] = page.split('\n## Repairs\n')[1]?.split('are counted in `warnings`') ?? [];
    const expected = (descriptions: object) =>
      Object.entries(descriptions).map(([name, { text, unit }]) => `| \`${name}\` | ${text} | ${unit} |`);
    const written = (section = '') =>
      section
        .split('\n## ')[0]
        ?.split('\n')
        .filter((line) => line.startsWith('| `'));
    assert.deepEqual(written(repairs), expected(repairDescriptions));
    assert.deepEqual(written(warnings), expected(warningDescriptions));
  });

  for (const [value = '', column = '', code = '', says = ''] of table('Refusals')) {
    it(`says why ${value} in ${column} is refused`, async () => {
      const isId = column === 'deviceId';
      const cells = [isId ? value : 'gw-1', isId ? '' : value];
      const quoted = cells.map((cell) => `"${cell.replaceAll('"', '""')}"`);
      const header = `deviceId,${isId ? 'tags.b' : column}`;
      const { faults } = await readManifest([header, 'gw-0,', quoted.join()].join('\n'));
      assert.deepEqual(
        faults.map((fault) => [fault.line, fault.code]),
        [[3, code]],
      );
      assert.ok(faults[0]?.message.includes(says), faults[0]?.message);
    });
  }

  const groups = { line7: {}, 'on-device': { keyCustody: 'device' } } as const;
  for (const [code = '', header = '', row = '', fixed] of table('Errors of a row')) {
    if (fixed === undefined) continue;
    it(`shows ${code} and its fix: ${row}`, async () => {
      const before = `gw-0${header.replace(/[^,]*/, '').replaceAll(/[^,]/g, '')}`;
      const defaultGroup = code === 'group-missing' ? null : 'line7';
      const manifest = (last: string) => [header, before, last].join('\n');
      const { faults } = await readManifest(manifest(row), { groups, defaultGroup });
      assert.equal(faults.find(({ line }) => line === 3)?.code, code);
      const again = await readManifest(manifest(fixed), { groups, defaultGroup });
      assert.deepEqual(
        again.faults.filter(({ line }) => line === 3),
        [],
      );
      assert.equal(again.requests.at(-1)?.line, 3);
    });
  }
});
