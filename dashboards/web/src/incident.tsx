// One incident: what it is, whom it hits, how it spreads, who knows of it.

import type { JSX } from 'preact';
import { adviceFor } from './answer';
import { TimeChart } from './chart';
import { alertColumns, projectColumns } from './columns';
import type { Alert, Incident, Project } from './documents';
import { columnsFor, Runbook, Through } from './home';
import { lanesOf, spanOf, type Curve } from './lanes';
import { readIncidents } from './incidents';
import { api, usePage } from './page';
import { Choice, Count, Download, Name, Pages, Panel, State, Table, When } from './parts';
import { RangeChoice, useRange } from './range';
import { AcknowledgeForm, SilenceLink } from './forms';
import { count, plural } from './text';
import { formatAge } from './time';

const alertsAtMost = 1000;
const shownAtMost = 50;

export function IncidentView({ id }: { id: string }): JSX.Element {
  const { answers, incidents } = readIncidents(usePage(), id);
  const incident = incidents[0] ?? null;
  return <>
    <h1>Incident <span class="mono"><Name text={id} most={40} /></span></h1>
    <Panel id="incident" title="What it is" answers={answers} note={incident && <State of={incident.state} />}>
      {incident === null ? <p class="empty">No incident of that name is known.</p> : <Facts incident={incident} />}
    </Panel>
    {incident !== null && <>
      <Spread id={id} />
      <Hit id={id} />
    </>}
  </>;
}

function Facts({ incident }: { incident: Incident }): JSX.Element {
  const open = incident.state !== 'resolved';
  return <>
    <p class="lead"><Through incident={incident} /></p>
    {open && <p class="advice"><strong>Do now:</strong> {adviceFor(incident)}</p>}
    <dl class="facts">
      <div><dt>Missing now</dt><dd class={incident.events_missing ? 'bad' : ''}>
        {incident.events_missing === null ? 'not about counts' : <><Count n={incident.events_missing} /> <Name text={incident.unit ?? 'events'} most={20} /></>}</dd></div>
      <div><dt>Projects</dt><dd>{count(incident.projects)}</dd></div>
      <div><dt>Project-days</dt><dd>{count(incident.project_days)}</dd></div>
      <div><dt>Severity</dt><dd><State of={incident.severity} /></dd></div>
      <div><dt>Began</dt><dd><When at={incident.starts_at} /></dd></div>
      <div><dt>Newest alert</dt><dd><When at={incident.last_at} /></dd></div>
      <div><dt>Ended</dt><dd>{incident.ends_at === null ? 'open' : <When at={incident.ends_at} />}</dd></div>
      <div><dt>Alerts</dt><dd>{(['firing', 'pending', 'resolved'] as const).filter((state) => incident.alerts[state] > 0)
        .map((state) => `${count(incident.alerts[state])} ${state}`).join(', ')}</dd></div>
      <div class="long"><dt>Servers</dt><dd>{incident.servers.map((server, i) => <>{i > 0 && ', '}<Name text={server} most={60} /></>)}</dd></div>
    </dl>
    <p class="actions"><Runbook path={incident.runbook} /><SilenceLink incident={incident.id} /></p>
    <h3>Who knows</h3>
    {incident.acknowledgements.length === 0 ? <p class="empty">Nobody has acknowledged it.</p> :
      <ul class="acknowledgements">{incident.acknowledgements.map((each) => <li key={each.id}>
        {each.by ? <b><Name text={each.by} most={60} /></b> : 'Somebody'}, <When at={each.at} />{each.text && <>: <Name text={each.text} most={500} /></>}
        {each.state === 'waiting' && <> (<State of="waiting" /> to be taken into a ledger)</>}</li>)}</ul>}
    <AcknowledgeForm incident={incident.id} />
  </>;
}

function Spread({ id }: { id: string }): JSX.Element {
  const { read, place, now } = usePage();
  const { since, until, slot } = useRange();
  const parameters = { incident: id, state: place.query.get('state') ?? 'all', order: 'newest', limit: alertsAtMost };
  const answer = read<Alert[]>(api('alerts', { ...parameters, since, until }), `${api('alerts', parameters)}#${slot}`);
  const alerts = answer.data?.data ?? [];
  const more = answer.data !== null && answer.data.next !== null;
  const entries = alerts.map((alert) => ({ kind: 'alert', at: alert.starts_at, ...alert, ...alert.labels })).reverse();
  const span = spanOf(entries);
  const first = entries[0];
  const last = entries[entries.length - 1];
  const says = entries.length === 0 ? '' : `${more ? 'The newest ' : ''}${plural(entries.length, 'alert')}, ` +
    `the first ${formatAge(now - Date.parse(first!.at ?? ''))} ago, the last ${formatAge(now - Date.parse(last!.at ?? ''))} ago.`;
  return <Panel id="spread" title="How it spread" answers={[answer]} tools={<>
    <Choice name="state" label="State" values={[[null, 'All'], ['firing', 'Firing'], ['resolved', 'Resolved']]} />
    <RangeChoice /><Download name={`incident-${id}`} columns={alertColumns} rows={alerts} document={alerts} /></>}>
    {span !== null && <TimeChart curves={[spreadOf(entries.map((entry) => entry.at))]} lanes={lanesOf(entries, span.until).filter((lane) => lane.name === 'Alerts')}
      span={span} heading="alerts so far, of" says={says} />}
    <Table caption="Alerts of this incident" columns={alertColumns.filter(({ name }) => name !== 'incident')} rows={alerts.slice(0, shownAtMost)}
      rowKey={(row, i) => `${row.rule} ${i}`} empty="No alert in this range." />
    {alerts.length > shownAtMost && <p class="note">The newest {count(shownAtMost)} of {more ? 'more than ' : ''}{count(alerts.length)}; the download has {more ? 'the newest ' : 'all '}{count(alerts.length)}.</p>}
  </Panel>;
}

function spreadOf(times: (string | null)[]): Curve {
  const known = times.filter((time) => time !== null).map((time) => Date.parse(time));
  return { name: 'this incident', points: known.map((time, i) => [time, i + 1]) };
}

function Hit({ id }: { id: string }): JSX.Element {
  const { read, place } = usePage();
  const answer = read<Project[]>(api('projects', { incident: id, q: place.query.get('q'), limit: 100, cursor: place.query.get('cursor') }));
  const rows = answer.data?.data ?? [];
  return <Panel id="hit" title="Whom it hits" answers={[answer]}
    tools={<Download name={`incident-${id}-projects`} columns={projectColumns} rows={rows} document={rows} />}>
    <Table caption="Projects of this incident, worst first" columns={columnsFor(rows)} rows={rows}
      rowKey={(row) => `${row.project} ${row.unit}`} empty="No project." />
    <Pages next={answer.data?.next ?? null} what="projects" />
  </Panel>;
}
