import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { type SettingName, settings } from '../../../functions/config/settings.ts';
import { bicepFile, declarationsOf, propertiesOf } from './bicep.ts';

/*
 * Parameters that become app settings of the same meaning: retention, and where CA keys are made.
 */

const main = bicepFile('main.bicep');
const parameters = new Map(declarationsOf(main, 'parameter').map((each) => [each.symbol, each]));
const shared = declarationsOf(main, 'variable').find(({ symbol }) => symbol === 'sharedSettings')?.value;
const settingText = (name: string) => (shared && propertiesOf(shared).get(name)?.text) ?? '';
const given = JSON.parse(readFileSync(new URL('../../../infra/azure/main.parameters.json', import.meta.url), 'utf8'));

const retention = {
  scrappedDeviceRetentionDays: 'SCRAPPED_DEVICE_RETENTION_DAYS',
  jobRetentionDays: 'JOB_RETENTION_DAYS',
  deadLetterRetentionDays: 'DEAD_LETTER_RETENTION_DAYS',
  findingRetentionDays: 'FINDING_RETENTION_DAYS',
} as const satisfies Record<string, SettingName>;

describe('the retention of records', () => {
  for (const [parameter, setting] of Object.entries(retention)) {
    it(`${parameter} loses nothing by default, and becomes ${setting} of both apps`, () => {
      assert.equal(parameters.get(parameter)?.value?.text, '0');
      // 0 is an empty setting, which counts as not set.
      assert.equal(settingText(setting), `${parameter} == 0 ? '' : string(${parameter})`);
      assert.equal(settings.shape[setting].safeParse(undefined).data, undefined);
      assert.equal(given.parameters[parameter].value, `\${${setting}=0}`);
    });

    it(`${parameter} says beside it what the law or the work needs`, () => {
      const described = parameters.get(parameter)?.node.text ?? '';
      const [, description = ''] =
        new RegExp(`@description\\('([^\\n]+)'\\)\\nparam ${parameter} int`).exec(main.root.text) ?? [];
      assert.ok(described.includes(parameter));
      assert.match(description, /0: never\./);
      assert.match(description, /Regulation|renewal|only copy/);
      assert.match(description, /docs\/retention\.md$/);
    });
  }
});

describe('the keys of CAs', () => {
  it('are made in hardware modules where the vault has them', () => {
    assert.equal(settingText('CA_KEY_PROTECTION'), "keyVaultSku == 'premium' ? 'hsm' : 'software'");
    assert.equal(parameters.get('keyVaultSku')?.value?.text, "'standard'");
    assert.equal(given.parameters.keyVaultSku.value, `\${KEY_VAULT_SKU=standard}`);
  });

  it('are in a vault of that SKU', () => {
    const vault = declarationsOf(main, 'module').find(({ symbol }) => symbol === 'keyVault');
    assert.match(vault?.node.text ?? '', /\n {4}sku: keyVaultSku\n/);
    assert.match(bicepFile('app/key-vault.bicep').root.text, /kty: sku == 'premium' \? 'EC-HSM' : 'EC'/);
  });
});
