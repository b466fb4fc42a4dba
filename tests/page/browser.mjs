// Chromium, and a page that notes what must not happen: requests off the host, errors, dialogs.
import assert from 'node:assert/strict';
import AxeBuilder from '@axe-core/playwright';
import { chromium } from 'playwright-core';

export const patience = 20_000;  // ms, for one condition

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });

const localHost = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d+\//;

// `documents`: what the API is to answer, by name, instead of what it would; a function, since they may change.
export async function open(browser, base, path, { scheme = 'light', width = 1440, height = 900, documents, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, timezoneId: 'America/Los_Angeles', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(patience);
  page.noted = { offHost: [], errors: [] };
  page.on('request', (request) => {
    if (!localHost.test(request.url()) && !request.url().startsWith('blob:')) page.noted.offHost.push(request.url());
  });
  page.on('pageerror', (error) => page.noted.errors.push(error.message));
  page.on('console', (message) => {
    // A request that fails is the browser's to complain of, and some are made to fail.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) page.noted.errors.push(message.text());
  });
  page.on('dialog', (dialog) => {
    page.noted.errors.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  if (documents) await answer(page, documents);
  await page.goto(base + path);
  await settled(page);
  return page;
}

export async function answer(page, documents) {
  await page.route('**/api/v1/*', async (route) => {
    const name = new URL(route.request().url()).pathname.split('/').pop();
    const given = documents()[name];
    if (given === undefined) return route.fulfill({ status: 503, json: { error: { code: 'ledger', message: 'no ledger can be read' } } });
    return route.fulfill({ json: given });
  });
}

// Every panel shows something, be it that nothing can be shown.
export const settled = (page) => page.waitForFunction(
  () => document.querySelector('main') !== null && !document.querySelector('.waiting') && !document.title.startsWith('asking'), null, { timeout: patience });

export async function close(page) {
  assert.deepEqual(page.noted, { offHost: [], errors: [] });
  await page.context().close();
}

// The violations, as sentences. Of long tables the first rows stand for the others, which are made alike.
export async function violations(page) {
  const { violations } = await new AxeBuilder({ page }).exclude('tbody tr:nth-child(n+6)').exclude('.lineages > li:nth-child(n+3)').analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ target, failureSummary }) => `${target} ${failureSummary}`).join(' | ')}`);
}

export const textOf = (page, selector = 'main') => page.locator(selector).innerText();

// What is wider than the window: the page itself must never scroll sideways.
export const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
