import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BlobServiceClient } from '@azure/storage-blob';
import { createUploadSigner } from '../../../lib/azure/upload-url.ts';

const now = () => new Date('2026-11-28T10:00:00.000Z');
const expiresAt = new Date('2026-11-28T10:15:00.000Z');

/** A client with an identity, whose key of the storage is made here. */
function identified() {
  const asked: [Date, Date][] = [];
  const credential = { getToken: async () => ({ token: 'x', expiresOnTimestamp: expiresAt.getTime() }) };
  const service = new BlobServiceClient('https://acct.blob.core.windows.net', credential);
  const key = {
    signedObjectId: '11111111-2222-4333-8444-555555555555',
    signedTenantId: '66666666-2222-4333-8444-555555555555',
    signedStartsOn: new Date('2026-11-28T09:55:00.000Z'),
    signedExpiresOn: expiresAt,
    signedService: 'b',
    signedVersion: '2026-02-06',
    value: Buffer.from('a key of the storage').toString('base64'),
  };
  Object.assign(service, {
    getUserDelegationKey: async (from: Date, to: Date) => {
      asked.push([from, to]);
      return key;
    },
  });
  return { service, asked };
}

describe('a signed address for an upload', () => {
  it('gives the right to create one blob, over TLS, until a time: by a key of the identity of the app', async () => {
    const { service, asked } = identified();
    const url = new URL(await createUploadSigner(service, 'manifests', { now })('line7/_upload/1.csv', expiresAt));
    assert.equal(url.origin + url.pathname, 'https://acct.blob.core.windows.net/manifests/line7/_upload/1.csv');
    const { sp, sr, spr, se, st, skoid, sig } = Object.fromEntries(url.searchParams);
    assert.deepEqual([sp, sr, spr], ['c', 'b', 'https']);
    assert.deepEqual([st, se], ['2026-11-28T09:55:00Z', '2026-11-28T10:15:00Z']);
    assert.equal(skoid, '11111111-2222-4333-8444-555555555555');
    assert.match(sig ?? '', /^[\w+/=]{44}$/);
    assert.deepEqual(asked, [[new Date('2026-11-28T09:55:00.000Z'), expiresAt]]);
  });

  it('is signed by the account key on one machine', async () => {
    const account = `DefaultEndpointsProtocol=http;AccountName=local;AccountKey=${btoa('key')}`;
    const service = BlobServiceClient.fromConnectionString(`${account};BlobEndpoint=http://127.0.0.1:10000/local`);
    const url = new URL(await createUploadSigner(service, 'manifests', { now })('_upload/1.csv', expiresAt));
    const { sp, sr, se, skoid } = Object.fromEntries(url.searchParams);
    assert.deepEqual([sp, sr, se, skoid], ['c', 'b', '2026-11-28T10:15:00Z', undefined]);
  });

  it('cannot be made while the storage does not answer', async () => {
    const { service } = identified();
    const refuse = () => Promise.reject(Object.assign(new Error('busy'), { statusCode: 503 }));
    Object.assign(service, { getUserDelegationKey: refuse });
    const sign = createUploadSigner(service, 'manifests', { now });
    await assert.rejects(sign('_upload/1.csv', expiresAt), { code: 'unavailable' });
  });
});
