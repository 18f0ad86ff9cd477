import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isUpToDate, removeStamp, stampBuild } from '../../infra/up-to-date.ts';

describe('a build', () => {
  let directory: string;
  const file = (name: string) => join(directory, name);
  const stamp = () => file('build.json');
  /** A build that reads `source` and writes `made`. */
  const build = (began = Date.now() + 1000) =>
    stampBuild(stamp(), { read: [file('source'), file('not a file')], written: [file('made')], began });

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'up-to-date-'));
    for (const name of ['source', 'made']) writeFileSync(file(name), name);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('is up to date while nothing changes', async () => {
    assert.equal(await isUpToDate(stamp()), false);
    await build();
    assert.equal(await isUpToDate(stamp()), true);
  });

  for (const name of ['source', 'made'])
    it(`is not when a file that it ${name === 'source' ? 'read' : 'wrote'} changes or is deleted`, async () => {
      await build();
      rmSync(file(name));
      assert.equal(await isUpToDate(stamp()), false);
      writeFileSync(file(name), name);
      assert.equal(await isUpToDate(stamp()), false, 'the same content, written again');
    });

  it('is not when a file appears that was missing, or when the next build was cut', async () => {
    await build();
    await removeStamp(stamp());
    assert.equal(await isUpToDate(stamp()), false);
    await build();
    writeFileSync(file('not a file'), '');
    assert.equal(await isUpToDate(stamp()), false);
  });

  it('is not when a file that it read changed meanwhile', async () => {
    await build(0);
    assert.equal(await isUpToDate(stamp()), false);
  });
});
