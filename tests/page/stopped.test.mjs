// What the page says when rollcall really stops: the watch (ROLLCALL_WATCH_PID), then the serve that it asks
// (ROLLCALL_SERVE_PID). The last of the tests, since nothing runs after it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { close, launch, open, patience, textOf } from './browser.mjs';

const { ROLLCALL_PAGE_URL: base, ROLLCALL_WATCH_PID: watch, ROLLCALL_SERVE_PID: serve } = process.env;
assert.ok(base && watch && serve, 'ROLLCALL_PAGE_URL, ROLLCALL_WATCH_PID and ROLLCALL_SERVE_PID say what to stop');
let browser;
let page;
before(async () => {
  browser = await launch();
  page = await open(browser, base, '/');
});
after(() => browser.close());

const until = (condition) => page.waitForFunction(condition, null, { timeout: patience });

test('while watch runs the server is watched, and the loss is not in doubt for that', async () => {
  assert.match(await textOf(page, 'section[aria-labelledby="servers"]'), /watched/);
  assert.doesNotMatch(await textOf(page, '.answer'), /nobody is known to write/i);
});

test('when watch stops, the page says that the ledger is not written, and no server is green', async () => {
  process.kill(Number(watch));
  await until(() => /nobody is known to write/i.test(document.querySelector('.answer')?.textContent ?? ''));
  await until(() => /no rollcall watch runs/.test(document.querySelector('section[aria-labelledby="servers"]').textContent));
  assert.match(await textOf(page, '.answer'), /events are missing/);
  assert.equal(await page.locator('.state.good').count(), 0);
});

test('when serve stops, every panel is stale, and the loss stays', async () => {
  process.kill(Number(serve));
  await until(() => [...document.querySelectorAll('.panel')].every((panel) => panel.classList.contains('stale')));
  assert.match(await textOf(page, '.answer'), /events are missing[^]*Rollcall does not answer/);
  assert.match(await page.locator('.panel .problem').first().innerText(), /^Stale: as it was .* ago: rollcall does not answer\.$/);
  await close(page);
});
