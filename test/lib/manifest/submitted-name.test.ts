import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { manifestDefaults } from '../../../lib/manifest/manifest.ts';
import { readSubmittedName, submittedName } from '../../../lib/manifest/submitted-name.ts';

describe('the blob of a list that came through the API', () => {
  for (const folder of ['_http', '_upload'] as const) {
    for (const defaultGroup of [undefined, 'line7']) {
      it(`has its folder, its id, its format and its group (${folder}, ${defaultGroup})`, () => {
        for (const format of ['csv', 'ndjson', 'xlsx'] as const) {
          const blob = submittedName(folder, { defaultGroup, format }, 'a-1');
          assert.deepEqual(readSubmittedName(blob), { folder, id: 'a-1' });
          assert.deepEqual(manifestDefaults(blob), { format, ...(defaultGroup !== undefined && { defaultGroup }) });
        }
      });
    }
  }

  for (const blob of [
    'line7/list.csv',
    'a/b/_http/1.csv',
    '_http/1',
    '_http/a/1.csv',
    'my_http/1.csv',
    '_other/1.csv',
  ]) {
    it(`is not ${blob}`, () => {
      assert.equal(readSubmittedName(blob), undefined);
    });
  }
});
