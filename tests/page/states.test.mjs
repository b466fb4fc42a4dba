// What the page shows when the API says this or that, or nothing: unknown, stale, hostile. The page itself comes from
// a running `rollcall serve` (ROLLCALL_PAGE_URL); its answers are replaced here.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, afterEach, before, test } from 'node:test';
import * as make from './documents.mjs';
import { pageModule } from './modules.mjs';
import { close, launch, open, patience, settled, sideways, textOf, violations } from './browser.mjs';

const base = process.env.ROLLCALL_PAGE_URL;
assert.ok(base, 'ROLLCALL_PAGE_URL says where rollcall serve answers');
let browser;
before(async () => { browser = await launch(); });
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));
after(() => browser.close());

const enveloped = (documents, fields) => Object.fromEntries(Object.entries(documents).map(([name, data]) => [name, make.envelope(data, fields)]));
const world = (options, fields) => () => enveloped(make.world(options), fields);
const tone = (page) => page.locator('.answer').getAttribute('class');
const paths = ['/', '/incident/abcdef0123456789', '/project/p', '/project/p/2016-02-22', '/servers', '/alerts', '/audit', '/permits', '/help'];

test('the documents of these tests have the fields that the API says it gives', async () => {
  const api = JSON.parse(await readFile(new URL('../../dashboards/openapi.json', import.meta.url), 'utf8'));
  const { schemas } = api.components;
  const cases = { Ledger: make.ledger({}), Summary: make.summary({}), Impact: make.impact([]), Incident: make.incident({}), Alert: make.alert({}), Project: make.project({}),
    CalendarDay: make.calendarDay({}), Partition: make.partition({}), Source: make.source({}), Server: make.server({}), Blind: make.blind({}),
    Format: make.format({}), Audit: make.audit({}), Permit: make.permit({}), Annotation: make.annotation({}), Acknowledgement: make.acknowledgement({}) };
  for (const [name, document] of Object.entries(cases)) {
    assert.deepEqual(Object.keys(document).sort(), [...schemas[name].required].sort(), name);
  }
});

test('where all was watched and is whole, the answer is calm', async () => {
  const page = await open(browser, base, '/', { documents: world() });
  assert.match(await tone(page), /clear/);
  assert.match(await textOf(page, '.answer'), /No data is missing\./);
  assert.match(await page.title(), /^nothing missing/);
  await close(page);
});

test('a loss says how much, through which version, and what to do', async () => {
  const page = await open(browser, base, '/', { documents: world({ loss: true, name: '2016.02.22-1' }) });
  assert.match(await tone(page), /missing/);
  const text = await textOf(page, '.answer');
  for (const part of [/60 events are missing\./, /Through version 2016\.02\.22-1/, /Do now: Stop compaction by version 2016\.02\.22-1/]) assert.match(text, part);
  await close(page);
});

for (const [what, fields, changes] of [
  ['a ledger that nobody writes', { ledgers: [make.ledger({ writer_running: false })] }],
  ['a ledger that is a copy', { ledgers: [make.ledger({ writer_running: null })] }],
  ['a ledger that cannot be read', { complete: false, ledgers: [make.ledger({ readable: false, problem: 'not a ledger', written_at: null, head_seq: null })] }],
  ['a source that was not watched', {}, { summary: make.summary({ verdict: 'unknown', reasons: ['compactd on data-1 was not watched'] }) }],
]) {
  test(`${what} makes the answer unknown, and its look is not that of calm`, async () => {
    const page = await open(browser, base, '/', { documents: world({ changes }, fields) });
    assert.match(await tone(page), /unknown/);
    assert.match(await textOf(page, '.answer'), /Cannot tell whether data is missing/);
    assert.notEqual(await page.locator('.answer').evaluate((each) => getComputedStyle(each).backgroundImage), 'none');
    assert.equal(await page.locator('.state.good').count() > 0 && !what.startsWith('a source'), false, 'something is still green');
    assert.deepEqual(await violations(page), []);
    await close(page);
  });
}

test('when the API stops, every panel says that it is stale and nothing stays green', async () => {
  let documents = world()();
  const page = await open(browser, base, '/', { documents: () => documents });
  assert.match(await tone(page), /clear/);
  documents = {};
  await page.waitForFunction(() => document.querySelector('.answer.unknown'), null, { timeout: patience });
  assert.match(await textOf(page, '.answer'), /no ledger can be read/i);
  await page.waitForFunction(() => [...document.querySelectorAll('.panel')].every((panel) => panel.classList.contains('stale')), null, { timeout: patience });
  const panels = await page.locator('.panel .problem').allInnerTexts();
  assert.ok(panels.length >= 3 && panels.every((text) => /^Stale: as it was .* ago: no ledger can be read\.$/.test(text)), panels.join('\n'));
  assert.match(await page.locator('.panel.stale > ul.servers').evaluate((each) => getComputedStyle(each).filter), /grayscale\(1\)/);
  assert.deepEqual(await violations(page), []);
  documents = world()();
  await page.waitForFunction(() => document.querySelector('.answer.clear') && !document.querySelector('.stale'), null, { timeout: patience });
  await close(page);
});

test('a loss stays on the page when the API stops', async () => {
  let documents = world({ loss: true })();
  const page = await open(browser, base, '/', { documents: () => documents });
  documents = {};
  await page.waitForFunction(() => document.querySelector('.answer .doubts'), null, { timeout: patience });
  assert.match(await tone(page), /missing/);
  assert.match(await textOf(page, '.answer'), /60 events are missing/);
  await close(page);
});

test('an answer that was cut short is not taken for one', async () => {
  const page = await open(browser, base, '/', { documents: world() });
  await page.unroute('**/api/v1/*');
  await page.route('**/api/v1/*', (route) => route.fulfill({ contentType: 'application/json', body: '{"data":{"verdict":"cle' }));
  await page.waitForFunction(() => document.querySelector('.answer.unknown'), null, { timeout: patience });
  assert.match(await textOf(page, '.answer'), /cut short/);
  await close(page);
});

test('an answer of another shape takes the page away rather than leave an old one', async () => {
  let documents = world()();
  const page = await open(browser, base, '/', { documents: () => documents });
  documents = { ...world()(), summary: { data: null, next: null, complete: true, ledgers: [] } };
  await page.waitForFunction(() => /cannot be drawn/.test(document.body.textContent), null, { timeout: patience });
  assert.equal(await page.locator('.answer').count(), 0);
  await page.context().close();  // its error is meant
});

test('the calendar has a texture of its own for each state', async () => {
  const day = (day, fields) => make.calendarDay({ day: `2016-02-${day}`, ...fields });
  const days = [day('01', {}), day('02', { events_expected: 0, events_actual: 0 }), day('03', { verdict: 'unknown' }), day('04', { surplus: 3 }), day('05', { retired: true }),
    day('06', { verdict: 'firing', events_missing: 2, events_actual: 98 }), day('07', { verdict: 'firing', events_missing: 100, events_actual: 0 }), day('09', {})];
  const documents = world({ changes: { calendar: { project: 'p', days } } });
  const page = await open(browser, base, '/project/p', { documents });
  const look = () => page.locator('.calendar .cell').evaluateAll((cells) => cells.map((cell) => {
    const { backgroundColor, backgroundImage, borderStyle, borderColor } = getComputedStyle(cell);
    return [cell.getAttribute('aria-label') ?? cell.textContent, [backgroundColor, backgroundImage, borderStyle, borderColor, getComputedStyle(cell, '::after').content].join(' ')];
  }));
  const looks = new Map(await look());
  assert.equal(looks.size, 9);
  assert.equal(new Set(looks.values()).size, 8, 'two states look the same');  // the first and the last day are both whole
  assert.match([...looks.keys()].join('\n'), /2016-02-03: unknown/);
  assert.match([...looks.keys()].join('\n'), /2016-02-08: no log spoke of it/);
  assert.match([...looks.keys()].join('\n'), /2016-02-07: 100 of 100 missing/);
  await close(page);
  const stale = await open(browser, base, '/project/p', { documents: () => enveloped(documents && make.world({ changes: { calendar: { project: 'p', days } } }), { ledgers: [make.ledger({ writer_running: false })] }) });
  assert.equal(await stale.locator('.calendar .cell.whole').count(), 0);
  assert.equal(await stale.locator('.calendar .cell.stale').count(), 4);
  await close(stale);
});

const hostile = {
  script: '<script>window.reached = 1</script>',
  attribute: '" onmouseover="window.reached = 1" autofocus onfocus="window.reached = 1',
  image: '<img src=x onerror="window.reached = 1">',
  style: '</style><style>body{display:none}</style>red;background:url(//evil.example/x)',
  scheme: 'javascript:window.reached=1',
  template: '${window.reached=1}{{constructor.constructor("window.reached=1")()}}',
  path: '../../../etc/passwd?x=1#y',
  control: 'a\r\nSet-Cookie: x=1\u0000\u001b[31mred\u0007',
  direction: '\u202egnp.exe\u202c\u2066x\u2069\u200f',
  long: 'x'.repeat(65536),
  entity: '&lt;b&gt;&#x3c;script&#x3e;',
  prototype: '__proto__',
};

for (const [what, name] of Object.entries(hostile)) {
  test(`a name that is ${what} is shown as text in every view`, async () => {
    const documents = world({ loss: true, name });
    const page = await open(browser, base, '/', { documents });
    for (const path of paths) {
      await page.goto(base + path);
      await settled(page);
      assert.equal(await page.evaluate(() => window.reached), undefined, path);
      assert.equal(await page.locator('main script, main style, main img, main iframe, main [onmouseover], main [onfocus], main [onerror]').count(), 0, path);
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).display), 'block', path);
      assert.ok(await sideways(page) <= 0, `${path} scrolls sideways`);
      for (const link of await page.locator('a').evaluateAll((links) => links.map((link) => link.href))) assert.match(link, /^https?:\/\/(127\.0\.0\.1|localhost)/);
    }
    // As text: what has no shape is written as its number.
    await page.goto(`${base}/`);
    await settled(page);
    const shown = await page.locator('td[data-name="project"] a').first().innerText();
    if (what === 'long') assert.match(shown, /^x{80}…$/);
    else if (what === 'control') assert.equal(shown, 'a\\u{d}\\u{a}Set-Cookie: x=1\\u{0}\\u{1b}[31mred\\u{7}');
    else if (what === 'direction') assert.equal(shown, '\\u{202e}gnp.exe\\u{202c}\\u{2066}x\\u{2069}\\u{200f}');
    else assert.equal(shown, name.length > 80 ? `${name.slice(0, 80)}…` : name);
    // And it leads to the project itself.
    await page.locator('td[data-name="project"] a').first().click();
    await settled(page);
    assert.equal(await page.evaluate(() => decodeURIComponent(location.pathname.split('/')[2])), name);
    assert.deepEqual(await violations(page), []);
    await close(page);
  });
}

test('200 payloads in one list, of all these kinds within one another, are shown as text', async () => {
  const { visible } = await pageModule('text');
  const kinds = Object.values(hostile).filter((name) => name.length < 1000);
  const names = Array.from({ length: 200 }, (_, i) => `${i} ${kinds[i % kinds.length]}${kinds[Math.floor(i / kinds.length) % kinds.length]}`);
  const changes = { projects: names.map((name) => make.project({ project: name, verdict: 'firing', events_missing: 1, events_expected: 2 })),
    alerts: names.map((name) => make.alert({ summary: name, description: name, version: name, incident: name, labels: { server: name, project: name, day: name, format: name } })) };
  const page = await open(browser, base, '/', { documents: world({ loss: true, changes }) });
  assert.deepEqual(await page.locator('section[aria-labelledby="projects"] td[data-name="project"]').allTextContents(), names.map((name) => visible(name, 80)));
  for (const path of ['/', '/alerts', '/incident/abcdef0123456789']) {
    await page.goto(base + path);
    await settled(page);
    await page.evaluate(() => document.querySelectorAll('details').forEach((each) => { each.open = true; }));
    assert.equal(await page.evaluate(() => window.reached), undefined);
    assert.equal(await page.locator('main script, main style, main img, main iframe, main [onmouseover], main [onfocus], main [onerror]').count(), 0);
    assert.ok(await sideways(page) <= 0);
  }
  await close(page);
});
