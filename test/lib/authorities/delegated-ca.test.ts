import assert from 'node:assert/strict';
import { it } from 'node:test';
import { changeDelegatedCa, type DelegatedCaStore } from '../../../lib/authorities/delegated-ca.ts';

it('a delegated CA that is not there cannot be changed', async () => {
  const none = async () => undefined;
  const store: DelegatedCaStore = { create: none, read: none, replace: none, list: async () => ({ items: [] }) };
  const change = () => assert.fail('there is nothing to change');
  await assert.rejects(changeDelegatedCa('0a', store, change), { code: 'not-found', message: /"0a"/ });
});
