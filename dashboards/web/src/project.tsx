// One project: each of its days as a cell, and all that happened to it on one axis.

import type { JSX } from 'preact';
import { balanceOf, cellOf, isDay, sayOf, weeksOf, type Cell } from './calendar';
import { TimeChart } from './chart';
import { entryColumns, entryTone } from './columns';
import type { Calendar, CalendarDay, TimelineEntry } from './documents';
import { ledgerDoubt } from './answer';
import { curvesOf, laneNames, lanesOf, spanOf, timeOf, type Span } from './lanes';
import { api, usePage } from './page';
import { Count, Download, Name, Panel, Table, type Column } from './parts';
import { isStale } from './poller';
import { RangeChoice, useRange } from './range';
import { count, plural, visible } from './text';
import { parseRange } from './time';

export function ProjectView({ project }: { project: string }): JSX.Element {
  return <>
    <h1><Name text={project} /></h1>
    <CalendarPanel project={project} />
    <TimelinePanel project={project} day={null} />
  </>;
}

function CalendarPanel({ project }: { project: string }): JSX.Element {
  const { read, now } = usePage();
  const answer = read<Calendar>(api('calendar', { project }));
  const days = answer.data?.data.days ?? [];
  const old = isStale(answer, now) || (answer.data?.ledgers ?? []).some((ledger) => ledgerDoubt(ledger, now) !== null);
  return <Panel id="calendar" title="Days" answers={[answer]} note={days.length > 0 ? plural(days.length, 'day') : undefined}
    tools={<Download name={`${project}-days`} columns={dayColumns(old)} rows={days} document={days} />}>
    {days.length === 0 ? <p class="empty">No log has spoken of this project.</p> : <>
      <p class="lead">{sayOf(days, old)}</p>
      <CalendarCells project={project} days={days} stale={old} />
      <details class="as-table"><summary>As a table</summary>
        <Table caption={`Days of ${visible(project, 60)}`} columns={dayColumns(old)} rows={[...days].reverse()} rowKey={(row) => `${row.day} ${row.unit}`}
          empty="" />
      </details>
    </>}
  </Panel>;
}

const stateWords: Record<Cell['state'], string> = {
  missing: 'events missing', unknown: 'unknown', stale: 'whole when last heard of', surplus: 'more than expected',
  zero: 'no events, rightly', whole: 'whole', no_data: 'no log spoke of it', retired: 'past its retention',
};

function dayColumns(stale: boolean): Column<CalendarDay>[] {
  const cell = (row: CalendarDay) => cellOf(row.day, balanceOf(row), stale);
  return [
    { name: 'day', value: (row) => row.day, show: (row) => <DayCellLink day={row.day} /> },
    { name: 'state', value: (row) => stateWords[cell(row).state],
      show: (row) => <><i class={`cell ${cell(row).state} level-${cell(row).level}`} aria-hidden="true" /> {stateWords[cell(row).state]}</> },
    { name: 'expected', value: (row) => row.events_expected, number: true },
    { name: 'there', value: (row) => row.events_actual, number: true },
    { name: 'missing', value: (row) => row.events_missing, number: true,
      show: (row) => <>{!row.certain && row.events_missing ? '≥ ' : ''}<Count n={row.events_missing} /></> },
    { name: 'surplus', value: (row) => row.surplus, number: true },
    { name: 'copies', value: (row) => row.copies, number: true },
    { name: 'unknown copies', value: (row) => row.unknown_copies, number: true },
    { name: 'unit', value: (row) => row.unit },
  ];
}

function DayCellLink({ day }: { day: string }): JSX.Element {
  const { place, link } = usePage();
  const { view } = place;
  if (view.name !== 'project') return <Name text={day} />;
  return <a href={link({ name: 'project', project: view.project, day })}><Name text={day} most={30} /></a>;
}

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

function CalendarCells({ project, days, stale }: { project: string; days: CalendarDay[]; stale: boolean }): JSX.Element {
  const { link } = usePage();
  const weeks = weeksOf(days.map(balanceOf), stale);
  const other = days.filter((each) => !isDay(each.day));
  return <>
    <div class="scroll calendar" tabIndex={0} role="group" aria-label="Calendar">
      <table aria-label="Each day of the project">
        <thead><tr><td />{weeks.map((week) => <th key={week.monday} scope="col">{week.label}<span class="unseen"> week of {week.monday}</span></th>)}</tr></thead>
        <tbody>{weekdays.map((weekday, i) => <tr key={weekday}>
          <th scope="row">{i % 2 === 0 ? weekday : <span class="unseen">{weekday}</span>}</th>
          {weeks.map((week, j) => {
            const cell = week.cells[i];
            if (!cell) return <td key={j} />;
            const says = `${cell.day}: ${describe(cell)}`;
            return <td key={j}>{cell.balance === null
              ? <span class="cell no_data" title={says}><span class="unseen">{says}</span></span>
              : <a class={`cell ${cell.state} level-${cell.level}`} href={link({ name: 'project', project, day: cell.day })}
                title={says} aria-label={says}>{Number(cell.day.slice(8))}</a>}</td>;
          })}
        </tr>)}</tbody>
      </table>
    </div>
    {other.length > 0 && <p>Without a date: {other.map((each) => <a key={each.day} href={link({ name: 'project', project, day: each.day })}>
      <i class={`cell ${cellOf(each.day, balanceOf(each), stale).state}`} aria-hidden="true" /> <Name text={each.day} /></a>)}</p>}
    <CalendarKey />
  </>;
}

export function CalendarKey(): JSX.Element {
  return <ul class="key" aria-label="What the cells mean">
    <li><i class="cell whole" /> whole</li>
    <li><i class="cell missing level-1" /><i class="cell missing level-2" /><i class="cell missing level-3" /><i class="cell missing level-4" /> missing: a few, some, most, all</li>
    <li><i class="cell unknown" /> unknown</li>
    <li><i class="cell stale" /> stale: whole when last heard of</li>
    <li><i class="cell zero" /> zero events</li>
    <li><i class="cell surplus" /> surplus</li>
    <li><i class="cell retired" /> past retention</li>
    <li><i class="cell no_data" /> no data</li>
  </ul>;
}

function describe(cell: Cell): string {
  const { balance } = cell;
  if (balance === null) return stateWords.no_data;
  if (cell.state !== 'missing') return `${stateWords[cell.state]}${balance.actual === null ? '' : `, ${count(balance.actual)} there`}`;
  return `${balance.certain ? '' : 'at least '}${count(balance.missing)} of ${count(balance.expected)} missing`;
}

const entriesAtMost = 1000;
const shownAtMost = 100;

// All that happened to a project, or to one of its days.
export function TimelinePanel({ project, day }: { project: string; day: string | null }): JSX.Element {
  const { read, place, address, now } = usePage();
  const { since, until, slot } = useRange();
  const server = place.query.get('server');
  const hidden = (place.query.get('hide') ?? '').split(',').filter((name) => name !== '');
  const parameters = { project, day, server, order: 'newest', limit: entriesAtMost };
  const answer = read<TimelineEntry[]>(api('timeline', { ...parameters, since, until }), `${api('timeline', parameters)}#${slot}`);
  const q = place.query.get('q')?.toLowerCase() ?? '';
  const loaded = answer.data?.data ?? [];
  const entries = loaded.filter((entry) => matches(entry, q)).sort((a, b) => (timeOf(a.at) ?? 0) - (timeOf(b.at) ?? 0));
  const more = answer.data !== null && answer.data.next !== null;
  const asked = parseRange(place.query, now);
  const known = spanOf(entries);
  const span: Span | null = known && { since: asked.since ?? known.since, until: asked.until ?? known.until };
  const lanes = span === null ? [] : lanesOf(entries, Math.min(span.until, now)).filter((lane) => !hidden.includes(lane.name));
  const listed = new Set(lanes.flatMap((lane) => lane.kinds));
  const rows = entries.filter((entry) => hidden.length === 0 || listed.has(entry.kind)).reverse();
  const servers = [...new Set([...entries.map((entry) => entry.server ?? ''), server ?? ''])].filter((name) => name !== '').sort();
  const unit = entries.find((entry) => entry.kind === 'run')?.unit ?? 'events';
  const says = sayEntries(entries, more);
  const columns = entryColumns.filter(({ name }) => day === null || name !== 'day');
  const table = <Table caption="What happened, the newest first" columns={columns} rows={rows.slice(0, shownAtMost)} tone={entryTone}
    rowKey={(row, i) => `${row.kind} ${row.server} ${row.seq ?? `x${i}`}`} empty="All lanes are hidden." />;
  return <Panel id="timeline" title={day === null ? 'What happened' : 'What happened to this day'} answers={[answer]}
    note={q === '' ? undefined : <>{count(entries.length)} of {plural(loaded.length, 'entry', 'entries')} contain <Name text={q} most={40} /></>}
    tools={<><RangeChoice /><Download name={`${project}${day === null ? '' : `-${day}`}-timeline`} columns={columns} rows={rows} document={rows} /></>}>
    <p class="filters">
      <span class="choice" role="group" aria-label="Server">
        <a href={address({ server: null })} aria-current={server === null ? 'true' : undefined}>All servers</a>
        {servers.slice(0, 12).map((name) => <a key={name} href={address({ server: name })} aria-current={server === name ? 'true' : undefined}><Name text={name} most={30} /></a>)}
      </span>
      <span class="choice" role="group" aria-label="Lanes">{laneNames.map((name) => {
        const off = hidden.includes(name);
        const next = off ? hidden.filter((each) => each !== name) : [...hidden, name];
        return <a key={name} href={address({ hide: next.join(',') })} aria-current={off ? undefined : 'true'}>{name}</a>;
      })}</span>
    </p>
    {span === null ? <p class="empty">Nothing is known to have happened here{since || until || q !== '' ? ', as far as was asked' : ''}.</p> : <>
      <TimeChart curves={curvesOf(entries)} lanes={lanes} span={span} heading={`${visible(unit, 30)} held by`} says={says} />
      {day === null ? table : <details class="as-table"><summary>{plural(rows.length, 'entry', 'entries')} as a table</summary>{table}</details>}
      {rows.length > shownAtMost && <p class="note">The newest {count(shownAtMost)} of {more ? 'more than ' : ''}{plural(rows.length, 'entry', 'entries')}: choose a range for the others.</p>}
    </>}
  </Panel>;
}

// Where any of what an entry shows contains the text.
function matches(entry: TimelineEntry, q: string): boolean {
  return q === '' || entryColumns.some((column) => String(column.value(entry) ?? '').toLowerCase().includes(q)) ||
    (entry.run ?? '').toLowerCase().includes(q);
}

function sayEntries(entries: TimelineEntry[], more: boolean): string {
  const runs = entries.filter((entry) => entry.kind === 'run');
  const lossy = runs.filter((entry) => (entry.lost ?? 0) > 0);
  const versions = [...new Set(lossy.map((entry) => entry.version ?? '?'))];
  const blind = entries.filter((entry) => entry.kind === 'blind').length;
  return `${more ? `Of the newest ${count(entries.length)} entries: ` : ''}${plural(runs.length, 'run')}, ` +
    (lossy.length === 0 ? 'none of which lost events' : `${count(lossy.length)} of which lost events, by ${versions.map((version) => visible(version, 40)).join(' and ')}`) +
    `; ${blind === 0 ? 'no blind span' : plural(blind, 'blind span')}.`;
}

