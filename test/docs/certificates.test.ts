import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { profiles } from '../../lib/pki/profiles.ts';
import { perCertificate, perTemplate } from '../../lib/pki/rules.ts';

const page = readFileSync(new URL('../../docs/certificates.md', import.meta.url), 'utf8');
const rowsUnder = (title: string) =>
  page
    .split(`\n## ${title}\n`)[1]
    ?.split('\n## ')[0]
    ?.split('\n')
    .filter((line) => line.startsWith('| `')) ?? [];

describe('docs/certificates.md', () => {
  it('has every profile as it is', () => {
    const expected = Object.entries(profiles).map(([name, profile]) => {
      const { keyTypes, ca, pathLengths, keyUsage, extendedKeyUsage, maxValidityDays } = profile;
      const path = ca ? `CA, ${pathLengths.map((length) => length ?? 'none').join(' or ')}` : 'no CA';
      const usage = keyUsage.join(', ');
      const cells = [
        `\`${name}\``,
        keyTypes.join(', '),
        path,
        usage,
        extendedKeyUsage.join(', '),
        `${maxValidityDays} days`,
      ];
      return `| ${cells.join(' | ')} |`.replace('|  |', '| |');
    });
    assert.deepEqual(rowsUnder('Profiles'), expected);
  });

  it('has every rule, in the order in which they are checked', () => {
    const names = rowsUnder('Rules').map((row) => /^\| `([^`]+)`/.exec(row)?.[1]);
    assert.deepEqual(names, [...Object.keys({ ...perTemplate, ...perCertificate }), 'key-reuse']);
  });

  it('says by how much certificates are backdated', () => {
    for (const { backdateHours } of Object.values(profiles)) {
      assert.ok(page.includes(`**Validity** begins ${backdateHours} hours before`));
    }
  });
});
