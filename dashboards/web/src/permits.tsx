// What people know and logs do not say: permits, remarks and deploys, acknowledgements.

import type { JSX } from 'preact';
import type { Acknowledgement, Annotation, Permit } from './documents';
import { DayLink, IncidentLink, ProjectLink } from './columns';
import { AnnotationForm, PermitForm } from './forms';
import { api, usePage } from './page';
import { Choice, Count, Download, Name, Pages, Panel, State, Table, When, type Column } from './parts';

const dash = <span class="dim">–</span>;
const optional = (text: string | null, otherwise = '–') => text === null ? <span class="dim">{otherwise}</span> : <Name text={text} most={60} />;

const permitColumns: Column<Permit>[] = [
  { name: 'given', value: (row) => row.at, show: (row) => <When at={row.at} /> },
  { name: 'state', value: (row) => row.state, show: (row) => <State of={row.state} /> },
  { name: 'kind', value: (row) => row.kind, show: (row) => <Name text={row.kind.replaceAll('_', ' ')} most={30} /> },
  { name: 'project', value: (row) => row.project, show: (row) => <ProjectLink project={row.project} /> },
  { name: 'day', value: (row) => row.day, show: (row) => row.day === null ? <span class="dim">any</span> : <DayLink project={row.project} day={row.day} /> },
  { name: 'format', value: (row) => row.format, show: (row) => optional(row.format, 'any') },
  { name: 'server', value: (row) => row.from_server ?? row.server, show: (row) => row.to_server === null ? optional(row.server, 'any')
    : <>{optional(row.from_server ?? row.server)} → <Name text={row.to_server} most={60} /></> },
  { name: 'events', value: (row) => row.events, number: true, show: (row) => row.events === null ? dash : <Count n={row.events} /> },
  { name: 'left', value: (row) => row.left, number: true, show: (row) => row.left === null ? dash : <Count n={row.left} /> },
  { name: 'expires', value: (row) => row.expires_at, show: (row) => row.expires_at === null ? <span class="dim">never</span> : <When at={row.expires_at} /> },
  { name: 'reason', value: (row) => row.reason, wide: true, show: (row) => <Name text={row.reason} /> },
];

const annotationColumns: Column<Annotation>[] = [
  { name: 'at', value: (row) => row.at, show: (row) => <When at={row.at} /> },
  { name: 'kind', value: (row) => row.kind },
  { name: 'project', value: (row) => row.project, show: (row) => <ProjectLink project={row.project} /> },
  { name: 'server', value: (row) => row.server, show: (row) => optional(row.server) },
  { name: 'version', value: (row) => row.version, show: (row) => optional(row.version) },
  { name: 'text', value: (row) => row.text, wide: true, show: (row) => <Name text={row.text} /> },
  { name: 'state', value: (row) => row.state, show: (row) => <State of={row.state} /> },
];

const acknowledgementColumns: Column<Acknowledgement>[] = [
  { name: 'at', value: (row) => row.at, show: (row) => <When at={row.at} /> },
  { name: 'incident', value: (row) => row.incident, show: (row) => <IncidentLink id={row.incident} /> },
  { name: 'by', value: (row) => row.by, show: (row) => optional(row.by) },
  { name: 'text', value: (row) => row.text, wide: true, show: (row) => optional(row.text) },
  { name: 'state', value: (row) => row.state, show: (row) => <State of={row.state} /> },
];

export function PermitsView(): JSX.Element {
  const { read, place } = usePage();
  const project = place.query.get('project');
  const permits = read<Permit[]>(api('permits', { project, state: place.query.get('state'), limit: 100, cursor: place.query.get('cursor') }));
  const annotations = read<Annotation[]>(api('annotations', { project, limit: 100 }));
  const acknowledgements = read<Acknowledgement[]>(api('acknowledgements', { limit: 100 }));
  const rows = permits.data?.data ?? [];
  const remarks = annotations.data?.data ?? [];
  const known = acknowledgements.data?.data ?? [];
  return <>
    <h1>Permits and remarks</h1>
    <Panel id="permits" title="Permits" answers={[permits]} tools={<>
      <Choice name="state" label="State" values={[[null, 'All'], ['in_force', 'In force'], ['waiting', 'Waiting'], ['used', 'Used'], ['expired', 'Expired']]} />
      <Download name="permits" columns={permitColumns} rows={rows} document={rows} /></>}>
      <Table caption="Permits, the newest first" columns={permitColumns} rows={rows} rowKey={(row) => row.id} empty="No permit is like that." />
      <Pages next={permits.data?.next ?? null} what="permits" />
    </Panel>
    <Panel id="permit" title="Give a permit">
      <p class="note">A permit explains a decrease that is wanted: it is no longer an alert. It cannot be taken back, only expire.</p>
      <PermitForm project={project} day={place.query.get('day')} />
    </Panel>
    <Panel id="annotations" title="Remarks and deploys" answers={[annotations]}
      tools={<Download name="annotations" columns={annotationColumns} rows={remarks} document={remarks} />}>
      <Table caption="Remarks and deploys, the newest first" columns={annotationColumns} rows={remarks} rowKey={(row) => row.id} empty="Nobody has remarked on anything." />
      {annotations.data?.next && <p class="note">The newest 100.</p>}
    </Panel>
    <Panel id="annotate" title="Put a remark on the timeline"><AnnotationForm /></Panel>
    <Panel id="acknowledgements" title="Acknowledgements" answers={[acknowledgements]}
      tools={<Download name="acknowledgements" columns={acknowledgementColumns} rows={known} document={known} />}>
      <Table caption="Acknowledgements, the newest first" columns={acknowledgementColumns} rows={known} rowKey={(row) => row.id} empty="Nobody has acknowledged anything." />
      {acknowledgements.data?.next && <p class="note">The newest 100.</p>}
    </Panel>
  </>;
}
