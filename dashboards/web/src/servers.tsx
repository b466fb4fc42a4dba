// Servers: which sources are watched, how fresh what they say is, and when nobody looked.

import type { JSX } from 'preact';
import { ledgerDoubt } from './answer';
import type { Blind, Server, Source } from './documents';
import { drawnOf, timeOf, type Mark, type Span } from './lanes';
import { api, usePage } from './page';
import { Download, Name, Panel, State, Table, When, type Column } from './parts';
import { count, duration, plural, visible } from './text';
import { day, formatTick, parseRange, ticksOf } from './time';
import { RangeChoice } from './range';

// The worst that can be said of a server: of a ledger that is not written nothing is fresh.
function stateOf(server: Server, now: number): 'blind' | 'unknown' | 'watched' {
  if (ledgerDoubt(server.ledger, now) !== null) return 'unknown';
  if (server.sources.some((source) => source.state === 'blind')) return 'blind';
  return server.sources.length > 0 && server.sources.every((source) => source.state === 'watched') ? 'watched' : 'unknown';
}

// For the home page: one line a server.
export function ServerList({ servers }: { servers: Server[] }): JSX.Element {
  const { now } = usePage();
  if (servers.length === 0) return <p class="empty">No ledger is there to be read.</p>;
  return <ul class="servers">{servers.map((server) => {
    const doubt = ledgerDoubt(server.ledger, now);
    const blind = server.blind.filter((each) => each.to === null);
    return <li key={server.ledger.path} data-row tabIndex={-1}>
      <span class="line"><a href="/servers"><Name text={server.server ?? server.ledger.path} most={60} /></a><State of={stateOf(server, now)} /></span>
      <span class="facts">written {server.ledger.written_at === null ? 'never' : <When at={server.ledger.written_at} />}
        {' · '}{plural(server.sources.length, 'source')} · {plural(server.blind_spans, 'blind span')}</span>
      {doubt !== null && <span class="facts doubt">{doubt}</span>}
      {blind.slice(0, 3).map((each) => <span key={`${each.source} ${each.from}`} class="facts doubt">
        <Name text={each.source} most={40} />: <Name text={each.reason ?? 'not watched'} most={100} />{each.from !== null && <>, since <When at={each.from} /></>}</span>)}
    </li>;
  })}</ul>;
}

const sourceColumns: Column<Source>[] = [
  { name: 'source', value: (row) => row.source, wide: true, show: (row) => <Name text={row.source} most={60} /> },
  { name: 'state', value: (row) => row.state, show: (row) => <State of={row.state} /> },
  { name: 'why', value: (row) => row.reason, show: (row) => row.reason === null ? <span class="dim">–</span> : <Name text={row.reason} most={100} /> },
  { name: 'last read', value: (row) => row.read_at, show: (row) => <When at={row.read_at} /> },
  { name: 'watched since', value: (row) => row.watched_since, show: (row) => <When at={row.watched_since} /> },
  { name: 'lines', value: (row) => row.lines, number: true },
  { name: 'ignored', value: (row) => row.ignored_lines, number: true },
  { name: 'quarantined', value: (row) => row.quarantined_lines, number: true },
  { name: 'blind', value: (row) => row.blind_seconds, number: true, show: (row) => <>{duration(row.blind_seconds)}</> },
];

const blindColumns: Column<Blind>[] = [
  { name: 'from', value: (row) => row.from, show: (row) => <When at={row.from} exact /> },
  { name: 'to', value: (row) => row.to, show: (row) => row.to === null ? <b>until now</b> : <When at={row.to} exact /> },
  { name: 'source', value: (row) => row.source, show: (row) => <Name text={row.source} most={60} /> },
  { name: 'reason', value: (row) => row.reason, wide: true, show: (row) => <Name text={row.reason} /> },
  { name: 'projects not observed since', value: (row) => row.projects, number: true },
  { name: 'quarantined lines', value: (row) => row.quarantined_lines, number: true },
];

export function ServersView(): JSX.Element {
  const { read, place, now } = usePage();
  const answer = read<Server[]>(api('servers'));
  const q = place.query.get('q')?.toLowerCase() ?? '';
  const all = answer.data?.data ?? [];
  const servers = all.filter((server) => (server.server ?? server.ledger.path).toLowerCase().includes(q));
  const { since, until } = parseRange(place.query, now);
  const span: Span = { since: since ?? now - day, until: until ?? now };
  return <>
    <h1>Servers</h1>
    <Panel id="all" title="Who watches" answers={[answer]} note={answer.data && plural(servers.length, 'ledger')} tools={<RangeChoice without="24 h" />}>
      {servers.length === 0 ? <p class="empty">{q === '' ? 'No ledger is there to be read.' : 'No server is called like that.'}</p> :
        servers.map((server) => <ServerPart key={server.ledger.path} server={server} span={span} />)}
    </Panel>
  </>;
}

function ServerPart({ server, span }: { server: Server; span: Span }): JSX.Element {
  const { now } = usePage();
  const doubt = ledgerDoubt(server.ledger, now);
  const name = visible(server.server ?? server.ledger.path, 60);
  const { ledger } = server;
  return <article class="server">
    <h3 data-row tabIndex={-1}><Name text={server.server ?? ledger.path} most={120} /> <State of={stateOf(server, now)} /></h3>
    <p class="note">Ledger <code><Name text={ledger.path} most={200} /></code>, written <When at={ledger.written_at} />, {ledger.head_seq === null ? '' : `${count(ledger.head_seq)} facts`}</p>
    {doubt !== null && <p class="doubt">{doubt}</p>}
    <BlindStrip server={server} span={span} />
    <p class="tools"><Download name={`${name}-sources`} columns={sourceColumns} rows={server.sources} document={server.sources} /></p>
    <Table caption={`Sources of ${name}`} columns={sourceColumns} rows={server.sources} rowKey={(row) => row.source} empty="It watches no source." />
    {server.blind.length > 0 && <details class="as-table" open={server.blind.length <= 5}><summary>{plural(server.blind_spans, 'blind span')}</summary>
      <Table caption={`Blind spans of ${name}`} columns={blindColumns} rows={server.blind} rowKey={(row, i) => `${row.source} ${row.from} ${i}`} empty="" />
      {server.blind_spans > server.blind.length && <p class="note">The newest {count(server.blind.length)} of {count(server.blind_spans)}.</p>}
      <p class="tools"><Download name={`${name}-blind`} columns={blindColumns} rows={server.blind} document={server.blind} /></p>
    </details>}
  </article>;
}

// When nobody looked, on an axis; what was before a source was first watched is as dark.
function BlindStrip({ server, span }: { server: Server; span: Span }): JSX.Element {
  const { now, times } = usePage();
  const width = span.until - span.since;
  const end = Math.min(span.until, now);
  const known = ledgerDoubt(server.ledger, now) === null ? end : Math.min(end, timeOf(server.ledger.written_at) ?? span.since);
  const rows = server.sources.slice(0, 40).map((source) => {
    const spans = server.blind.filter((each) => each.source === source.source);
    const marks: Mark[] = spans.map((each) => ({
      from: timeOf(each.from) ?? span.since, to: timeOf(each.to) ?? end, tone: 'unknown', text: `not watched: ${visible(each.reason ?? 'unknown why')}`,
    }));
    const began = timeOf(source.watched_since);
    marks.push({ from: span.since, to: began ?? end, tone: 'unknown', text: 'not watched yet' });
    if (known < end) marks.push({ from: known, to: end, tone: 'unknown', text: 'the ledger was not written' });
    return { source, drawn: drawnOf(marks.filter((mark) => mark.to! > mark.from), span) };
  });
  if (rows.length === 0) return <></>;
  const seen = server.blind.filter((each) => (timeOf(each.to) ?? end) >= span.since && (timeOf(each.from) ?? span.since) <= span.until).length;
  const young = server.sources.filter((source) => (timeOf(source.watched_since) ?? end) > span.since).length;
  const says = `${young > 0 ? `${plural(young, 'source')} not watched yet when what is shown begins. ` : ''}${seen === 0 ? 'No blind span' : plural(seen, 'blind span')} in what is shown.` +
    (server.blind_spans > server.blind.length ? ` Only the newest ${count(server.blind.length)} of ${count(server.blind_spans)} are drawn.` : '');
  return <figure class="chart"><figcaption>{says}</figcaption>
    <div class="lanes coverage" role="img" aria-label={says}>
      {rows.map(({ source, drawn }) => <div class="lane" key={source.source}>
        <span class="lane-name"><Name text={source.source} most={30} /></span>
        <div class="track">{drawn.map((mark) => <i key={`${mark.left} ${mark.width}`} class={`mark long ${mark.tone}`}
          style={{ left: `${100 * mark.left}%`, width: `max(3px, ${100 * mark.width}%)` }} title={mark.text} />)}</div>
      </div>)}
      <div class="lane axis" aria-hidden="true"><span class="lane-name">{times === 'local' ? 'local' : 'UTC'}</span>
        <div class="track">{ticksOf(span.since, span.until - 0.07 * width, 6).map((at) => <span key={at} class="tick"
          style={{ left: `${(100 * (at - span.since)) / width}%` }}>{formatTick(at, width, times)}</span>)}</div></div>
    </div>
  </figure>;
}

