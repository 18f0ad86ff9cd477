import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { assertEvery } from '../assert-every.ts';
import type { TestStack } from '../e2e/test-stack.ts';
import { until } from '../until.ts';
import { assertAccessible, browserIsMissing, openBrowser, openTab, signIn, type Tab } from './browser.ts';
import { changeGroup, listOf, register, sendBrokenOrder, startFleet } from './fleet.ts';

/*
 * The console in a real browser, on the whole stack: from an empty fleet to a revoked device. Each test goes on where the one before
 * ended. Every screen and state is looked at with axe-core, light and dark, at 360 and 1,440 pixels.
 */

describe('the console', { skip: browserIsMissing, timeout: 1_200_000 }, () => {
  let fleet: TestStack;
  let browser: Browser;
  let tab: Tab;
  let page: Page;
  let jobId = '';

  before(async () => {
    [fleet, browser] = await Promise.all([startFleet(), openBrowser()]);
    tab = await openTab(browser, fleet.stack.urls.functions);
    page = tab.page;
  });
  after(async () => {
    await browser?.close();
    await fleet?.close();
  });

  const look = (state: string) => assertAccessible(tab, state);
  const button = (name: string | RegExp) => page.getByRole('button', { name });
  const heading = (name: string | RegExp) => page.getByRole('heading', { name, level: 1 });
  const badge = (word: string) => page.locator('.badge', { hasText: word }).first();
  const open = async (path: string) => {
    await page.goto(`/console${path}`);
    await page.locator('.screen[aria-busy="false"]').waitFor();
  };

  it('leads from / to the sign-in, and says when a key is refused', async () => {
    await page.goto('/');
    assert.equal(new URL(page.url()).pathname, '/console/');
    await page.getByLabel('Function key').waitFor();
    await look('the sign-in');
    await page.route('**/api/me', (route) => route.fulfill({ status: 503 }));
    await signIn(tab, fleet.stack.functionsKey);
    await page.getByText('The app did not answer, so the key is not checked.').waitFor();
    await page.unroute('**/api/me');
    await signIn(tab, 'not the key');
    await page.getByText('This was refused.').waitFor();
    await look('a refused sign-in');
    await signIn(tab, fleet.stack.functionsKey);
    await heading('Overview').waitFor();
  });

  it('keeps the key in the tab: not in the address, a cookie or the storage of the site', async () => {
    assert.equal(page.url().includes(fleet.stack.functionsKey), false);
    assert.deepEqual(await tab.context.cookies(), []);
    const stored = await page.evaluate<string>('JSON.stringify(localStorage)');
    assert.equal(stored.includes(fleet.stack.functionsKey), false);
    await page.reload();
    await heading('Overview').waitFor();
  });

  it('signs in by a link with the key, and takes the key out of the address', async () => {
    const link = (path: string, key: string) => `/console${path}#key=${encodeURIComponent(key)}`;
    const other = await openTab(browser, fleet.stack.urls.functions);
    await other.page.goto(link('/jobs?status=failed', fleet.stack.functionsKey));
    await other.page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
    const { pathname, search, hash } = new URL(other.page.url());
    assert.deepEqual([pathname, search, hash], ['/console/jobs', '?status=failed', '']);

    // In a tab that has the console, only the fragment changes.
    await other.page.goto(link('/jobs?status=failed', 'another key'));
    await other.page.getByText('This was refused.').waitFor();
    assert.equal(new URL(other.page.url()).hash, '');
    await other.page.goto(link('/jobs?status=failed', fleet.stack.functionsKey));
    await other.page.getByText('This was refused.').waitFor({ state: 'hidden' });
    assert.equal(new URL(other.page.url()).hash, '');
    assert.deepEqual(other.faults, []);
    await other.context.close();
  });

  it('says on every empty screen what to do next', async () => {
    await page.getByText('Three steps to the first device').waitFor();
    await look('the overview of an empty fleet');
    const empty = [
      ['/upload', 'There is no enrollment group yet.'],
      ['/jobs', 'There are no jobs yet.'],
      ['/devices', 'There are no devices yet.'],
      ['/acts', 'Nothing was done to many devices yet.'],
      ['/groups', 'No group is declared.'],
      ['/findings', 'Nothing differs.'],
      ['/dead-letters', 'No message waits.'],
      ['/nowhere', 'There is no such screen.'],
    ] as const;
    for (const [path, text] of empty) {
      await open(path);
      await page.getByText(text).waitFor();
      await look(`${path} of an empty fleet`);
    }
  });

  it('declares a group by a form, with each fault at its field', async () => {
    await open('/groups/new');
    await button('Declare the group').click();
    await page.getByText('Give the group an id.').waitFor();
    await page.locator('#group-id').fill('line7');
    await page.locator('#field-validityDays').fill('99999');
    await button('Declare the group').click();
    await page.locator('#field-keyCustody-fault').waitFor();
    await page.locator('#field-validityDays-fault').waitFor();
    assert.equal(await page.locator('#field-validityDays').inputValue(), '99999', 'what was typed stays');
    await look('a group with faults');
    await page.locator('#field-keyCustody').selectOption('plain');
    await page.locator('#field-validityDays').fill('90');
    await button('Declare the group').click();
    await heading('line7').waitFor();
    await page.locator('.screen[aria-busy="false"]').waitFor();
    await look('a group');
    await open('/groups');
    await look('the groups');
    await open('/');
    await page.locator('.steps li', { hasText: 'Declare an enrollment group.' }).getByText('Done').waitFor();
    await look('the overview of a fleet with a group');
  });

  it('checks a list, says what it would issue, and issues that', async () => {
    await open('/upload');
    await look('the upload');
    await page.locator('input[type=file]').setInputFiles({
      ...{ name: 'gateways.csv', mimeType: 'text/csv' },
      buffer: Buffer.from(listOf('gw', 60)),
    });
    await page.getByLabel('Enrollment group of rows that name none').selectOption('line7');
    await button('Check the list').click();
    await button('Issue 60 certificates').waitFor();
    await page.getByText('3 rows with faults', { exact: true }).waitFor();
    await look('a checked list');
    await button('Issue 60 certificates').click();
    await badge('completed with errors').waitFor();
    jobId = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    await page.getByText('Rows that were not accepted').waitFor();
    await look('a job with faults');
  });

  it('says why a list is refused as a whole', async () => {
    await open('/upload');
    await page.locator('input[type=file]').setInputFiles({
      ...{ name: 'nothing.csv', mimeType: 'text/csv' },
      buffer: Buffer.from('serial;colour\n1;red\n'),
    });
    await button('Check the list').click();
    await page.getByText('manifest-header').first().waitFor();
    await look('a refused list');
  });

  it('lists jobs and devices, with filters in the address', async () => {
    await open('/jobs');
    await look('the jobs');
    await page.getByLabel('Status').selectOption('failed');
    await page.getByText('No job matches these filters.').waitFor();
    assert.equal(new URL(page.url()).search, '?status=failed');
    await page.goBack();
    await badge('completed with errors').waitFor();
    await open('/devices');
    await page.getByRole('link', { name: 'gw-0002' }).waitFor();
    await look('the devices');
  });

  it('opens the device that a scanner reads, by its id, a label with a URL, or its serial number', async () => {
    const search = page.getByRole('searchbox', { name: 'Find a device or job' });
    const { certificate } = await fleet.api.get<{ certificate: { serialNumber: string } }>('devices/gw-0002');
    for (const text of ['GW-0002', 'https://id.example.com/d/gw-0002', certificate.serialNumber]) {
      await open('/devices');
      await search.fill(text);
      await search.press('Enter');
      await heading('gw-0002').waitFor();
    }
    await page.locator('.screen[aria-busy="false"]').waitFor();
    await look('a device that has not registered');
  });

  it('shows all times in UTC by a switch, and keeps that', async () => {
    const times = () => page.locator('main time').allTextContents();
    const local = await times();
    await page.getByRole('switch', { name: /UTC/ }).check();
    const utc = await times();
    assert.equal(utc.length, local.length);
    assertEvery(utc, (text, index) => text !== local[index], 'every time has changed');
    await page.reload();
    await page.locator('.screen[aria-busy="false"]').waitFor();
    assert.deepEqual(await times(), utc);
    await page.getByRole('switch', { name: /UTC/ }).uncheck();
  });

  it('shows by itself that a device has joined, and stops when it is paused', async () => {
    await register(fleet, 'gw-0002');
    await page.getByText(/^It joined hub-/).waitFor({ timeout: 90_000 });
    await look('a device that has joined');
    await button('Pause updates').click();
    await button('Resume updates').waitFor();
    await look('a paused screen');
    await button('Resume updates').click();
  });

  it('suspends and restores with a reason, and revokes when the id is typed', async () => {
    await button('Suspend …').click();
    const dialog = page.getByRole('dialog');
    await look('a dialog');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(
      await page.evaluate<string>('document.activeElement.textContent.trim()'),
      'Suspend …',
      'focus returns',
    );
    await button('Suspend …').click();
    assert.equal(await dialog.getByRole('button', { name: 'Suspend' }).isDisabled(), true, 'no reason yet');
    await dialog.getByLabel(/Reason/).fill('missing since Monday');
    await dialog.getByRole('button', { name: 'Suspend' }).click();
    await page.getByText(/can be restored/).waitFor();
    await page.getByText('“missing since Monday”').first().waitFor();
    await look('a suspended device');
    await button('Restore …').click();
    await dialog.getByLabel(/Reason/).fill('found');
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await button('Suspend …').waitFor();
    await button('Revoke …').click();
    await dialog.getByLabel(/Reason/).fill('key read out');
    const revoke = dialog.getByRole('button', { name: 'Revoke for good' });
    assert.equal(await revoke.isDisabled(), true, 'the id is not typed yet');
    await dialog.getByLabel(/Type/).fill('gw-0002');
    await revoke.click();
    await page.getByText(/every door is closed/).waitFor();
    await look('a revoked device');
    const { status } = await fleet.api.get<{ status: string }>('devices/gw-0002');
    assert.equal(status, 'revoked');
  });

  it('acts on all that the filters match, by their number', async () => {
    await open('/devices?idPrefix=gw-000');
    await page.getByLabel('Select all rows of this page').check();
    await page.getByText('9 devices selected').waitFor();
    await look('a selection');
    await button('Suspend …').click();
    const dialog = page.getByRole('dialog');
    // One of the nine is revoked, which is more.
    await dialog.getByRole('heading', { name: 'Suspend 8 devices?' }).waitFor();
    await dialog.getByLabel(/Reason/).fill('recall of the first lot');
    await dialog.getByRole('button', { name: 'Suspend 8 devices' }).click();
    await heading('suspend many devices').waitFor();
    await badge('completed').waitFor({ timeout: 90_000 });
    await look('an act on many devices');
    await open('/acts');
    await look('the acts');
  });

  it('selects what the filters match on every page, and counts it before it asks', async () => {
    await open('/devices?group=line7');
    await page.getByLabel('Select all rows of this page').check();
    await page.getByText('50 devices selected').waitFor();
    await button('Select all that the filters match').click();
    await page.getByText('All devices that the filters match are selected, on every page').waitFor();
    await button('Suspend …').click();
    // Of 60, one is revoked and eight are suspended.
    await page.getByRole('heading', { name: 'Suspend 51 devices?' }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('link', { name: 'Next page' }).click();
    await page.getByText('This is the last page.').waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'Next page' }).waitFor();
  });

  it('shows dead letters by reason, and discards them', async () => {
    await sendBrokenOrder(fleet);
    await until(async () => (await fleet.api.get<{ deadLetters: unknown[] }>('dead-letters')).deadLetters.length > 0);
    await open('/dead-letters');
    await page.getByText('order-invalid').first().waitFor();
    await look('dead letters');
    await page.getByLabel('Select all rows of this page').check();
    await button('Discard …').click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard 1 letter' }).click();
    await page.getByText('No message waits.').waitFor();
    await look('a notice');
  });

  it('shows what differs in Azure, and repairs it', async () => {
    await changeGroup(fleet, 'line7');
    await until(async () => (await fleet.api.get<{ findings: unknown[] }>('findings')).findings.length > 0);
    await open('/findings');
    await page.getByText('group changed').first().waitFor();
    await look('findings');
    await button('Repair …').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/Reason/).fill('nobody knows who changed it');
    await dialog.getByRole('button', { name: 'Repair', exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
    await page.getByText('group changed').first().waitFor({ state: 'hidden' });
    // Devices of the tests before are still at work, and a sweep may see one of them for a moment.
    await until(async () => (await fleet.api.get<{ findings: unknown[] }>('findings')).findings.length === 0);
    await open('/findings');
    await page.getByText('Nothing differs.').waitFor();
    await open('/');
    await page.getByText('Largest groups').waitFor();
    await look('the overview');
  });

  it('shows an error with its code, its hint and its trace id, and tries again', async () => {
    const problem = {
      ...{ type: 'urn:fleet-orchestrator:error:unavailable', title: 'unavailable', status: 503, traceId: 'trace-1' },
      ...{ detail: 'Cosmos DB did not answer.', hint: 'Wait: the work is tried again.', instance: '/api/jobs' },
    };
    const contentType = 'application/problem+json';
    await page.route('**/api/jobs?**', (route) =>
      route.fulfill({ status: 503, contentType, body: JSON.stringify(problem) }),
    );
    await page.goto('/console/jobs');
    for (const text of [problem.detail, problem.hint, 'unavailable', 'trace-1']) await page.getByText(text).waitFor();
    await look('an error');
    await page.unroute('**/api/jobs?**');
    await page.route('**/api/jobs?**', (route) => route.abort());
    await button('Try again').click();
    await page.getByText('The app did not answer.').waitFor();
    await page.unroute('**/api/jobs?**');
    await button('Try again').click();
    await badge('completed with errors').waitFor();
    await page.goto('/console/jobs/000000000000000000000000');
    await page.getByText('not-found').first().waitFor();
  });

  it('says what failed also when its dialog was closed meanwhile', async () => {
    await open('/devices/gw-0030');
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const body = JSON.stringify({ title: 'unavailable', status: 503, detail: 'DPS did not answer.', hint: 'Wait.' });
    await page.route('**/suspend', async (route) => {
      await asked;
      await route.fulfill({ status: 503, contentType: 'application/problem+json', body });
    });
    await button('Suspend …').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/Reason/).fill('ticket 7');
    await dialog.getByRole('button', { name: 'Suspend', exact: true }).click();
    await dialog.getByText('Working …').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    answer();
    await page.getByText('Suspend: DPS did not answer. Wait.').waitFor();
    await page.unroute('**/suspend');
  });

  it('has the audit trail and every operation of the API', async () => {
    await until(async () => (await fleet.api.get<{ entries: unknown[] }>('audit')).entries.length > 0);
    await open(`/audit?device=gw-0002`);
    await look('the audit trail');
    await open('/api');
    await page.getByText('/api/jobs/{jobId}/retry').click();
    await look('the API');
    await page.getByLabel('Find an operation').fill('revoke-device');
    await page.getByText('/api/devices/{deviceId}/revoke').waitFor();
    assert.equal(await page.locator('details.operation').count(), 1);
  });

  it('works by keyboard alone', async () => {
    await open('/');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate<string>('document.activeElement.textContent'), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate<string>('document.activeElement.id'), 'content');
    await page.getByRole('link', { name: 'Jobs', exact: true }).focus();
    await page.keyboard.press('Enter');
    await heading('Jobs').waitFor();
    await until(() => page.evaluate<boolean>('document.activeElement.tagName === "H1"'));
    assert.equal(await page.title(), 'Jobs – Fleet');
  });

  it('does not offer what the role may not do', async () => {
    const { reader, submitter } = fleet.stack.roleKeys;
    for (const [key, names] of [
      [reader, ['Overview', 'Jobs', 'Devices', 'Groups', 'Findings', 'Audit', 'API']],
      [submitter, ['Overview', 'Upload', 'Jobs', 'Devices', 'Groups', 'Findings', 'Audit', 'API']],
    ] as const) {
      const other = await openTab(browser, fleet.stack.urls.functions);
      await other.page.goto('/console/devices/gw-0010');
      await signIn(other, key);
      await other.page.getByRole('heading', { name: 'gw-0010', level: 1 }).waitFor();
      const links = await other.page.getByRole('navigation', { name: 'Main' }).locator('li a').allTextContents();
      assert.deepEqual(
        links.map((text) => text.trim()),
        names,
      );
      assert.equal(await other.page.getByRole('button', { name: /Suspend|Revoke|Download/ }).count(), 0);
      assert.deepEqual(other.faults, []);
      await other.context.close();
    }
  });

  it('leads people to the sign-in of Microsoft Entra, and back to where they were', async () => {
    const other = await openTab(browser, fleet.stack.urls.functions);
    let isSignedIn = false;
    const shell = /\/console\/[^.]*$/;
    // The platform is not here. It answers 401 until its sign-in sets a cookie, and leads back.
    await other.page.route(shell, async (route) => {
      const plain = { ...route.request().headers(), 'accept-encoding': 'identity' };
      const response = await route.fetch({ headers: plain });
      await route.fulfill({ response, body: (await response.text()).replace('content="keys"', 'content="entra"') });
    });
    await other.page.route('**/api/**', async (route) => {
      if (!isSignedIn) return route.fulfill({ status: 401 });
      const headers = { ...route.request().headers(), 'x-functions-key': fleet.stack.functionsKey };
      return route.continue({ headers });
    });
    const asked: string[] = [];
    await other.page.route('**/.auth/login/aad**', (route) => {
      const back = new URL(route.request().url()).searchParams.get('post_login_redirect_uri') ?? '';
      asked.push(back);
      // Not a redirect: what follows one is not routed.
      const body = `<meta http-equiv="refresh" content="0;url=${back}">`;
      return route.fulfill({ status: 200, contentType: 'text/html', body });
    });

    await other.page.goto('/console/devices/gw-0010');
    await other.page.getByText('You have signed in, and the app still refused you.').waitFor();
    assert.deepEqual(asked, ['/console/devices/gw-0010'], 'not in circles');
    await assertAccessible(other, 'a sign-in that is refused');
    isSignedIn = true;
    await other.page.getByRole('link', { name: 'Sign in again' }).click();
    await other.page.getByRole('heading', { name: 'gw-0010', level: 1 }).waitFor();

    isSignedIn = false;
    await other.page.getByRole('link', { name: 'Jobs', exact: true }).click();
    await other.page.getByText('Your sign-in has ended.').waitFor();
    await assertAccessible(other, 'a sign-in that has ended');
    isSignedIn = true;
    await other.page.getByRole('button', { name: 'I have signed in: go on' }).click();
    await other.page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
    await other.page.locator('.badge').first().waitFor();
    await other.context.close();
  });

  it('has broken no rule of its policy and asked no other site for anything', () => {
    assert.notEqual(jobId, '');
    assert.deepEqual(tab.faults, []);
  });
});
