import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingNames } from '../../functions/config/settings.ts';
import { startUpCheck } from '../../functions/start-up-check.ts';

describe('the start-up check', () => {
  it('writes one line per wrong setting and does not throw', async () => {
    for (const name of settingNames) delete process.env[name];
    process.env['CHUNK_ROWS'] = '0';
    const lines: string[] = [];
    await startUpCheck({ write: (line) => void lines.push(line) });
    const entries = lines.map((line) => JSON.parse(line));
    for (const { event } of entries) assert.equal(event, 'start-up check failed');
    const problems = new Map(entries.map(({ name, problem }) => [name, problem]));
    assert.match(problems.get('CHUNK_ROWS'), /^CHUNK_ROWS is "0"; expected a whole number from 1 to 1000$/);
    for (const name of ['COSMOS_ENDPOINT', 'DPS_ID_SCOPE', 'KEY_VAULT_URL']) {
      assert.match(problems.get(name), /is not set; expected/, name);
    }
  });
});
