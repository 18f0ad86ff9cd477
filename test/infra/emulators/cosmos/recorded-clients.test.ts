import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createCosmosEmulator } from 'fleet-emulators/cosmos';
import { type Recording, uuidTokens } from '../../../../infra/tools/record-cosmos-requests.ts';
import { send } from './signed-request.ts';

/*
 * The requests that the SDKs for Python and Java sent to the emulator, sent again as they were: paths, headers, bodies, and what they
 * sign. Made by infra/tools/record-cosmos-requests.ts from the programs in test/other-clients/cosmos.
 */

for (const name of ['python', 'java']) {
  const file = new URL(`../../../vectors/cosmos-clients/${name}.json`, import.meta.url);
  const { client, requests } = JSON.parse(readFileSync(file, 'utf8')) as Recording;

  test(`the requests of ${client} are answered as they were`, async (t) => {
    const emulator = createCosmosEmulator();
    const { port } = await emulator.listen(0);
    t.after(() => emulator.close());
    const endpoint = `http://localhost:${port}`;
    const strange = Buffer.from('another key').toString('base64');
    const tokens = uuidTokens();
    assert.ok(requests.length > 30);
    for (const [index, { method, path, signed, headers, body, status }] of requests.entries()) {
      const now = JSON.parse(tokens.fromToken(JSON.stringify(headers))) as Record<string, string>;
      const key = signed === undefined ? strange : emulator.key;
      const sent = { method, path, ...(signed !== undefined && { signed }), headers: now };
      const answer = await send(
        { endpoint, key },
        { ...sent, ...(body !== undefined && { body: tokens.fromToken(body) }) },
      );
      const text = await answer.text();
      assert.equal(answer.status, status, `${index}: ${method} ${path} ${body?.slice(0, 200)}\n${text}`);
      tokens.see(`${answer.headers.get('etag')} ${text}`);
    }
  });
}
