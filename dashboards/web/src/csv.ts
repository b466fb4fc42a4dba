// What a table shows, as CSV (RFC 4180). Pure.

export type Value = string | number | boolean | null;

// Unknown is empty. A text that a spreadsheet would take for a formula is quoted for it too.
export function toCsv(columns: string[], rows: Value[][]): string {
  return [columns, ...rows].map((row) => row.map(field).join(',')).join('\r\n') + '\r\n';
}

function field(value: Value): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
