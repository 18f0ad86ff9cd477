import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  cellText,
  characterName,
  isEmptyWord,
  isSuspect,
  mayHaveLostDigits,
  numberHint,
  textDamage,
  valueDamage,
} from '../../../lib/manifest/cells.ts';
import { createRepairCount } from '../../../lib/manifest/repairs.ts';

/* Words and marks of spreadsheets in cells: what is one, and what only looks like one. */

describe('a word for "no value"', () => {
  const words = ['null', 'NULL', 'n/a', 'na', 'nan', 'NaT', 'none', 'nil', 'undefined', '\\N', '-', '--', '---'];
  const bracketed = ['(null)', '<NA>', '[nan]', '(null', 'null)'];
  const others = ['', 'nulls', 'xnull', 'n//a', '----', '\\Nx', 'x\\N', '((null', 'no', 'null '];

  for (const word of [...words, ...bracketed]) it(word, () => assert.equal(isEmptyWord(word), true));
  for (const word of others) it(`is not ${JSON.stringify(word)}`, () => assert.equal(isEmptyWord(word), false));

  it('is looked at closely, and so is every mark of a spreadsheet; a clean cell is not', () => {
    for (const cell of [
      ...words,
      ...bracketed,
      'undefined',
      '(undefined)',
      'err:502',
      'ERR:599',
      ' a',
      'a ',
      '=a',
      "'a",
    ])
      assert.equal(isSuspect(cell), true, cell);
    for (const cell of ['#REF!', '+5', '-5', '1E+05', '1234567890123400', '9+', '12345678901234500', 'a\t'])
      assert.equal(isSuspect(cell), cell !== '1234567890123400', cell);
    for (const cell of [
      'a',
      'porto',
      'null-1',
      'err:50',
      'err:5022',
      'a+b',
      '123',
      '12345678901234567',
      '.5',
      'za',
      '<b>',
    ])
      assert.equal(isSuspect(cell), false, cell);
  });
});

describe('an error value of a spreadsheet', () => {
  for (const cell of [
    '#REF!',
    '#N/A',
    '#N/D',
    '#NV',
    '#GETTING_DATA',
    '#NAME?',
    '#¡REF!',
    '#DIV/0!',
    '###',
    '#####',
    'Err:502',
  ])
    it(cell, () => {
      assert.match(valueDamage(cell) ?? '', /error value/);
      assert.match(textDamage(cell) ?? '', /error value/);
    });
  for (const cell of [
    '##',
    '#1',
    '#a!',
    '#A!',
    '#NVX',
    'x#REF!',
    '#REF!x',
    'Err:402',
    'Err:50',
    'Err:5022',
    'xErr:502',
    '#NAME',
    '###x',
  ])
    it(`is not ${cell}`, () => assert.equal(valueDamage(cell), undefined));
});

describe('a text that a program damaged', () => {
  for (const [cell, message] of [
    ['1E+05', /last digits are lost/],
    ['-1,5e+14', /last digits are lost/],
    ['+1.5E+123', /last digits are lost/],
    ['a\ufffd', /U\+FFFD/],
    ['a\u200bb', /U\+200B, zero-width space/],
    ['“porto”', /curly quotes/],
    ['„porto“x”', /curly quotes/],
    ['«porto»', /curly quotes/],
    ['‘porto’', /curly quotes/],
    ['‚porto‘', /curly quotes/],
    ['“two\nlines”', /curly quotes/],
    ['MÃ¼nchen', /Windows-1252\. Write "München"/],
  ] as const)
    it(JSON.stringify(cell), () => assert.match(textDamage(cell) ?? '', message));
  for (const cell of [
    '12E+05',
    '1E+5',
    '1E+1234',
    'x1E+05',
    '1E+05x',
    '1E05',
    'x“porto”',
    '“porto”x',
    '“porto',
    '‘porto”',
    'Ã',
    'Ã¼ž',
    'é',
    'Ãa',
    'Å¸Ã',
  ])
    it(`is not ${JSON.stringify(cell)}`, () => assert.equal(textDamage(cell), undefined));
});

it('a number of more than 15 digits that ends with zeros may have lost digits', () => {
  for (const cell of ['12345678901234500', '123456789012345000']) assert.equal(mayHaveLostDigits(cell), true);
  for (const cell of [
    '1234567890123400',
    '123456789012345',
    '12345678901234501',
    'x2345678901234500',
    '12345678901234500x',
  ])
    assert.equal(mayHaveLostDigits(cell), false, cell);
});

describe('a cell of a number', () => {
  for (const [cell, hint] of [
    ['１２．５', ' Write it without full-width digits: 12.5.'],
    ['１，５', ' Write it without full-width digits: 1,5.'],
    ['-1 000 000', ' It has marks between thousands. Write -1000000.'],
    ["12'345", ' It has marks between thousands. Write 12345.'],
    ['1’000', ' It has marks between thousands. Write 1000.'],
    ['−5.2', ' It has a minus sign (U+2212). Write -5.2.'],
    ['-1,000', ' It has a comma. Write a decimal point, and no comma between thousands.'],
    ['123,456,789', ' It has a comma. Write a decimal point, and no comma between thousands.'],
    ['-1.000,5', ' It has a decimal comma. Write -1000.5.'],
    ['1,5', ' It has a decimal comma. Write 1.5.'],
    ['“5”', ' It has curly quotes. Remove them.'],
    ['five', ''],
    ['1 00', ''],
    ['1 0000', ''],
    ['1234 000', ''],
    ['x1 000', ''],
    ['1 000x', ''],
    ['−', ''],
    ['x−5', ''],
    ['−5x', ''],
    ['x1,5', ''],
    ['1,5x', ''],
    ['1,', ''],
    [',5', ''],
  ] as const)
    it(JSON.stringify(cell), () => assert.equal(numberHint(cell), hint));
});

describe('the name of a character', () => {
  for (const [character, name] of [
    [' ', 'a blank'],
    ['/', '"/"'],
    ['!', '"!"'],
    ['~', '"~"'],
    ['\t', '(U+0009, tab)'],
    ['\u007f', '(U+007F)'],
    ['é', '"é" (U+00E9)'],
    ['²', '"²" (U+00B2)'],
    ['€', '"€" (U+20AC)'],
    ['、', '"、" (U+3001)'],
    ['\uff01', '"！" (U+FF01, full-width character)'],
    ['\uff5e', '"～" (U+FF5E, full-width character)'],
    ['\uff5f', '"｟" (U+FF5F)'],
    ['\uff00', '(U+FF00)'],
    ['а', '"а" (U+0430, Cyrillic letter)'],
    ['ο', '"ο" (U+03BF, Greek letter)'],
    ['–', '"–" (U+2013, en dash)'],
    ['\u200b', '(U+200B, zero-width space)'],
    ['😀', '"😀" (U+1F600)'],
  ] as const)
    it(name, () => assert.equal(characterName(character), name));
});

describe('the text of a cell', () => {
  const repaired = (cell: string) => {
    const count = createRepairCount();
    return { text: cellText(cell, count), ...count.repairs };
  };
  for (const [cell, text, ...names] of [
    ['porto', 'porto'],
    [' porto\u00a0', 'porto', 'trimmed-cells'],
    ['="0012"', '0012', 'text-marks'],
    ['Mu\u0308nchen', 'München', 'nfc'],
    ['München', 'München'],
    [' ="Mu\u0308"', 'Mü', 'trimmed-cells', 'text-marks', 'nfc'],
  ] as const)
    it(JSON.stringify(cell), () => {
      assert.deepEqual(repaired(cell), { text, ...Object.fromEntries(names.map((name) => [name, 1])) });
    });
});
