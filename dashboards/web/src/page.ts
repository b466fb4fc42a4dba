// What a view is given to draw itself: where it is, what time it is, and what the API says.

import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Envelope } from './documents';
import type { Answer } from './poller';
import type { Times } from './time';
import type { Place, View } from './url';

export interface Page {
  place: Place;
  now: number;
  times: Times;
  read<T>(url: string, slot?: string): Answer<Envelope<T>>;
  link(view: View, filters?: Record<string, string>): string;
  go(url: string): void;
  // Changes keys of the query in place; null takes a key away.
  set(keys: Record<string, string | null>): void;
  // The same as an address, for links.
  address(keys: Record<string, string | null>): string;
  refresh(): void;
}

export const PageContext = createContext<Page>(null as unknown as Page);

export const usePage = (): Page => useContext(PageContext);

// `/api/v1/NAME` with those parameters that are there.
export function api(name: string, parameters: Record<string, string | number | null | undefined> = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') query.set(key, String(value));
  }
  const text = query.toString();
  return `/api/v1/${name}${text === '' ? '' : `?${text}`}`;
}
