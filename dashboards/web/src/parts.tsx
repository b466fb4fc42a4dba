// The pieces that views are made of.

import { createContext, type ComponentChildren, type JSX } from 'preact';
import { useContext } from 'preact/hooks';
import { ledgerDoubt } from './answer';
import { toCsv, type Value } from './csv';
import type { Envelope } from './documents';
import { usePage } from './page';
import { isStale, type Answer } from './poller';
import { formatAge, formatTime, formatUtc } from './time';
import { timeOf } from './lanes';
import { count, visible } from './text';

// Text that somebody else wrote.
export function Name({ text, most }: { text: string | null | undefined; most?: number }): JSX.Element {
  if (text === null || text === undefined) return <Unknown />;
  return <bdi class="name" title={text.length > 12 ? visible(text, 1000) : undefined}>{visible(text, most)}</bdi>;
}

export function Unknown(): JSX.Element {
  return <span class="unknown" title="unknown">?</span>;
}

export function Count({ n }: { n: number | null | undefined }): JSX.Element {
  return n === null || n === undefined ? <Unknown /> : <span class="count">{count(n)}</span>;
}

export function When({ at, exact = false }: { at: string | null | undefined; exact?: boolean }): JSX.Element {
  const { now, times } = usePage();
  const time = timeOf(at);
  if (time === null) return <Unknown />;
  return <time class={times === 'relative' && !exact ? 'age' : undefined} dateTime={formatUtc(time)} title={`${formatUtc(time)} — ${formatAge(now - time)} ago`}>
    {formatTime(time, times, now, exact)}
  </time>;
}

const words: Record<string, string> = {
  firing: 'firing', clear: 'clear', unknown: 'unknown', pending: 'pending', resolved: 'resolved', watched: 'watched',
  blind: 'blind', never_read: 'never read', read: 'read', unread: 'unread', in_force: 'in force', waiting: 'waiting',
};
const tones: Record<string, string> = {
  firing: 'bad', critical: 'bad', read: 'bad', blind: 'unknown', unknown: 'unknown', never_read: 'unknown', warning: 'warn',
  pending: 'warn', waiting: 'warn', clear: 'good', watched: 'good', unread: 'good', in_force: 'people',
};

// Whether what is around it may be old: then nothing in it is well, it was.
const Doubtful = createContext(false);

// A state by word and by colour, never by colour alone.
export function State({ of }: { of: string }): JSX.Element {
  const doubtful = useContext(Doubtful);
  const word = words[of] ?? visible(of);
  if (doubtful && tones[of] === 'good') return <span class="state plain">was {word}</span>;
  return <span class={`state ${tones[of] ?? 'plain'}`}>{word}</span>;
}

// A part of the page that shows documents; says when these are old, and never looks fresh then.
export function Panel({ title, note, answers = [], tools, children, id }: {
  title: string; note?: ComponentChildren; answers?: Answer<Envelope<unknown>>[]; tools?: ComponentChildren;
  children: ComponentChildren; id: string;
}): JSX.Element {
  const { now } = usePage();
  const failed = answers.filter((answer) => isStale(answer, now) && (answer.data !== null || answer.error !== null));
  const missing = answers.some((answer) => answer.data === null);
  const doubtful = failed.length > 0 || answers.some(({ data }) => (data?.ledgers ?? []).some((ledger) => ledgerDoubt(ledger, now) !== null));
  const oldest = Math.min(...failed.map((answer) => answer.at ?? now));
  return <section class={failed.length > 0 ? 'panel stale' : 'panel'} aria-labelledby={id}>
    <header>
      <h2 id={id}>{title}</h2>
      {note !== undefined && <Doubtful.Provider value={doubtful}><span class="note">{note}</span></Doubtful.Provider>}
      {tools !== undefined && <span class="tools">{tools}</span>}
    </header>
    {failed.length > 0 && <p class="problem">
      {missing ? 'Cannot be shown' : `Stale: as it was ${formatAge(now - oldest)} ago`}
      {': '}{visible(failed[0]!.error ?? 'rollcall did not answer')}.
    </p>}
    {missing ? failed.length === 0 && <p class="waiting">Asking…</p> : <Doubtful.Provider value={doubtful}>{children}</Doubtful.Provider>}
  </section>;
}

export interface Column<Row> {
  name: string;
  value: (row: Row) => Value;  // as it is downloaded
  show?: (row: Row) => ComponentChildren;
  number?: boolean;
  wide?: boolean;  // takes what room there is
}

export function Table<Row>({ caption, columns, rows, rowKey, tone, empty }: {
  caption: string; columns: Column<Row>[]; rows: Row[]; rowKey: (row: Row, i: number) => string;
  tone?: (row: Row) => string; empty: ComponentChildren;
}): JSX.Element {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return <div class="scroll" tabIndex={0} role="group" aria-label={caption}>
    <table>
      <caption class="unseen">{caption}</caption>
      <thead><tr>{columns.map((column) =>
        <th key={column.name} scope="col" class={column.number ? 'number' : undefined}>{column.name}</th>)}</tr></thead>
      <tbody>{rows.map((row, i) =>
        <tr key={rowKey(row, i)} data-row tabIndex={-1} class={tone?.(row)}>{columns.map((column) =>
          <td key={column.name} data-name={column.name}
            class={[column.number ? 'number' : '', column.wide ? 'wide' : ''].join(' ').trim() || undefined}>
            {column.show ? column.show(row) : shown(column.value(row))}</td>)}</tr>)}</tbody>
    </table>
  </div>;
}

function shown(value: Value): ComponentChildren {
  if (typeof value === 'number') return <Count n={value} />;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return <Name text={value} />;
}

// What is shown, to keep: exactly these rows and columns, and the documents behind them.
export function Download<Row>({ name, columns, rows, document }: {
  name: string; columns: Column<Row>[]; rows: Row[]; document: unknown;
}): JSX.Element {
  return <>
    <button type="button" title={`Download ${name}.csv`} onClick={() => save(`${name}.csv`, 'text/csv',
      toCsv(columns.map((column) => column.name), rows.map((row) => columns.map((column) => column.value(row)))))}>CSV</button>
    <button type="button" title={`Download ${name}.json`}
      onClick={() => save(`${name}.json`, 'application/json', JSON.stringify(document, null, 2))}>JSON</button>
  </>;
}

function save(name: string, type: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = Object.assign(document.createElement('a'), { href: url, download: name.replace(/[^\w.-]+/g, '_') });
  link.click();
  URL.revokeObjectURL(url);
}

// One of several, in the address.
export function Choice({ name, label, values }: {
  name: string; label: string; values: [value: string | null, text: string][];
}): JSX.Element {
  const { place, address } = usePage();
  const chosen = place.query.get(name);
  return <span class="choice" role="group" aria-label={label}>{values.map(([value, text]) =>
    <a key={text} href={address({ [name]: value, cursor: null })} aria-current={chosen === value ? 'true' : undefined}>{text}</a>)}</span>;
}

export function Pages({ next, what }: { next: string | null; what: string }): JSX.Element | null {
  const { place, address } = usePage();
  const later = place.query.has('cursor');
  if (next === null && !later) return null;
  return <nav class="pages" aria-label={`Pages of ${what}`}>
    {later && <a href={address({ cursor: null })}>First page</a>}
    {next !== null && <a href={address({ cursor: next })}>Next page</a>}
  </nav>;
}
