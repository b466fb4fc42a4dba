// What the page computes without a browser: addresses, times, cells, lanes, and the answer.
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pageModule, web } from './modules.mjs';
import { calendarDay, envelope, impact, incident, ledger, summary } from './documents.mjs';

const url = await pageModule('url');
const time = await pageModule('time');
const calendar = await pageModule('calendar');
const csv = await pageModule('csv');
const text = await pageModule('text');
const lanes = await pageModule('lanes');
const keys = await pageModule('keys');
const { answerOf, adviceFor, withLoss } = await pageModule('answer');

const now = Date.parse('2016-02-23T12:00:00Z');
const empty = new URLSearchParams();

test('every view is found again by its own address', () => {
  const names = ['plain', 'a/b', '..', '.', 'ä ö', '%', '%2F', '?x=1&y#z', '<img src=x>', '\u202eright', '', ' ', 'a\nb'];
  const views = [{ name: 'home' }, { name: 'servers' }, { name: 'alerts' }, { name: 'audit' }, { name: 'permits' }, { name: 'help' },
    ...names.filter((name) => name !== '').flatMap((name) => [{ name: 'incident', id: name }, { name: 'project', project: name, day: null },
      { name: 'project', project: name, day: '2016-02-22' }])];
  for (const view of views) {
    const address = new URL(url.linkTo(view, empty), 'http://host');
    assert.deepEqual(url.parsePlace(address.pathname, address.search).view, view);
  }
});

test('an address that nobody made is no view', () => {
  for (const path of ['/nothing', '/incident', '/incident/', '/project', '/project/a/b/c', '/servers/x']) {
    assert.equal(url.parsePlace(path, '').view.name, 'nowhere', path);
  }
  assert.deepEqual(url.parsePlace('/project/%E0%A4%A', '').view, { name: 'project', project: '%E0%A4%A', day: null });
});

test('a link keeps how times are written, and no filter of the view it leaves', () => {
  assert.equal(url.linkTo({ name: 'alerts' }, new URLSearchParams('q=x&times=utc&cursor=9'), { state: 'firing' }), '/alerts?state=firing&times=utc');
});

test('times are read as lengths back, as days, and as RFC 3339', () => {
  assert.equal(time.parseTime('24h', now), now - 86_400_000);
  assert.equal(time.parseTime('90m', now), now - 5_400_000);
  assert.equal(time.parseTime('2016-02-22', now), Date.parse('2016-02-22T00:00Z'));
  assert.equal(time.parseTime('2016-02-22T17:00', now), Date.parse('2016-02-22T17:00Z'));
  assert.equal(time.parseTime('2016-02-22T17:00:00.125+01:00', now), Date.parse('2016-02-22T16:00:00.125Z'));
  for (const wrong of ['yesterday', '24', 'h', '2016-13-40', '2016-02-22T99:00Z', '', '1e9h', '-1h']) assert.equal(time.parseTime(wrong, now), null, wrong);
});

test('ages have two figures at any distance, and a time to come says so', () => {
  const at = (ms) => time.formatTime(now - ms, 'relative', now);
  assert.deepEqual([0, 59_999, 60_000, 5_400_000, 7_200_000, 172_800_000].map(at), ['0 s ago', '59 s ago', '1 min ago', '1 h 30 min ago', '2 h ago', '2 d ago']);
  assert.equal(at(-7_200_000), 'in 2 h');
  assert.equal(time.formatTime(now, 'utc', now), '2016-02-23 12:00:00Z');
  assert.equal(time.formatTime(now, 'relative', now, true), '2016-02-23 12:00:00.000Z');
});

test('an axis of any span has at most as many marks as were asked for', () => {
  for (const span of [1, 50, 5_999, 60_000, 86_400_000, 40 * 86_400_000, 20 * 365 * 86_400_000]) {
    const ticks = time.ticksOf(now, now + span, 6);
    assert.ok(ticks.length <= 7, `${span}: ${ticks.length}`);
    assert.ok(ticks.every((at) => at >= now && at <= now + span));
  }
});

test('each state of a day has a cell of its own', () => {
  const state = (fields, stale = false) => calendar.cellOf('d', fields && calendar.balanceOf(calendarDay(fields)), stale).state;
  assert.equal(state(null), 'no_data');
  assert.equal(state({}), 'whole');
  assert.equal(state({ events_expected: 0, events_actual: 0 }), 'zero');
  assert.equal(state({ surplus: 1 }), 'surplus');
  assert.equal(state({ verdict: 'unknown' }), 'unknown');
  assert.equal(state({ certain: false }), 'unknown');
  assert.equal(state({ events_missing: null }), 'unknown');
  assert.equal(state({ events_actual: null }), 'unknown');
  assert.equal(state({ retired: true }), 'retired');
  assert.equal(state({}, true), 'stale');
  assert.equal(state({ verdict: 'firing', events_missing: 1 }), 'missing');
});

test('a loss stays a loss on a day that is stale, uncertain or past its retention', () => {
  const lossy = { verdict: 'firing', events_missing: 5, certain: false, retired: true };
  assert.equal(calendar.cellOf('d', calendar.balanceOf(calendarDay(lossy)), true).state, 'missing');
});

test('the calendar begins on a Monday, ends on the last day, and shows a day without data as such', () => {
  const days = ['2016-02-03', '2016-02-22'].map((day) => calendar.balanceOf(calendarDay({ day })));
  const weeks = calendar.weeksOf(days, false);
  assert.equal(weeks.length, 4);
  assert.deepEqual(weeks[0].cells.map((cell) => cell?.day ?? null).slice(0, 3), [null, null, '2016-02-03']);
  assert.equal(weeks[0].cells[3].state, 'no_data');
  assert.equal(weeks[3].cells[0].day, '2016-02-22');
  assert.equal(weeks[3].cells[1], null);
  assert.equal(calendar.weeksOf([...days, calendar.balanceOf(calendarDay({ day: '1999-01-01' }))], false, 53).length, 53);
  assert.deepEqual(calendar.weeksOf([calendar.balanceOf(calendarDay({ day: '-' }))], false), []);
});

test('the sentence of a calendar never calls whole what nobody knows', () => {
  assert.match(calendar.sayOf([calendarDay({ verdict: 'unknown' })], false), /^Nobody can say/);
  assert.match(calendar.sayOf([calendarDay({}), calendarDay({ verdict: 'unknown' })], false), /No loss is known on 2 days\. Of 1 day nobody can say/);
  assert.match(calendar.sayOf([calendarDay({})], true), /when last heard of/);
  assert.match(calendar.sayOf([calendarDay({ verdict: 'firing', events_missing: 50, certain: false })], false), /at least 50 in all.*50 of 100 \(50 %\)/);
});

test('CSV quotes what needs it, leaves unknown empty, and disarms formulas', () => {
  assert.equal(csv.toCsv(['a', 'b'], [['x,y', null], ['"q"\n', 0], ['=1+1', true]]), 'a,b\r\n"x,y",\r\n"""q""\n",0\r\n\'=1+1,true\r\n');
});

test('foreign text shows what it is made of, and is cut where it is long', () => {
  assert.equal(text.visible('a\u202eb\u0000\u001b[31m\u200f'), 'a\\u{202e}b\\u{0}\\u{1b}[31m\\u{200f}');
  assert.equal(text.visible('x'.repeat(65536)).length, 201);
  assert.equal(text.visible('😀'.repeat(200), 3), '😀…');
  assert.equal(text.visible('Grüße, 世界'), 'Grüße, 世界');
});

test('a share is never rounded to all or nothing', () => {
  assert.deepEqual([[0, 5], [1, 1000], [999, 1000], [1000, 1000], [1, 0]].map(([part, whole]) => text.percent(part, whole)), ['0 %', '< 1 %', '> 99 %', '100 %', '?']);
});

test('marks that fall together are one, in the tone of the worst', () => {
  const mark = (from, tone, to = null) => ({ from, to, tone, text: tone });
  const drawn = lanes.drawnOf([mark(50, 'plain'), mark(50, 'bad'), mark(50, 'warn'), mark(900, 'plain'), mark(2000, 'bad'), mark(-500, 'unknown', 100)], { since: 0, until: 1000 }, 10);
  assert.deepEqual(drawn.map(({ tone, marks, left, width }) => [tone, marks, left, width]).sort(), [['bad', 3, 0, 0], ['plain', 1, 0.9, 0], ['unknown', 1, 0, 0.1]]);
});

test('a copy holds the sum of its days, and copies that agree are one curve', () => {
  const run = (server, format, at, day, after) => ({ kind: 'run', server, format, day, after, at: new Date(now + at).toISOString() });
  const curves = lanes.curvesOf([run('a', 'row', 0, '1', 10), run('a', 'columnar', 0, '1', 10), run('a', 'row', 5, '2', 7), run('a', 'columnar', 5, '2', 7), run('b', 'row', 9, '1', 4)]);
  assert.deepEqual(curves, [{ name: 'a columnar, a row', points: [[now, 10], [now + 5, 17]] }, { name: 'b row', points: [[now + 9, 4]] }]);
});

test('what goes on is drawn to the end, and a resolved alert is not', () => {
  const at = new Date(now).toISOString();
  const lane = (entry) => lanes.lanesOf([{ at, ...entry }], now + 100).flatMap(({ marks }) => marks)[0];
  assert.equal(lane({ kind: 'alert', state: 'firing', severity: 'critical' }).to, now + 100);
  assert.equal(lane({ kind: 'alert', state: 'resolved', severity: 'critical' }).to, now);
  assert.equal(lane({ kind: 'blind', from: at, to: null }).to, now + 100);
  assert.equal(lane({ kind: 'something new' }).tone, 'plain');
});

test('keys belong to fields, links and the browser first', () => {
  const key = (key, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, ...more });
  const body = { tag: 'BODY', row: false };
  assert.equal(keys.actionOf(key('d'), body), 'theme');
  assert.equal(keys.actionOf(key('d', { ctrlKey: true }), body), null);
  assert.equal(keys.actionOf(key('d'), { tag: 'INPUT', row: false }), null);
  assert.equal(keys.actionOf(key('Escape'), { tag: 'INPUT', row: false }), 'leave');
  assert.equal(keys.actionOf(key('Enter'), { tag: 'A', row: false }), null);
  assert.equal(keys.actionOf(key('Enter'), { tag: 'TR', row: true }), 'open');
});

const fresh = (fields, more) => ({ data: envelope(summary(fields), more), at: now, error: null });
const tone = (answer) => answerOf(answer, null, now).tone;

test('the answer is calm only where everything was asked just now, watched, and whole', () => {
  assert.equal(tone(fresh({})), 'clear');
  assert.equal(tone({ data: null, at: null, error: null }), 'unknown');
  assert.equal(tone({ data: null, at: null, error: 'gone' }), 'unknown');
  assert.equal(tone({ ...fresh({}), error: 'rollcall does not answer' }), 'unknown');
  assert.equal(tone({ ...fresh({}), at: now - 60_000 }), 'unknown');
  assert.equal(tone(fresh({ verdict: 'unknown', reasons: ['a log is gone'] })), 'unknown');
  assert.equal(tone(fresh({ verdict: 'a word to come' })), 'unknown');
  assert.equal(tone(fresh({ reasons: ['a log is gone'] })), 'unknown');
  assert.equal(tone(fresh({}, { complete: false })), 'unknown');
  for (const wrong of [{ writer_running: false }, { writer_running: null }, { readable: false }, { problem: 'its head is older' }]) {
    assert.equal(tone(fresh({}, { ledgers: [ledger({}), ledger(wrong)] })), 'unknown', JSON.stringify(wrong));
  }
});

test('what is missing stays missing, whatever else is not known', () => {
  const loss = { verdict: 'firing', events_missing: 5 };
  assert.equal(tone({ ...fresh(loss), error: 'gone' }), 'missing');
  assert.equal(tone(fresh(loss, { ledgers: [ledger({ writer_running: false })] })), 'missing');
  assert.match(answerOf(fresh({ ...loss, certain: false }), null, now).headline, /^At least 5 events/);
});

test('what can be put back is said with what is missing', () => {
  const detail = (fields) => answerOf(fresh({ verdict: 'firing', events_missing: 5, ...fields }), null, now).detail;
  assert.doesNotMatch(detail({}), /put back/);
  assert.match(detail({ events_recoverable: 3 }), / 3 of them can be put back/);
  assert.match(detail({ events_recoverable: 5 }), / All of them can be put back/);
});

test('a reason is told once, and shows what it is made of', () => {
  const answer = fresh({ verdict: 'unknown', reasons: ['nobody writes the ledger of \u202edata-1'] }, { ledgers: [ledger({ writer_running: false })] });
  assert.deepEqual(answerOf(answer, null, now).doubts, ['Nobody writes the ledger of \\u{202e}data-1.']);
});

test('a critical alert without a loss is a risk, and never calm', () => {
  const answer = answerOf(fresh({ critical: 1 }), incident({ rules: ['output_moved'], summary: 'output moved' }), now);
  assert.equal(answer.tone, 'risk');
  assert.equal(answer.detail, 'output moved.');
});

test('the advice names the version, or both where one reveals what the other did', () => {
  assert.match(adviceFor(incident({ version: 'v2', previous_version: 'v2' })), /Stop compaction by version v2/);
  assert.match(adviceFor(incident({ version: 'v1', previous_version: 'v2' })), /v1 or v2/);
  assert.match(adviceFor(incident({ cause: 'moved', rules: ['output_moved'], version: 'v2' })), /Stop the release v2/);
});

test('an incident that began with a warning is told by the loss that came of it', () => {
  const warned = incident({ cause: 'moved', rules: ['output_moved', 'count_drop'], version: 'v2', previous_version: 'v1', runbook: 'runbooks/output_moved.md' });
  const told = withLoss(warned, impact([{ id: warned.id, version: 'v2', previous_version: 'v2' }]));
  assert.deepEqual([told.cause, told.runbook], ['existing_not_read', 'runbooks/count_drop.md']);
  assert.match(adviceFor(told), /Stop compaction by version v2/);
  assert.equal(withLoss(warned, impact([])), warned);
  assert.equal(withLoss(warned, null), warned);
});

test('the script is at most 60 KB, and the page has no inline script or style', async () => {
  const dist = path.join(web, 'dist');
  const files = await readdir(dist);
  assert.deepEqual(files.map((file) => file.replace(/-[A-Z0-9]{8}\./, '-HASH.')).sort(), ['app-HASH.css', 'app-HASH.js', 'favicon.svg', 'index.html']);
  const script = await readFile(path.join(dist, files.find((file) => file.endsWith('.js'))));
  const size = gzipSync(script, { level: 9 }).length;
  assert.ok(size <= 60_000, `${size} bytes`);
  const page = await readFile(path.join(dist, 'index.html'), 'utf8');
  assert.doesNotMatch(page, /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|https?:\/\//);
  for (const file of files.filter((file) => file.startsWith('app-'))) assert.ok(page.includes(`/${file}"`), `${file} is not asked for`);
});

test('no source writes markup or code from text', async () => {
  for (const file of await readdir(path.join(web, 'src'))) {
    const source = await readFile(path.join(web, 'src', file), 'utf8');
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|javascript:/, file);
  }
});
