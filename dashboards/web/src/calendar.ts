// The days of a project as cells: which state a day is in, and how deep. Pure.

import type { CalendarDay } from './documents';
import { count, percent, plural } from './text';

export type CellState = 'missing' | 'unknown' | 'retired' | 'stale' | 'surplus' | 'zero' | 'whole' | 'no_data';

export interface DayBalance {
  day: string;
  expected: number | null;
  actual: number | null;
  missing: number;
  surplus: number;
  certain: boolean;
  retired: boolean;
}

export interface Cell {
  day: string;
  state: CellState;
  level: number;  // missing: 1 (a little) to 4 (all)
  balance: DayBalance | null;
}

export interface Week {
  label: string;  // the month, at its first week
  monday: string;
  cells: (Cell | null)[];  // Monday first; null: outside the range
}

// A day that nobody can vouch for is not certain, whatever its numbers.
export function balanceOf(day: CalendarDay): DayBalance {
  return {
    day: day.day, expected: day.events_expected, actual: day.events_actual, missing: day.events_missing ?? 0,
    surplus: day.surplus, retired: day.retired,
    certain: day.certain && day.verdict !== 'unknown' && day.events_missing !== null,
  };
}

// `stale`: what is known may be old, so nothing is called whole.
export function cellOf(day: string, balance: DayBalance | null, stale: boolean): Cell {
  if (balance === null) return { day, state: 'no_data', level: 0, balance };
  const share = balance.expected ? balance.missing / balance.expected : 1;
  if (balance.missing > 0) {
    return { day, state: 'missing', level: share < 0.05 ? 1 : share < 0.5 ? 2 : share < 0.95 ? 3 : 4, balance };
  }
  if (balance.retired) return { day, state: 'retired', level: 0, balance };
  if (!balance.certain || balance.actual === null || balance.expected === null) {
    return { day, state: 'unknown', level: 0, balance };
  }
  if (stale) return { day, state: 'stale', level: 0, balance };
  if (balance.surplus > 0) return { day, state: 'surplus', level: 0, balance };
  return { day, state: balance.actual === 0 ? 'zero' : 'whole', level: 0, balance };
}

const millisecondsPerDay = 86_400_000;
const number = (day: string) => Math.floor(Date.parse(`${day}T00:00Z`) / millisecondsPerDay);
const name = (number: number) => new Date(number * millisecondsPerDay).toISOString().slice(0, 10);
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export const isDay = (text: string) =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00Z`));

// Weeks from the first to the last day that has a balance, at most `weeksAtMost` of them, the latest ones.
export function weeksOf(balances: DayBalance[], stale: boolean, weeksAtMost = 53): Week[] {
  const known = new Map(balances.filter((each) => isDay(each.day)).map((each) => [number(each.day), each]));
  if (known.size === 0) return [];
  const days = [...known.keys()].sort((a, b) => a - b);
  const last = days[days.length - 1]!;
  const monday = (day: number) => day - ((day + 3) % 7);  // day 0 was a Thursday
  const first = Math.max(days[0]!, monday(last) - 7 * (weeksAtMost - 1));
  const weeks: Week[] = [];
  for (let start = monday(first); start <= last; start += 7) {
    const cells = Array.from({ length: 7 }, (_, i) => {
      const day = start + i;
      return day < first || day > last ? null : cellOf(name(day), known.get(day) ?? null, stale);
    });
    const month = Number(name(start).slice(5, 7));
    const before = Number(name(start - 7).slice(5, 7));
    weeks.push({ label: weeks.length === 0 || month !== before ? months[month - 1]! : '', monday: name(start), cells });
  }
  return weeks;
}

// What the calendar shows, in a sentence.
export function sayOf(days: CalendarDay[], stale: boolean): string {
  const cells = days.map((day) => cellOf(day.day, balanceOf(day), stale));
  const of = (state: CellState) => cells.filter((cell) => cell.state === state);
  const missing = of('missing');
  const unknown = of('unknown').length;
  const doubt = (unknown > 0 ? ` Of ${plural(unknown, 'day')} nobody can say.` : '') +
    (stale ? ' What is whole was so when last heard of.' : '');
  if (missing.length === 0) {
    if (unknown === cells.length) return `Nobody can say whether events are missing on ${plural(unknown, 'day')}.`;
    return `No loss is known on ${plural(cells.length, 'day')}.${doubt}`;
  }
  const worst = missing.map((cell) => cell.balance!).reduce((a, b) => (b.missing > a.missing ? b : a));
  const least = missing.some((cell) => !cell.balance!.certain) ? 'at least ' : '';
  const sum = missing.reduce((total, cell) => total + cell.balance!.missing, 0);
  return `${count(missing.length)} of ${plural(cells.length, 'day')} ${missing.length === 1 ? 'misses' : 'miss'} events, ` +
    `${least}${count(sum)} in all. The worst is ${worst.day}: ${count(worst.missing)} of ${count(worst.expected)}` +
    `${worst.expected === null ? '' : ` (${percent(worst.missing, worst.expected)})`}.${doubt}`;
}
