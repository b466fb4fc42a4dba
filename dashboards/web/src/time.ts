// Times and ranges of time. Pure: the present is an argument. Times are milliseconds since the epoch.

export type Times = 'relative' | 'utc' | 'local';

export interface Range {
  since: number | null;  // null: from the beginning
  until: number | null;  // null: up to now
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
export const day = 24 * hour;
const units: Record<string, number> = { m: minute, h: hour, d: day };

export function timesOf(query: URLSearchParams): Times {
  const text = query.get('times');
  return text === 'utc' || text === 'local' ? text : 'relative';
}

export function nextTimes(times: Times): Times {
  return times === 'relative' ? 'utc' : times === 'utc' ? 'local' : 'relative';
}

// `24h` before now, or a time in RFC 3339; null where it is neither.
export function parseTime(text: string | null, now: number): number | null {
  if (text === null) return null;
  const back = /^(\d{1,6})([mhd])$/.exec(text);
  if (back) return now - Number(back[1]) * units[back[2]!]!;
  if (!/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})?)?$/.test(text)) return null;
  const zoned = text.length === 10 ? `${text}T00:00Z` : /(Z|[+-]\d{2}:\d{2})$/.test(text) ? text : `${text}Z`;
  const time = Date.parse(zoned);
  return Number.isNaN(time) ? null : time;
}

export function parseRange(query: URLSearchParams, now: number): Range {
  return { since: parseTime(query.get('since'), now), until: parseTime(query.get('until'), now) };
}

export function formatUtc(time: number): string {
  return new Date(time).toISOString();
}

// `12 min ago`, `in 3 h`; two figures are enough at any distance.
export function formatAge(milliseconds: number): string {
  const size = Math.abs(milliseconds);
  return size < minute ? `${Math.floor(size / second)} s`
    : size < hour ? `${Math.floor(size / minute)} min`
    : size < 2 * hour ? `1 h ${Math.floor((size - hour) / minute)} min`
    : size < 2 * day ? `${Math.floor(size / hour)} h`
    : `${Math.floor(size / day).toLocaleString('en-US')} d`;
}

export function formatTime(time: number, times: Times, now: number, exact = false): string {
  if (times === 'relative' && !exact) {
    return time > now + second ? `in ${formatAge(time - now)}` : `${formatAge(Math.max(0, now - time))} ago`;
  }
  if (times === 'local') return formatLocal(time, exact);
  const text = formatUtc(time).replace('T', ' ');
  return exact ? text : `${text.slice(0, 19)}Z`;
}

function formatLocal(time: number, exact: boolean): string {
  const date = new Date(time);
  const offset = -date.getTimezoneOffset();
  const shifted = formatUtc(time + offset * minute).replace('T', ' ').slice(0, exact ? 23 : 19);
  const size = Math.abs(offset);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${shifted}${offset < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

// Marks of an axis: at most `most`, at round times of UTC.
export function ticksOf(since: number, until: number, most: number): number[] {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, second, 2 * second, 5 * second, 10 * second, 30 * second,
    minute, 2 * minute, 5 * minute, 10 * minute, 30 * minute, hour, 2 * hour, 6 * hour, 12 * hour, day,
    2 * day, 7 * day, 14 * day, 30 * day, 90 * day, 365 * day];
  const step = steps.find((each) => (until - since) / each <= most) ?? until - since;
  const ticks: number[] = [];
  for (let at = Math.ceil(since / step) * step; at <= until && ticks.length <= most; at += step) ticks.push(at);
  return ticks;
}

// What a mark of such an axis is called: no finer than the axis is.
export function formatTick(at: number, span: number, times: Times): string {
  const text = times === 'local' ? formatLocal(at, true) : formatUtc(at).replace('T', ' ');
  if (span < 10 * second) return text.slice(11, 21);
  if (span < hour) return text.slice(11, 19);
  if (span <= 2 * day) return text.slice(11, 16);
  return text.slice(5, 10);
}
