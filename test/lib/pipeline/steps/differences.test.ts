import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceRecord } from '../../../../lib/devices/device.ts';
import { contentHash, type DeviceRequest } from '../../../../lib/manifest/manifest.ts';
import { deviceExists } from '../../../../lib/pipeline/steps/differences.ts';
import { assertEvery } from '../../../assert-every.ts';
import { someDevice } from '../../../factories.ts';

type Content = Partial<Pick<DeviceRequest, 'enrollmentGroup' | 'csr' | 'tags' | 'desired'>>;

function rowWith(content: Content): DeviceRequest {
  const defaults = { enrollmentGroup: 'line7', tags: {}, desired: {} };
  return { line: 5, source: 'gw-1', deviceId: 'gw-1', ...defaults, ...content };
}

/** The record that a row with that content left. */
function recordOf(content: Content, change: Partial<DeviceRecord> = {}): DeviceRecord {
  const row = rowWith(content);
  const { enrollmentGroup, tags, desired } = row;
  const hasTwin = Object.keys({ ...tags, ...desired }).length > 0;
  const twin = hasTwin ? { twin: { tags, desired } } : {};
  return someDevice({ enrollmentGroup, status: 'provisioned', contentHash: contentHash(row), ...twin, ...change });
}

const differ = (before: Content, after: Content) => deviceExists(rowWith(after), recordOf(before), 'It exists.');

describe('a row with other content than its device', () => {
  it('names the column, and the value before and after', () => {
    const error = differ({ tags: { site: 'porto', slot: 1 } }, { tags: { slot: 1, site: 'lisbon' } });
    assert.deepEqual(error.differences, [{ column: 'tags.site', was: '"porto"', is: '"lisbon"' }]);
    assert.equal(
      error.message,
      'It exists. It differs in tags.site: "porto" → "lisbon". Correct the row, or send it with onConflict=replace.',
    );
    assert.deepEqual([error.code, error.column, error.value, error.line], ['device-exists', 'deviceId', 'gw-1', 5]);
  });

  const pem = '-----BEGIN CERTIFICATE REQUEST-----';
  const cases: [what: string, before: Content, after: Content, differences: [string, string?, string?][]][] = [
    [
      'another group',
      { enrollmentGroup: 'line7' },
      { enrollmentGroup: 'line8' },
      [['enrollmentGroup', '"line7"', '"line8"']],
    ],
    ['another request', { csr: 'MIIA' }, { csr: 'MIIB' }, [['csr']]],
    ['a request where there was none', {}, { csr: pem }, [['csr']]],
    ['no request where there was one', { csr: pem, tags: { a: '1' } }, { tags: { a: '1' } }, [['csr']]],
    [
      'the same request and another tag',
      { csr: 'M', tags: { a: '1' } },
      { csr: 'M', tags: {} },
      [['tags.a', '"1"', undefined]],
    ],
    ['a number in place of a text', { tags: { a: '5' } }, { tags: { a: 5 } }, [['tags.a', '"5"', '5']]],
    ['null in place of a text', { tags: { a: 'x' } }, { tags: { a: null } }, [['tags.a', '"x"', 'null']]],
    ['null in place of nothing', { tags: { b: 1 } }, { tags: { b: 1, a: null } }, [['tags.a', undefined, 'null']]],
    [
      'nested values',
      { desired: { net: { ip: '10.0.0.1', port: 1 } } },
      { desired: { net: { ip: '10.0.0.2', port: 1, tls: true } } },
      [
        ['desired.net.ip', '"10.0.0.1"', '"10.0.0.2"'],
        ['desired.net.tls', undefined, 'true'],
      ],
    ],
    [
      'a nested value where there was none',
      {},
      { tags: { place: { hall: 3 } } },
      [['tags.place.hall', undefined, '3']],
    ],
    ['an object in place of a text', { tags: { a: 'x' } }, { tags: { a: { b: 1 } } }, [['tags.a', '"x"', '{"b":1}']]],
    [
      'an empty object in place of nothing',
      { tags: { b: 1 } },
      { tags: { b: 1, a: {} } },
      [['tags.a', undefined, '{}']],
    ],
    ['an array in another order', { tags: { a: [1, 2] } }, { tags: { a: [2, 1] } }, [['tags.a', '[1,2]', '[2,1]']]],
    [
      'a blank at the end',
      { tags: { a: 'porto\u00a0' } },
      { tags: { a: 'porto' } },
      [['tags.a', '"porto\\u00a0"', '"porto"']],
    ],
    [
      'accents as characters of their own',
      { tags: { a: 'Mu\u0308nchen' } },
      { tags: { a: 'München' } },
      [['tags.a', '"Mu\\u0308nchen"', '"München"']],
    ],
    ['a member that objects inherit', {}, { tags: { constructor: 1 } }, [['tags.constructor', undefined, '1']]],
    [
      'a password',
      { desired: { wifiPassword: 'a' } },
      { desired: { wifiPassword: 'b' } },
      [['desired.wifiPassword', '(not shown)', '(not shown)']],
    ],
    [
      'a private key',
      { tags: { a: `${'x'.repeat(500)}-----BEGIN EC PRIVATE KEY-----\nMHcC` } },
      { tags: { a: '' } },
      [['tags.a', '(not shown)', '""']],
    ],
    ['an object with a secret', { tags: { a: 1 } }, { tags: { a: { apiKey: 'b' } } }, [['tags.a', '1', '(not shown)']]],
  ];
  for (const [what, before, after, expected] of cases) {
    it(`shows ${what}`, () => {
      const { differences = [] } = differ(before, after);
      assert.deepEqual(
        differences.map(({ column, was, is }) => [column, was, is]),
        expected.map(([column, was, is]) => [column, was, is]),
      );
    });
  }

  it('lists 20 differences, shows five, and cuts long values', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`a${at}`, 'x'.repeat(4000)]));
    const { differences = [], message } = differ({ tags: { a0: '' } }, { tags: many });
    assert.equal(differences.length, 20);
    assertEvery(differences, ({ was = '', is = '' }) => was.length <= 120 && is.length <= 120);
    assert.match(message, /tags\.a4: \(absent\) → "x{56}\.\.\.; 95 more\./);
    assert.ok(message.length < 700);
  });
});
