import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

/** Debian's name of the browser, and those of other systems. */
const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** @returns the path of a Chromium: that of the variable CHROMIUM, or the first one in PATH; undefined when there is none */
function findChromium(): string | undefined {
  const { CHROMIUM, PATH = '' } = process.env;
  if (CHROMIUM !== undefined) return CHROMIUM;
  const paths = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  return paths.find((path) => existsSync(path));
}

/** Why tests in a browser are skipped; false when they can run. */
export const browserIsMissing =
  findChromium() === undefined && 'Chromium is missing. Install it (apt-get install chromium), or name it in CHROMIUM.';

export async function openBrowser(): Promise<Browser> {
  // Containers have no user namespaces for the sandbox, and often a small /dev/shm.
  const args = ['--no-sandbox', '--disable-dev-shm-usage'];
  return chromium.launch({ executablePath: findChromium() ?? '', args });
}

export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Faults of the page: errors of scripts, violations of its policy, requests to other sites. Empty in the end. */
  readonly faults: string[];
}

/** A tab with the console, whose faults are collected. Times are in one zone, which is not UTC. */
export async function openTab(browser: Browser, origin: string): Promise<Tab> {
  const context = await browser.newContext({
    ...{ baseURL: origin, timezoneId: 'Europe/Warsaw', locale: 'en-GB', reducedMotion: 'reduce' },
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`error: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    // Chromium reports answers that are no success here, too; the console shows those to the user.
    const isAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isAnswer) faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const { origin: found, protocol } = new URL(request.url());
    if (protocol.startsWith('http') && found !== origin) faults.push(`request to ${found}`);
  });
  // As text: this file is checked with the types of Node, which has no document.
  await page.addInitScript(
    `document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
       console.error('policy: ' + violatedDirective + ' ' + blockedURI + ' ' + sample));`,
  );
  return { page, context, faults };
}

/** WCAG 2.2 AA and what axe-core advises. */
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const allRules = (axe: AxeBuilder) => axe.withTags(tags).options({ rules: { 'target-size': { enabled: true } } });

/** The rules that look at colours. Nothing else differs between light and dark, so no other rule has to look twice. */
const colorRules = ['color-contrast', 'link-in-text-block'];

const widths = [1440, 360] as const;
const schemes = ['light', 'dark'] as const;

/** Looks at the state that is on the screen with axe-core: light and dark, wide and narrow. */
export async function assertAccessible({ page }: Tab, state: string): Promise<void> {
  for (const width of widths) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of schemes) {
      await page.emulateMedia({ colorScheme });
      // The console has no frames, so nothing has to be put together on a page beside it.
      const axe = new AxeBuilder({ page }).setLegacyMode();
      const { violations } = await (colorScheme === 'light' ? allRules(axe) : axe.withRules(colorRules)).analyze();
      const found = violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id} at ${target}: ${failureSummary}`),
      );
      assert.deepEqual(found, [], `${state}, ${colorScheme}, ${width} pixels`);
    }
    const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
    assert.ok(overflow <= 0, `${state} is ${overflow} pixels wider than a screen of ${width}`);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Signs in by key, at the address where the console asks for it. */
export async function signIn({ page }: Tab, key: string): Promise<void> {
  await page.getByLabel('Function key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
