// The page on a real ledger: a running `rollcall serve` (ROLLCALL_PAGE_URL) beside the `rollcall watch` that writes it, after
// the demo's incident (its truth: ROLLCALL_TRUTH).
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, test } from 'node:test';
import { lost } from './hostile_log.mjs';
import { close, launch, open, patience, settled, sideways, textOf, violations } from './browser.mjs';

const base = process.env.ROLLCALL_PAGE_URL;
assert.ok(base && process.env.ROLLCALL_TRUTH, 'ROLLCALL_PAGE_URL and ROLLCALL_TRUTH say where to look');
const truth = JSON.parse(await readFile(process.env.ROLLCALL_TRUTH, 'utf8'));
const ask = async (name) => (await (await fetch(`${base}/api/v1/${name}`)).json()).data;
const [incident] = await ask('incidents');
const [worst] = await ask('projects');
const day = (await ask(`calendar?project=${worst.project}`)).days[0].day;
const project = `/project/${worst.project}`;
const views = { home: '/', incident: `/incident/${incident.id}`, project, day: `${project}/${day}`, servers: '/servers', alerts: '/alerts', audit: '/audit',
  'audit of a format': '/audit?what=row', permits: '/permits', help: '/help', nowhere: '/project/a/b/c' };

let browser;
before(async () => { browser = await launch(); });
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
after(() => browser.close());

const until = (page, condition, argument = null) => page.waitForFunction(condition, argument, { timeout: patience });
const address = (page) => { const { pathname, search } = new URL(page.url()); return pathname + search; };

for (const [name, path] of Object.entries(views)) {
  for (const scheme of ['light', 'dark']) {
    test(`${name} has no accessibility violation in ${scheme}, and asks only its own host`, async () => {
      const page = await open(browser, base, path, { scheme });
      assert.equal(address(page), path);
      assert.equal(await page.locator('h1').count(), 1);
      assert.equal(await page.locator('.problem').count(), 0, await textOf(page));
      await page.evaluate(() => document.querySelectorAll('details').forEach((each) => { each.open = true; }));
      assert.deepEqual(await violations(page), []);
      await close(page);
    });
  }
  test(`${name} fits any window from 320 pixels to 4K`, async () => {
    const page = await open(browser, base, path, { width: 320, height: 640 });
    for (const [width, height] of [[320, 640], [390, 844], [768, 1024], [1440, 900], [3840, 2160]]) {
      await page.setViewportSize({ width, height });
      assert.ok(await sideways(page) <= 0, `at ${width} pixels it is ${await sideways(page)} too wide`);
    }
    await close(page);
  });
}

test('the first line says how many events are missing, as the truth has it', async () => {
  const page = await open(browser, base, '/');
  const text = await textOf(page, '.answer');
  assert.ok(text.startsWith(`${(truth.totals.events_missing + lost).toLocaleString('en-US')} events are missing.`), text);
  assert.match(text, new RegExp(`Through version ${incident.version.replaceAll('.', '\\.')}`));
  assert.match(text, /Do now: Stop compaction/);
  assert.match(await page.title(), /events missing · now · rollcall/);
  await close(page);
});

test('the worst project is the first of the list', async () => {
  const page = await open(browser, base, '/');
  assert.match(await page.locator('section[aria-labelledby="projects"] tbody tr').first().innerText(), new RegExp(`^${worst.project}\\s`));
  await close(page);
});

test('/ goes to the filter, which narrows the list and lives in the address; Esc leaves it, and clears it', async () => {
  const page = await open(browser, base, '/');
  await page.keyboard.press('/');
  await page.keyboard.type(worst.project);
  await until(page, () => document.querySelectorAll('section[aria-labelledby="projects"] tbody tr').length === 1);
  assert.equal(address(page), `/?q=${worst.project}`);
  await page.reload();
  await settled(page);
  assert.equal(await page.locator('section[aria-labelledby="projects"] tbody tr').count(), 1);
  assert.equal(await page.locator('#filter').inputValue(), worst.project);
  await page.locator('#filter').focus();
  await page.keyboard.press('Escape');
  assert.notEqual(await page.evaluate(() => document.activeElement.id), 'filter');
  await page.keyboard.press('Escape');
  assert.equal(address(page), '/');
  await close(page);
});

test('j and k go from row to row, Enter opens one, Esc goes up again', async () => {
  const page = await open(browser, base, '/');
  const row = () => page.evaluate(() => [...document.querySelectorAll('[data-row]')].indexOf(document.activeElement));
  await page.keyboard.press('j');
  assert.equal(await row(), 0);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(await row(), 2);
  await page.keyboard.press('k');
  assert.equal(await row(), 1);
  for (let i = 0; i < 100 && await page.evaluate((name) => !document.activeElement.textContent.startsWith(name), worst.project); ++i) await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await settled(page);
  assert.equal(address(page), project);
  await page.goto(`${base}${project}/${day}`);
  await settled(page);
  await page.keyboard.press('Escape');
  assert.equal(address(page), project);
  await page.keyboard.press('Escape');
  assert.equal(address(page), '/');
  await close(page);
});

test('rows keep the focus when the page asks again', async () => {
  const page = await open(browser, base, '/');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  const focused = await page.evaluateHandle(() => document.activeElement);
  await page.waitForResponse((response) => response.url().includes('/api/v1/projects') && response.status() === 304);
  assert.ok(await focused.evaluate((each) => each === document.activeElement && each.isConnected));
  await close(page);
});

test('t writes times as ages, in UTC, and in local time; links take it along', async () => {
  const page = await open(browser, base, '/');
  const time = () => page.locator('.incidents time').first().innerText();
  assert.match(await time(), / ago$/);
  await page.keyboard.press('t');
  assert.match(await time(), /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z$/);
  assert.equal(address(page), '/?times=utc');
  await page.keyboard.press('t');
  assert.match(await time(), /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}-0[78]:00$/);
  await page.locator('.incidents a').first().click();
  assert.match(address(page), /^\/incident\/[0-9a-f]+\?times=local$/);
  await page.keyboard.press('t');
  assert.match(address(page), /^\/incident\/[0-9a-f]+$/);
  await close(page);
});

test('d turns dark to light and back, and the browser keeps it', async () => {
  const page = await open(browser, base, '/', { scheme: 'dark' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.keyboard.press('d');
  const light = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await settled(page);
  assert.equal(await ground(), light);
  await page.keyboard.press('d');
  assert.equal(await ground(), dark);
  await close(page);
});

test('? shows the keys, and each key that is shown is one that works', async () => {
  const page = await open(browser, base, '/');
  await page.keyboard.press('?');
  assert.equal(address(page), '/help');
  assert.deepEqual(await page.locator('kbd').allInnerTexts(), ['/', 'j', 'k', 'Enter', 't', 'd', '?', 'Esc']);
  await close(page);
});

test('back and forward go through views and filters', async () => {
  const page = await open(browser, base, '/');
  await page.locator('nav[aria-label="Views"] a', { hasText: 'Alerts' }).click();
  await page.locator('[aria-label="State"] a', { hasText: 'Firing' }).click();
  assert.equal(address(page), '/alerts?state=firing');
  await page.goBack();
  assert.equal(address(page), '/alerts');
  await page.goBack();
  assert.match(await textOf(page), /events are missing/);
  await page.goForward();
  assert.equal(await page.locator('h1').innerText(), 'Alerts');
  await close(page);
});

test('a project shows each of its days as a cell that opens the day', async () => {
  const page = await open(browser, base, project);
  const { days } = await ask(`calendar?project=${worst.project}`);
  assert.equal(await page.locator('.calendar a.cell').count(), days.length);
  await page.locator('.calendar a.cell').first().click();
  await settled(page);
  assert.equal(address(page), `${project}/${days[0].day}`);
  await close(page);
});

test('each chart has a sentence that states its conclusion, and a table of what it shows', async () => {
  for (const path of [project, `${project}/${day}`, views.incident, '/alerts', '/servers']) {
    const page = await open(browser, base, path);
    for (const chart of await page.locator('figure.chart').all()) {
      assert.match(await chart.locator('figcaption').innerText(), /\.$/);
      assert.match(await chart.locator('[role="img"]').getAttribute('aria-label'), /\.$/);
      assert.ok(await chart.locator('xpath=ancestor::section').locator('table').count() > 0, `${path}: no table`);
    }
    await close(page);
  }
  const page = await open(browser, base, project);
  assert.match(await textOf(page, 'section[aria-labelledby="calendar"] .lead'), /\d of \d+ days? miss(es)? events, .* in all\. The worst is/);
  await page.getByText('As a table').click();
  assert.match(await textOf(page, 'section[aria-labelledby="calendar"] .as-table table'), /events missing/);
  await close(page);
});

test('a day shows its copies, its runs in both formats and on all replicas, and the lineage of its files', async () => {
  const page = await open(browser, base, `${project}/${day}`);
  const copies = truth.partitions.filter((each) => each.project === worst.project && each.day === day);
  assert.ok(copies.length >= 4);
  assert.equal(await page.locator('section[aria-labelledby="copies"] tbody tr').count(), copies.length);
  const runs = await textOf(page, 'section[aria-labelledby="runs"]');
  for (const { server, format } of copies) {
    assert.ok(runs.includes(server) && runs.includes(format));
    const row = page.locator('section[aria-labelledby="copies"] tbody tr', { hasText: server }).filter({ hasText: format });
    assert.match(await row.innerText(), /firing/);
  }
  assert.ok(await page.locator('section[aria-labelledby="runs"] tr.lossy').count() > 0);
  assert.ok(await page.locator('.generations li.shrunk').count() > 0, 'no file is shown to have shrunk');
  await close(page);
});

test('dragging over a chart chooses its range, in the address, and All takes it back', async () => {
  const page = await open(browser, base, project);
  const plot = page.locator('.u-over');
  const box = await plot.boundingBox();
  await page.mouse.move(box.x + box.width * 0.005, box.y + 40);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await until(page, () => {
    const query = new URLSearchParams(location.search);
    const times = [...document.querySelectorAll('section[aria-labelledby="timeline"] td[data-name="at"] time')].map((time) => time.dateTime);
    return query.has('since') && query.has('until') && times.length > 0 && times.every((time) => time >= query.get('since') && time < query.get('until'));
  });
  await page.getByText('Whole span').click();
  assert.equal(address(page), project);
  await close(page);
});

test('lanes and servers that are not wanted are left out, in the address', async () => {
  const page = await open(browser, base, project);
  const { server } = truth.partitions.find((each) => each.project === worst.project);
  await page.locator('[aria-label="Lanes"] a', { hasText: 'Files' }).click();
  await page.locator('[aria-label="Server"] a', { hasText: server }).click();
  assert.equal(address(page), `${project}?hide=Files&server=${server}`);
  await until(page, (server) => {
    const servers = [...document.querySelectorAll('section[aria-labelledby="timeline"] td[data-name="server"]')].map((each) => each.textContent);
    return servers.length > 0 && servers.every((each) => each === server);
  }, server);
  assert.ok(!(await page.locator('.lane-name').allInnerTexts()).includes('Files'));
  const kinds = await page.locator('section[aria-labelledby="timeline"] td[data-name="kind"]').allInnerTexts();
  assert.ok(kinds.includes('run') && !kinds.includes('file'));
  await close(page);
});

test('a range that is no time says so', async () => {
  const page = await open(browser, base, '/alerts?since=yesterday');
  assert.match(await textOf(page), /not a time/);
  await close(page);
});

test('what is shown can be had as CSV and JSON, row for row', async () => {
  const page = await open(browser, base, '/?q=project-');
  const save = async (format) => {
    const [download] = await Promise.all([page.waitForEvent('download'),
      page.locator('section[aria-labelledby="projects"] .tools button', { hasText: format }).click()]);
    return [download.suggestedFilename(), await readFile(await download.path(), 'utf8')];
  };
  const [name, csv] = await save('CSV');
  assert.equal(name, 'projects.csv');
  const rows = csv.trimEnd().split('\r\n');
  assert.equal(rows.length - 1, await page.locator('section[aria-labelledby="projects"] tbody tr').count());
  assert.ok(rows[1].startsWith(`${worst.project},firing,${worst.events_missing},`), rows[1]);
  const [, json] = await save('JSON');
  assert.equal(JSON.parse(json)[0].events_missing, worst.events_missing);
  await close(page);
});

test('the page asks again with the ETag it has, and is answered 304', async () => {
  const page = await open(browser, base, '/');
  const response = await page.waitForResponse((each) => each.url().endsWith('/api/v1/summary') && each.status() === 304);
  assert.ok((await response.request().allHeaders())['if-none-match']);
  assert.match(await textOf(page, '.answer'), /events are missing/);
  await close(page);
});

test('an incident can be acknowledged, and goes on firing', async () => {
  const page = await open(browser, base, views.incident);
  await page.getByLabel('Your name').fill('Ada <b>Lovelace</b>');
  await page.getByLabel('What you are doing about it').fill('stopping the release');
  await page.getByRole('button', { name: 'Acknowledge' }).click();
  await until(page, () => /Ada <b>Lovelace<\/b>/.test(document.querySelector('.acknowledgements')?.textContent ?? ''));
  assert.match(await textOf(page, '.acknowledgements'), /stopping the release/);
  assert.equal((await ask(`incidents?id=${incident.id}&state=all`))[0].state, 'firing');
  const silence = await page.getByRole('link', { name: 'Silence in Alertmanager' }).getAttribute('href');
  assert.equal(silence, `http://127.0.0.1:9093/#/silences/new?filter=${encodeURIComponent(`{incident="${incident.id}"}`)}`);
  await page.goto(`${base}/`);
  await until(page, () => /known to Ada/.test(document.querySelector('.incidents')?.textContent ?? ''));
  await close(page);
});

test('a permit and a remark are written, and listed', async () => {
  const page = await open(browser, base, '/permits');
  const form = page.locator('section[aria-labelledby="permit"]');
  await form.getByLabel('Project').fill('project-101');
  await form.getByLabel('How many events').fill('3');
  await form.getByLabel('Expires').fill('tomorrow');
  await form.getByLabel('Reason').fill('a purge that legal asked for');
  await form.getByRole('button', { name: 'Permit' }).click();
  assert.match(await form.getByRole('status').innerText(), /Times are written like/);
  await form.getByLabel('Expires').fill('2116-02-22T17:00Z');
  await form.getByRole('button', { name: 'Permit' }).click();
  await until(page, () => /a purge that legal asked for/.test(document.querySelector('section[aria-labelledby="permits"]').textContent));
  const remark = page.locator('section[aria-labelledby="annotate"]');
  await remark.getByLabel('Remark').fill('we called the vendor');
  await remark.getByRole('button', { name: 'Put on the timeline' }).click();
  await until(page, () => /we called the vendor/.test(document.querySelector('section[aria-labelledby="annotations"]').textContent));
  await close(page);
});

test('a permit that cannot be is refused, with the reason', async () => {
  const page = await open(browser, base, '/permits');
  const form = page.locator('section[aria-labelledby="permit"]');
  await form.getByLabel('Project').fill('project-101');
  await form.getByLabel('How many events').fill('3');
  await form.getByLabel('Expires').fill('2016-02-22T17:00Z');
  await form.getByLabel('Reason').fill('a test');
  await form.getByRole('button', { name: 'Permit' }).click();
  await until(page, () => /^Not written: .* is over/.test(document.querySelector('section[aria-labelledby="permit"] [role="status"]').textContent));
  await close(page);
});

test('on paper there are no controls, the text is dark, and so are the curves', async () => {
  const page = await open(browser, base, project, { scheme: 'dark' });
  const curves = () => page.locator('.u-wrap canvas').evaluate((canvas) => canvas.toDataURL());
  const dark = await curves();
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  assert.notEqual(await curves(), dark);
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  assert.equal(await curves(), dark);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  assert.equal(await page.locator('nav[aria-label="Views"]').isVisible(), false);
  assert.equal(await page.locator('.tools button').first().isVisible(), false);
  assert.match(await page.evaluate(() => getComputedStyle(document.body).color), /rgb\((\d|[0-5]\d), /);
  assert.ok((await page.pdf()).length > 10_000);
  await close(page);
});

test('hostile names that a log really said are shown as text', async () => {
  const page = await open(browser, base, '/?q=hostile');
  const names = await page.locator('section[aria-labelledby="projects"] td[data-name="project"]').allInnerTexts();
  assert.ok(names.length >= 5, names.join('\n'));
  assert.ok(names.some((name) => name.includes('<script>')) && names.some((name) => name.includes('\\u{202e}')));
  assert.equal(await page.evaluate(() => window.reached), undefined);
  for (const name of names.slice(0, 6)) {
    await page.locator('section[aria-labelledby="projects"] td[data-name="project"] a', { hasText: name }).first().click();
    await settled(page);
    assert.equal(await page.locator('main script, main img').count(), 0);
    assert.equal(await page.evaluate(() => window.reached), undefined);
    await page.goBack();
    await settled(page);
  }
  await close(page);
});
