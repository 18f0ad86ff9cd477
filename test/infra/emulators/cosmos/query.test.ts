import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, SqlQuerySpec } from '@azure/cosmos';
import { refusal, startCosmos } from './start-cosmos.ts';

const documents = [
  { id: 'a', kind: 'x', n: 1, tags: { site: 'berlin' }, list: ['p', 1, null] },
  { id: 'b', kind: 'x', n: 10, flag: true },
  { id: 'c', kind: 'y', n: 9, flag: false, list: [] },
  { id: 'd', kind: 'y', n: '9', odd: null, from: 'there' },
  { id: 'e', n: true, kind: { not: 'a text' } },
  { id: 'f', kind: '{"not":"a text"}', 'per cent': 'z' },
];

async function filled(make: () => Promise<Container>): Promise<Container> {
  const container = await make();
  for (const document of documents) await container.items.create({ ...document });
  return container;
}

async function run(container: Container, query: string | SqlQuerySpec): Promise<unknown[]> {
  return (await container.items.query(query).fetchAll()).resources;
}

/** Conditions with the ids that they select. */
const conditions: readonly (readonly [string, string])[] = [
  ["c.kind = 'x'", 'ab'],
  ["c.kind != 'x'", 'cdef'],
  ["c.kind <> 'x' AND c.kind <> 'y'", 'ef'],
  // Numbers and strings are never compared with each other.
  ['c.n = 9', 'c'],
  ["c.n = '9'", 'd'],
  ['c.n > 1', 'bc'],
  ['1 < c.n', 'bc'],
  ['c.n >= 1 AND c.n <= 9', 'ac'],
  ["c.n < 'a'", 'd'],
  ['c.n BETWEEN 9 AND 10', 'bc'],
  ['c.n = -1', ''],
  // A string with JSON is not an object.
  ['c.kind = \'{"not":"a text"}\'', 'f'],
  ["c.kind.not = 'a text'", 'e'],
  ['c.flag', 'b'],
  ['NOT c.flag', 'c'],
  ['c.flag = false', 'c'],
  ['c.odd = null', 'd'],
  ['IS_NULL(c.odd)', 'd'],
  ['IS_DEFINED(c.flag)', 'bc'],
  ['NOT IS_DEFINED(c.flag)', 'adef'],
  ['IS_NUMBER(c.n)', 'abc'],
  ['IS_STRING(c.n)', 'd'],
  ['IS_BOOL(c.n)', 'e'],
  ['IS_ARRAY(c.list)', 'ac'],
  ['IS_OBJECT(c.kind)', 'e'],
  ["c.tags.site = 'berlin'", 'a'],
  ["c['per cent'] = 'z'", 'f'],
  ["c.list[0] = 'p'", 'a'],
  ["c.from = 'there'", 'd'],
  ["c.id IN ('a', 'e', 'z')", 'ae'],
  ["c.id NOT IN ('a', 'e', 'z')", 'bcdf'],
  ["STARTSWITH(c.kind, 'x')", 'ab'],
  ["STARTSWITH(c.kind, 'X', true)", 'ab'],
  ["ENDSWITH(c.tags.site, 'lin')", 'a'],
  ["CONTAINS(c.tags.site, 'erl')", 'a'],
  ["LOWER(c.kind) = 'x'", 'ab'],
  ['LENGTH(c.tags.site) = 6', 'a'],
  ["ARRAY_CONTAINS(c.list, 'p')", 'a'],
  ['ARRAY_CONTAINS(c.list, 1)', 'a'],
  ["ARRAY_CONTAINS(c.list, '1')", ''],
  ["c.kind = 'x' OR c.kind = 'y' AND c.n = 9", 'abc'],
  ["(c.kind = 'x' OR c.kind = 'y') AND c.n = 9", 'c'],
  ['true', 'abcdef'],
  ['false', ''],
];

test('conditions select the same documents as in Cosmos DB', async (t) => {
  const { container: make } = await startCosmos(t);
  for (const paths of [[], ['/kind/?', '/n/?', '/flag/?']]) {
    const indexingPolicy = { includedPaths: paths.map((path) => ({ path })), excludedPaths: [{ path: '/*' }] };
    const container = await filled(() => make({ indexingPolicy }));
    for (const [condition, ids] of conditions) {
      const found = await run(container, `SELECT VALUE c.id FROM c WHERE ${condition}`);
      assert.equal(found.join(''), ids, `${condition} with ${paths.length} indexed paths`);
    }
  }
});

test('selections and aggregates', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await filled(() => make());
  const cases: readonly (readonly [string, unknown[]])[] = [
    [
      'SELECT TOP 2 c.id, c.n AS count FROM c',
      [
        { id: 'a', count: 1 },
        { id: 'b', count: 10 },
      ],
    ],
    ["SELECT c.id, c.flag FROM c WHERE c.kind = 'y'", [{ id: 'c', flag: false }, { id: 'd' }]],
    ['SELECT VALUE c.flag FROM c', [true, false]],
    ['SELECT VALUE c.list FROM c', [['p', 1, null], []]],
    ['SELECT VALUE c.from FROM c', ['there']],
    ['SELECT VALUE COUNT(1) FROM c', [6]],
    ['SELECT VALUE COUNT(c.flag) FROM c', [2]],
    ['SELECT VALUE SUM(c.n) FROM c', [20]],
    ["SELECT VALUE MAX(c.n) FROM c WHERE c.kind = 'x'", [10]],
    ["SELECT DISTINCT VALUE c.kind FROM c WHERE c.kind >= 'x'", ['x', 'y', '{"not":"a text"}']],
    ['SELECT VALUE c.id FROM c ORDER BY c.id DESC OFFSET 1 LIMIT 2', ['e', 'd']],
    ['SELECT VALUE root.id FROM root WHERE root.n = 9', ['c']],
    ['SELECT VALUE d.id FROM docs AS d WHERE d.n = 9', ['c']],
  ];
  for (const [query, expected] of cases) {
    assert.deepEqual(await run(container, query), expected, query);
  }
  const groups = await run(container, 'SELECT c.kind, COUNT(1) AS n FROM c WHERE IS_STRING(c.kind) GROUP BY c.kind');
  assert.deepEqual(groups, [
    { kind: 'x', n: 2 },
    { kind: 'y', n: 2 },
    { kind: '{"not":"a text"}', n: 1 },
  ]);
  const [whole] = (await run(container, "SELECT c FROM c WHERE c.id = 'a'")) as [{ c: { id: string; _ts: number } }];
  assert.equal(whole.c.id, 'a');
  assert.equal(typeof whole.c._ts, 'number');
});

test('pages contain every document once and in order, during concurrent writes', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  const id = (index: number) => `d${String(index).padStart(3, '0')}`;
  for (let index = 0; index < 60; index++) {
    // Two of three documents have a rank, and ranks repeat.
    const ranked = index % 3 === 0 ? {} : { rank: index % 7 };
    await container.items.create({ id: id(index), group: 'g', ...ranked });
  }
  for (const order of [
    '',
    'ORDER BY c.id DESC',
    'ORDER BY c.rank',
    'ORDER BY c.rank DESC',
    'ORDER BY c.rank, c.id DESC',
  ]) {
    const query = `SELECT VALUE c.id FROM c WHERE c.group = 'g' ${order}`;
    const whole = await run(container, query);
    assert.equal(new Set(whole).size, 60);
    const pages = container.items.query<string>(query, { maxItemCount: 7 });
    const seen: string[] = [];
    while (pages.hasMoreResults()) {
      const { resources } = await pages.fetchNext();
      seen.push(...(resources ?? []));
      // A listed document leaves the result, as a device that is assigned while others are listed.
      const [first] = resources ?? [];
      if (first !== undefined) await container.items.upsert({ id: first, group: 'gone' });
    }
    assert.deepEqual(seen, whole, order);
    for (const each of seen) {
      const index = Number(each.slice(1));
      await container.items.upsert({ id: each, group: 'g', ...(index % 3 === 0 ? {} : { rank: index % 7 }) });
    }
  }
});

test('a page ends at four megabytes, and the next one continues there', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  for (const id of ['a', 'b', 'c', 'd', 'e']) await container.items.create({ id, text: 'x'.repeat(1_500_000) });
  const pages = container.items.query<{ id: string }>('SELECT * FROM c', { maxItemCount: 100 });
  const sizes: number[] = [];
  while (pages.hasMoreResults()) sizes.push((await pages.fetchNext()).resources?.length ?? 0);
  assert.deepEqual(sizes, [2, 2, 1]);
});

test('a query in a partition sees only that partition', async (t) => {
  const { container: make } = await startCosmos(t);
  const byJob = await make({ partitionKey: '/job' });
  for (const job of ['x', 'y']) for (const id of ['a', 'b']) await byJob.items.create({ id, job });
  const jobs = await byJob.items.query('SELECT VALUE c.job FROM c', { partitionKey: 'y' }).fetchAll();
  assert.deepEqual(jobs.resources, ['y', 'y']);
  const byId = await filled(() => make());
  assert.deepEqual((await byId.items.query('SELECT VALUE c.id FROM c', { partitionKey: 'b' }).fetchAll()).resources, [
    'b',
  ]);
  assert.deepEqual(
    (await byId.items.query('SELECT VALUE c.id FROM c', { partitionKey: 'z' }).fetchAll()).resources,
    [],
  );
});

const withLists = [
  { id: 'a', kind: 'x', last: 2, list: [{ n: 1, on: true }, { n: 2 }, 'p', 7] },
  { id: 'b', kind: 'x', last: 5, list: [{ n: 1 }] },
  { id: 'c', kind: 'y', last: 9, list: { n: 1 } },
  { id: 'd', kind: 'y', last: 'q', list: ['q', null, { n: 3, id: 'd' }] },
  { id: 'e', kind: 'y', list: 'n' },
];

/** https://learn.microsoft.com/azure/cosmos-db/nosql/query/subquery, .../join, .../group-by */
test('a condition can ask for an element of an array', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  for (const document of withLists) await container.items.create({ ...document });
  const idsWhere = async (where: string) =>
    (await run(container, `SELECT VALUE c.id FROM c WHERE ${where} ORDER BY c.id`)).join('');
  const cases: readonly (readonly [string, string])[] = [
    ['EXISTS(SELECT VALUE x FROM x IN c.list)', 'abd'],
    ['EXISTS (SELECT VALUE 1 FROM x IN c.list WHERE x.n = 1)', 'ab'],
    ['NOT EXISTS (SELECT VALUE 1 FROM x IN c.list WHERE x.n = 1)', 'cde'],
    ['EXISTS (SELECT VALUE x FROM x IN c.list WHERE x.n = c.last)', 'a'],
    ['EXISTS (SELECT VALUE x FROM x IN c.list WHERE x.n = 1 AND NOT IS_DEFINED(x.on))', 'b'],
    ['EXISTS (SELECT VALUE x FROM x IN c.list WHERE x.id = c.id)', 'd'],
    ['EXISTS (SELECT VALUE x FROM x IN c.list WHERE x = c.last)', 'd'],
    ["EXISTS (SELECT VALUE x FROM x IN c.list WHERE x IN ('p', 'q'))", 'ad'],
    ['EXISTS (SELECT VALUE x FROM x IN c.list WHERE IS_NULL(x))', 'd'],
    ['EXISTS (SELECT VALUE x FROM x IN c.list WHERE IS_NUMBER(x.n) AND x.n > 1)', 'ad'],
    ['EXISTS (SELECT VALUE x FROM x IN c.list WHERE EXISTS (SELECT VALUE y FROM y IN c.list WHERE y.n > x.n))', 'a'],
  ];
  for (const [where, ids] of cases) assert.equal(await idsWhere(where), ids, where);
});

test('elements of arrays are joined, counted and grouped', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await make();
  for (const document of withLists) await container.items.create({ ...document });
  const grouped = await run(container, {
    query:
      'SELECT c.kind, IS_DEFINED(x.on) AS has, x.n >= @n AS high, COUNT(1) AS n, MAX(x.n) AS top FROM c JOIN x IN c.list ' +
      'WHERE IS_DEFINED(x.n) AND c.id != @not GROUP BY c.kind, IS_DEFINED(x.on), x.n >= @n',
    parameters: [
      { name: '@n', value: 2 },
      { name: '@not', value: 'z' },
    ],
  });
  assert.deepEqual(grouped.map((each) => JSON.stringify(each)).sort(), [
    '{"kind":"x","has":false,"high":false,"n":1,"top":1}',
    '{"kind":"x","has":false,"high":true,"n":1,"top":2}',
    '{"kind":"x","has":true,"high":false,"n":1,"top":1}',
    '{"kind":"y","has":false,"high":true,"n":1,"top":3}',
  ]);
  assert.deepEqual(await run(container, 'SELECT VALUE COUNT(1) FROM c JOIN x IN c.list'), [8]);
  assert.deepEqual(await run(container, "SELECT VALUE COUNT(1) FROM c JOIN x IN c.list WHERE c.id = 'd'"), [3]);
});

test('an unsupported query is refused with 400', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await filled(() => make());
  const refused = [
    '',
    'SELECT',
    'DELETE FROM c',
    'SELECT * FROM c JOIN t IN c.list',
    'SELECT * FROM t IN c.list',
    'SELECT * FROM c WHERE c.n + 1 = 2',
    'SELECT * FROM c WHERE ST_DISTANCE(c.a, c.b) < 1',
    'SELECT * FROM c WHERE udf.f(c.n)',
    'SELECT * FROM c WHERE c.n LIKE "a%"',
    'SELECT COUNT(1) AS n FROM c JOIN t IN c.list JOIN u IN c.list',
    'SELECT COUNT(1) AS n FROM c JOIN t IN c',
    'SELECT COUNT(1) AS n FROM c JOIN c IN c.list',
    'SELECT * FROM c WHERE EXISTS(SELECT VALUE x.a FROM x IN c.list)',
    'SELECT * FROM c WHERE EXISTS(SELECT VALUE 1 FROM x IN c.list WHERE y = 1)',
    'SELECT * FROM c WHERE EXISTS(SELECT VALUE 1 FROM x IN c.list) AND x = 1',
    'SELECT * FROM c WHERE EXISTS(SELECT VALUE 1 FROM x IN c.list WHERE EXISTS(SELECT VALUE 1 FROM x IN c.list))',
    'SELECT IS_DEFINED(c.n) AS has, COUNT(1) AS n FROM c GROUP BY c.kind',
    'SELECT * FROM c WHERE other.n = 1',
    'SELECT * FROM c WHERE c.n = @missing',
    "SELECT * FROM c WHERE c.n = 'open",
    "SELECT * FROM c WHERE c.n = '\\q'",
    'SELECT * FROM c ORDER BY LOWER(c.id)',
    'SELECT DISTINCT c.kind, c.n FROM c',
    'SELECT c.id, COUNT(1) AS n FROM c GROUP BY c.kind',
    'SELECT * FROM c OFFSET 1',
    'SELECT TOP -1 * FROM c',
    'SELECT * FROM c WHERE c.n > null',
    'SELECT * FROM c; DROP TABLE docs_1',
    `SELECT * FROM c WHERE ${'('.repeat(5000)}true${')'.repeat(5000)}`,
    `SELECT * FROM c WHERE ${'c.n = 1 AND '.repeat(20_000)}true`,
    `SELECT * FROM c WHERE c.id = '${'x'.repeat(600_000)}'`,
  ];
  for (const query of refused) assert.equal(await refusal(run(container, query)), 400, query.slice(0, 80));
  assert.equal((await run(container, 'SELECT * FROM c')).length, documents.length);
});

test('ids, parameters, paths and tokens cannot inject SQL', async (t) => {
  const { container: make } = await startCosmos(t);
  const container = await filled(() => make());
  const attacks = [
    "' OR 1=1 --",
    "a'); DROP TABLE docs_1; --",
    '" OR "1"="1',
    '\u0000',
    '$.id',
    "x' UNION SELECT * FROM containers --",
  ];
  for (const attack of attacks) {
    const parameters = [{ name: '@v', value: attack }];
    assert.deepEqual(await run(container, { query: 'SELECT * FROM c WHERE c.id = @v', parameters }), [], attack);
    assert.deepEqual(
      await run(container, { query: 'SELECT * FROM c WHERE STARTSWITH(c.id, @v)', parameters }),
      [],
      attack,
    );
    const quoted = JSON.stringify(attack);
    // As a name it is an unknown property, or one that cannot be queried.
    const asName = await refusal(
      run(container, `SELECT * FROM c WHERE IS_DEFINED(c[${quoted}])`).then((found) => assert.deepEqual(found, [])),
    );
    assert.ok(asName === undefined || asName === 400, attack);
    if (!attack.includes('\u0000')) {
      await container.items.create({ id: attack, mine: attack });
      assert.equal((await container.item(attack, attack).read<{ mine: string }>()).resource?.mine, attack);
      await container.item(attack, attack).delete();
    }
  }
  const tokens = [
    'x',
    'bnVsbA',
    Buffer.from('{"after":["a"]}').toString('base64url'),
    Buffer.from('{"skip":-1}').toString('base64url'),
  ];
  for (const continuationToken of tokens) {
    const query = container.items.query('SELECT * FROM c', { continuationToken });
    assert.equal(await refusal(query.fetchNext()), 400, continuationToken);
  }
  assert.equal((await run(container, 'SELECT * FROM c')).length, documents.length);
});
