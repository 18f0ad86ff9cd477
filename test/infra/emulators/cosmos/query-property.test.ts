import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCatalog } from '../../../../infra/emulators/cosmos/store/catalog.ts';
import { createGroupCommit, openStore } from '../../../../infra/emulators/cosmos/store/database.ts';
import fc from '../../../fast-check.ts';

const value = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ab', '"a"', '1', 'true', 'null', '{"a":1}', "'", 'é', '\u{1f600}'),
  fc.constantFrom(0, 1, -1, 1.5, 1e21, 2 ** 53, -0.5),
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
  fc.constantFrom(true, false, null),
  fc.constant(undefined),
);
const operators = ['=', '!=', '<', '<=', '>', '>='] as const;

/** A comparison in Cosmos DB: undefined matches nothing, and order is defined within one type. */
function holds(left: unknown, operator: (typeof operators)[number], right: unknown): boolean {
  if (left === undefined) return false;
  if (operator === '=') return left === right;
  if (operator === '!=') return left !== right;
  if (typeof left !== typeof right || left === null || typeof left === 'boolean') return false;
  // Strings are compared by code points.
  const order =
    typeof left === 'string'
      ? Buffer.compare(Buffer.from(left), Buffer.from(String(right)))
      : Number(left) - Number(right);
  return { '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[operator];
}

test('a comparison gives the same result with and without an index, and for every page size', () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 12 }),
      value.filter((each) => each !== undefined),
      fc.constantFrom(...operators),
      fc.integer({ min: 1, max: 5 }),
      (values, right, operator, maxItems) => {
        const ordered = typeof right === 'string' || typeof right === 'number';
        fc.pre(ordered || operator === '=' || operator === '!=');
        // UTF-8 cannot encode a lone surrogate.
        fc.pre([...values, right].every((each) => typeof each !== 'string' || each.isWellFormed()));
        const database = openStore(undefined, 'normal');
        const commits = createGroupCommit(database, () => {});
        const catalog = createCatalog(database, commits, Date.now);
        catalog.createDatabase({ id: 'test' });
        const expected = values.flatMap((left, index) => (holds(left, operator, right) ? [`d${index + 10}`] : []));
        for (const path of ['/v/?', '/other/?']) {
          const definition = {
            id: path.slice(1, -2),
            partitionKey: { paths: ['/id'] },
            indexingPolicy: { includedPaths: [{ path }] },
          };
          const { documents } = catalog.createContainer('test', definition);
          for (const [index, v] of values.entries()) {
            const document = { id: `d${index + 10}`, v };
            documents.insert(
              { id: document.id, partition: JSON.stringify([document.id]) },
              { body: JSON.stringify(document), document },
            );
          }
          const query = `SELECT VALUE c.id FROM c WHERE c.v ${operator} @right`;
          const found: unknown[] = [];
          let continuation: string | undefined;
          do {
            const page = documents.query(query, new Map([['@right', right]]), undefined, { maxItems, continuation });
            found.push(...page.results.map((result) => JSON.parse(result) as unknown));
            continuation = page.continuation;
          } while (continuation !== undefined);
          assert.deepEqual(found, expected, path);
        }
        commits.flush();
        database.close();
      },
    ),
    { numRuns: 150 },
  );
});
