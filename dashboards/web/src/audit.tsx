// Is a format that is thought dead still read? By whom, and what that proves.

import type { JSX } from 'preact';
import type { Audit, Format } from './documents';
import { api, usePage } from './page';
import { Download, Name, Panel, State, Table, When, type Column } from './parts';
import { count, duration, plural, visible } from './text';

type Reader = Audit['readers'][number];

const formatColumns: Column<Format>[] = [
  { name: 'format', value: (row) => row.format, show: (row) => <AuditLink what={row.format} /> },
  { name: 'declared', value: (row) => (row.dead ? 'dead' : row.serving ? 'serving' : 'alive'),
    show: (row) => row.dead ? <b>dead</b> : row.serving ? <>serving customers</> : <>alive</> },
  { name: 'reads', value: (row) => row.reads, show: (row) => row.reads === null ? <span class="dim">–</span> : <Name text={row.reads} most={40} /> },
  { name: 'reads watched since', value: (row) => row.dead_watched_since,
    show: (row) => row.dead_watched_since === null ? <span class="dim">never</span> : <When at={row.dead_watched_since} /> },
  { name: 'runs', value: (row) => row.runs, number: true },
  { name: 'failed runs', value: (row) => row.failed_runs, number: true },
  { name: 'written', value: (row) => row.events_written, number: true },
  { name: 'missing in all copies', value: (row) => row.events_missing, number: true },
];

const readerColumns: Column<Reader>[] = [
  { name: 'executable', value: (row) => row.executable, wide: true, show: (row) => <Name text={row.executable ?? 'not known'} /> },
  { name: 'process', value: (row) => row.process, show: (row) => <Name text={row.process} most={60} /> },
  { name: 'unit', value: (row) => row.unit, show: (row) => <Name text={row.unit} most={60} /> },
  { name: 'confidence', value: (row) => row.confidence, show: (row) => <Name text={row.confidence} most={30} /> },
  { name: 'server', value: (row) => row.server, show: (row) => <Name text={row.server} most={60} /> },
  { name: 'format', value: (row) => row.format, show: (row) => <Name text={row.format} most={40} /> },
  { name: 'reads', value: (row) => row.reads, number: true },
  { name: 'opens', value: (row) => row.opens, number: true },
  { name: 'files', value: (row) => row.files, number: true },
  { name: 'first', value: (row) => row.first_at, show: (row) => <When at={row.first_at} /> },
  { name: 'last', value: (row) => row.last_at, show: (row) => <When at={row.last_at} /> },
  { name: 'such as', value: (row) => row.sample_paths.join(' '), wide: true, show: (row) => <Name text={row.sample_paths[0] ?? null} most={120} /> },
];

function AuditLink({ what }: { what: string }): JSX.Element {
  const { address } = usePage();
  return <a href={address({ what })}><Name text={what} most={60} /></a>;
}

export function AuditView(): JSX.Element {
  const { read, place, set } = usePage();
  const formats = read<Format[]>(api('formats'));
  const all = [...(formats.data?.data ?? [])].sort((a, b) => Number(b.dead) - Number(a.dead));
  const what = place.query.get('what') ?? all.find((each) => each.dead)?.format ?? null;
  return <>
    <h1>Dead files</h1>
    {what !== null && <Evidence what={what} />}
    <Panel id="formats" title="Formats" answers={[formats]} tools={<Download name="formats" columns={formatColumns} rows={all} document={all} />}>
      {all.length > 0 && <p class="lead">{all.some((each) => each.dead) ? `${plural(all.filter((each) => each.dead).length, 'format')} declared dead.`
        : 'No format is declared dead: reads of the others are not watched.'}</p>}
      <Table caption="Formats of the store" columns={formatColumns} rows={all} rowKey={(row) => row.format} empty="No format is known yet." />
      <form class="filters" key={what ?? ''} onSubmit={(event) => {
        event.preventDefault();
        set({ what: String(new FormData(event.currentTarget as HTMLFormElement).get('what')).trim() });
      }}>
        <label>Format, or pattern of paths <input name="what" defaultValue={what ?? ''} placeholder="/data/row/*/*.evt" /></label>
        <button type="submit">Audit</button>
      </form>
    </Panel>
  </>;
}

function Evidence({ what }: { what: string }): JSX.Element {
  const { read } = usePage();
  const answer = read<Audit>(api('audit', { what }));
  const audit = answer.data?.data;
  return <Panel id="evidence" title={`Is ${visible(what, 60)} read?`} answers={[answer]} note={audit && <State of={audit.verdict} />}
    tools={audit && <Download name={`audit-${what}`} columns={readerColumns} rows={audit.readers} document={audit} />}>
    {audit && <>
      <p class={`lead audit ${audit.verdict}`}>{sayAudit(audit)}</p>
      {audit.reasons.length > 0 && <ul class="doubts">{audit.reasons.map((reason) => <li key={reason}><Name text={reason} /></li>)}</ul>}
      <dl class="facts">
        <div><dt>Watched since</dt><dd>{audit.since === null ? 'never' : <When at={audit.since} />}</dd></div>
        <div><dt>Watched for</dt><dd>{duration(audit.covered_seconds)}</dd></div>
        <div><dt>Blind of that</dt><dd class={audit.blind_seconds > 0 ? 'unknown-text' : ''}>{duration(audit.blind_seconds)}</dd></div>
        <div><dt>Runs meanwhile</dt><dd>{count(audit.cycles.runs)}</dd></div>
        <div><dt>Re-runs with late data</dt><dd>{count(audit.cycles.late_reruns)}</dd></div>
        <div><dt>Files</dt><dd>{count(audit.files)}</dd></div>
        <div><dt>Replaced by who had read them</dt><dd>{count(audit.replaced_after_read)}</dd></div>
        <div><dt>Whose access time proves nothing</dt><dd>{count(audit.access_time_evidence_void)}</dd></div>
      </dl>
      <Table caption={`Who reads ${visible(what, 60)}`} columns={readerColumns} rows={audit.readers} rowKey={(row, i) => `${row.executable} ${row.server} ${i}`}
        empty={audit.verdict === 'unread' ? 'Nobody.' : 'Nobody was seen; that proves nothing here.'} />
    </>}
  </Panel>;
}

function sayAudit(audit: Audit): string {
  switch (audit.verdict) {
    case 'read': return `It is read, by ${plural(audit.readers.length, 'process', 'processes')}: do not remove or move its files.`;
    case 'unread': return `Nobody reads it: ${plural(audit.cycles.late_reruns, 're-run')} with late data passed while every read was watched.`;
    default: return 'Nobody can tell whether it is read: do not remove its files on this evidence.';
  }
}
