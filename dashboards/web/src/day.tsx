// One day of a project: its copies, its runs in all formats and on all replicas, its files and their lineage.

import type { JSX } from 'preact';
import { partitionColumns, runColumns, entryTone } from './columns';
import type { Actor, CanonicalFile, Files, Generation, Impact, Partition, TimelineEntry } from './documents';
import { api, usePage } from './page';
import { Count, Download, Name, Pages, Panel, Table, When, type Column } from './parts';
import { TimelinePanel } from './project';
import { bytes, count, plural, visible } from './text';

export function DayView({ project, day }: { project: string; day: string }): JSX.Element {
  const { link } = usePage();
  return <>
    <h1><a href={link({ name: 'project', project, day: null })}><Name text={project} /></a> <span class="dim">/</span> <Name text={day} most={40} /></h1>
    <Copies project={project} day={day} />
    <TimelinePanel project={project} day={day} />
    <Runs project={project} day={day} />
    <FileLineage project={project} day={day} />
  </>;
}

function Copies({ project, day }: { project: string; day: string }): JSX.Element {
  const { read, place } = usePage();
  const answer = read<Partition[]>(api('partitions', { project, day, limit: 200, cursor: place.query.get('cursor') }));
  const rows = answer.data?.data ?? [];
  return <Panel id="copies" title="Copies" answers={[answer]} note={rows.length > 0 ? plural(rows.length, 'partition') : undefined}
    tools={<Download name={`${project}-${day}-copies`} columns={partitionColumns} rows={rows} document={rows} />}>
    {rows.length > 0 && <p class="lead">{sayCopies(rows)}</p>}
    {rows.some((row) => row.missing > 0) && <Recovery project={project} day={day} />}
    <Table caption="What each copy holds" columns={partitionColumns} rows={rows} rowKey={(row) => `${row.server} ${row.format}`}
      tone={(row) => row.verdict} empty="No log has spoken of this day." />
    <Pages next={answer.data?.next ?? null} what="copies" />
  </Panel>;
}

// Where the missing events are, and how to put them back.
function Recovery({ project, day }: { project: string; day: string }): JSX.Element | null {
  const { read } = usePage();
  const impact = read<Impact>(api('impact', { project })).data?.data;
  const found = impact?.projects.flatMap((each) => each.days).find((each) => each.day === day);
  if (!found || found.events_missing === 0) return null;
  const { events, sources } = found.recoverable;
  if (sources.length === 0) return <p>Nothing that rollcall knows of holds the missing events.</p>;
  return <>
    <p>{events === null ? 'Nobody counted how many' : `${count(events)} of ${count(found.events_missing)}`} of the missing events can be put back:</p>
    <ul>{sources.map((source, i) => <li key={i}>{source.events === null ? 'uncounted' : count(source.events)}
      {source.kind === 'kept_generation' ? ' in a kept generation of ' : ' still in '}<Name text={source.format} /> on <Name text={source.server} />
      {source.copy !== null && <>: <Name text={source.copy} most={200} /></>}{source.until !== null && <>, until <When at={source.until} /></>}</li>)}</ul>
    {sources.some((source) => source.kind === 'kept_generation') &&
      <p class="note"><code>rollcall restore {visible(project)} {visible(day)} --missing</code> writes them beside the canonical files.</p>}
  </>;
}

function sayCopies(rows: Partition[]): string {
  const missing = rows.filter((row) => row.missing > 0);
  const unknown = rows.filter((row) => row.missing === 0 && row.verdict === 'unknown').length;
  const doubt = unknown > 0 ? ` Of ${count(unknown)} nobody can say.` : '';
  if (missing.length === 0) {
    return unknown === rows.length ? `Of none of the ${plural(rows.length, 'copy', 'copies')} anybody can say whether it is whole.`
      : `No copy is known to miss events.${doubt}`;
  }
  const all = missing.length === rows.length;
  return `${all ? `All ${count(rows.length)}` : `${count(missing.length)} of ${count(rows.length)}`} copies miss events` +
    `${all ? ': none is whole' : ''}.${doubt}`;
}

const runKinds = ['run', 'failed_run', 'started_run'];

function Runs({ project, day }: { project: string; day: string }): JSX.Element {
  const { read } = usePage();
  const kinds = runKinds.map((kind) => `&kind=${kind}`).join('');
  const answer = read<TimelineEntry[]>(api('timeline', { project, day, order: 'oldest', limit: 1000 }) + kinds);
  const rows = answer.data?.data ?? [];
  return <Panel id="runs" title="Runs" answers={[answer]} note={rows.length > 0 ? `${plural(rows.length, 'run')}, all servers and formats` : undefined}
    tools={<Download name={`${project}-${day}-runs`} columns={runColumns} rows={rows} document={rows} />}>
    <Table caption="Runs of this day, in all formats and on all servers" columns={runColumns} rows={rows} tone={entryTone}
      rowKey={(row, i) => `${row.server} ${row.seq ?? `x${i}`}`} empty="No run of this day is known." />
    {answer.data?.next && <p class="note">The first {count(rows.length)}: choose a range above for the others.</p>}
  </Panel>;
}

const generationColumns: Column<{ file: CanonicalFile; generation: Generation }>[] = [
  { name: 'server', value: ({ file }) => file.server },
  { name: 'format', value: ({ file }) => file.format },
  { name: 'path', value: ({ file }) => file.path },
  { name: 'at', value: ({ generation }) => generation.at },
  { name: 'change', value: ({ generation }) => generation.change },
  { name: 'size_bytes', value: ({ generation }) => generation.size_bytes },
  { name: 'rows', value: ({ generation }) => generation.rows },
  { name: 'run', value: ({ generation }) => generation.run },
  { name: 'version', value: ({ generation }) => generation.version },
  { name: 'by', value: ({ generation }) => whoOf(generation.by) },
];

function FileLineage({ project, day }: { project: string; day: string }): JSX.Element {
  const { read } = usePage();
  const answer = read<Files>(api('files', { project, day }));
  const files = answer.data?.data.files ?? [];
  const rows = files.flatMap((file) => file.generations.map((generation) => ({ file, generation })));
  return <Panel id="files" title="Files and their lineage" answers={[answer]} note={files.length > 0 ? plural(files.length, 'file') : undefined}
    tools={<Download name={`${project}-${day}-files`} columns={generationColumns} rows={rows} document={files} />}>
    {files.length === 0 ? <p class="empty">No canonical file of this day was seen. Either there is none, or none is watched.</p> :
      <ul class="lineages">{files.map((file) => <Lineage key={`${file.server} ${file.path}`} file={file} />)}</ul>}
  </Panel>;
}

const whoOf = (by: Actor | null): string | null => by && (by.executable ?? by.process);

function Lineage({ file }: { file: CanonicalFile }): JSX.Element {
  return <li data-row tabIndex={-1}>
    <p class="path"><Name text={file.path} most={300} /> <span class="note"><Name text={file.server} most={60} />, <Name text={file.format} most={40} /></span>
      {!file.present && <> <span class="state bad">gone</span></>}</p>
    {file.generations.length === 0 ? <p class="empty">It is there, and no change of it was seen.</p> :
      <ol class="generations" aria-label={`Generations of ${visible(file.path, 100)}`}>{file.generations.map((generation, i) => {
        const shrunk = generation.size_bytes !== null && generation.previous_size_bytes !== null && generation.size_bytes < generation.previous_size_bytes / 2;
        return <li key={generation.seq} class={shrunk ? 'shrunk' : ''}>
          {i > 0 && <span class="arrow" aria-hidden="true">→</span>}
          <span class="generation">
            <b>{generation.size_bytes === null ? 'none' : bytes(generation.size_bytes)}</b>
            {generation.rows !== null && <> <Count n={generation.rows} /> rows</>}
            <span class="change">{visible(generation.change)}{shrunk && ', shrunk'} <When at={generation.at} exact /></span>
            {generation.run !== null && <span>run <Name text={generation.run} most={30} />{generation.version !== null && <>, <Name text={generation.version} most={40} /></>}</span>}
            {whoOf(generation.by) !== null && <span title={visible(whoOf(generation.by)!, 300)}>by <Name text={whoOf(generation.by)!.split('/').pop()} most={40} /></span>}
            {generation.renamed_to !== null && <span>renamed to <Name text={generation.renamed_to} most={120} /></span>}
            {generation.problem !== null && <span class="problem"><Name text={generation.problem} /></span>}
          </span>
        </li>;
      })}</ol>}
    {file.readers.length > 0 && <p class="note">Read by {file.readers.map((reader, i) => <>{i > 0 && ', '}<Name text={reader.executable ?? reader.process} most={80} /> ({plural(reader.reads, 'read')})</>)}</p>}
  </li>;
}

