import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { lacks, run } from '../bundle/command.ts';
import { tableOf } from './workbook.ts';

const csv = [
  'deviceId,tags.serial,tags.note,tags.spare:boolean',
  'gw-1,00124,"line 1\nline 2",TRUE',
  'gw-2,352034567890123,"a;b",FALSE',
  '',
  'gw-4,12345678901234567890,"ä工 ""x""",TRUE',
  '',
].join('\n');

/** What the import of LibreOffice is told: comma, quote, UTF-8, from line 1, and the type of each column (2: text). */
const asText = 'CSV:44,34,76,1,1/2/2/2/3/2/4/2';
const asGuessed = 'CSV:44,34,76,1';

describe('a workbook of LibreOffice', { skip: lacks('soffice') }, () => {
  function converted(filter: string): Promise<Awaited<ReturnType<typeof tableOf>>> {
    const directory = mkdtempSync(join(tmpdir(), 'libreoffice-'));
    try {
      writeFileSync(join(directory, 'list.csv'), csv);
      const profile = `-env:UserInstallation=file://${directory}/profile`;
      const options = [`--infilter=${filter}`, '--convert-to', 'xlsx', '--outdir', directory];
      const { status, output } = run('soffice', ['--headless', profile, ...options, join(directory, 'list.csv')]);
      assert.equal(status, 0, output);
      return tableOf(readFileSync(join(directory, 'list.xlsx')));
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  it('has the table of its CSV, on the same rows', async () => {
    const { text, repairs } = await converted(asText);
    assert.equal(text.replace('"a;b"', 'a;b'), csv.replace('"a;b"', 'a;b'));
    assert.deepEqual(repairs, {});
  });

  it('has all digits of a number, or says that they are lost', async () => {
    const { text, repairs } = await converted(asGuessed);
    assert.match(text, /gw-2,352034567890123,/);
    assert.match(text, /gw-4,1\.23456789012346E\+19,/);
    assert.deepEqual(repairs, { 'number-cells': 2 });
  });
});
