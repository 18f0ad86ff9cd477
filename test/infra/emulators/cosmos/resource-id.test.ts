import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseResourceId, resourceId } from '../../../../infra/emulators/cosmos/store/document.ts';
import fc from '../../../fast-check.ts';

const number = fc.integer({ min: 1, max: 0x7fffffff });
const bytesOf = (id: string) => Buffer.from(id.replaceAll('-', '/'), 'base64');

test('a resource id has the marks by which the SDKs for .NET and Java tell kinds of resources apart', () => {
  const document = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(number, number, document, (database, container, document) => {
      assert.equal(bytesOf(resourceId(database)).length, 4);
      const ofContainer = bytesOf(resourceId(database, container));
      // Without the high bit the eight bytes are those of a user.
      assert.deepEqual([ofContainer.length, (ofContainer[4] ?? 0) >> 7], [8, 1]);
      const ofDocument = bytesOf(resourceId(database, container, document));
      // Another number is that of a stored procedure, a trigger, a range and so on.
      assert.deepEqual([ofDocument.length, (ofDocument[15] ?? 0) >> 4], [16, 0]);
      assert.ok(ofDocument.subarray(0, 8).equals(ofContainer));
    }),
  );
});

test('the numbers of a resource id come back, and no other text is one', () => {
  fc.assert(
    fc.property(number, fc.option(number, { nil: undefined }), number, (database, container, document) => {
      const numbers = { database, container, document: container === undefined ? undefined : document };
      const id = resourceId(numbers.database, numbers.container, numbers.document);
      assert.deepEqual(parseResourceId(id), numbers);
      assert.equal(parseResourceId(id.replace(/=*$/, '')), undefined);
    }),
  );
  const user = Buffer.from([0, 0, 0, 1, 0, 0, 0, 1]).toString('base64');
  for (const text of ['', 'fleet', 'jobs', 'device-0001', user, 'AAAAAA', 'AAAAAQ==x']) {
    assert.equal(parseResourceId(text), undefined, text);
  }
});
