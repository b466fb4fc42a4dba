// What a key means here. Pure but for `moveRow`, which moves the focus.

export type Action = 'filter' | 'next' | 'previous' | 'open' | 'times' | 'theme' | 'help' | 'leave';

const actions: Record<string, Action> = {
  '/': 'filter', j: 'next', k: 'previous', Enter: 'open', t: 'times', d: 'theme', '?': 'help', Escape: 'leave',
};

// Null where the key belongs to somebody else: to a field, a link, or the browser.
export function actionOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'isComposing'>, at: { tag: string; row: boolean }): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return null;
  const action = actions[event.key];
  if (action === undefined) return null;
  if (['INPUT', 'TEXTAREA', 'SELECT'].includes(at.tag)) return action === 'leave' ? action : null;
  if (action === 'open') return at.row ? action : null;
  return action;
}

// To the next or previous row of the page; from nowhere to the first.
export function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')].filter((row) => row.checkVisibility());
  const current = document.activeElement?.closest<HTMLElement>('[data-row]');
  const at = current ? rows.indexOf(current) + step : 0;
  const row = rows[Math.max(0, Math.min(rows.length - 1, at))];
  row?.focus();
  row?.scrollIntoView({ block: 'nearest' });
}
