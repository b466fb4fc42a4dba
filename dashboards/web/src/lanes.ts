// A timeline as lanes of marks on one axis. Pure.

import type { TimelineEntry } from './documents';
import { bytes, causeText, count, ruleText, visible } from './text';

export type MarkTone = 'plain' | 'good' | 'warn' | 'bad' | 'unknown' | 'people';

export interface Mark {
  from: number;
  to: number | null;  // null: a moment
  tone: MarkTone;
  text: string;
}

export interface Lane {
  name: string;
  kinds: string[];
  marks: Mark[];
}

const laneOf: [string, string[]][] = [
  ['Runs', ['run', 'failed_run', 'started_run']],
  ['Deletions', ['deletion', 'segments_deleted']],
  ['Releases', ['deploy', 'version']],
  ['Files', ['file', 'misplaced', 'recount', 'kept', 'released']],
  ['Reads', ['read']],
  ['Alerts', ['alert']],
  ['Blind spans', ['blind', 'quarantined']],
  ['People', ['permit', 'annotation']],
];

export const laneNames = laneOf.map(([name]) => name);

export const timeOf = (text: string | null | undefined): number | null => {
  const time = text ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? null : time;
};

// `until`: where what has not ended is drawn to.
export function lanesOf(entries: TimelineEntry[], until: number): Lane[] {
  const lanes: Lane[] = laneOf.map(([name, kinds]) => ({ name, kinds, marks: [] }));
  const put = (name: string, mark: Mark) => lanes.find((lane) => lane.name === name)!.marks.push(mark);
  const versions = new Map<string, string>();  // by server
  for (const entry of entries) {
    const at = timeOf(entry.at);
    if (at === null) continue;
    const where = `${visible(entry.server ?? '?')} ${visible(entry.format ?? '')}`.trim();
    const moment = (name: string, tone: MarkTone, text: string) => put(name, { from: at, to: null, tone, text });
    switch (entry.kind) {
      case 'run':
        moment('Runs', (entry.lost ?? 0) > 0 ? 'bad' : 'plain',
          `${where}: run ${visible(entry.run ?? '?')} wrote ${count(entry.written)}` +
          ((entry.lost ?? 0) > 0 ? `, lost ${count(entry.lost)}` : ''));
        if ((entry.deleted ?? 0) > 0) moment('Deletions', 'plain', `${where}: ${count(entry.deleted)} deleted`);
        if (entry.version && entry.server && versions.get(entry.server) !== entry.version) {
          const first = !versions.has(entry.server);
          versions.set(entry.server, entry.version);
          if (!first) moment('Releases', 'warn', `${visible(entry.server)}: first run of ${visible(entry.version)}`);
        }
        break;
      case 'failed_run':
      case 'started_run':
        moment('Runs', 'warn', `${where}: ${ruleText(entry.kind)}`);
        break;
      case 'segments_deleted':
        moment('Deletions', 'plain', `${where}: segments deleted`);
        break;
      case 'deploy':
        moment('Releases', 'warn', `${where}: ${visible(entry.version ?? '?')} deployed`);
        break;
      case 'alert': {
        const end = timeOf(entry.ends_at);
        put('Alerts', {
          from: at, to: end ?? (entry.state === 'resolved' ? at : Math.max(at, until)),
          tone: entry.state === 'resolved' ? 'plain' : entry.severity === 'critical' ? 'bad' : 'warn',
          text: visible(entry.summary ?? entry.rule ?? 'alert'),
        });
        break;
      }
      case 'blind':
        put('Blind spans', {
          from: timeOf(entry.from) ?? at, to: timeOf(entry.to) ?? Math.max(at, until), tone: 'unknown',
          text: `${where}: not watched, ${visible(entry.reason ?? 'unknown why')}`,
        });
        break;
      case 'quarantined':
        moment('Blind spans', 'unknown', `${where}: lines that could not be understood`);
        break;
      case 'permit':
      case 'annotation':
        moment('People', 'people', visible(noteOf(entry)));
        break;
      case 'read':
        moment('Reads', 'bad', `${where}: ${noteOf(entry)}`);
        break;
      default:
        moment('Files', entry.kind === 'misplaced' ? 'warn' : shrank(entry) ? 'bad' : 'plain', `${where}: ${noteOf(entry)}`);
    }
  }
  return lanes;
}

function shrank(entry: TimelineEntry): boolean {
  const { size_bytes: size, previous_size_bytes: before } = entry.detail ?? {};
  return typeof size === 'number' && typeof before === 'number' && size < before / 2;
}

// What an entry says beside its columns.
export function noteOf(entry: TimelineEntry): string {
  const detail = entry.detail ?? {};
  const text = (key: string) => (typeof detail[key] === 'string' ? visible(detail[key] as string) : null);
  const size = (key: string) => (typeof detail[key] === 'number' ? (detail[key] as number) : null);
  switch (entry.kind) {
    case 'run':
      return [
        entry.superseded ? 'superseded by a retry' : null,
        (entry.lost ?? 0) > 0 ? `lost ${count(entry.lost)}: ${entry.cause ? causeText(entry.cause) : 'unknown why'}` : null,
        entry.before != null && entry.existing != null && entry.before !== entry.existing
          ? `read ${count(entry.existing)} of ${count(entry.before)}` : null,
        (entry.deleted ?? 0) > 0 ? `${count(entry.deleted)} deleted` : null,
        (entry.recovered ?? 0) > 0 ? `${count(entry.recovered)} recovered` : null,
      ].filter((part) => part !== null).join('; ');
    case 'alert':
      return visible(entry.summary ?? '');
    case 'blind':
      return `not watched: ${visible(entry.reason ?? 'unknown why')}`;
    case 'file': {
      const sizes = [size('previous_size_bytes'), size('size_bytes')].filter((n) => n !== null && n >= 0).map(bytes).join(' → ');
      return [text('change') ?? 'changed', sizes, text('name') ?? ''].filter((part) => part !== '').join(', ');
    }
    case 'kept':
      return `what was there then is kept: ${text('copy') ?? 'unknown where'}`;
    case 'released':
      return `no longer kept, ${text('reason') ?? 'unknown why'}: ${text('copy') ?? 'unknown where'}`;
    case 'read': {
      const by = detail['by'] as { executable?: unknown; process?: unknown } | undefined;
      const who = typeof by?.executable === 'string' && by.executable !== '' ? by.executable
        : typeof by?.process === 'string' ? by.process : null;
      return `${text('name') ?? 'a file'} read by ${who === null ? 'somebody' : visible(who)}`;
    }
    default:
      return text('reason') ?? text('text') ?? text('note') ?? text('path') ?? text('name') ?? '';
  }
}

export interface Span {
  since: number;
  until: number;
}

// From the first to the last entry, a little wider.
export function spanOf(entries: TimelineEntry[]): Span | null {
  const times = entries.map((entry) => timeOf(entry.at)).filter((time) => time !== null);
  if (times.length === 0) return null;
  const since = times.reduce((a, b) => Math.min(a, b));
  const until = times.reduce((a, b) => Math.max(a, b));
  const edge = Math.max(1, Math.round((until - since) * 0.02));
  return { since: since - edge, until: until + edge };
}

const rank: MarkTone[] = ['plain', 'good', 'people', 'unknown', 'warn', 'bad'];

export interface Drawn {
  left: number;  // shares of the width, 0 to 1
  width: number;
  tone: MarkTone;
  text: string;
  marks: number;
}

// As many as can be told apart: marks that fall into one column are one, in the tone of the worst.
export function drawnOf(marks: Mark[], { since, until }: Span, columns = 240): Drawn[] {
  const width = until - since;
  const cells = new Map<string, Drawn>();
  for (const mark of marks) {
    const end = mark.to ?? mark.from;
    if (end < since || mark.from > until || width <= 0) continue;
    const first = Math.floor(((Math.max(mark.from, since) - since) / width) * columns);
    const last = Math.floor(((Math.min(end, until) - since) / width) * columns);
    const key = `${first} ${last}`;
    const cell = cells.get(key);
    if (!cell) {
      cells.set(key, { left: first / columns, width: (last - first) / columns, tone: mark.tone, text: mark.text, marks: 1 });
    } else {
      ++cell.marks;
      if (rank.indexOf(mark.tone) > rank.indexOf(cell.tone)) {
        cell.tone = mark.tone;
        cell.text = mark.text;
      }
    }
  }
  return [...cells.values()].sort((a, b) => rank.indexOf(a.tone) - rank.indexOf(b.tone));
}

export interface Curve {
  name: string;
  points: [number, number][];  // time, events
}

// What each copy held after each of its runs, over all of its days. Formats that hold the same after each run hide
// each other, and are drawn as one.
export function curvesOf(entries: TimelineEntry[]): Curve[] {
  const copies = new Map<string, { curve: Curve; days: Map<string, number>; total: number; runs: string }>();
  for (const entry of entries) {
    const at = timeOf(entry.at);
    if (entry.kind !== 'run' || entry.superseded || at === null || entry.after == null) continue;
    const server = entry.server ?? '?';
    const name = `${server} ${entry.format ?? ''}`.trim();
    const copy = copies.get(name) ?? { curve: { name, points: [] }, days: new Map<string, number>(), total: 0, runs: JSON.stringify(server) };
    copies.set(name, copy);
    const day = entry.day ?? '-';
    copy.total += entry.after - (copy.days.get(day) ?? 0);
    copy.days.set(day, entry.after);
    copy.curve.points.push([at, copy.total]);
    copy.runs += JSON.stringify([entry.run ?? at, copy.total]);
  }
  const alike = new Map<string, Curve>();
  for (const { curve, runs } of [...copies.values()].sort((a, b) => (a.curve.name < b.curve.name ? -1 : 1))) {
    const same = alike.get(runs);
    if (same) same.name += `, ${curve.name}`;
    else alike.set(runs, curve);
  }
  return [...alike.values()];
}
