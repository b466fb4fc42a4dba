// Numbers and foreign text as people read them. Pure.

export function count(n: number | null | undefined): string {
  return n === null || n === undefined ? '?' : n.toLocaleString('en-US');
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// Rounded, but never to all or nothing where it is neither.
export function percent(part: number, whole: number): string {
  if (whole <= 0) return '?';
  const share = (100 * part) / whole;
  if (share > 0 && share < 1) return '< 1 %';
  if (share > 99 && share < 100) return '> 99 %';
  return `${Math.round(share)} %`;
}

export function bytes(n: number | null): string {
  if (n === null) return '?';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = n;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    ++unit;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`;
}

export function duration(seconds: number): string {
  if (seconds < 120) return plural(seconds, 'second');
  if (seconds < 7200) return plural(Math.floor(seconds / 60), 'minute');
  if (seconds < 172800) return plural(Math.floor(seconds / 3600), 'hour');
  return plural(Math.floor(seconds / 86400), 'day');
}

const longest = 200;

// Names come from logs and file systems: they may hold anything. What has no shape of its own, or would turn
// the text around it, is written as its number; what is long is cut.
export function visible(text: string, most = longest): string {
  const cut = text.length > most ? `${text.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) =>
    `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

const causes: Record<string, string> = {
  existing_not_read: 'existing events were not read',
  dropped_in_merge: 'events were read and not written',
  lost_in_gap: 'fewer events after a span that nobody watched',
  file_disagrees: 'the file holds fewer rows than was logged',
  unexplained: 'fewer events than before, unexplained',
  deleted_unmerged: 'a live file was deleted that no run had merged',
  duplicated: 'a merge wrote more than it read',
  emptied: 'a merge wrote nothing',
  moved: 'a format is written elsewhere',
  elsewhere: 'files of a format turn up elsewhere',
  no_run: 'a file was replaced that no run explains',
  written_differs: 'formats of one run differ',
};

export function causeText(cause: string): string {
  return causes[cause] ?? visible(cause.replaceAll('_', ' '));
}

export function ruleText(rule: string): string {
  return visible(rule.replaceAll('_', ' '));
}
