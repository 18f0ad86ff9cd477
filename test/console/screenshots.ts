import { mkdir } from 'node:fs/promises';
import { buildApp } from '../../infra/build.ts';
import { runCommand } from '../../infra/tools/command-line.ts';
import type { TestStack } from '../e2e/test-stack.ts';
import { until } from '../until.ts';
import { browserIsMissing, openBrowser, openTab, signIn, type Tab } from './browser.ts';
import { changeGroup, listOf, register, sendBrokenOrder, startFleet } from './fleet.ts';

const usage = `Usage: npx node test/console/screenshots.ts [--all] [DIRECTORY]

Starts the stack with a fleet, and takes a picture of each screen of the console: light and wide, and the overview also dark and
narrow.

  [DIRECTORY]  folder of the pictures (default: docs/images)
  --all        each screen light, dark and narrow
  -h, --help   show this text

Exit codes: 0 taken, 1 failure, 2 invalid command line.

Example: npx node test/console/screenshots.ts /tmp/pictures`;

const looks = [
  ['', 1280, 860, 'light'],
  ['-dark', 1280, 860, 'dark'],
  ['-narrow', 360, 780, 'light'],
] as const;

const options = { all: { type: 'boolean', default: false } } as const;

await runCommand({ usage, options, operands: ['[DIRECTORY]'] }, async ({ operands, values }) => {
  if (browserIsMissing !== false) throw new Error(browserIsMissing);
  const directory = operands[0] ?? 'docs/images';
  await mkdir(directory, { recursive: true });
  await buildApp();
  const fleet = await startFleet();
  const browser = await openBrowser();
  try {
    const ids = await fill(fleet);
    const tab = await openTab(browser, fleet.stack.urls.functions);
    await tab.page.goto('/');
    await signIn(tab, fleet.stack.functionsKey);
    await tab.page.getByRole('heading', { name: 'Overview' }).waitFor();
    await takeAll(tab, directory, ids, values.all);
  } finally {
    await browser.close();
    await fleet.close();
  }
  return 0;
});

interface Ids {
  readonly job: string;
}

/** A fleet that has something on every screen. */
async function fill(fleet: TestStack): Promise<Ids> {
  const { api } = fleet;
  const twin = { tags: { ring: 'pilot', product: 'edge-gateway' }, desired: { telemetryInterval: 60 } };
  const definition = { keyCustody: 'plain', target: 'iotedge-1.6', initialTwin: twin };
  await api.put('enrollment-groups/line7', { ...definition, description: 'Gateways of line 7, Gdańsk' });
  await api.put('enrollment-groups/line8', {
    ...definition,
    description: 'Gateways of line 8, Porto',
    validityDays: 25,
  });
  await api.put('enrollment-groups/lab', { ...definition, enrollment: 'individual', description: 'Prototypes' });
  const first = await fleet.ended(await fleet.upload('line7/gateways-0412.csv', listOf('gw', 240)));
  await fleet.ended(await fleet.upload('line8/gateways-0413.csv', listOf('px', 60)));
  await fleet.ended(await fleet.upload('lab/prototypes.csv', 'deviceId,tags.site\nproto-1,berlin\nproto-2,berlin\n'));
  await fleet.upload('line9/unknown-line.csv', 'deviceId\na-1\n');
  await fleet.queue('orders').sendMessage(
    JSON.stringify({
      orderId: 'PO-4711',
      enrollmentGroup: 'line7',
      range: { prefix: 'po-', start: 1, count: 40, width: 4 },
    }),
  );
  await sendBrokenOrder(fleet);
  for (const id of ['gw-0002', 'gw-0003', 'gw-0004', 'gw-0005', 'px-0002', 'px-0003']) await register(fleet, id);
  await until(async () => (await api.get<{ status: string }>('devices/gw-0002')).status === 'assigned');
  await fetchJson(fleet, 'devices/gw-0003/suspend', { reason: 'missing since Monday, ticket 4211' });
  await fetchJson(fleet, 'devices/gw-0004/revoke', { reason: 'key was read out' });
  await changeGroup(fleet, 'line8');
  await until(async () => (await api.get<{ findings: unknown[] }>('findings')).findings.length > 0);
  return { job: first.jobId };
}

async function fetchJson({ stack }: TestStack, path: string, body: unknown): Promise<void> {
  const headers = { 'x-functions-key': stack.functionsKey, 'content-type': 'application/json' };
  const init = { method: 'POST', headers, body: JSON.stringify(body) };
  const answer = await fetch(`${stack.urls.functions}/api/${path}`, init);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
}

async function takeAll(tab: Tab, directory: string, { job }: Ids, all: boolean): Promise<void> {
  const screens: readonly (readonly [name: string, path: string])[] = [
    ['overview', '/'],
    ['upload', '/upload'],
    ['jobs', '/jobs'],
    ['job', `/jobs/${job}`],
    ['devices', '/devices?group=line7'],
    ['device', '/devices/gw-0002'],
    ['device-revoked', '/devices/gw-0004'],
    ['groups', '/groups'],
    ['group', '/groups/line7'],
    ['group-edit', '/groups/line7/edit'],
    ['findings', '/findings'],
    ['dead-letters', '/dead-letters'],
    ['audit', '/audit'],
    ['api', '/api'],
  ];
  for (const [name, path] of screens) {
    for (const [look, width, height, colorScheme] of looks.filter(([look]) => all || look === '' || path === '/')) {
      await tab.page.setViewportSize({ width, height });
      await tab.page.emulateMedia({ colorScheme });
      await tab.page.goto(`/console${path}`);
      await tab.page.locator('.screen[aria-busy="false"]').waitFor();
      await tab.page.screenshot({ path: `${directory}/console-${name}${look}.png` });
    }
  }
}
