import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HttpRequest } from '@azure/functions';
import type { Services } from '../../../functions/services.ts';
import { operation } from '../../operation.ts';
import { createWorld, type World } from '../../world.ts';

const signed = 'https://acct.blob.core.windows.net/manifests/x?sig=secret-of-the-address';

async function call(world: World, id: string, search: string, params = {}) {
  const signUpload = async (blob: string) => signed.replace('/x?', `/${blob}?`);
  const services = { ...world.services(), signUpload } as unknown as Services;
  const request = new HttpRequest({ method: operation(id).method, url: `http://localhost/api/x${search}`, params });
  const answer = await operation(id).answer(request, { services, caller: { name: 'Ada' } as never, requestId: 'r-1' });
  return { ...answer, json: JSON.parse(String(answer.body)) };
}

describe('POST /api/uploads', () => {
  it('answers with an address, the headers that the storage needs, and the command', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { status, headers, json } = await call(world, 'create-upload', '?enrollmentGroup=line7&format=ndjson');
    assert.equal(status, 201);
    const { upload, url, headers: needed, command } = json;
    assert.match(upload.blob, /^line7\/_upload\/.+\.ndjson$/);
    assert.equal(url, signed.replace('/x?', `/${upload.blob}?`));
    assert.deepEqual(needed, { 'x-ms-blob-type': 'BlockBlob', 'content-type': 'application/x-ndjson' });
    const sent = '-H "x-ms-blob-type: BlockBlob" -H "content-type: application/x-ndjson"';
    assert.equal(command, `curl --fail -T LIST ${sent} "${url}"`);
    assert.equal((headers as Record<string, string>)['location'], upload.links.self);
    assert.equal(upload.links.self, `/api/uploads/${upload.uploadId}`);
    assert.equal(upload.status, 'waiting');
  });

  it('leaves the address out of the audit trail, which has the blob', async () => {
    using world = createWorld();
    const { json } = await call(world, 'create-upload', '');
    const entries = JSON.stringify(world.audit.entries);
    assert.ok(entries.includes(json.upload.blob));
    assert.doesNotMatch(entries, /secret-of-the-address/);
  });

  it('is followed by GET /api/uploads/{uploadId}, which leads to the job and shows no address', async () => {
    using world = createWorld();
    await world.declare('line7', { keyCustody: 'plain' });
    const { json } = await call(world, 'create-upload', '?enrollmentGroup=line7');
    const get = () => call(world, 'get-upload', '', { uploadId: json.upload.uploadId });
    const waiting = await get();
    assert.deepEqual(
      [waiting.json.status, (waiting.headers as Record<string, string>)['retry-after']],
      ['waiting', '2'],
    );
    const jobId = await world.upload(json.upload.blob, 'deviceId\ngw-1\n');
    await world.settle();
    const { headers, json: found, body } = await get();
    assert.deepEqual([found.status, found.jobId, found.links.job], ['submitted', jobId, `/api/jobs/${jobId}`]);
    assert.equal((headers as Record<string, string>)['retry-after'], undefined);
    assert.doesNotMatch(String(body), /secret-of-the-address/);
  });

  for (const uploadId of ['../jobs', 'A', '', 'x'.repeat(65)]) {
    it(`is not found by "${uploadId.slice(0, 10)}"`, async () => {
      using world = createWorld();
      await assert.rejects(call(world, 'get-upload', '', { uploadId }), { code: 'not-found' });
    });
  }
});
