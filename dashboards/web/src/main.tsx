// Draws the page from its address and from what the API last said: at every change of either, and every few seconds.

import { render, type JSX } from 'preact';
import './style.css';
import { AlertsView } from './alerts';
import { answerOf } from './answer';
import { AuditView } from './audit';
import { DayView } from './day';
import type { Envelope, Summary } from './documents';
import { HelpView } from './help';
import { Home } from './home';
import { IncidentView } from './incident';
import { readIncidents } from './incidents';
import { actionOf, moveRow } from './keys';
import { api, PageContext, usePage, type Page } from './page';
import { PermitsView } from './permits';
import { Poller, pollInterval } from './poller';
import { ProjectView } from './project';
import { ServersView } from './servers';
import { recall, remember } from './storage';
import { visible } from './text';
import { nextTimes, timesOf } from './time';
import { changed, linkTo, parsePlace, withQuery, type View } from './url';

const root = document.getElementById('app')!;
const poller = new Poller(draw);

function pageNow(): Page {
  const place = parsePlace(location.pathname, location.search);
  const address = (keys: Record<string, string | null>) => withQuery(location.pathname, changed(place.query, keys));
  return {
    place, now: Date.now(), times: timesOf(place.query), address,
    read: <T,>(url: string, slot?: string) => poller.read<Envelope<T>>(url, slot),
    link: (view, filters) => linkTo(view, place.query, filters),
    go,
    set: (keys) => go(address(keys)),
    refresh: () => poller.refresh(),
  };
}

function go(url: string, replace = false): void {
  const before = location.pathname;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  draw();
  if (location.pathname === before) return;
  scrollTo(0, 0);
  document.querySelector('main')?.focus({ preventScroll: true });
}

function draw(): void {
  const page = pageNow();
  poller.begin();
  try {
    render(<PageContext.Provider value={page}><Frame /></PageContext.Provider>, root);
  } catch (error) {
    // Rather no page than an old one that looks like the present.
    root.replaceChildren(`The page cannot be drawn, so it cannot tell whether data is missing: ${String(error)}. Reload it; ` +
      'rollcall impact says the same in a terminal.');
    throw error;
  }
  poller.end();
}

const views: [View['name'], string][] = [
  ['home', 'Now'], ['alerts', 'Alerts'], ['servers', 'Servers'], ['audit', 'Dead files'], ['permits', 'Permits'],
];

function Frame(): JSX.Element {
  const page = usePage();
  const { place, read, now, link, times, address } = page;
  const { view, query } = place;
  const summary = read<Summary>(api('summary'));
  const verdict = answerOf(summary, readIncidents(page).worst, now);
  document.title = `${verdict.short} · ${titleOf(view)} · rollcall`;
  return <>
    <a class="skip" href="#main" target="_self">To the content</a>
    <header class={`top ${verdict.tone}`}>
      <a class="brand" href={link({ name: 'home' })}>rollcall</a>
      <a class={`verdict ${verdict.tone}`} href={link({ name: 'home' })}>{verdict.short}</a>
      <nav aria-label="Views">{views.map(([name, text]) =>
        <a key={name} href={link({ name } as View)} aria-current={view.name === name ? 'page' : undefined}>{text}</a>)}</nav>
      <span class="tools">
        {hasFilter(view) && <input id="filter" type="search" aria-label={filterLabel(view)} aria-keyshortcuts="/" placeholder={`${filterLabel(view)}  /`} key={view.name}
          value={query.get('q') ?? ''} onInput={(event) => go(address({ q: (event.currentTarget as HTMLInputElement).value, cursor: null }), true)} />}
        <button type="button" onClick={cycleTimes} title="Times (t)" aria-keyshortcuts="t">{times === 'relative' ? 'Relative' : times === 'utc' ? 'UTC' : 'Local'}</button>
        <button type="button" onClick={switchTheme} title="Dark or light (d)" aria-keyshortcuts="d">{isDark() ? 'Light' : 'Dark'}</button>
        <a class="button" href={link({ name: 'help' })} title="Help (?)" aria-label="Help" aria-keyshortcuts="?">?</a>
      </span>
    </header>
    <main id="main" tabIndex={-1}><Body view={view} /></main>
    <footer>{summary.data?.as_of ? <>The ledger last took facts at {visible(summary.data.as_of.replace('T', ' '))}.</> : 'No ledger has answered yet.'}
      {' '}Asked every {pollInterval / 1000} seconds.</footer>
  </>;
}

function Body({ view }: { view: View }): JSX.Element {
  switch (view.name) {
    case 'home': return <Home />;
    case 'incident': return <IncidentView id={view.id} key={view.id} />;
    case 'project':
      return view.day === null ? <ProjectView project={view.project} key={view.project} />
        : <DayView project={view.project} day={view.day} key={`${view.project}/${view.day}`} />;
    case 'servers': return <ServersView />;
    case 'alerts': return <AlertsView />;
    case 'audit': return <AuditView />;
    case 'permits': return <PermitsView />;
    case 'help': return <HelpView />;
    case 'nowhere': return <><h1>There is no such view</h1><p><a href="/">Is data missing now?</a></p></>;
  }
}

function titleOf(view: View): string {
  switch (view.name) {
    case 'project': return visible(view.day === null ? view.project : `${view.project} ${view.day}`, 60);
    case 'incident': return `incident ${visible(view.id, 20)}`;
    default: return views.find(([name]) => name === view.name)?.[1].toLowerCase() ?? view.name;
  }
}

const hasFilter = (view: View): boolean => ['home', 'incident', 'project', 'alerts', 'servers'].includes(view.name);
const filterLabels: Partial<Record<View['name'], string>> = { servers: 'Filter servers', alerts: 'Filter alerts', project: 'Filter entries' };
const filterLabel = (view: View): string => filterLabels[view.name] ?? 'Filter projects';

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const isDark = (): boolean => (document.documentElement.dataset['theme'] ?? (systemDark.matches ? 'dark' : 'light')) === 'dark';

function switchTheme(): void {
  const theme = isDark() ? 'light' : 'dark';
  document.documentElement.dataset['theme'] = theme;
  remember('rollcall.theme', theme);
  draw();
}

// Paper is light, and what is drawn on a canvas does not turn by itself.
let beforePaper: string | undefined;
addEventListener('beforeprint', () => {
  beforePaper = document.documentElement.dataset['theme'];
  document.documentElement.dataset['theme'] = 'light';
  draw();
});
addEventListener('afterprint', () => {
  if (beforePaper === undefined) delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = beforePaper;
  draw();
});

function cycleTimes(): void {
  const { times, address } = pageNow();
  const next = nextTimes(times);
  go(address({ times: next === 'relative' ? null : next }), true);
}

function leave(): void {
  const active = document.activeElement;
  if (active instanceof HTMLInputElement || active instanceof HTMLSelectElement) return active.blur();
  const { place, address, link } = pageNow();
  const { view, query } = place;
  if (query.has('q')) return go(address({ q: null, cursor: null }), true);
  if (view.name === 'project' && view.day !== null) return go(link({ ...view, day: null }));
  if (view.name !== 'home') go(link({ name: 'home' }));
}

addEventListener('keydown', (event) => {
  const at = event.target instanceof HTMLElement ? event.target : document.body;
  const action = actionOf(event, { tag: at.tagName, row: at.hasAttribute('data-row') });
  if (action === null) return;
  event.preventDefault();
  switch (action) {
    case 'filter': return document.getElementById('filter')?.focus();
    case 'next': return moveRow(1);
    case 'previous': return moveRow(-1);
    case 'open': return at.querySelector<HTMLElement>('a, summary')?.click();
    case 'times': return cycleTimes();
    case 'theme': return switchTheme();
    case 'help': return go(pageNow().link({ name: 'help' }));
    case 'leave': return leave();
  }
});

// Links within the page change the address without loading it anew.
addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link || link.origin !== location.origin || link.hasAttribute('download') || link.target !== '' || link.pathname.startsWith('/api/')) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
addEventListener('popstate', draw);
addEventListener('online', () => poller.refresh());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') poller.refresh();
});
systemDark.addEventListener('change', draw);

const theme = recall('rollcall.theme');
if (theme === 'dark' || theme === 'light') document.documentElement.dataset['theme'] = theme;
draw();
setInterval(() => {
  poller.refresh();
  draw();
}, pollInterval);
