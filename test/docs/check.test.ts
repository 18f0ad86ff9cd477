import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { maxBytesAtOnce, maxRowsAtOnce } from '../../lib/pipeline/check-manifest.ts';
import { limitRows, priceRows, usageRows } from './check-rows.ts';

const page = readFileSync(new URL('../../docs/check.md', import.meta.url), 'utf8');
const rowsUnder = (title: string) =>
  page
    .split(`\n### ${title}\n`)[1]
    ?.split('\n### ')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| ['));

describe('docs/check.md', () => {
  it('has the table of limits and prices as it is', () => {
    assert.deepEqual(rowsUnder('Limits'), limitRows());
    assert.deepEqual(rowsUnder('Prices'), priceRows());
    assert.deepEqual(rowsUnder('Use per device'), usageRows());
  });

  it('says which lists are checked at once', () => {
    assert.equal(maxBytesAtOnce, 1024 * 1024);
    assert.ok(page.includes(`at most ${maxRowsAtOnce.toLocaleString('en')} rows and 1 MiB`));
  });
});
