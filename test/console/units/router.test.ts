import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { searchAddress } from '../../../console/parts/search.ts';
import { match, placeOf, to, withQuery } from '../../../console/router.ts';

describe('addresses of the console', () => {
  it('finds the place of an address', () => {
    for (const pathname of ['/console', '/console/']) assert.equal(placeOf({ pathname, search: '' }).path, '/');
    const place = placeOf({ pathname: '/console/devices/', search: '?status=failed' });
    assert.deepEqual([place.path, place.query.get('status')], ['/devices', 'failed']);
  });

  it('matches patterns, with values decoded once', () => {
    assert.deepEqual(match('/devices/:id', '/devices/gw%2E1'), { id: 'gw.1' });
    assert.deepEqual(match('/groups/:id/edit', '/groups/line7/edit'), { id: 'line7' });
    for (const path of ['/devices', '/devices/', '/devices/a/b', '/devices/%E0']) {
      assert.equal(match('/devices/:id', path), undefined, path);
    }
  });

  it('writes filters into the address, without those that are empty', () => {
    assert.equal(to('/devices', { status: 'failed', group: '', job: undefined }), '/console/devices?status=failed');
    const place = placeOf({ pathname: '/console/jobs', search: '?status=failed&continuation=x' });
    assert.equal(
      withQuery(place, { continuation: undefined, source: 'http' }),
      '/console/jobs?status=failed&source=http',
    );
  });
});

describe('the search', () => {
  const cases: [string, string][] = [
    ['gw-0001', '/console/devices?idPrefix=gw-0001'],
    ['  GW-1\r', '/console/devices?idPrefix=GW-1'],
    ['https://id.example.com/c/gw-7/', '/console/devices?idPrefix=gw-7'],
    ['https://id.example.com/c/gw%2D7?x=1', '/console/devices?idPrefix=gw-7'],
    ['0123456789abcdef01234567', '/console/jobs/0123456789abcdef01234567'],
    ['3A:5F'.padEnd(47, ':00'), `/console/devices?certificate=3A5F${'0'.repeat(28)}`],
    ['ab'.repeat(20), `/console/devices?certificate=${'ab'.repeat(20)}`],
    ['https://%E0%A4%A', '/console/devices?idPrefix=https%3A%2F%2F%25E0%25A4%25A'],
  ];
  for (const [text, address] of cases) {
    it(`of ${JSON.stringify(text)} leads to ${address}`, () => assert.equal(searchAddress(text), address));
  }
});
