import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createTarTemplate, readTar } from '../../../lib/bundle/tar.ts';

const files = [{ path: 'a.txt', mode: 0o644, parts: ['value: ', { slot: 'value' as const }, '\n'] }];
const textOf = (archive: Buffer) => readTar(archive)[0]?.body.toString();

it('a template has the first archive of each layout inspected, and no other', () => {
  const inspected: string[] = [];
  const template = createTarTemplate(files, (archive, { value }) => {
    assert.equal(textOf(archive), `value: ${value}\n`);
    inspected.push(String(value));
  });
  for (const value of ['one', 'two', 'three', 'four', 'seven'])
    assert.equal(textOf(template.fill('folder', { value })), `value: ${value}\n`);
  template.fill('other-folder', { value: 'six' });
  assert.deepEqual(inspected, ['one', 'three', 'four', 'six']);
});

it('a template forgets a layout whose first archive was refused', () => {
  const template = createTarTemplate(files, (_, { value }) => {
    if (value === 'bad') throw new Error('refused');
  });
  for (let time = 1; time <= 2; time++) assert.throws(() => template.fill('folder', { value: 'bad' }), /refused/);
  assert.equal(textOf(template.fill('folder', { value: 'all' })), 'value: all\n');
  assert.equal(textOf(template.fill('folder', { value: 'bad' })), 'value: bad\n');
});
