import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differingSettings, expectedSettings } from '../../../lib/findings/entry-settings.ts';
import type { GroupInput } from '../../../lib/groups/definition.ts';
import { someGroup } from '../../factories.ts';

const settings = (change: Partial<GroupInput> = {}) =>
  expectedSettings(someGroup('line7', { initialTwin: {}, ...change }));

describe('the settings of a group in DPS', () => {
  it('are those that it declares', () => {
    const given = settings({
      ...{ iotHubs: ['B.example.net', 'a.example.net', 'b.example.net'], provisioningStatus: 'disabled' },
      initialTwin: { tags: { site: 'ams' } },
    });
    assert.deepEqual(given.iotHubs, ['a.example.net', 'b.example.net']);
    assert.deepEqual([given.iotEdge, given.provisioningStatus, given.tags], [true, 'disabled', { site: 'ams' }]);
    assert.equal(settings({ target: 'dps-device' }).iotEdge, false);
    assert.ok(!Object.hasOwn(given, 'webhook'));
  });

  it('have the twin of a row over that of the group', () => {
    const definition = someGroup('line7', { initialTwin: { tags: { site: 'ams', plant: 'north' } } });
    const { tags, desired } = expectedSettings(definition, { tags: { site: 'ber' }, desired: { rate: 5 } });
    assert.deepEqual([tags, desired], [{ site: 'ber', plant: 'north' }, { rate: 5 }]);
  });

  it('differ by member', () => {
    assert.equal(differingSettings(settings(), settings()), undefined);
    const found = differingSettings(settings(), { ...settings(), allocationPolicy: 'static', tags: { site: 'ber' } });
    assert.deepEqual(found, {
      expected: { allocationPolicy: settings().allocationPolicy, 'tags.site': null },
      seen: { allocationPolicy: 'static', 'tags.site': 'ber' },
    });
  });
});

describe('the webhook of a group', () => {
  const seenAs = (url: string, declared: string) => {
    const webhook = (each: string) => ({ ...settings(), webhook: { url: each, apiVersion: '2021-10-01' } });
    return differingSettings(webhook(declared), webhook(url));
  };
  const url = 'https://hook.example.com/api';

  it('is compared without its query where DPS masks that', () => {
    assert.equal(seenAs(`${url}?****`, `${url}?code=secret`), undefined);
    assert.ok(seenAs('https://other.example.com/api?****', `${url}?code=secret`));
    assert.ok(seenAs(`${url}?****`, url));
    assert.ok(seenAs(url, `${url}?code=secret`));
  });

  it('is compared with its query otherwise, of which a finding shows a digest only', () => {
    assert.equal(seenAs(`${url}?code=a`, `${url}?code=a`), undefined);
    const found = seenAs(`${url}?code=b`, `${url}?code=a`);
    assert.doesNotMatch(JSON.stringify(found), /code=/);
    assert.deepEqual(Object.keys(found?.seen ?? {}), ['webhook.queryDigest']);
  });

  it('is a difference where there should be none, or is none', () => {
    const webhook = { url, apiVersion: '2021-10-01' };
    assert.deepEqual(Object.keys(differingSettings(settings(), { ...settings(), webhook })?.seen ?? {}).sort(), [
      'webhook.apiVersion',
      'webhook.url',
    ]);
    assert.ok(differingSettings({ ...settings(), webhook }, settings()));
  });
});
