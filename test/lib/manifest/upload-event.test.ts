import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { blobCreatedEvent, parseBlobCreated } from '../../../lib/manifest/upload-event.ts';
import fc from '../../fast-check.ts';

const data = {
  api: 'PutBlockList',
  eTag: '0x8D4BCC2E4835CD0',
  contentLength: 524_288,
  url: 'https://acct.blob.core.windows.net/manifests/line7/list%20%C3%A4.csv',
  sequencer: '00000000000004420000000000028963',
};
const subject = '/blobServices/default/containers/manifests/blobs/line7/list ä.csv';
// From https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage.
const gridEvent = {
  ...{ topic: '/subscriptions/x', subject, eventType: 'Microsoft.Storage.BlobCreated', id: '831e1650' },
  ...{ eventTime: '2026-11-24T10:00:00Z', dataVersion: '', metadataVersion: '1', data },
};
const cloudEvent = {
  ...{ source: '/subscriptions/x', subject, type: 'Microsoft.Storage.BlobCreated', id: '831e1650' },
  ...{ time: '2026-11-24T10:00:00Z', specversion: '1.0', data },
};
const withData = (change: object) => ({ ...gridEvent, data: { ...data, ...change } });
const withUrl = (path: string) => withData({ url: `https://acct.blob.core.windows.net${path}` });

describe('a BlobCreated event', () => {
  it('names a blob and its version, in both schemas', () => {
    const expected = { blobName: 'line7/list ä.csv', etag: data.eTag, bytes: 524_288 };
    assert.deepEqual(parseBlobCreated(gridEvent), expected);
    assert.deepEqual(parseBlobCreated(cloudEvent), expected);
  });

  it('of ours is read as the blob that it was made for, whatever the name has', () => {
    const part = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 20 })
      .filter((text) => !/[\p{Cc}\p{Cs}\\/]|^\.\.?$/u.test(text));
    const names = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(names, fc.nat(), (blobName, bytes) => {
        const upload = { blobName, etag: '0x8D4BCC2E4835CD0', bytes };
        assert.deepEqual(parseBlobCreated(blobCreatedEvent(upload, '1')), upload);
      }),
    );
  });

  it('has the same ETag whether bare, quoted or weak', () => {
    for (const eTag of ['0x8D', '"0x8D"', 'W/"0x8D"']) assert.equal(parseBlobCreated(withData({ eTag })).etag, '0x8D');
  });

  it('may come from an emulator, whose URLs name the account first', () => {
    const url = 'http://127.0.0.1:10000/devstoreaccount1/manifests/line7/list.csv';
    assert.equal(parseBlobCreated(withData({ url })).blobName, 'line7/list.csv');
  });

  it('may be the one of a list', () => assert.deepEqual(parseBlobCreated([gridEvent]), parseBlobCreated(gridEvent)));

  it('may be of a folder that is named as the container is', () => {
    const url = 'https://acct.blob.core.windows.net/manifests/manifests/list.csv';
    assert.equal(parseBlobCreated(withData({ url })).blobName, 'manifests/list.csv');
  });

  it('may come from Data Lake storage', () => {
    const url = 'https://acct.dfs.core.windows.net/manifests/line7/list.csv';
    assert.equal(parseBlobCreated(withData({ url, api: 'FlushWithClose' })).blobName, 'line7/list.csv');
  });

  const names = ['a#b.csv', 'a%20b.csv', '100%.csv', 'a b.csv', 'a?b=c.csv', 'a+b&c.csv', 'Größe 9/📦 é.csv', 'é.csv'];
  for (const name of names) {
    const { subject: _, ...rest } = gridEvent;
    const event = (path: string) => ({
      ...rest,
      subject: `/blobServices/default/containers/manifests/blobs/${name}`,
      data: { ...data, url: `https://acct.blob.core.windows.net/manifests/${path}` },
    });
    it(`has the whole name, whether its URL is percent-encoded or not: ${name}`, () => {
      assert.equal(parseBlobCreated(event(name.split('/').map(encodeURIComponent).join('/'))).blobName, name);
      assert.equal(parseBlobCreated(event(name)).blobName, name);
    });
  }

  it('may have a name of 1024 characters, a URL of 4096, an ETag of 128, and 0 bytes', () => {
    assert.equal(parseBlobCreated(withUrl(`/manifests/${'x'.repeat(1024)}`)).blobName, 'x'.repeat(1024));
    const url = `https://${'a.'.repeat(2000)}`.padEnd(4096 - '/manifests/x.csv'.length, 'a');
    assert.equal(parseBlobCreated(withData({ url: `${url}/manifests/x.csv` })).blobName, 'x.csv');
    assert.throws(() => parseBlobCreated(withData({ url: `${url}a/manifests/x.csv` })), { message: /data\.url/ });
    assert.equal(parseBlobCreated(withData({ eTag: 'e'.repeat(128) })).etag.length, 128);
    assert.throws(() => parseBlobCreated(withData({ eTag: 'e'.repeat(129) })), { message: /data\.eTag/ });
    assert.equal(parseBlobCreated(withData({ contentLength: 0 })).bytes, 0);
  });

  const refused: [what: string, event: unknown][] = [
    ['is nothing', null],
    ['is a list of two events', [gridEvent, gridEvent]],
    ['is an empty list', []],
    ['is of another type', { ...gridEvent, eventType: 'Microsoft.Storage.BlobDeleted' }],
    ['is of another container', { ...gridEvent, subject: '/blobServices/default/containers/bundles/blobs/x.csv' }],
    ['has no data', { ...gridEvent, data: undefined }],
    ['has no URL', withData({ url: 'manifests/x.csv' })],
    ['has a file for a URL', withData({ url: 'file:///etc/passwd' })],
    ['has a URL of another container', withUrl('/bundles/x.csv')],
    ['names no blob', withUrl('/manifests/')],
    ['names a parent directory', withUrl('/manifests/a/..%2f..%2fb.csv')],
    ['has an empty part in its name', withUrl('/manifests/a//b.csv')],
    ['names a control character', withUrl('/manifests/a%0ab.csv')],
    ['names a zero byte', withUrl('/manifests/a%00.csv')],
    ['names a backslash', withUrl('/manifests/a%5cb.csv')],
    ['is wrongly encoded', withUrl('/manifests/%ff.csv')],
    ['has a long name', withUrl(`/manifests/${'x'.repeat(1025)}`)],
    ['has an ETag that would break a header', withData({ eTag: 'a\r\nb: c' })],
    ['has a negative length', withData({ contentLength: -1 })],
  ];
  for (const [what, event] of refused) {
    it(`is refused when it ${what}`, () => assert.throws(() => parseBlobCreated(event), { code: 'event-invalid' }));
  }
});
