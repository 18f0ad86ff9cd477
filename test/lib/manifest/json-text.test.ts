import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jsonPlace, jsonProblem, repeatedMember } from '../../../lib/manifest/json-text.ts';

describe('a member that an object has twice', () => {
  for (const [text, name] of [
    ['{"a":1,"a":2}', 'a'],
    ['{"a":{"b":1,"b":2}}', 'b'],
    ['[{"a":1},{"a":1,"c":{},"a":2}]', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"a\\"":1,"a\\"":2}', 'a"'],
    ['{"a" :1,"a"\n:2}', 'a'],
    ['{"":1,"":2}', ''],
    ['{"a":{"x":1},"b":2,"a":3}', 'a'],
    ['{"a":[{"x":1}],"a":3}', 'a'],
    ['{"a":["b"],"b":1,"b":2}', 'b'],
  ] as const)
    it(text, () => assert.equal(repeatedMember(text), name));

  for (const text of [
    '{"a":1,"b":1}',
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"a","b":"a"}',
    '{"a":["a","a"]}',
    '{"a":"{\\"b\\":1,\\"b\\":2}"}',
    '{"a":"\\\\","b":"\\\\"}',
    '{"a":1,"A":1}',
    '"a"',
    '["a","a"]',
  ])
    it(`is not in ${text}`, () => assert.equal(repeatedMember(text), undefined));
});

describe('a text that is not JSON', () => {
  const problem = (text: string) => {
    try {
      JSON.parse(text);
    } catch (error) {
      return jsonProblem(text, error);
    }
    return assert.fail('it is JSON');
  };

  for (const [text, expected] of [
    ['{“a”: 1}', 'It has curly quotes. Write straight quotes (").'],
    ['{„a": 1}', 'It has curly quotes. Write straight quotes (").'],
    ["{'a': 1}", 'It has single quotes. Write double quotes (").'],
    ["  [ 'a']", 'It has single quotes. Write double quotes (").'],
    [`{"a": 'b'}`, 'It has single quotes. Write double quotes (").'],
    [`["a", 'b']`, 'It has single quotes. Write double quotes (").'],
    ['{"a": True}', 'True is not a value of JSON. Write true.'],
    ['[False]', 'False is not a value of JSON. Write false.'],
    ['[1,None]', 'None is not a value of JSON. Write null.'],
    ['{"a":NaN}', 'NaN is not a value of JSON. Write a number or leave the member out.'],
    ['{"a":-Infinity}', '-Infinity is not a value of JSON. Write a number or leave the member out.'],
    ['{"a":Infinity}', 'Infinity is not a value of JSON. Write a number or leave the member out.'],
    ['[undefined]', 'undefined is not a value of JSON. Write a number or leave the member out.'],
    ['{"a":1},', 'A comma follows the object. Remove it.'],
    ['{"a":1}, \n', 'A comma follows the object. Remove it.'],
    ['{"a":1,}', 'A comma stands before a closing bracket. Remove it.'],
    ['[1, \n]', 'A comma stands before a closing bracket. Remove it.'],
    ['{"a":1} x', 'The value ends at character 8, and more text follows. Write one value only.'],
    ['{"a":1', 'It ends before its last bracket or quote. Write the whole object on one line.'],
    ['{"a":"b', 'It ends before its last bracket or quote. Write the whole object on one line.'],
    ['{"a"\n', 'It ends before its last bracket or quote. Write the whole object on one line.'],
    ['{"a":1 "b":2}', 'It breaks at character 8.'],
    ['{a:1}', 'It breaks at character 2.'],
    ['', 'It ends before its last bracket or quote. Write the whole object on one line.'],
  ] as const)
    it(JSON.stringify(text), () => assert.equal(problem(text), expected));

  it('has no place where the parser gives none', () => {
    assert.equal(jsonProblem('{"a":x1}', new SyntaxError('Unexpected token')), '');
    assert.equal(jsonProblem('{"a":x1}', 'no error'), '');
  });

  for (const [text, line, column] of [
    ['{"a":x}', 1, 6],
    ['{\n"a": 1,\n  b}', 3, 3],
    ['{\r\n"a":x}', 2, 5],
    ['{\r"a":x}', 2, 5],
    ['{"a":1', 1, 7],
    ['x', 1, 1],
    ['{"a":"b\n', 1, 8],
    ['[1] 2', 1, 5],
  ] as const)
    it(`is wrong at line ${line}, column ${column}: ${JSON.stringify(text)}`, () =>
      assert.deepEqual(jsonPlace(text), { line, column }));
});
