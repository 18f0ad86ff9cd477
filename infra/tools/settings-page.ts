/**
 * Writes docs/settings.md from the schema in functions/config/settings.ts.
 * Run: `npx node infra/tools/settings-page.ts`. A test compares the page with the code.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import {
  type SettingMeta,
  type SettingName,
  settingMeta,
  settingNames,
  settings,
} from '../../functions/config/settings.ts';

const page = new URL('../../docs/settings.md', import.meta.url);

const groups: Record<SettingMeta['group'], string> = {
  storage: 'Storage: manifests, bundles, reports and queues',
  cosmos: 'Cosmos DB: devices, jobs and enrollment groups',
  dps: 'Device Provisioning Service and IoT Hub',
  keys: 'CA keys',
  work: 'Work',
  access: 'Identity and access',
  host: 'Telemetry',
};

const places: Record<SettingMeta['where'], string> = {
  azure: 'Azure only. ',
  local: 'Local stack only. ',
  both: '',
};

const readers: Record<SettingMeta['reader'], string> = {
  app: 'the app',
  host: 'the Functions host',
  both: 'the host and the app',
};

/** The whole page. */
export function settingsPage(): string {
  const sections = Object.entries(groups).map(([group, title]) => {
    const names = settingNames.filter((name) => settingMeta(name).group === group);
    return [`## ${title}`, ...names.map(settingText)].join('\n\n');
  });
  return `${[intro, ...sections].join('\n\n')}\n`;
}

const intro = `# Settings

<!-- Written by infra/tools/settings-page.ts from functions/config/settings.ts; change it there. -->

They are app settings in Azure (set by \`infra/azure\`), the environment of the local stack, or \`Values\` of \`local.settings.json\`
under \`func start\`. All are checked together when the app starts, at the first use, and by \`GET /api/health\`; the log and the error name
each invalid one. An empty setting counts as not set.

They are accessed by managed identity in Azure and by a key or as files on one machine. Set one of the two:

| service | Azure | local stack |
| --- | --- | --- |
| Storage | \`AzureWebJobsStorage__blobServiceUri\` and \`AzureWebJobsStorage__queueServiceUri\` | \`AzureWebJobsStorage\` |
| DPS | \`DPS_SERVICE_HOST\` | \`DPS_CONNECTION_STRING\` |
| CA keys | \`KEY_VAULT_URL\` | \`CA_KEY_DIRECTORY\` |
| key of the audit trail | \`AUDIT_VAULT_URL\` | \`AUDIT_KEY_DIRECTORY\` |`;

function settingText(name: SettingName): string {
  const { description, expected, where, reader, secret } = settingMeta(name);
  const facts = [
    `Expected: ${expected}.`,
    defaultText(name),
    `${places[where]}Read by ${readers[reader]}.`,
    secret ? 'A secret, never shown.' : '',
  ];
  return `### ${name}\n\n${description}\n\n${facts.filter(Boolean).join('\n')}`;
}

/** "Required", the default, or nothing. The schema decides. */
function defaultText(name: SettingName): string {
  const absent = settings.shape[name].safeParse(undefined);
  if (!absent.success) return 'Required.';
  return absent.data === undefined ? '' : `Default: \`${absent.data}\`.`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeFile(page, settingsPage());
