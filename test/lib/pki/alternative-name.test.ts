import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { alternativeNameOf, alternativeNameOfRow, isHostName } from '../../../lib/pki/alternative-name.ts';

describe('a subject alternative name', () => {
  it('is the id as a DNS name, or a URI with the group', () => {
    assert.deepEqual(alternativeNameOf({ form: 'dns', group: 'line7' }, 'gw-1.line7'), {
      form: 'dns',
      text: 'gw-1.line7',
    });
    assert.deepEqual(alternativeNameOf({ form: 'uri', group: 'line7' }, 'gw_1.'), {
      form: 'uri',
      text: 'urn:fleet:line7:gw_1.',
    });
  });

  const longest = 'a'.repeat(63);
  for (const id of ['a', '0', 'gw-1', 'gw-1.line7.example', longest, `a.${longest}`, '1.2.3.4a'])
    it(`can be the id ${id}, which is a host name`, () => assert.ok(isHostName(id)));

  for (const id of [
    '',
    '.',
    'gw_1',
    '-gw',
    'gw-',
    'gw-.a',
    'a..b',
    'a.',
    '.a',
    `${longest}a`,
    'GW-1',
    'gw 1',
    'gw-1\n',
  ])
    it(`cannot be the DNS name ${JSON.stringify(id)}`, () => {
      assert.ok(!isHostName(id));
      assert.equal(alternativeNameOf({ form: 'dns', group: 'line7' }, id), undefined);
      assert.throws(() => alternativeNameOfRow({ form: 'dns', group: 'line7' }, id), {
        code: 'device-id-invalid',
        message:
          /subjectAltName "dns" of group "line7".* Expected labels of .*; or a group with subjectAltName "uri"\.$/,
        details: {
          column: 'deviceId',
          expected: 'labels of a-z, 0-9 and "-" joined by dots; or a group with subjectAltName "uri"',
        },
      });
    });
});
