import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { source as axe } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Status } from '../../src/api/contract.ts';
import { readWebAssets, type WebAssets } from '../../src/api/web-assets.ts';
import { noBrowser, openBrowser } from '../fixtures/chromium.ts';
import { dashboardReplies } from '../fixtures/dashboard-replies.ts';
import { openDashboardService, type DashboardService } from '../fixtures/dashboard-service.ts';

const root = join(import.meta.dirname, '../..');
const snapshot = 'family-20261121-020000';
const paths = [
  '',
  'plans/family',
  'plans/family/snapshots',
  'runs',
  'runs/0b7d6f8e-1111-4c4c-9a9a-000000000001',
  'runs/0b7d6f8e-1111-4c4c-9a9a-000000000003',
  `snapshots/${snapshot}`,
  `restore/${snapshot}`,
  'stores',
  'alerts',
  'settings',
  'account',
  'people',
  'audit',
  'docs',
  'setup#a-token',
  'nowhere',
];
const desk: BrowserContextOptions = { viewport: { width: 1440, height: 900 }, colorScheme: 'light' };
const phone: BrowserContextOptions = { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true };

let browser: Browser;
let web: WebAssets;

describe.skipIf(noBrowser !== null)('the pages of the dashboard', () => {
  beforeAll(async () => {
    execFileSync('sh', [join(root, 'scripts/install-dependencies.sh')], { stdio: ['ignore', 'ignore', 'inherit'] });
    const built = await readWebAssets(join(root, 'dist/web'));
    if (built === null) throw new Error('the dashboard was not built');
    web = built;
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  test.each([
    ['on a desk, light', desk],
    ['on a phone, dark', phone],
  ])('%s, are accessible, fit, and ask nobody else for anything', async (_, options) => {
    await using service = await opened('administrator');
    const { page, foreign, complaints } = await visited(options, service);
    for (const path of paths) {
      await shown(page, service, path);
      expect(await violations(page), path).toEqual([]);
      expect(await overflow(page), `${path} is wider than the window`).toBeLessThanOrEqual(0);
    }
    expect(foreign).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test('answer first: whether the data is safe, and what needs somebody', async () => {
    await using service = await opened('viewer');
    const { page } = await visited(desk, service);
    await shown(page, service, '');
    expect(await page.locator('h1').textContent()).toContain('Plan "website" is not safe');
    expect(await page.locator('.needs > li').first().textContent()).toContain('Plug the drive in');
  });

  test('say so when nothing needs anybody', async () => {
    const replies = new Map(dashboardReplies(new Date(), 'viewer'));
    const status = replies.get('status') as Status;
    replies.set('status', { ...status, health: 'healthy', sentence: 'Your data is safe', plans: status.plans.slice(0, 1), alerts: [] });
    await using service = await openDashboardService({ web, replies, base: '' });
    const { page } = await visited(phone, service);
    await shown(page, service, '');
    expect(await page.locator('.answer').textContent()).toMatch(/^SafeYour data is safeNext backup .*\. Nothing needs you\.$/u);
    expect(await page.getByRole('heading', { name: 'What needs you' }).count()).toBe(0);
  });

  test('lead from what needs somebody to where more is told of it, the worst plan first', async () => {
    await using service = await opened('viewer');
    const { page } = await visited(phone, service);
    await shown(page, service, '');
    expect(await page.locator('.card h3').allTextContents()).toEqual(['website', 'office', 'family']);
    const details = page.getByRole('link', { name: 'Details: Alerts of family do not reach webhook:hooks.slack.com' });
    expect((await details.boundingBox())?.height, 'it stands in one line').toBeLessThan(60);
    await details.click();
    const channel = page.getByRole('listitem').filter({ hasText: 'webhook:hooks.slack.com for family' });
    expect(await channel.textContent()).toMatch(/it answered 404.*1 message waiting.*last delivered.*Failing/u);
    const told = page.locator('section', { has: page.getByRole('heading', { name: 'Lately told' }) }).locator('li');
    await told.first().waitFor();
    const states = ['Waiting', 'Delivered', 'Given up'];
    expect(await told.locator('.pill').allTextContents()).toEqual(states);
  });

  test('tell what each store holds of a plan, and which copies are missing', async () => {
    await using service = await opened('viewer');
    const { page } = await visited(desk, service);
    await shown(page, service, 'stores');
    const nas = page.getByRole('list', { name: 'What nas holds' });
    expect(await nas.textContent()).toMatch(/family copy.*21 snapshots.*2 missing/u);
    await nas.getByRole('link', { name: 'family' }).click();
    const copies = page.locator('section', { has: page.getByRole('heading', { name: 'Where it lies' }) }).locator('li');
    await copies.first().waitFor();
    expect(await copies.allTextContents()).toEqual([expect.stringMatching(/^local written first/u), expect.stringMatching(/^nas copy/u)]);
  });

  test('offer to a viewer nothing that the service would refuse', async () => {
    await using service = await opened('viewer');
    const { page } = await visited(desk, service);
    for (const path of ['', 'plans/family', `snapshots/${snapshot}`, 'stores']) {
      await shown(page, service, path);
      expect(await page.getByRole('button', { name: /^(?:back up|restore|try|delete|verify|look now)/iu }).count(), path).toBe(0);
    }
    expect(await page.getByRole('link', { name: 'People' }).count()).toBe(0);
  });

  test('start a backup once, and show its run', async () => {
    await using service = await opened('operator');
    const { page } = await visited(phone, service);
    await shown(page, service, 'plans/family');
    await page.getByRole('button', { name: 'Back up now' }).dblclick();
    await page.getByRole('heading', { name: 'Backup of office' }).waitFor();
    expect(service.acts).toEqual([
      { method: 'POST', path: 'plans/family/backups', body: {}, key: expect.stringMatching(/^[0-9a-f]{32}$/u) },
    ]);
  });

  test('restore only what was previewed, and only after the name of the plan was typed', async () => {
    await using service = await opened('administrator');
    const { page } = await visited(desk, service);
    await shown(page, service, `restore/${snapshot}`);
    await page.getByRole('radio', { name: /In place/u }).check();
    await page.getByRole('checkbox', { name: /documents/u }).uncheck();
    await page.getByRole('button', { name: 'Preview' }).click();
    const restore = page.getByRole('button', { name: 'Restore now' });
    await restore.dispatchEvent('click');
    await page.getByLabel('Type “family” to go on').fill('famil');
    await restore.dispatchEvent('click');
    expect(service.acts.map(({ path }) => path)).toEqual(['confirmations']);
    await page.getByLabel('Type “family” to go on').fill('family');
    await restore.click();
    await page.getByRole('heading', { name: 'Backup of office' }).waitFor();
    const target = { snapshot, destination: { kind: 'in-place' }, only: ['databases/immich', 'photos'] };
    expect(service.acts[0]?.body).toEqual({ act: 'restore', target });
    expect(service.acts[1]).toMatchObject({ path: 'restores', body: { ...target, confirmation: expect.stringMatching(/^hfc_/u) } });
    expect(service.acts[1]?.key).not.toBeNull();
  });

  test('give somebody a new password, and say what else it takes away', async () => {
    await using service = await opened('administrator');
    const { page } = await visited(phone, service);
    await shown(page, service, 'people');
    await page.getByRole('listitem').filter({ hasText: 'anna' }).getByRole('button', { name: 'New password' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('passkeys and one-time codes of anna are removed').waitFor();
    expect(await violations(page)).toEqual([]);
    await dialog.getByLabel('New password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Set it' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(service.acts).toMatchObject([{ method: 'PATCH', path: 'users/u1', body: { password: 'correct horse battery' } }]);
  });

  test('can be used by keyboard alone: skip, follow, open, read a chart, leave', async () => {
    await using service = await opened('operator');
    const { page } = await visited(desk, service);
    await shown(page, service, '');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await focused(page)).toMatch(/^Plan "website" is not safe/u);
    await page.getByRole('link', { name: 'family', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'family', level: 1 }).waitFor();
    expect(await focused(page)).toBe('family');
    await page.getByRole('group', { name: /^Size/u }).focus();
    await page.keyboard.press('Home');
    expect(await page.locator('.readout-value').first().textContent()).toContain('2026');
    const opener = page.getByRole('button', { name: 'What would expire' });
    await opener.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').getByText('would go', { exact: true }).first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await focused(page)).toBe('What would expire');
  });

  test('show names of files as text, whatever they hold', async () => {
    await using service = await opened('operator');
    const { page } = await visited(desk, service);
    await shown(page, service, `snapshots/${snapshot}`);
    await page.getByText('letter to <b>Jürgen</b>.odt').waitFor();
    const link = page.getByRole('link', { name: 'Download letter to <b>Jürgen</b>.odt' });
    expect(await link.getAttribute('href')).toBe(`api/v1/snapshots/${snapshot}/file?path=letter.odt`);
  });

  test('keep a chosen theme without a flash of the other', async () => {
    await using service = await opened('viewer');
    const { page } = await visited(desk, service);
    await shown(page, service, '');
    await page.getByRole('button', { name: 'Theme: as the system' }).click();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    await page.reload({ waitUntil: 'commit' });
    await page.waitForFunction("document.querySelector('#app') !== null");
    expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
  });

  test('lead whoever is not signed in to the door, with every way in that is open', async () => {
    const replies = new Map(dashboardReplies(new Date(), 'viewer'));
    replies.delete('me');
    await using service = await openDashboardService({ web, replies, base: '' });
    const { page } = await visited(phone, service);
    await shown(page, service, 'plans/family');
    expect(await page.locator('h1').textContent()).toBe('Sign in');
    await page.getByRole('link', { name: 'Sign in with single sign-on' }).waitFor();
    expect(await violations(page)).toEqual([]);
  });
});

function opened(role: 'viewer' | 'operator' | 'administrator'): Promise<DashboardService> {
  return openDashboardService({ web, replies: dashboardReplies(new Date(), role), base: '/some/where' });
}

interface Visited {
  readonly page: Page;
  /** Addresses that were asked for elsewhere. */
  readonly foreign: readonly string[];
  /** What the browser complained of: scripts that failed, a content security policy that was broken. */
  readonly complaints: readonly string[];
}

async function visited(options: BrowserContextOptions, service: DashboardService): Promise<Visited> {
  const context = await browser.newContext({ ...options, locale: 'en-GB', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const foreign: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(service.url) && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return { page, foreign, complaints };
}

/** Waits until nothing is loading any more. */
async function shown(page: Page, service: DashboardService, path: string): Promise<void> {
  await page.goto(service.url + path);
  await page.locator('h1').waitFor();
  await page.locator('.loading').first().waitFor({ state: 'detached' });
}

interface AxeWindow {
  readonly axe?: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> };
}

/** Evaluated by the browser's own debugger, which the page's content security policy does not stop. */
async function violations(page: Page): Promise<readonly string[]> {
  if (!(await page.evaluate(() => (globalThis as AxeWindow).axe !== undefined))) await page.evaluate(axe);
  return await page.evaluate(async () => {
    const result = await (globalThis as AxeWindow).axe?.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
      resultTypes: ['violations'],
    });
    return (result?.violations ?? []).map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)} ${nodes[0]?.failureSummary}`);
  });
}

function overflow(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

function focused(page: Page): Promise<string | null> {
  return page.evaluate('document.activeElement?.textContent ?? null');
}
