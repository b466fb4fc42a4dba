// The whole state of the page is its address: a view, what it is about, and the query. Pure.

export type View =
  | { name: 'home' | 'servers' | 'alerts' | 'audit' | 'permits' | 'help' | 'nowhere' }
  | { name: 'incident'; id: string }
  | { name: 'project'; project: string; day: string | null };

export interface Place {
  view: View;
  query: URLSearchParams;
}

const plainViews = ['servers', 'alerts', 'audit', 'permits', 'help'] as const;

export function parsePlace(path: string, search: string): Place {
  return { view: parseView(path), query: new URLSearchParams(search) };
}

function parseView(path: string): View {
  const parts = path.split('/').slice(1).filter((part, i, all) => part !== '' || i < all.length - 1);
  const [head = '', first, second] = parts.map(decode);
  if (parts.length === 0) return { name: 'home' };
  const plain = plainViews.find((name) => name === head);
  if (plain && parts.length === 1) return { name: plain };
  if (head === 'incident' && first && parts.length === 2) return { name: 'incident', id: first };
  if (head === 'project' && first && parts.length <= 3) {
    return { name: 'project', project: first, day: second ?? null };
  }
  return { name: 'nowhere' };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part).replace(/^(\.{1,2})\/$/, '$1');
  } catch {
    return part;  // a stray %: what it says is what is meant
  }
}

export function pathOf(view: View): string {
  switch (view.name) {
    case 'home':
    case 'nowhere':
      return '/';
    case 'incident':
      return `/incident/${segment(view.id)}`;
    case 'project':
      return `/project/${segment(view.project)}${view.day === null ? '' : `/${segment(view.day)}`}`;
    default:
      return `/${view.name}`;
  }
}

// A project may be called `.` or `..`, and browsers take these out of a path, as they do `%2e`: they
// are written with a slash, which `decode` takes away.
function segment(text: string): string {
  return /^\.{1,2}$/.test(text) ? encodeURIComponent(`${text}/`) : encodeURIComponent(text);
}

// How times are written goes along from view to view; filters belong to one view.
const kept = ['times'];

export function linkTo(view: View, from: URLSearchParams, filters: Record<string, string> = {}): string {
  const query = new URLSearchParams(filters);
  for (const key of kept) {
    const value = from.get(key);
    if (value !== null) query.set(key, value);
  }
  return withQuery(pathOf(view), query);
}

export function withQuery(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

// The query with some keys changed; null and '' take a key away.
export function changed(query: URLSearchParams, keys: Record<string, string | null>): URLSearchParams {
  const result = new URLSearchParams(query);
  for (const [key, value] of Object.entries(keys)) {
    if (value === null || value === '') result.delete(key);
    else result.set(key, value);
  }
  return result;
}
