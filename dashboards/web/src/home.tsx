// "Is data missing now?" in the first line; then whose, and who watches.

import type { JSX } from 'preact';
import { adviceFor, answerOf } from './answer';
import { alertColumns, incidentColumns, projectColumns } from './columns';
import type { Alert, Incident, Project, Server, Summary } from './documents';
import { readIncidents } from './incidents';
import { api, usePage } from './page';
import { Choice, Count, Download, Name, Pages, Panel, State, Table, When, type Column } from './parts';
import { ServerList } from './servers';
import { causeText, count, plural, ruleText } from './text';

export function Home(): JSX.Element {
  return <>
    <h1 class="unseen">Is data missing now?</h1>
    <AnswerBand />
    <div class="columns">
      <div>
        <Incidents />
        <Projects />
        <OtherAlerts />
      </div>
      <Servers />
    </div>
  </>;
}

function AnswerBand(): JSX.Element {
  const page = usePage();
  const { read, now, link } = page;
  const summary = read<Summary>(api('summary'));
  const { worst } = readIncidents(page);
  const verdict = answerOf(summary, worst, now);
  const loss = verdict.tone === 'missing' || verdict.tone === 'risk';
  return <section class={`answer ${verdict.tone}`} aria-label="Answer">
    <p class="headline" role="status">{verdict.headline}</p>
    {verdict.detail !== null && <p class="detail">{verdict.detail}</p>}
    {loss && worst !== null && <>
      {verdict.tone === 'missing' && <p class="detail"><Through incident={worst} /></p>}
      <p class="advice"><strong>Do now:</strong> {adviceFor(worst)}</p>
      <p class="actions"><a class="button" href={link({ name: 'incident', id: worst.id })} data-first>Open incident</a>
        <Runbook path={worst.runbook} /></p>
    </>}
    {verdict.doubts.length > 0 && <div class="doubts">
      <p>{loss ? 'It may be more, or over:' : 'Why:'}</p>
      <ul>{verdict.doubts.slice(0, 5).map((doubt) => <li key={doubt}>{doubt}</li>)}
        {verdict.doubts.length > 5 && <li>and {count(verdict.doubts.length - 5)} more</li>}</ul>
    </div>}
  </section>;
}

// Through which release, since when, and where.
export function Through({ incident }: { incident: Incident }): JSX.Element {
  const { version, previous_version: previous } = incident;
  const cause = incident.cause ? causeText(incident.cause) : incident.rules.map(ruleText).join(', ');
  return <>
    {version === null ? <>No version is known: </> : <>Through version <b><Name text={version} most={60} /></b>
      {previous !== null && previous !== version && <> after <b><Name text={previous} most={60} /></b></>}: </>}
    {cause}, since <When at={incident.starts_at} />{incident.servers.length > 0 && `, on ${plural(incident.servers.length, 'server')}`}.
  </>;
}

export function Runbook({ path }: { path: string }): JSX.Element | null {
  if (path === '') return null;
  if (/^https?:\/\//.test(path)) return <a class="button" href={path} rel="noreferrer">Runbook</a>;
  return <span class="runbook">Runbook: <code><Name text={`deploy/${path}`} most={80} /></code></span>;
}

const incidentsAtFirst = 5;

function Incidents(): JSX.Element {
  const { answers, incidents: rows } = readIncidents(usePage());
  return <Panel id="incidents" title="Incidents" answers={answers} note={rows.length > 0 ? plural(rows.length, 'open one') : undefined}
    tools={<Download name="incidents" columns={incidentColumns} rows={rows} document={rows} />}>
    {rows.length === 0 ? <p class="empty">No incident is open. <a href="/alerts?state=all">What was</a></p> :
      <ol class="incidents">{rows.slice(0, incidentsAtFirst).map(rowOf)}</ol>}
    {rows.length > incidentsAtFirst && <details class="rest"><summary>{plural(rows.length - incidentsAtFirst, 'smaller one')}</summary>
      <ol class="incidents">{rows.slice(incidentsAtFirst).map(rowOf)}</ol></details>}
  </Panel>;
}

const rowOf = (incident: Incident) => <IncidentRow key={incident.id} incident={incident} />;

function IncidentRow({ incident }: { incident: Incident }): JSX.Element {
  const { link } = usePage();
  const known = incident.acknowledgements[0];
  return <li data-row tabIndex={-1} class={incident.severity}>
    <a class="title" href={link({ name: 'incident', id: incident.id })}>
      {incident.version !== null && <><Name text={incident.version} most={60} />: </>}
      {incident.cause ? causeText(incident.cause) : incident.rules.map(ruleText).join(', ')}</a>
    <State of={incident.state === 'firing' ? incident.severity : incident.state} />
    <span class="facts">
      {incident.events_missing !== null && <><b><Count n={incident.events_missing} /></b> missing · </>}
      {plural(incident.projects, 'project')} · {incident.servers.length > 0 && `${plural(incident.servers.length, 'server')} · `}since <When at={incident.starts_at} />
      {' · '}{known ? <>known to {known.by ? <Name text={known.by} most={40} /> : 'somebody'}</> : <b>not acknowledged</b>}
    </span>
  </li>;
}

function Projects(): JSX.Element {
  const { read, place } = usePage();
  const q = place.query.get('q');
  const verdict = place.query.get('verdict');
  const answer = read<Project[]>(api('projects', { q, verdict, limit: 50, cursor: place.query.get('cursor') }));
  const rows = answer.data?.data ?? [];
  return <Panel id="projects" title="Projects, worst first" answers={[answer]}
    note={q ? <>whose name contains <Name text={q} most={40} /></> : undefined}
    tools={<><Choice name="verdict" label="State" values={[[null, 'All'], ['firing', 'Firing'], ['unknown', 'Unknown']]} />
      <Download name="projects" columns={projectColumns} rows={rows} document={rows} /></>}>
    <Table caption="Projects, worst first" columns={columnsFor(rows)} rows={rows} rowKey={(row) => `${row.project} ${row.unit}`}
      tone={(row) => row.verdict} empty={q || verdict ? 'No project is like that.' : 'No project is known yet.'} />
    <Pages next={answer.data?.next ?? null} what="projects" />
  </Panel>;
}

// Where every copy is known, a column of zeros says nothing.
export function columnsFor(rows: Project[]): Column<Project>[] {
  return projectColumns.filter(({ name }) => name !== 'unknown copies' || rows.some((row) => row.unknown_copies > 0));
}

// What fires and is not about counts would otherwise only be seen inside an incident.
function OtherAlerts(): JSX.Element {
  const { read } = usePage();
  const answer = read<Alert[]>(api('alerts', { severity: 'warning', order: 'newest', limit: 20 }));
  const rows = answer.data?.data ?? [];
  if (answer.data !== null && rows.length === 0 && answer.error === null) return <></>;
  return <Panel id="warnings" title="Warnings" answers={[answer]} tools={<Download name="warnings" columns={alertColumns} rows={rows} document={rows} />}
    note={answer.data?.next ? <a href="/alerts?severity=warning">the newest 20; all</a> : undefined}>
    <Table caption="Warnings" columns={alertColumns.filter(({ name }) => !['ended', 'state', 'severity'].includes(name))} rows={rows}
      rowKey={(row, i) => `${row.rule} ${i}`} empty="No warning fires." />
  </Panel>;
}

function Servers(): JSX.Element {
  const { read } = usePage();
  const answer = read<Server[]>(api('servers'));
  const servers = answer.data?.data ?? [];
  return <Panel id="servers" title="Servers" answers={[answer]} note={<a href="/servers">{plural(servers.length, 'ledger')}</a>}>
    <ServerList servers={servers} />
  </Panel>;
}

