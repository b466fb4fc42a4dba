// Alerts: what fires, and what did.

import type { JSX } from 'preact';
import { TimeChart } from './chart';
import { alertColumns } from './columns';
import type { Alert } from './documents';
import { lanesOf, spanOf } from './lanes';
import { api, usePage } from './page';
import { Choice, Download, Name, Pages, Panel, Table } from './parts';
import { RangeChoice, useRange } from './range';
import { count, plural } from './text';
import { parseRange } from './time';

const rules = ['count_drop', 'output_moved', 'dead_file_read', 'missing_canonical_file', 'file_disagrees', 'formats_differ', 'replicas_differ',
  'lost_in_gap', 'file_rewritten_in_place', 'file_replaced_without_run', 'misplaced_file', 'overstated', 'deleted_came_back', 'surplus',
  'volume_anomaly', 'compaction_overdue', 'blind'];
const filters = ['rule', 'project', 'server', 'version'] as const;

export function AlertsView(): JSX.Element {
  const { read, place, now, set, address } = usePage();
  const { query } = place;
  const { since, until, slot } = useRange();
  const asked = Object.fromEntries(filters.map((name) => [name, query.get(name)]));
  const parameters = { ...asked, state: query.get('state') ?? 'all', severity: query.get('severity'), order: 'newest', limit: 100, cursor: query.get('cursor') };
  const answer = read<Alert[]>(api('alerts', { ...parameters, since, until }), `${api('alerts', parameters)}#${slot}`);
  const q = query.get('q')?.toLowerCase() ?? '';
  const loaded = answer.data?.data ?? [];
  const rows = loaded.filter((row) => q === '' || row.summary.toLowerCase().includes(q));
  const entries = rows.map((alert) => ({ kind: 'alert', at: alert.starts_at, ...alert, ...alert.labels }));
  const known = spanOf(entries);
  const range = parseRange(query, now);
  const span = known && { since: range.since ?? known.since, until: range.until ?? known.until };
  const firing = rows.filter((row) => row.state === 'firing').length;
  const part = answer.data?.next || query.has('cursor');
  const says = `${part ? 'On this page: ' : ''}${plural(rows.length, 'alert')}, ${count(firing)} of which ${firing === 1 ? 'fires' : 'fire'}.`;
  return <>
    <h1>Alerts</h1>
    <Panel id="history" title="History, the newest first" answers={[answer]}
      note={q === '' ? undefined : <>{count(rows.length)} of the {count(loaded.length)} on this page contain <Name text={q} most={40} /></>}
      tools={<Download name="alerts" columns={alertColumns} rows={rows} document={rows} />}>
      <p class="filters">
        <Choice name="state" label="State" values={[[null, 'All'], ['firing', 'Firing'], ['pending', 'Pending'], ['resolved', 'Resolved']]} />
        <Choice name="severity" label="Severity" values={[[null, 'Any'], ['critical', 'Critical'], ['warning', 'Warning']]} />
        <RangeChoice />
      </p>
      <form class="filters" key={filters.map((name) => asked[name]).join('\n')} onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget as HTMLFormElement);
        set({ cursor: null, ...Object.fromEntries(filters.map((name) => [name, String(data.get(name) ?? '')])) });
      }}>
        <label>Rule <select name="rule">{['', ...rules].map((rule) =>
          <option key={rule} value={rule} selected={(asked['rule'] ?? '') === rule}>{rule === '' ? 'any' : rule}</option>)}</select></label>
        <label>Project <input name="project" defaultValue={asked['project'] ?? ''} placeholder="any" /></label>
        <label>Server <input name="server" defaultValue={asked['server'] ?? ''} placeholder="any" /></label>
        <label>Version <input name="version" defaultValue={asked['version'] ?? ''} placeholder="any" /></label>
        <button type="submit">Show</button>
        <a href={address(Object.fromEntries([...filters, 'state', 'severity', 'since', 'until', 'q', 'cursor'].map((name) => [name, null])))}>Show all</a>
      </form>
      {span !== null && <TimeChart curves={[]} lanes={lanesOf(entries, Math.min(span.until, now)).filter((lane) => lane.name === 'Alerts')}
        span={span} heading="" says={says} />}
      <Table caption="Alerts, the newest first" columns={alertColumns} rows={rows} rowKey={(row, i) => `${row.rule} ${i}`}
        tone={(row) => row.state} empty="No alert is like that." />
      <Pages next={answer.data?.next ?? null} what="alerts" />
    </Panel>
  </>;
}
