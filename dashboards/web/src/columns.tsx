// Columns that several views show.

import type { JSX } from 'preact';
import type { Alert, Incident, Partition, Project, TimelineEntry } from './documents';
import { noteOf } from './lanes';
import { usePage } from './page';
import { Count, Name, State, When, type Column } from './parts';
import { causeText, count, percent, ruleText } from './text';

export function ProjectLink({ project }: { project: string | null | undefined }): JSX.Element {
  const { link } = usePage();
  if (project === null || project === undefined || project === '') return <span class="dim">–</span>;
  return <a href={link({ name: 'project', project, day: null })}><Name text={project} most={80} /></a>;
}

export function DayLink({ project, day }: { project: string | null | undefined; day: string | null | undefined }): JSX.Element {
  const { link } = usePage();
  if (!day) return <span class="dim">–</span>;
  if (!project) return <Name text={day} />;
  return <a href={link({ name: 'project', project, day })}><Name text={day} most={30} /></a>;
}

export function IncidentLink({ id }: { id: string }): JSX.Element {
  const { link } = usePage();
  return <a class="mono" href={link({ name: 'incident', id })}><Name text={id} most={8} /></a>;
}

// How much is missing, as a bar beside the number that says it.
export function Share({ part, whole }: { part: number; whole: number }): JSX.Element {
  const share = whole > 0 ? Math.min(1, part / whole) : 1;
  return <span class="share"><span class="bar" aria-hidden="true"><i style={{ width: `${100 * share}%` }} /></span>{percent(part, whole)}</span>;
}

export const projectColumns: Column<Project>[] = [
  { name: 'project', value: (row) => row.project, show: (row) => <ProjectLink project={row.project} /> },
  { name: 'state', value: (row) => row.verdict, show: (row) => <State of={row.verdict} /> },
  { name: 'missing', value: (row) => row.events_missing, number: true,
    show: (row) => <>{!row.certain && row.events_missing !== null && row.events_missing > 0 ? '≥ ' : ''}<Count n={row.events_missing} /></> },
  { name: 'of', value: (row) => row.events_expected, number: true,
    show: (row) => row.events_missing === 0 ? <span class="dim">–</span> : <Count n={row.events_expected} /> },
  { name: 'share', value: (row) => (row.events_missing && row.events_expected ? row.events_missing / row.events_expected : null),
    show: (row) => row.events_missing && row.events_expected
      ? <Share part={row.events_missing} whole={row.events_expected} /> : <span class="dim">–</span> },
  { name: 'days', value: (row) => row.days_missing, number: true },
  { name: 'unknown copies', value: (row) => row.unknown_copies, number: true },
  { name: 'last loss', value: (row) => row.last_loss_at,
    show: (row) => row.last_loss_at === null ? <span class="dim">–</span> : <When at={row.last_loss_at} /> },
];

export const incidentColumns: Column<Incident>[] = [
  { name: 'incident', value: (row) => row.id, show: (row) => <IncidentLink id={row.id} /> },
  { name: 'state', value: (row) => row.state, show: (row) => <State of={row.state} /> },
  { name: 'severity', value: (row) => row.severity, show: (row) => <State of={row.severity} /> },
  { name: 'what', value: (row) => row.cause ?? row.rules.join(' '), wide: true,
    show: (row) => <>{row.cause ? causeText(row.cause) : row.rules.map(ruleText).join(', ')}</> },
  { name: 'version', value: (row) => row.version, show: (row) => row.version === null ? <span class="dim">–</span> : <Name text={row.version} most={40} /> },
  { name: 'missing', value: (row) => row.events_missing, number: true,
    show: (row) => row.events_missing === null ? <span class="dim">–</span> : <Count n={row.events_missing} /> },
  { name: 'projects', value: (row) => row.projects, number: true },
  { name: 'since', value: (row) => row.starts_at, show: (row) => <When at={row.starts_at} /> },
  { name: 'ended', value: (row) => row.ends_at, show: (row) => row.ends_at === null ? <span class="dim">open</span> : <When at={row.ends_at} /> },
  { name: 'acknowledged', value: (row) => row.acknowledgements[0]?.by ?? (row.acknowledgements.length > 0 ? 'yes' : ''),
    show: (row) => row.acknowledgements.length === 0 ? <span class="dim">no</span>
      : row.acknowledgements[0]!.by ? <Name text={row.acknowledgements[0]!.by} most={30} /> : <>yes</> },
];

export const alertColumns: Column<Alert>[] = [
  { name: 'began', value: (row) => row.starts_at, show: (row) => <When at={row.starts_at} /> },
  { name: 'ended', value: (row) => row.ends_at, show: (row) => row.ends_at === null ? <span class="dim">–</span> : <When at={row.ends_at} /> },
  { name: 'state', value: (row) => row.state, show: (row) => <State of={row.state} /> },
  { name: 'severity', value: (row) => row.severity, show: (row) => <State of={row.severity} /> },
  { name: 'rule', value: (row) => row.rule, show: (row) => <>{ruleText(row.rule)}</> },
  { name: 'project', value: (row) => row.labels.project ?? null, show: (row) => <ProjectLink project={row.labels.project} /> },
  { name: 'day', value: (row) => row.labels.day ?? null, show: (row) => <DayLink project={row.labels.project} day={row.labels.day} /> },
  { name: 'format', value: (row) => row.labels.format ?? null, show: (row) => row.labels.format ? <Name text={row.labels.format} most={40} /> : <span class="dim">–</span> },
  { name: 'server', value: (row) => row.labels.server ?? null, show: (row) => row.labels.server ? <Name text={row.labels.server} most={40} /> : <span class="dim">–</span> },
  { name: 'incident', value: (row) => row.incident, show: (row) => <IncidentLink id={row.incident} /> },
  { name: 'summary', value: (row) => row.summary, wide: true,
    show: (row) => <details class="more"><summary><Name text={row.summary} /></summary><p><Name text={row.description} most={2000} /></p></details> },
];

export const partitionColumns: Column<Partition>[] = [
  { name: 'server', value: (row) => row.server, show: (row) => <Name text={row.server} most={60} /> },
  { name: 'format', value: (row) => row.format, show: (row) => <Name text={row.format} most={40} /> },
  { name: 'state', value: (row) => row.verdict, show: (row) => <State of={row.verdict} /> },
  { name: 'expected', value: (row) => row.expected, number: true },
  { name: 'there', value: (row) => row.actual, number: true },
  { name: 'missing', value: (row) => row.missing, number: true, show: (row) => <>{row.uncertain && row.missing > 0 ? '≥ ' : ''}{count(row.missing)}</> },
  { name: 'share', value: (row) => (row.missing && row.expected ? row.missing / row.expected : null),
    show: (row) => row.missing > 0 && row.expected ? <Share part={row.missing} whole={row.expected} /> : <span class="dim">–</span> },
  { name: 'surplus', value: (row) => row.surplus, number: true },
  { name: 'observed until', value: (row) => row.observed_until, show: (row) => <When at={row.observed_until} /> },
];

const dash = <span class="dim">–</span>;
const counts = (name: string, value: (row: TimelineEntry) => number | null | undefined): Column<TimelineEntry> => ({
  name, number: true, value: (row) => value(row) ?? null,
  show: (row) => row.kind !== 'run' && value(row) == null ? dash : <Count n={value(row)} />,
});
const text = (name: string, value: (row: TimelineEntry) => string | null | undefined): Column<TimelineEntry> => ({
  name, value: (row) => value(row) ?? null,
  show: (row) => (value(row) ? <Name text={value(row)} most={60} /> : dash),
});

const at: Column<TimelineEntry> = { name: 'at', value: (row) => row.at, show: (row) => <When at={row.at} exact /> };
const note: Column<TimelineEntry> = { name: 'note', value: (row) => noteOf(row), wide: true, show: (row) => <Name text={noteOf(row)} most={400} /> };

export const runColumns: Column<TimelineEntry>[] = [
  at,
  { name: 'kind', value: (row) => row.kind, show: (row) => <>{ruleText(row.kind)}</> },
  text('server', (row) => row.server),
  text('format', (row) => row.format),
  text('run', (row) => row.run),
  text('version', (row) => row.version),
  counts('before', (row) => row.before),
  counts('existing', (row) => row.existing),
  counts('fresh', (row) => row.fresh),
  counts('duplicates', (row) => row.duplicates),
  counts('deleted', (row) => row.deleted),
  counts('written', (row) => row.written),
  counts('lost', (row) => row.lost),
  counts('missing', (row) => row.missing),
  note,
];

export const entryColumns: Column<TimelineEntry>[] = [
  at,
  { name: 'kind', value: (row) => row.kind, show: (row) => <>{ruleText(row.kind)}</> },
  text('server', (row) => row.server),
  { name: 'day', value: (row) => row.day ?? null, show: (row) => <DayLink project={row.project} day={row.day} /> },
  text('format', (row) => row.format),
  text('version', (row) => row.version),
  counts('written', (row) => row.written),
  counts('lost', (row) => row.lost),
  counts('missing', (row) => row.missing),
  note,
];

export const entryTone = (row: TimelineEntry): string =>
  (row.lost ?? 0) > 0 ? 'lossy' : row.kind === 'blind' || row.kind === 'quarantined' ? 'unseen-span' : row.superseded ? 'superseded' : '';
