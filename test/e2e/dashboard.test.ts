import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noBrowser, openBrowser } from '../fixtures/chromium.ts';
import { filesIn, type Installation, install, type Running } from './holdfast.ts';

const password = 'correct horse battery staple';
/** Enough for a backup whose progress can be seen. */
const fileBytes = 24_000_000;

let browser: Browser;

describe.skipIf(noBrowser !== null)('the dashboard of a running service', () => {
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());

  test('leads from the one-time link to a backup, its content, a restore and out again', async () => {
    await using holdfast = await install();
    const photos = await prepared(holdfast);
    const service = holdfast.start(['serve', '--listen', '127.0.0.1:0', '--json'], { env: environment(holdfast, photos) });
    try {
      const setUp = await setupLink(service);
      const page = await (
        await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', acceptDownloads: true })
      ).newPage();
      const complaints = complaintsOf(page);
      await becomeAdministrator(page, setUp);
      await backUp(page);
      await downloadArchive(page, holdfast);
      await browse(page);
      await downloadFile(page, { name: 'lake.jpg', original: join(photos, 'summer', 'lake.jpg') });
      await restore(page, holdfast, photos);
      await signOutAndIn(page, setUp);
      expect(complaints).toEqual([]);
    } finally {
      service.kill('SIGTERM');
      await service.ended;
    }
  });
});

async function prepared({ directory }: Installation): Promise<string> {
  const photos = join(directory, 'photos');
  await mkdir(join(photos, 'summer'), { recursive: true });
  await writeFile(join(photos, 'summer', 'lake.jpg'), randomBytes(fileBytes));
  await writeFile(join(photos, 'letter.txt'), 'to whom it may concern\n');
  return photos;
}

function environment(holdfast: Installation, photos: string): Readonly<Record<string, string>> {
  return { BACKUP_FILES: photos, BACKUP_DIR: holdfast.store, BACKUP_SCHEDULE_TIME: '02:00' };
}

async function setupLink(service: Running): Promise<URL> {
  const said = /http:\/\/\S+\/setup#[\w-]+/u;
  await service.untilSaid(said);
  return new URL(service.said(said));
}

/** Scripts that failed, and whatever the content security policy stopped. */
function complaintsOf(page: Page): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A browser calls each answer of 4xx an error, and a page asks before anybody is signed in.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  return complaints;
}

async function becomeAdministrator(page: Page, link: URL): Promise<void> {
  await page.goto(link.href);
  await page.getByLabel('Your name').fill('anna');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Begin' }).click();
  await page.getByRole('heading', { name: 'Your plan' }).waitFor();
  expect(page.url()).not.toContain('#');
}

/** Its page is followed from the click to the outcome, without being loaded anew. */
async function backUp(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Back up now' }).click();
  await page.getByRole('heading', { name: /^Backup of /u }).waitFor();
  await page.locator('.page-title').getByText('Succeeded').waitFor();
  await page.getByRole('link', { name: /-\d{8}-\d{6}$/u }).click();
  await page.getByText('Verified', { exact: false }).first().waitFor();
}

async function downloadArchive(page: Page, holdfast: Installation): Promise<void> {
  const link = page.getByRole('link', { name: /^Download .*\.tar/u }).first();
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  const path = join(holdfast.directory, 'downloaded');
  await download.saveAs(path);
  const [archive] = (await filesIn(holdfast.store)).filter((name) => name.endsWith(download.suggestedFilename()));
  expect(await readFile(path)).toEqual(await readFile(join(holdfast.store, archive ?? 'no such archive')));
}

/** Down to the file, through however many folders stand above it. */
async function browse(page: Page): Promise<void> {
  const inside = page.locator('section', { has: page.getByRole('heading', { name: 'Look inside' }) });
  const file = inside.getByText('lake.jpg');
  for (let depth = 0; depth < 12 && !(await file.isVisible()); depth += 1) {
    const folder = inside.locator('li button').last();
    const name = await folder.textContent();
    await folder.click();
    await inside
      .locator('[aria-current=location]')
      .getByText(name ?? '', { exact: true })
      .waitFor();
    await inside.locator('.rows').waitFor();
  }
  expect(await inside.locator('li', { hasText: 'lake.jpg' }).textContent()).toContain('24 MB');
}

async function downloadFile(page: Page, { name, original }: { readonly name: string; readonly original: string }): Promise<void> {
  const link = page.getByRole('link', { name: `Download ${name}`, exact: true });
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  expect(download.suggestedFilename()).toBe(name);
  expect(await readFile(await download.path())).toEqual(await readFile(original));
}

async function restore(page: Page, { directory }: Installation, photos: string): Promise<void> {
  const target = join(directory, 'restored');
  await page.getByRole('link', { name: 'Restore …' }).click();
  await page.getByRole('textbox', { name: 'Directory' }).fill(target);
  await page.getByRole('button', { name: 'Preview' }).click();
  const plan = (await page.getByText(/^Type “/u).textContent())?.match(/“(.*)”/u)?.[1] ?? '';
  await page.getByLabel(/^Type “/u).fill(plan);
  await page.getByRole('button', { name: 'Restore now' }).click();
  await page.getByRole('heading', { name: /^Restore of /u }).waitFor();
  await page.locator('.page-title').getByText('Succeeded').waitFor();
  const [letter] = (await filesIn(target)).filter((name) => name.endsWith('letter.txt'));
  expect(await readFile(join(target, letter ?? 'no such file'))).toEqual(await readFile(join(photos, 'letter.txt')));
}

async function signOutAndIn(page: Page, { origin }: URL): Promise<void> {
  await page.goto(`${origin}/account`);
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await page.getByLabel('Name').fill('anna');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Your plan' }).waitFor();
}
