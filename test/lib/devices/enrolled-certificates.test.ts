import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withEnrolledCertificate } from '../../../lib/devices/device.ts';

describe('the certificates that an individual enrollment can hold', () => {
  it('are the accepted one and the nine that were sent last', () => {
    let noted: readonly string[] = [];
    for (let index = 0; index < 10; index += 1) noted = withEnrolledCertificate(noted, `c${index}`);
    assert.deepEqual(noted, ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9']);
    assert.deepEqual(withEnrolledCertificate(noted, 'c10'), [
      'c0',
      'c2',
      'c3',
      'c4',
      'c5',
      'c6',
      'c7',
      'c8',
      'c9',
      'c10',
    ]);
  });

  it('are the same list where the certificate is in it', () => {
    const noted = ['c0', 'c1'];
    assert.equal(withEnrolledCertificate(noted, 'c1'), noted);
  });
});
