import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keyOfFragment } from '../../../console/session.ts';

it('a key is read from the fragment of its link, and from no other fragment', () => {
  for (const key of ['local-function-key', 'a key+/=&#', 'ü']) {
    assert.equal(keyOfFragment(`#key=${encodeURIComponent(key)}`), key);
  }
  for (const hash of ['', '#', '#content', '#code=1', '#keys=1']) assert.equal(keyOfFragment(hash), undefined, hash);
});
